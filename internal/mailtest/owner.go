package mailtest

import (
	"fmt"
	"os/user"
	"strconv"
)

// owner is the user that Debian's package made for Exim.
func owner() (uid, gid uint32, err error) {
	u, err := user.Lookup("Debian-exim")
	if err != nil {
		return 0, 0, fmt.Errorf("there is no user to run Exim as; scripts/need.sh installs both: %w", err)
	}
	if uid, err = number(u.Uid); err != nil {
		return 0, 0, err
	}
	gid, err = number(u.Gid)
	return uid, gid, err
}

func number(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err
}
