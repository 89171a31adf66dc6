package sqlstore

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unacknowledgedFor is how long a server may leave what was sent unacknowledged:
// one whose machine has died is known by that long before the system gives up.
const unacknowledgedFor = 10 * time.Second

// giveUpUnacknowledged is a dialer's Control (tcp(7), TCP_USER_TIMEOUT).
func giveUpUnacknowledged(network, _ string, c syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return nil
	}
	var err error
	if controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledgedFor.Milliseconds()))
	}); controlErr != nil {
		return controlErr
	}
	return err
}
