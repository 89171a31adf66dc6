//go:build !race

package brief

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// wrap returns the connection with brief reads and writes, if it is a socket's.
func wrap(c net.Conn) net.Conn {
	s, ok := c.(socket)
	if !ok {
		return c
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c
	}
	b := &conn{socket: s, raw: raw}
	b.in.try, b.out.try = b.in.read, b.out.write
	return b
}

// socket is what TCP and Unix connections are.
type socket interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

type conn struct {
	socket
	raw     syscall.RawConn
	in, out transfer
}

// transfer is a Read or Write under way.
type transfer struct {
	mu   sync.Mutex // held by the one who reads or writes; guards the fields below
	data []byte
	n    int // of its bytes that are done
	err  syscall.Errno
	try  func(fd uintptr) (done bool) // false where the socket is not ready
}

func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return c.socket.Read(p)
	}
	n, err := c.in.run(p, c.raw.Read, "read")
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, c.told(err, "read")
}

func (c *conn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return c.socket.Write(p)
	}
	n, err := c.out.run(p, c.raw.Write, "write")
	return n, c.told(err, "write")
}

// told is an error as package net words it.
func (c *conn) told(err error, op string) error {
	switch e := err.(type) {
	case *net.OpError:
		e.Op = op
	case *os.SyscallError:
		return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: e}
	}
	return err
}

func (t *transfer) run(p []byte, when func(func(fd uintptr) bool) error, call string) (n int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data, t.n, t.err = p, 0, 0
	err = when(t.try)
	if err == nil && t.err != 0 {
		err = os.NewSyscallError(call, t.err)
	}
	t.data = nil
	return t.n, err
}

func (t *transfer) read(fd uintptr) (done bool) {
	for {
		n, _, err := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&t.data[0])), uintptr(len(t.data)))
		switch err {
		case 0:
			t.n = int(n)
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.err = err
			return true
		}
	}
}

func (t *transfer) write(fd uintptr) (done bool) {
	for t.n < len(t.data) {
		rest := t.data[t.n:]
		n, _, err := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&rest[0])), uintptr(len(rest)))
		switch err {
		case 0:
			t.n += int(n)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.err = err
			return true
		}
	}
	return true
}
