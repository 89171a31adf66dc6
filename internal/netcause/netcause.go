// Package netcause says in words of our own why talking to another host failed.
// The errors of network clients are not for a log: they repeat URLs, and may
// repeat what the other end echoed.
package netcause

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// What may have happened. Of an error that says nothing of these kinds, Broken
// is said.
var (
	Canceled    = errors.New("the try was cancelled")
	TimedOut    = errors.New("no answer in time")
	HostUnknown = errors.New("the host's name cannot be looked up")
	Certificate = errors.New("the host's certificate cannot be verified")
	Refused     = errors.New("the host refused the connection")
	Unreachable = errors.New("the host cannot be reached")
	Broken      = errors.New("the connection broke before an answer")
)

// Of returns the one of the errors above that err comes to.
func Of(err error) error {
	var (
		timeout net.Error
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		dial    *net.OpError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.As(err, &timeout) && timeout.Timeout():
		return TimedOut
	case errors.As(err, &dns):
		return HostUnknown
	case errors.As(err, &cert):
		return Certificate
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.As(err, &dial) && dial.Op == "dial":
		return Unreachable
	default:
		return Broken
	}
}
