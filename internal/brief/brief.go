// Package brief has connections of which the scheduler is not told when they read and
// write.
//
// Package syscall tells it of every call of the system, since that may wait. None of a
// socket does, since package net waits for sockets in its poller. But where there is more
// to do than processors, a thread is often put aside in the middle of one. The
// scheduler, which looks after all that are in calls, then gives what such a thread has
// ready to another, and wakes that; and as long as it finds any it looks ten thousand
// times a second. That was a tenth of what a sign-in on PostgreSQL costs the server.
package brief

import (
	"context"
	"net"
)

// Listen returns a listener whose connections are brief.
func Listen(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) { return brief(l.Listener.Accept()) }

// Dialer is what dials in net.Dialer, http.Transport and others.
type Dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// Dial returns a dialer whose connections are brief.
func Dial(dial Dialer) Dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return brief(dial(ctx, network, address))
	}
}

func brief(c net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return wrap(c), nil
}
