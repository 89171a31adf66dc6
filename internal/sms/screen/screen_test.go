package screen_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/screen"
)

func send(t *testing.T, s *screen.Screen, id string) {
	t.Helper()
	to, err := phone.Parse("+14155550123")
	if err != nil {
		t.Fatal(err)
	}
	m := sms.Message{ID: id, To: to, Body: "Your code is 489316.", Purpose: "sign-up"}
	if _, err := s.Line("main").Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
}

// page is one open stream.
type page struct {
	t      *testing.T
	lines  *bufio.Scanner
	close  func()
	status int
}

func open(t *testing.T, url, lastEventID string) *page {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, lines: bufio.NewScanner(res.Body), close: func() { cancel(); res.Body.Close() }, status: res.StatusCode}
	t.Cleanup(p.close)
	return p
}

// next returns the next text, and false at the stream's end.
func (p *page) next() (screen.Text, bool) {
	p.t.Helper()
	for p.lines.Scan() {
		data, ok := strings.CutPrefix(p.lines.Text(), "data: ")
		if !ok {
			continue
		}
		var text screen.Text
		if err := json.Unmarshal([]byte(data), &text); err != nil {
			p.t.Fatal(err)
		}
		return text, true
	}
	return screen.Text{}, false
}

func (p *page) wants(ids ...string) {
	p.t.Helper()
	for _, id := range ids {
		if text, ok := p.next(); !ok || text.ID != id {
			p.t.Fatalf("next text is %q (stream open: %v), want %q", text.ID, ok, id)
		}
	}
}

func TestStream_ShowsEarlierTextsAndThenNewOnes(t *testing.T) {
	s := screen.New()
	server := httptest.NewServer(s)
	defer server.Close()
	defer s.Close()
	send(t, s, "early")
	a, b := open(t, server.URL, ""), open(t, server.URL, "")
	text, _ := a.next()
	if text.ID != "early" || text.To != "+14155550123" || text.Body != "Your code is 489316." || text.Purpose != "sign-up" || text.At == 0 ||
		text.Provider != "main" || text.Encoding != "GSM-7" || text.Segments != 1 {
		t.Errorf("first text is %+v", text)
	}
	b.wants("early")
	send(t, s, "late")
	a.wants("late")
	b.wants("late")
}

func TestStream_ReconnectedPage_GetsOnlyWhatItMissed(t *testing.T) {
	s := screen.New()
	server := httptest.NewServer(s)
	defer server.Close()
	defer s.Close()
	for i := range 3 {
		send(t, s, fmt.Sprint("m", i+1))
	}
	open(t, server.URL, "2").wants("m3")
	open(t, server.URL, "99").wants("m1", "m2", "m3") // an id of another run
	open(t, server.URL, "nonsense").wants("m1", "m2", "m3")
}

func TestStream_ManyTexts_KeepsTheLastFifty(t *testing.T) {
	s := screen.New()
	server := httptest.NewServer(s)
	defer server.Close()
	defer s.Close()
	for i := range 60 {
		send(t, s, fmt.Sprint("m", i+1))
	}
	p := open(t, server.URL, "")
	for i := 11; i <= 60; i++ {
		p.wants(fmt.Sprint("m", i))
	}
}

func TestClose_EndsOpenStreamsAndRefusesNone(t *testing.T) {
	s := screen.New()
	server := httptest.NewServer(s)
	defer server.Close()
	send(t, s, "m1")
	p := open(t, server.URL, "")
	p.wants("m1")
	s.Close()
	if text, ok := p.next(); ok {
		t.Errorf("stream goes on with %q", text.ID)
	}
	send(t, s, "m2")
}

func TestStream_TooManyPages_IsRefusedUntilOneLeaves(t *testing.T) {
	s := screen.New()
	server := httptest.NewServer(s)
	defer server.Close()
	defer s.Close()
	for range 64 {
		if p := open(t, server.URL, ""); p.status != http.StatusOK {
			t.Fatalf("status %d", p.status)
		}
	}
	if p := open(t, server.URL, ""); p.status != http.StatusServiceUnavailable {
		t.Errorf("page 65 gets status %d, want 503", p.status)
	}
}

func TestStream_OtherMethods_AreRefused(t *testing.T) {
	w := httptest.NewRecorder()
	screen.New().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/demo/texts", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodGet {
		t.Errorf("POST answers %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestLine_TakenDown_TakesNoTextsUntilItIsUp(t *testing.T) {
	s := screen.New()
	server := httptest.NewServer(s)
	defer server.Close()
	defer s.Close()
	line := s.Line("main")
	line.Take(true)
	if _, err := line.Send(t.Context(), sms.Message{ID: "lost"}); sms.OutcomeOf(err) != sms.NotYet {
		t.Errorf("while it is down: %v", err)
	}
	line.Take(false)
	if _, err := line.Send(t.Context(), sms.Message{ID: "m1", Body: "Приві́т"}); err != nil {
		t.Fatal(err)
	}
	if text, _ := open(t, server.URL, "").next(); text.ID != "m1" || text.Encoding != "UCS-2" {
		t.Errorf("the first text is %+v", text)
	}
}
