//go:build !unix

package sqlstore

import "errors"

type fileLock struct{}

// lockFile has no lock here that would go away with its process, and a server
// that cannot know itself alone does not start.
func lockFile(string) (*fileLock, error) {
	return nil, errors.New("a server on SQLite needs a Unix system")
}

func (l *fileLock) unlock() error { return nil }
