package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/sms/webhook"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// caller is a sender as the kind makes it of settings.
func caller(t testing.TB, secret string) sms.Caller {
	t.Helper()
	s, err := webhook.Kind().New(provider.Options{Values: provider.Values{"url": "https://texts.example.com/", "secret": secret}})
	if err != nil {
		t.Fatal(err)
	}
	return s.(sms.Caller)
}

// post is a body signed at a time.
func post(t testing.TB, body string, at time.Time, secret string) sms.Post {
	t.Helper()
	signer, err := hook.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	if err := signer.Sign(header, "post-1", at, []byte(body)); err != nil {
		t.Fatal(err)
	}
	return sms.Post{URL: "https://auth.example.com/callbacks/own", ContentType: "application/json", Body: []byte(body), Header: header.Get}
}

func forged(err error) bool {
	_, ok := errors.AsType[*sms.ErrForged](err)
	return ok
}

func TestReadPost_EveryType_IsItsEvent(t *testing.T) {
	from, err := phone.Parse("+919876543210")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]sms.Event{
		`{"type":"delivered","id":"m-1","provider_id":"P1","at":1800000000,"segments":2,"usd":0.0079}`: {Kind: sms.Delivered, ID: "m-1",
			ProviderID: "P1", At: time.Unix(1_800_000_000, 0), Segments: 2, Micros: 7900},
		`{"type":"failed","id":"m-1","code":"30003","more":{}}`:                       {Kind: sms.Failed, ID: "m-1", Code: "30003"},
		`{"type":"failed","provider_id":"P1"}`:                                        {Kind: sms.Failed, ProviderID: "P1"},
		`{"type":"progress","id":"m-1","code":"x"}`:                                   {Kind: sms.Progress, ID: "m-1"},
		`{"type":"incoming","id":"in-1","from":"+919876543210","body":"STOP"}`:        {Kind: sms.Incoming, ProviderID: "in-1", From: from, Body: "STOP"},
		`{"type":"incoming","provider_id":"P2","id":"in-1","from":"60006","body":""}`: {Kind: sms.Incoming, ProviderID: "P2"},
	} {
		now := time.Now()
		p := post(t, body, now, secret)
		// Doubled, within the five minutes: it tells the same.
		for _, late := range []time.Duration{0, time.Second, 4 * time.Minute, -4 * time.Minute} {
			got, err := caller(t, secret).ReadPost(t.Context(), now.Add(late), p)
			if err != nil || !reflect.DeepEqual(got, []sms.Event{want}) {
				t.Errorf("%s: %+v, %v", body, got, err)
			}
		}
	}
}

func TestReadPost_ForgedOrLate_TellsNothing(t *testing.T) {
	const body = `{"type":"delivered","id":"m-1"}`
	now := time.Now()
	genuine := post(t, body, now, secret)
	without := func(dropped string) sms.Post {
		p := genuine
		p.Header = func(name string) string {
			if strings.EqualFold(name, dropped) {
				return ""
			}
			return genuine.Header(name)
		}
		return p
	}
	changed := genuine
	changed.Body = []byte(strings.Replace(body, "m-1", "m-2", 1))
	for name, c := range map[string]struct {
		post sms.Post
		now  time.Time
		ours string
	}{
		"a day late":               {genuine, now.Add(24 * time.Hour), secret},
		"six minutes late":         {genuine, now.Add(6 * time.Minute), secret},
		"of six minutes hence":     {genuine, now.Add(-6 * time.Minute), secret},
		"with another text":        {changed, now, secret},
		"of another secret":        {post(t, body, now, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), now, secret},
		"without a signature":      {without("webhook-signature"), now, secret},
		"without a time":           {without("webhook-timestamp"), now, secret},
		"without an id":            {without("webhook-id"), now, secret},
		"without a secret of ours": {genuine, now, ""},
	} {
		events, err := caller(t, c.ours).ReadPost(t.Context(), c.now, c.post)
		if !forged(err) || len(events) > 0 || strings.Contains(err.Error(), "MfKQ9r8") {
			t.Errorf("%s: %+v, %v", name, events, err)
		}
	}
}

func TestReadPost_SignedAndOfNoText_IsRefused(t *testing.T) {
	for _, body := range []string{
		"", "x", "[]", `{}`, `{"type":"delivered"}`, `{"type":"arrived","id":"m-1"}`, `{"id":"m-1"}`,
		`{"type":"delivered","id":"m-1","segments":-1}`, `{"type":"delivered","id":"m-1","segments":256}`,
		`{"type":"delivered","id":"m-1","usd":-0.01}`, `{"type":"delivered","id":"m-1","usd":1e9}`,
		`{"type":"failed","id":"m-1","code":"` + strings.Repeat("x", 65) + `"}`, `{"type":"delivered","id":7}`,
	} {
		now := time.Now()
		if events, err := caller(t, secret).ReadPost(t.Context(), now, post(t, body, now, secret)); err == nil || forged(err) || len(events) > 0 {
			t.Errorf("%s: %+v, %v", body, events, err)
		}
	}
}

func TestAnswer_HoldsTheReply(t *testing.T) {
	if _, body := caller(t, secret).Answer(""); body != nil {
		t.Errorf("nothing to say is %q", body)
	}
	contentType, body := caller(t, secret).Answer(`call "us"`)
	if contentType != "application/json" || string(body) != `{"reply":"call \"us\""}` {
		t.Errorf("%s %s", contentType, body)
	}
}

func TestSend_WhatIsKnownOfTheWords_IsPostedToo(t *testing.T) {
	sink := smstest.NewSink(t)
	m := message(t)
	m.Wording, m.Language, m.TemplateID, m.EntityID, m.SenderID = "sign-in-hi", "hi", "T1", "E1", "EXMPLE"
	m.Tried, m.Code = []string{"main", "india"}, "489316"
	if _, err := sender(t, webhook.Config{URL: sink.URL}).Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(sink.Posts()[0].Body, &got); err != nil {
		t.Fatal(err)
	}
	for member, value := range map[string]string{"wording": "sign-in-hi", "language": "hi", "template_id": "T1", "entity_id": "E1",
		"sender_id": "EXMPLE", "tried": "main,india"} {
		if got[member] != value {
			t.Errorf("%s is %q", member, got[member])
		}
	}
	if len(got) != 13 {
		t.Errorf("members %v", got)
	}
}

func TestKind_SettingsAreCheckedAndUsed(t *testing.T) {
	fields := map[string]provider.Field{}
	for _, f := range webhook.Kind().Fields {
		fields[f.Name] = f
	}
	for value, good := range map[string]bool{"https://texts.example.com/": true, "http://127.0.0.1:8080/x?y=z": true, "texts.example.com": false,
		"ftp://x": false, "https://u:hunter2@texts.example.com": false} {
		if err := fields["url"].Check(value); (err == nil) != good || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("url %q: %v", value, err)
		}
	}
	if fields["secret"].Check(secret) != nil || fields["secret"].Check("whsec_hunter2!!") == nil {
		t.Error("the secret's check")
	}
	if p := webhook.Kind().Check(provider.Values{"url": "https://x", "username": "bell"}); p == nil || p.Field != "username" {
		t.Errorf("a user without a password: %+v", p)
	}
	sink := smstest.NewSink(t)
	s, err := webhook.Kind().New(provider.Options{Values: provider.Values{"url": sink.URL + "/x", "secret": secret, "username": "bell", "password": "h:o/p@"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), message(t)); err != nil {
		t.Fatal(err)
	}
	header := sink.Posts()[0].Header
	if header.Get("Authorization") != "Basic YmVsbDpoOm8vcEA=" || header.Get("Webhook-Signature") == "" {
		t.Errorf("headers %v", header)
	}
}

func FuzzReadPost(f *testing.F) {
	f.Add(`{"type":"delivered","id":"m-1","at":-1,"usd":1e-9}`, true)
	f.Add(`{"type":"incoming","id":"in-1","from":"+919876543210","body":"STOP"}`, true)
	f.Add(`{"type":"failed","id":"m-1","segments":255,"code":"x"}`, false)
	s := caller(f, secret)
	f.Fuzz(func(t *testing.T, body string, genuine bool) {
		now := time.Now()
		p := post(t, body, now, secret)
		if !genuine {
			p.Body = append(p.Body, ' ')
		}
		events, err := s.ReadPost(t.Context(), now, p)
		if forged(err) == genuine || err != nil && len(events) > 0 {
			t.Fatalf("%+v, %v", events, err)
		}
		for _, e := range events {
			if e.ID+e.ProviderID == "" || e.Micros < 0 || e.Segments < 0 {
				t.Fatalf("%+v", e)
			}
		}
	})
}
