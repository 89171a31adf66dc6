// Package demo holds the built web page of `bellhop demo`: a small app that
// signs up and in by texted code, and a phone that shows the texts. It owns the
// files alone; serving them, and the page's data under /demo/, is the server's.
package demo

import (
	"embed"
	"io/fs"
)

// The bundle is built by `npm run build` in this folder and committed, so that
// building Bellhop needs no npm.
//
//go:embed all:dist
var dist embed.FS

// Files returns the built page with index.html at its root. File names under
// assets/ carry a hash of their content and may be cached for ever.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("demo: " + err.Error()) // impossible: the name is a constant and valid
	}
	return files
}
