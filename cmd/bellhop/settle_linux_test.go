package main

import (
	"slices"
	"strings"
	"testing"
)

// smapsOf is /proc/self/smaps in short.
const smapsOf = `00400000-0152f000 r-xp 00000000 fe:00 10323149                           /usr/bin/bellhop
Size:              17596 kB
Rss:               15868 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
0152f000-02968000 r--p 0112f000 fe:00 10323149                           /usr/bin/bellhop (deleted)
Rss:               13412 kB
Anonymous:             0 kB
02968000-02ac0000 rw-p 02568000 fe:00 10323149                           /usr/bin/bellhop
Anonymous:             0 kB
39d344000000-39d345000000 rw-p 00000000 00:00 0
Anonymous:          9796 kB
7fba0de82000-7fba0de84000 r--p 00481000 fe:00 326295                     /usr/lib/x86_64-linux-gnu/libcrypto.so.3
Anonymous:             8 kB
7fba0de90000-7fba0dea0000 r--s 00000000 fe:00 7                          /var/lib/bellhop/bellhop.db-shm
Anonymous:             0 kB
7fff0000-7fff1000 r-xp 00000000 00:00 0                                  [vdso]
Anonymous:             0 kB
`

func TestCodeAreas_AreWhatComesBackFromItsFileAsItWas(t *testing.T) {
	got, err := codeAreas(strings.NewReader(smapsOf))
	if want := []area{{0x400000, 0x152f000}, {0x152f000, 0x2968000}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%x, %v, want %x", got, err, want)
	}
}

func TestDropCode_TheProgramRunsOn(t *testing.T) {
	for range 3 {
		if err := dropCode(); err != nil {
			t.Fatal(err)
		}
		TestCodeAreas_AreWhatComesBackFromItsFileAsItWas(t)
	}
}
