package logsms_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/logsms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

func TestKind_WritesToTheLogThatItWasGiven(t *testing.T) {
	var out bytes.Buffer
	s, err := logsms.Kind(slog.New(slog.NewTextHandler(&out, nil))).New(provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), sms.Message{ID: "m-1", Body: "Your code is 489316."}); err != nil || !strings.Contains(out.String(), "489316") {
		t.Errorf("%v, %s", err, out.String())
	}
}
