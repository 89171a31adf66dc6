package logmail_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/mail/logmail"
)

func TestSend_ShowsTheCodeAndMasksTheAddress(t *testing.T) {
	to, err := email.Parse("asha.rao@customers.example")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := logmail.New(slog.New(slog.NewTextHandler(&out, nil)))
	if err := s.Send(context.Background(), mail.Message{ID: "m-1", To: to, Subject: "Hello", Body: "Your code is 489316."}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"489316", "m-1", "Hello"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the line lacks %q: %s", want, &out)
		}
	}
	if strings.Contains(out.String(), "asha") || strings.Contains(out.String(), "customers") {
		t.Errorf("the line shows the whole address: %s", &out)
	}
}
