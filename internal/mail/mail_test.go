package mail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

func TestIsHTML_HoldsATag(t *testing.T) {
	for template, want := range map[string]bool{
		"Your verification code is {####}.": false,
		"":                                  false,
		"1 < 2 and 3 > 2":                   false,
		"Ask <help@example.com>, or https://example.com/": false,
		"<{####}>":                        false,
		"I <3 codes: {####} >":            false,
		"<p>Your code is {####}.</p>":     true,
		"Your code is {####}.<br>Bye":     true,
		"Your code is {####}.<br />Bye":   true,
		"<h1\nclass='x'>{####}</h1>":      true,
		`See <a href="https://x">this`:    true,
		"<!DOCTYPE html><B>{####}</B>":    true,
		"nothing begins here, but</span>": true,
	} {
		if got := mail.IsHTML(template); got != want {
			t.Errorf("IsHTML(%q) = %v", template, got)
		}
	}
}

func TestMessage_PrintedAnyWay_HidesTextAndAddress(t *testing.T) {
	to, err := email.Parse("asha.rao@customers.example")
	if err != nil {
		t.Fatal(err)
	}
	m := mail.Message{ID: "m-1", To: to, Subject: "489316", Body: "Your code is 489316."}
	encoded, err := json.Marshal(map[string]any{"m": m})
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "message", m)
	for _, form := range []string{fmt.Sprintf("%v %+v %#v %s %d", m, m, m, m, m), string(encoded), logged.String()} {
		if strings.Contains(form, "489316") || strings.Contains(form, "asha") || strings.Contains(form, "customers") {
			t.Errorf("shown: %s", form)
		}
		if !strings.Contains(form, "m-1") {
			t.Errorf("without id: %s", form)
		}
	}
}

func TestNone_RefusesBeforeAndAfter(t *testing.T) {
	if err := mail.Check(mail.None{}); !fault.Is(err, fault.CodeDeliveryFailure) || !strings.Contains(err.Error(), "--email") {
		t.Errorf("Check = %v", err)
	}
	if err := (mail.None{}).Send(context.Background(), mail.Message{}); sms.OutcomeOf(err) != sms.SurelyNotSent {
		t.Errorf("Send = %v", err)
	}
}
