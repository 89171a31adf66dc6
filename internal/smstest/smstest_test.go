package smstest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

func text(t *testing.T, to, body string) sms.Message {
	t.Helper()
	n, err := phone.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return sms.Message{ID: "m", To: n, Body: body}
}

func TestPhone_LastCode_IsTheNewestOfThatNumber(t *testing.T) {
	var p smstest.Phone
	ctx := context.Background()
	for _, m := range []sms.Message{
		text(t, "+14155550123", "Your code is 111111."),
		text(t, "+14155550124", "Your code is 222222."),
		text(t, "+14155550123", "Your code is 012345.\n\n@app.example #012345"),
	} {
		if _, err := p.Send(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	for number, want := range map[string]string{"+14155550123": "012345", "+14155550124": "222222", "+14155550199": ""} {
		if got := p.LastCode(number); got != want {
			t.Errorf("LastCode(%s) = %q, want %q", number, got, want)
		}
	}
	if n := len(p.TextsTo("+14155550123")); n != 2 {
		t.Errorf("%d texts to the first number, want 2", n)
	}
}

func TestPhone_Failing_KeepsNothing(t *testing.T) {
	var p smstest.Phone
	down := errors.New("down")
	p.Fail(down)
	if _, err := p.Send(context.Background(), text(t, "+14155550123", "111111")); !errors.Is(err, down) {
		t.Errorf("Send = %v, want %v", err, down)
	}
	if n := len(p.Texts()); n != 0 {
		t.Errorf("%d texts kept", n)
	}
}

func TestPhone_Nth_WaitsForTheText(t *testing.T) {
	var p smstest.Phone
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m := text(t, "+14155550123", "Your code is 111111.")
	go p.Send(ctx, m)
	got, err := p.Nth(ctx, "+14155550123", 1)
	if err != nil || smstest.CodeIn(got.Body) != "111111" {
		t.Errorf("Nth = %v, %v", got, err)
	}
	cancel()
	if _, err := p.Nth(ctx, "+14155550123", 2); !errors.Is(err, context.Canceled) {
		t.Errorf("Nth after the end = %v", err)
	}
}
