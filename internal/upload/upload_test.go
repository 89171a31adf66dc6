package upload

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// server serves the face in its plumbing over a real connection, with the deadlines
// and the bounds of the others.
func server(t *testing.T, store func(ctx context.Context, job string, q url.Values, file io.Reader) error) (*httptest.Server, *strings.Builder) {
	t.Helper()
	log := &strings.Builder{}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "next") })
	face := New(Config{Store: store, Next: next})
	h := web.Handler(web.Config{
		Log: slog.New(slog.NewTextHandler(log, nil)), MaxBody: 1 << 10, Places: 1, Streams: face.Streams,
		Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		},
	}, face)
	s := httptest.NewUnstartedServer(nil)
	s.Config = web.NewServer(slog.New(slog.DiscardHandler), h)
	s.Start()
	t.Cleanup(s.Close)
	return s, log
}

func send(t *testing.T, method, address string, body io.Reader) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-amz-server-side-encryption", "aws:kms") // as the developer guide has it
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(said)
}

func TestUpload_HandsTheFileOn_HoweverLong(t *testing.T) {
	var got int64
	s, log := server(t, func(_ context.Context, job string, q url.Values, file io.Reader) (err error) {
		if job != "import-1" || q.Get("signature") != "abc" {
			t.Errorf("job %q, %v", job, q)
		}
		got, err = io.Copy(io.Discard, file)
		return err
	})
	long := strings.Repeat("x", 3<<20)
	if status, text := send(t, http.MethodPut, s.URL+"/import/import-1?signature=abc", strings.NewReader(long)); status != http.StatusOK || text != "" || got != int64(len(long)) {
		t.Errorf("%d %q, %d bytes", status, text, got)
	}
	if status, text := send(t, http.MethodGet, s.URL+"/import/import-1", nil); status != http.StatusMethodNotAllowed || text == "next" {
		t.Errorf("GET: %d %q", status, text)
	}
	if status, text := send(t, http.MethodPost, s.URL+"/", strings.NewReader("{}")); status != http.StatusOK || text != "next" {
		t.Errorf("another path: %d %q", status, text)
	}
	s.Close()
	if strings.Contains(log.String(), "signature") || !strings.Contains(log.String(), "operation=UploadImportFile") {
		t.Errorf("the log is %s", log)
	}
}

func TestUpload_WordsRefusals(t *testing.T) {
	var refusal error
	s, _ := server(t, func(context.Context, string, url.Values, io.Reader) error { return refusal })
	for _, c := range []struct {
		err    error
		status int
	}{
		{fault.New(fault.NotAuthorized, "The address is wrong."), http.StatusForbidden},
		{fault.New(fault.ResourceNotFound, "No job."), http.StatusNotFound},
		{fault.New(fault.PreconditionNotMet, "It was started."), http.StatusConflict},
		{fault.Wrap(fault.Unavailable, errors.New("secret"), "Busy."), http.StatusServiceUnavailable},
		{userpool.ErrImportSize, http.StatusRequestEntityTooLarge},
		{userpool.ErrImportRows, http.StatusRequestEntityTooLarge},
		{errors.New("secret"), http.StatusInternalServerError},
	} {
		refusal = c.err
		status, text := send(t, http.MethodPut, s.URL+"/import/import-1", strings.NewReader("x"))
		if status != c.status || text == "" || strings.Contains(text, "secret") {
			t.Errorf("%v: %d %q", c.err, status, text)
		}
	}
}

// More than so many files at once are refused, and a place is free again when its
// file has come or broken off.
func TestUpload_TakesFewAtOnce(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	s, _ := server(t, func(context.Context, string, url.Values, io.Reader) error {
		begun <- struct{}{}
		<-end
		return nil
	})
	done := make(chan int, atOnce)
	for range atOnce {
		go func() {
			status, _ := send(t, http.MethodPut, s.URL+"/import/import-1", strings.NewReader("x"))
			done <- status
		}()
		<-begun
	}
	if status, _ := send(t, http.MethodPut, s.URL+"/import/import-1", strings.NewReader("x")); status != http.StatusServiceUnavailable {
		t.Errorf("one too many: %d", status)
	}
	close(end)
	for range atOnce {
		if status := <-done; status != http.StatusOK {
			t.Errorf("%d", status)
		}
	}
	go func() { <-begun }()
	if status, _ := send(t, http.MethodPut, s.URL+"/import/import-1", strings.NewReader("x")); status != http.StatusOK {
		t.Errorf("afterwards: %d", status)
	}
}
