//go:build unix

package main

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/web"
)

func TestConnsWithin_LeaveDescriptorsForTheDatabase(t *testing.T) {
	for descriptors, want := range map[uint64]int{
		64: 32, 256: 128, 512: 256, 1024: 768, 1 << 20: web.MaxAllConns, ^uint64(0): web.MaxAllConns,
		web.MaxAllConns + spareDescriptors: web.MaxAllConns, web.MaxAllConns: web.MaxAllConns - spareDescriptors,
	} {
		if got := connsWithin(descriptors); got != want {
			t.Errorf("%d descriptors: %d connections, want %d", descriptors, got, want)
		}
	}
}
