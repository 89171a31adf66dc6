//go:build !unix

package sqlstore

import "io/fs"

func keepOwner(string, fs.FileInfo) error { return nil }
