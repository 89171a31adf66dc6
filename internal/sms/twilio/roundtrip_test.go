package twilio_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/callback"
	"github.com/bellhop-auth/bellhop/internal/providertest"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// A text's whole way: it is taken, Twilio posts its status to the address that came with
// it, by way of a proxy that speaks TLS for us, and what it says is of that text.
func TestReceipt_PostedToTheAddressThatTheTextCarried_IsOfThatText(t *testing.T) {
	const public = "https://auth.example.com"
	var told []sms.Event
	callers := map[string]sms.Caller{}
	face := callback.New(callback.Config{
		Callers: callers, URL: public, Next: http.NotFoundHandler(), NextClass: func(*http.Request, []byte) web.Class { return web.Free },
		Take: func(_ context.Context, name string, e sms.Event) (string, error) {
			told = append(told, e)
			if e.Kind == sms.Incoming {
				return "Ask " + name + ".", nil
			}
			return "", nil
		},
	})
	refuse := func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) }
	var log strings.Builder
	bellhop := httptest.NewServer(web.Handler(web.Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Class: face.Class, Refuse: refuse}, face))
	defer bellhop.Close()

	var status string // where Twilio is to post it
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status = r.PostFormValue("StatusCallback")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, created)
	}))
	defer api.Close()
	s := sender(t, provider.Options{Values: values(api.URL), Callback: public + callback.Path + "main"})
	callers["main"] = s.(sms.Caller)
	m := providertest.Message(t)
	receipt1, err := s.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}

	tell := func(address string, form url.Values, with string) (int, string) {
		t.Helper()
		p := post(address, form, with)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.Replace(address, public, bellhop.URL, 1), strings.NewReader(string(p.Body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", p.ContentType)
		req.Header.Set("X-Twilio-Signature", p.Header("X-Twilio-Signature"))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	if code, body := tell(status, receipt("failed"), "another token"); code != http.StatusForbidden || body != "" || told != nil {
		t.Errorf("forged: %d %q, %v", code, body, told)
	}
	if code, body := tell(status, receipt("delivered"), token); code != http.StatusOK || !strings.Contains(body, "<Response></Response>") {
		t.Errorf("genuine: %d %q", code, body)
	}
	if want := []sms.Event{{Kind: sms.Delivered, ID: m.ID, ProviderID: receipt1.ProviderID}}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %+v, want %+v", told, want)
	}
	if code, body := tell(public+callback.Path+"main", inbound("+919876543210", "HELP"), token); code != http.StatusOK || !strings.Contains(body, "<Message>Ask main.</Message>") {
		t.Errorf("a text that came in: %d %q", code, body)
	}
	for _, secret := range []string{"919876543210", "919812345678", token, "HELP"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log shows %s: %s", secret, log.String())
		}
	}
}
