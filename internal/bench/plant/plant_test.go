//go:build linux

package plant

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTraced_CountsACallOnce_EvenIfOthersCameBetween(t *testing.T) {
	c := &Counting{trace: filepath.Join(t.TempDir(), "trace")}
	text := `101 fdatasync(7)                      = 0
102 fdatasync(7 <unfinished ...>
101 fsync(9)                          = 0
102 <... fdatasync resumed>)          = 0
101 +++ exited with 0 +++
`
	if err := os.WriteFile(c.trace, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := c.traced(); err != nil || n != 3 {
		t.Errorf("%g fsyncs were counted of 3, %v", n, err)
	}
}

func TestNumbers_LieApart(t *testing.T) {
	var n Numbers
	seen, blocks := map[string]bool{}, map[string]int{}
	for range 10_000 {
		number := n.Next()
		if seen[number] || len(number) != len("+919812345678") {
			t.Fatalf("%q was given out twice, or is none", number)
		}
		seen[number] = true
		blocks[number[:len(number)-4]]++
	}
	for block, several := range blocks {
		if several > 2 {
			t.Errorf("%d of 10,000 are in %s", several, block)
		}
	}
}

func TestAnnouncement_InPieces_IsTheAddress(t *testing.T) {
	a := &announcement{at: make(chan string, 1)}
	for _, piece := range []string{"listening on ht", "tp://127.0.0.1:40", "01\n", "more http://other\n"} {
		if n, err := a.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got := <-a.at; got != "127.0.0.1:4001" {
		t.Errorf("it listens on %q", got)
	}
}
