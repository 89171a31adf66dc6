package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// dropCode takes the pages of the program and of its libraries out of the process that
// were mapped in by being run or read once. They stay in the kernel's cache, from where
// what is used again comes back at once, some pages at a time.
func dropCode() error {
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer file.Close()
	areas, err := codeAreas(file)
	if err != nil {
		return err
	}
	for _, a := range areas {
		if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, a.start, a.end-a.start, syscall.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("madvise: %w", errno)
		}
	}
	return nil
}

// area is a range of addresses.
type area struct{ start, end uintptr }

// codeAreas finds in /proc/self/smaps (proc(5)) what is mapped from files, cannot be
// written and was not changed: a page of it that is dropped is read again as it was. A
// library's tables that its loader filled in before it protected them are none of it:
// they have pages of their own, which are called anonymous.
func codeAreas(smaps io.Reader) (areas []area, err error) {
	var a area
	var access string
	mapped := false // from a file
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		words := bytes.Fields(lines.Bytes())
		switch {
		case len(words) >= 5 && bytes.ContainsRune(words[0], '-'):
			if _, err := fmt.Sscanf(string(words[0]), "%x-%x", &a.start, &a.end); err != nil {
				return nil, fmt.Errorf("smaps: %q: %w", words[0], err)
			}
			access = string(words[1])
			mapped = len(words) >= 6 && words[5][0] == '/'
		case len(words) == 3 && string(words[0]) == "Anonymous:":
			if mapped && !strings.Contains(access, "w") && strings.HasSuffix(access, "p") && string(words[1]) == "0" {
				areas = append(areas, a)
			}
		}
	}
	return areas, lines.Err()
}
