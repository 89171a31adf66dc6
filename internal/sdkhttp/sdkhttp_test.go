package sdkhttp_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
)

// late reads a request's body only after whoever made it has closed it, as a
// transport may.
type late struct{ sent *http.Request }

func (l *late) Do(r *http.Request) (*http.Response, error) {
	l.sent = r
	return &http.Response{StatusCode: http.StatusOK}, nil
}

// closable is a body that cannot be read once it is closed.
type closable struct {
	*strings.Reader
	closed bool
}

func (c *closable) Read(p []byte) (int, error) {
	if c.closed {
		return 0, errors.New("read of a closed body")
	}
	return c.Reader.Read(p)
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

func TestWhole_TheBody_OutlivesTheSDKsClosingIt(t *testing.T) {
	body := &closable{Reader: strings.NewReader("event")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 5
	var transport late
	if _, err := sdkhttp.Whole(&transport).Do(r); err != nil {
		t.Fatal(err)
	}
	if err := r.Body.Close(); err != nil {
		t.Fatal(err)
	}
	sent, err := io.ReadAll(transport.sent.Body)
	if err != nil || string(sent) != "event" || transport.sent.ContentLength != 5 {
		t.Errorf("%q of %d bytes, %v", sent, transport.sent.ContentLength, err)
	}
}

func TestWhole_ABodyThatCannotBeRead_IsNotSent(t *testing.T) {
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", &closable{Reader: strings.NewReader("x"), closed: true})
	var transport late
	if _, err := sdkhttp.Whole(&transport).Do(r); err == nil || transport.sent != nil {
		t.Error("it was sent")
	}
	r, _ = http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
	if _, err := sdkhttp.Whole(&transport).Do(r); err != nil || transport.sent != r {
		t.Errorf("without a body: %v", err)
	}
}
