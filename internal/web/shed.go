package web

import (
	"log/slog"
	"sync"
	"time"
)

// tellEvery is how often the log speaks of refused requests while there are any.
const tellEvery = time.Second

// shed counts the requests that got no place. They leave no event of their own:
// a line costs more than the refusal, and a flood of requests would be a flood of
// lines. One line a second says how many of each class there were.
type shed struct {
	log *slog.Logger

	mu    sync.Mutex // guards the fields below
	count [classes]int
	armed bool // tell will be called
}

func (s *shed) note(class Class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[class]++
	if !s.armed {
		s.armed = true
		time.AfterFunc(tellEvery, s.tell)
	}
}

func (s *shed) tell() {
	s.mu.Lock()
	count := s.count
	s.count, s.armed = [classes]int{}, false
	s.mu.Unlock()
	attrs := make([]any, 0, classes)
	for c := range classes {
		if count[c] > 0 {
			attrs = append(attrs, slog.Int(Class(c).String(), count[c]))
		}
	}
	s.log.Warn("requests were refused: more came than can be served", attrs...)
}
