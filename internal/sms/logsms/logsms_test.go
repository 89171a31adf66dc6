package logsms_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/logsms"
)

func TestSend_ShowsTheCodeAndMasksTheNumber(t *testing.T) {
	to, err := phone.Parse("+14155550123")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := logsms.New(slog.New(slog.NewTextHandler(&out, nil)))
	if _, err := s.Send(context.Background(), sms.Message{ID: "m-1", To: to, Body: "Your code is 489316."}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "489316") || !strings.Contains(got, "m-1") {
		t.Errorf("the line lacks code or id: %s", got)
	}
	if strings.Contains(out.String(), "4155550123") {
		t.Errorf("the line shows the whole number: %s", out.String())
	}
}
