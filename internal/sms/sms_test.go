package sms_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

const (
	number = "+14155550123"
	body   = "Your code is 489316."
)

func message(t *testing.T) sms.Message {
	t.Helper()
	to, err := phone.Parse(number)
	if err != nil {
		t.Fatal(err)
	}
	return sms.Message{ID: "m-1", To: to, Body: body, Purpose: "sign-in", PoolID: "us-east-1_AbC123xyz"}
}

func TestMessage_PrintedAnyWay_ShowsNeitherBodyNorNumber(t *testing.T) {
	m := message(t)
	type holder struct{ Text sms.Message }
	forms := map[string]string{
		"fmt within a pointer": fmt.Sprintf("%+v", &holder{m}),
		"Errorf":               fmt.Errorf("send %v: %w", m, errors.New("no")).Error(),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		forms[verb] = fmt.Sprintf(verb, m)
		forms[verb+" of a pointer"] = fmt.Sprintf(verb, &m)
		forms[verb+" of a slice"] = fmt.Sprintf(verb, []sms.Message{m})
	}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		var out bytes.Buffer
		slog.New(handler(&out)).Info("sent", "message", m, "held", holder{m}, "many", []sms.Message{m})
		forms[name] = out.String()
	}
	encoded, err := json.Marshal(holder{m})
	if err != nil {
		t.Fatal(err)
	}
	forms["json"] = string(encoded)

	for name, form := range forms {
		if !strings.Contains(form, "m-1") {
			t.Errorf("%s: the message's id is missing from %q", name, form)
		}
		for _, secret := range []string{"489316", body, number, number[1:]} {
			if strings.Contains(form, secret) {
				t.Errorf("%s shows %q: %q", name, secret, form)
			}
		}
	}
}

func TestNone_RefusesBeforeTheMessageIsWritten(t *testing.T) {
	err := sms.Check(sms.None{}, time.Now(), message(t).Destination())
	if !fault.Is(err, fault.CodeDeliveryFailure) {
		t.Fatalf("Check = %v, want a fault of kind CodeDeliveryFailure", err)
	}
	_, err = sms.None{}.Send(context.Background(), message(t))
	if got := sms.OutcomeOf(err); got != sms.SurelyNotSent {
		t.Errorf("Send's outcome = %v, want %v", got, sms.SurelyNotSent)
	}
}

func TestCheck_SenderWithoutOne_NeverRefuses(t *testing.T) {
	if err := sms.Check(deaf{}, time.Now(), message(t).Destination()); err != nil {
		t.Errorf("Check = %v, want nil", err)
	}
}

type deaf struct{}

func (deaf) Send(context.Context, sms.Message) (sms.Receipt, error) { return sms.Receipt{}, nil }

func TestOutcomeOf_OrdinaryError_IsMaybeSent(t *testing.T) {
	for _, c := range []struct {
		err  error
		want sms.Outcome
	}{
		{errors.New("broken pipe"), sms.MaybeSent},
		{&sms.SendError{}, sms.MaybeSent},
		{&sms.SendError{Outcome: sms.SurelyNotSent}, sms.SurelyNotSent},
		{fmt.Errorf("outbox: %w", &sms.SendError{Outcome: sms.RefusedForEver}), sms.RefusedForEver},
	} {
		if got := sms.OutcomeOf(c.err); got != c.want {
			t.Errorf("OutcomeOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}
