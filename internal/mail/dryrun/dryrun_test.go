package dryrun_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/mail/dryrun"
)

type counter struct{ sent int }

func (c *counter) Send(context.Context, mail.Message) error {
	c.sent++
	return nil
}

func TestSend_TellsOfTheMessageAndMailsNobody(t *testing.T) {
	to, err := email.Parse("asha.rao@customers.example")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	var instead counter
	s := dryrun.New(&instead, slog.New(slog.NewTextHandler(&out, nil)))
	if err := s.Send(t.Context(), mail.Message{ID: "m-1", To: to, Subject: "489316 it is", Body: "Your code is 489316.", Purpose: "sign_up"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"m-1", "a***@c***", "sign_up", "dry run"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the line lacks %q: %s", want, &out)
		}
	}
	if instead.sent != 0 || strings.Contains(out.String(), "489316") || strings.Contains(out.String(), "asha") {
		t.Errorf("%d were sent, the line is %s", instead.sent, &out)
	}
}

func TestCheck_IsThatOfTheOther(t *testing.T) {
	if err := dryrun.New(mail.None{}, slog.New(slog.DiscardHandler)).Check(); !fault.Is(err, fault.CodeDeliveryFailure) {
		t.Errorf("without a sender: %v", err)
	}
	if err := dryrun.New(&counter{}, slog.New(slog.DiscardHandler)).Check(); err != nil {
		t.Errorf("with one: %v", err)
	}
}
