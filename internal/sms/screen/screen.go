// Package screen is the demo's phone, whose texts appear on a page, and the providers
// that text it. It keeps the last few in memory and streams them as server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). It shows
// codes to whoever can reach it, so that only the demo may serve it.
package screen

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/smstext"
)

const (
	kept        = 50 // texts that a page sees which opens late
	maxWatchers = 64 // pages at a time
	keepAlive   = 15 * time.Second
	writeLimit  = 10 * time.Second // for one event to a page that has stopped reading
	reconnect   = time.Second
)

// Text is one message as the page gets it.
type Text struct {
	ID       string `json:"id"`
	To       string `json:"to"`
	Body     string `json:"body"`
	Purpose  string `json:"purpose"`
	At       int64  `json:"at"`       // Unix milliseconds of the arrival
	Provider string `json:"provider"` // by which it came
	Encoding string `json:"encoding"`
	Segments int    `json:"segments"`       // that it is billed as
	Mine     bool   `json:"mine,omitempty"` // the phone sent it, and To is its number
}

// Screen is a phone for every number. The zero value is not ready; use New.
type Screen struct {
	mu       sync.Mutex // guards the fields below
	texts    []Text     // the last ones, oldest first
	seen     int        // texts ever received; the last of texts has this number
	changed  chan struct{}
	closed   bool
	watchers int
}

// New returns an empty screen.
func New() *Screen { return &Screen{changed: make(chan struct{})} }

// show puts a text on the screen. No page can hold it up.
func (s *Screen) show(t Text) {
	size := smstext.Count(t.Body)
	t.Encoding, t.Segments, t.At = size.Encoding.String(), size.Segments, time.Now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, t)
	if len(s.texts) > kept {
		s.texts = append([]Text(nil), s.texts[len(s.texts)-kept:]...)
	}
	s.seen++
	s.wake()
}

// Close ends every stream, so that a server which waits for its requests can
// stop. Later texts are still taken.
func (s *Screen) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.wake()
}

// wake tells all streams to look again. The caller holds mu.
func (s *Screen) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// view is the screen as one stream finds it.
type view struct {
	texts   []Text // those after the asked number that are still kept
	last    int    // the number of the newest
	changed <-chan struct{}
	closed  bool
}

func (s *Screen) after(n int) view {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := min(max(s.seen-n, 0), len(s.texts))
	return view{
		texts:   append([]Text(nil), s.texts[len(s.texts)-fresh:]...),
		last:    s.seen,
		changed: s.changed,
		closed:  s.closed,
	}
}

func (s *Screen) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchers == maxWatchers {
		return false
	}
	s.watchers++
	return true
}

func (s *Screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers--
}

// ServeHTTP streams the kept texts and then each new one. A page that comes
// back gets what it missed, by Last-Event-ID.
func (s *Screen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "Only GET is served here.", http.StatusMethodNotAllowed)
		return
	}
	if !s.enter() {
		http.Error(w, "Too many pages watch this phone.", http.StatusServiceUnavailable)
		return
	}
	defer s.leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s.stream(stream{w: w, out: http.NewResponseController(w)}, r)
}

func (s *Screen) stream(out stream, r *http.Request) {
	seen, _ := strconv.Atoi(r.Header.Get("Last-Event-ID")) // none or nonsense: from the start
	if seen > s.after(0).last {
		seen = 0 // an id of another run of the demo
	}
	if out.write("retry: %d\n\n", reconnect.Milliseconds()) != nil {
		return
	}
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		now := s.after(seen)
		if now.closed || out.texts(now) != nil {
			return
		}
		seen = now.last
		select {
		case <-r.Context().Done():
			return
		case <-now.changed:
		case <-alive.C:
			if out.write(": alive\n\n") != nil {
				return
			}
		}
	}
}

// stream writes events to one page.
type stream struct {
	w   http.ResponseWriter
	out *http.ResponseController
}

func (s stream) texts(v view) error {
	for i, t := range v.texts {
		data, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if err := s.write("id: %d\ndata: %s\n\n", v.last-len(v.texts)+1+i, data); err != nil {
			return err
		}
	}
	return nil
}

func (s stream) write(format string, args ...any) error {
	_ = s.out.SetWriteDeadline(time.Now().Add(writeLimit)) // without one the server's own holds
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.out.Flush()
}
