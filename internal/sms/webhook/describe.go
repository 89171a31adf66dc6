package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// describe returns a cause for the log in words of our own. The client's error
// is not kept: it repeats the URL, and may repeat what the other end echoed.
func describe(err error) error {
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
		return errTimedOut
	case errors.As(err, &dns):
		return errHostUnknown
	case errors.As(err, &cert):
		return errCertificate
	case errors.Is(err, syscall.ECONNREFUSED):
		return errRefused
	case errors.As(err, &dial) && dial.Op == "dial":
		return errUnreachable
	default:
		return errBroken
	}
}

var (
	errCanceled    = errors.New("webhook: the try was cancelled")
	errTimedOut    = errors.New("webhook: no answer in time")
	errHostUnknown = errors.New("webhook: the host's name cannot be looked up")
	errCertificate = errors.New("webhook: the host's certificate cannot be verified")
	errRefused     = errors.New("webhook: the host refused the connection")
	errUnreachable = errors.New("webhook: the host cannot be reached")
	errBroken      = errors.New("webhook: the connection broke before an answer")
)
