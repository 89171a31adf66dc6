package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

func TestNewSenders_DryRun_MailsNobody(t *testing.T) {
	for _, dry := range []bool{false, true} {
		sink := smstest.NewMailSink(t)
		text := twoAtAWS
		if dry {
			text += "dry-run: true\n"
		}
		cfg, err := config.Load(config.Input{Args: []string{"--delivery", deliveryFile(t, text), "--email", "webhook:" + sink.URL}})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		f, err := openDelivery(cfg, nil, log)
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSenders(cfg, f, "", log)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.mails.Send(t.Context(), mail.Message{ID: "m-1", To: email.FromCanonical("asha@customers.example"), Body: "Your code is 489316."}); err != nil {
			t.Fatal(err)
		}
		if mailed := len(sink.Posts()) == 1; mailed == dry || strings.Contains(out.String(), "dry run") != dry {
			t.Errorf("dry %v: mailed %v, log %s", dry, mailed, &out)
		}
	}
}
