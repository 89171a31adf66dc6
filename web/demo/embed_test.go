package demo_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/web/demo"
)

var reference = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

// The server sends a policy without 'unsafe-inline', and the demo must work on
// a machine without a network.
func TestPage_LoadsOnlyFilesOfTheBundle(t *testing.T) {
	page, err := fs.ReadFile(demo.Files(), "index.html")
	if err != nil {
		t.Fatalf("the bundle has no page: %v", err)
	}
	found := reference.FindAllStringSubmatch(string(page), -1)
	if len(found) < 3 {
		t.Fatalf("the page refers to %d files, want its script, style and icon at least", len(found))
	}
	for _, match := range found {
		name, rooted := strings.CutPrefix(match[1], "/")
		if !rooted {
			t.Errorf("%q is not a path on the page's own server", match[1])
			continue
		}
		if _, err := fs.Stat(demo.Files(), name); err != nil {
			t.Errorf("the page refers to a file that is not in the bundle: %v", err)
		}
	}
}

func TestPage_HasNothingInline(t *testing.T) {
	page, err := fs.ReadFile(demo.Files(), "index.html")
	if err != nil {
		t.Fatalf("the bundle has no page: %v", err)
	}
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:\s[^>]*)?>[^<]`)
	if found := inline.Find(page); found != nil {
		t.Errorf("the page has inline code or style: %q", found)
	}
}
