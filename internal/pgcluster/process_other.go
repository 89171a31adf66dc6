//go:build !linux

package pgcluster

import "syscall"

func asOwner() (*syscall.SysProcAttr, error) { return nil, nil }

func own(string) error { return nil }

// children is empty where there is no /proc: PostgreSQL's processes end by
// themselves when the postmaster is gone.
func children(int) []int { return nil }

func awaitGone([]int) error { return nil }
