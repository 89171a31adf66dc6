package logdelivery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/bellhop-auth/bellhop/internal/hook"
)

// logFile takes events as lines of JSON. A file that is full becomes path.1, that one
// path.2, and so on; the oldest goes.
type logFile struct {
	path string
	size int64 // at which a file is full
	keep int   // full files

	mu sync.Mutex // held while a batch is written
}

func (f *logFile) kind() string { return "file" }

// take appends the batch, which is on the disk when it returns. The file is opened
// for each, so that whoever moves it away has nothing to tell us.
func (f *logFile) take(_ context.Context, batch []event) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, e := range batch {
		if err := encoder.Encode(e); err != nil {
			return fmt.Errorf("file: an event cannot be encoded: %w", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.rotate(); err != nil {
		return fmt.Errorf("file: cannot be rotated: %w", err)
	}
	return f.append(lines.Bytes())
}

func (f *logFile) append(lines []byte) (err error) {
	out, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if torn, err := endsInside(out); err != nil {
		return fmt.Errorf("file: %w", err)
	} else if torn {
		lines = append([]byte{'\n'}, lines...)
	}
	if _, err := out.Write(lines); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	if err := out.Sync(); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

// endsInside says whether the file ends inside a line, as one does that was written
// when the power went or the disk was full.
func endsInside(file *os.File) (bool, error) {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	_, err = file.ReadAt(last, info.Size()-1)
	return last[0] != '\n', err
}

// rotate makes room for a new file where the present one is full.
func (f *logFile) rotate() error {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() < f.size {
		return nil
	}
	if err != nil {
		return err
	}
	for n := f.keep - 1; n >= 1; n-- {
		if err := os.Rename(f.numbered(n), f.numbered(n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Rename(f.path, f.numbered(1))
}

func (f *logFile) numbered(n int) string { return f.path + "." + strconv.Itoa(n) }

// probe says whether the file could be written.
func (f *logFile) probe(context.Context) error {
	if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", f.path)
	}
	trial, err := os.CreateTemp(filepath.Dir(f.path), ".bellhop-doctor-*")
	if err != nil {
		return err
	}
	err = errors.Join(trial.Close(), os.Remove(trial.Name()))
	if existing, openErr := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0); openErr == nil {
		err = errors.Join(err, existing.Close())
	} else if !errors.Is(openErr, fs.ErrNotExist) {
		err = errors.Join(err, openErr)
	}
	return err
}

// webhook takes events by posts that are signed by the Standard Webhooks convention,
// at most postEvents each.
type webhook struct{ poster *hook.Poster }

const postEvents = 50

// newWebhook's error does not repeat the URL.
func newWebhook(url, secret string) (*webhook, error) {
	poster, err := hook.New(hook.Config{URL: url, Secret: secret})
	if err != nil {
		return nil, err
	}
	return &webhook{poster}, nil
}

func (w *webhook) kind() string { return "webhook" }

// post is the body: the events in their order.
type post struct {
	Events []event `json:"events"`
}

func (w *webhook) take(ctx context.Context, batch []event) error {
	for len(batch) > 0 {
		part := batch[:min(len(batch), postEvents)]
		batch = batch[len(part):]
		// The same events have the same id, at each try.
		id := part[0].id + "." + strconv.Itoa(len(part)) + "." + part[len(part)-1].id
		if err := w.poster.Post(ctx, id, post{part}); err != nil {
			if cause := errors.Unwrap(err); cause != nil {
				return cause
			}
			return err
		}
	}
	return nil
}

func (w *webhook) probe(ctx context.Context) error { return w.poster.Probe(ctx) }
