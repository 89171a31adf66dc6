//go:build unix

package main

import (
	"syscall"

	"github.com/bellhop-auth/bellhop/internal/web"
)

// spareDescriptors is what the database, senders and files may need beside the
// connections of clients.
const spareDescriptors = 256

// allConns is how many connections the process can hold and still open files:
// without that bound the last of a flood would take what the database needs.
func allConns() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return web.MaxAllConns
	}
	return connsWithin(uint64(limit.Cur))
}

func connsWithin(descriptors uint64) int {
	if descriptors >= web.MaxAllConns+spareDescriptors {
		return web.MaxAllConns
	}
	return int(max(descriptors/2, descriptors-min(descriptors, spareDescriptors)))
}
