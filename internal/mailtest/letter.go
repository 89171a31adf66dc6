package mailtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Letter is an e-mail as it lies in the mailbox.
type Letter struct {
	Header  netmail.Header
	Subject string            // decoded
	Parts   map[string]string // bodies by media type, decoded, all in UTF-8
	At      time.Time
}

// Nth waits for the nth letter to an address, from 1.
func (s *Server) Nth(ctx context.Context, address string, n int) (Letter, error) {
	look := time.NewTicker(5 * time.Millisecond) // a folder tells nobody
	defer look.Stop()
	for {
		all, err := s.Letters(address)
		if err != nil {
			return Letter{}, err
		}
		if len(all) >= n {
			return all[n-1], nil
		}
		select {
		case <-ctx.Done():
			return Letter{}, fmt.Errorf("letter %d to %s: %w", n, address, ctx.Err())
		case <-look.C:
		}
	}
}

// Letters are those to the address, oldest first.
func (s *Server) Letters(address string) ([]Letter, error) {
	folder := filepath.Join(s.home, "mail", "new")
	files, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Letter
	for _, file := range files {
		l, err := readLetter(filepath.Join(folder, file.Name()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		if strings.EqualFold(l.Header.Get("Envelope-To"), address) {
			all = append(all, l)
		}
	}
	slices.SortStableFunc(all, func(a, b Letter) int { return a.At.Compare(b.At) })
	return all, nil
}

func readLetter(path string) (Letter, error) {
	file, err := os.Open(path)
	if err != nil {
		return Letter{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Letter{}, err
	}
	m, err := netmail.ReadMessage(file)
	if err != nil {
		return Letter{}, err
	}
	l := Letter{Header: m.Header, Parts: map[string]string{}, At: info.ModTime()}
	if l.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return l, err
	}
	return l, l.read(m.Header.Get, m.Body)
}

// read reads one part, or the parts of one. Other encodings than those that Bellhop
// uses are errors.
func (l Letter) read(header func(string) string, body io.Reader) error {
	media, parameters, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(media, "multipart/") {
		return l.readParts(multipart.NewReader(body, parameters["boundary"]))
	}
	if e := header("Content-Transfer-Encoding"); e != "quoted-printable" || !strings.EqualFold(parameters["charset"], "utf-8") {
		return fmt.Errorf("the %s is %s in %s", media, parameters["charset"], e)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(body))
	l.Parts[media] = strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	return err
}

func (l Letter) readParts(parts *multipart.Reader) error {
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.read(part.Header.Get, part); err != nil {
			return err
		}
	}
}
