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

// ErrCertificate is the one cause that no later try takes away.
var ErrCertificate = errors.New("the host's certificate cannot be verified")

// ErrTimedOut is the one cause that leaves open whether the host is there.
var ErrTimedOut = errors.New("no answer in time")

var (
	errCanceled    = errors.New("the try was cancelled")
	errHostUnknown = errors.New("the host's name cannot be looked up")
	errRefused     = errors.New("the host refused the connection")
	errUnreachable = errors.New("the host cannot be reached")
	errBroken      = errors.New("the connection broke before an answer")
)

// Of returns the one of the errors here that err comes to, which holds nothing
// of err.
func Of(err error) error {
	var (
		timeout net.Error
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		dial    *net.OpError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return errCanceled
	case errors.As(err, &timeout) && timeout.Timeout():
		return ErrTimedOut
	case errors.As(err, &dns):
		return errHostUnknown
	case errors.As(err, &cert):
		return ErrCertificate
	case errors.Is(err, syscall.ECONNREFUSED):
		return errRefused
	case errors.As(err, &dial) && dial.Op == "dial":
		return errUnreachable
	default:
		return errBroken
	}
}
