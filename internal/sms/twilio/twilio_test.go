package twilio_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/providertest"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/sms/twilio"
)

const (
	account = "AC0123456789abcdef0123456789abcdef"
	key     = "SK0123456789abcdef0123456789abcdef"
	service = "MG0123456789abcdef0123456789abcdef"
	token   = "5f3a1b2c4d5e6f708192a3b4c5d6e7f8"
	secret  = "keysecretkeysecretkeysecretkeyse"
	posted  = "https://auth.example.com/callbacks/main"
)

// values are settings that pass every check, and others in their place.
func values(url string, others ...string) provider.Values {
	v := provider.Values{"account-sid": account, "auth-token": token, "from": "+15017122661", "base-url": url}
	for i := 0; i < len(others); i += 2 {
		v[others[i]] = others[i+1]
	}
	return v
}

func sender(t testing.TB, o provider.Options) sms.Sender {
	t.Helper()
	kind := twilio.Kind()
	for _, f := range kind.Fields {
		if value, ok := o.Values[f.Name]; ok && value != "" && f.Check != nil {
			if err := f.Check(value); err != nil {
				t.Fatalf("%s %v", f.Name, err)
			}
		}
	}
	if problem := kind.Check(o.Values); problem != nil {
		t.Fatalf("%s %s", problem.Field, problem.What)
	}
	s, err := kind.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// created is the answer of https://www.twilio.com/docs/messaging/api/message-resource
// to a text that was taken.
const created = `{
  "account_sid": "AC0123456789abcdef0123456789abcdef", "api_version": "2010-04-01",
  "body": "489316 is your code for Example.", "date_created": "Thu, 24 Aug 2023 05:01:45 +0000", "date_sent": null,
  "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000", "direction": "outbound-api", "error_code": null, "error_message": null,
  "from": "+15017122661", "num_media": "0", "num_segments": "1", "price": null, "price_unit": null, "messaging_service_sid": null,
  "sid": "SM0a1b2c3d4e5f60718293a4b5c6d7e8f9", "status": "queued",
  "subresource_uris": {"media": "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages/SM0a1b2c3d4e5f60718293a4b5c6d7e8f9/Media.json"},
  "to": "+919812345678", "uri": "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages/SM0a1b2c3d4e5f60718293a4b5c6d7e8f9.json"
}`

const sid = "SM0a1b2c3d4e5f60718293a4b5c6d7e8f9"

// failure is an error as https://www.twilio.com/docs/usage/twilios-response has it; the
// messages are of the pages of the codes, and repeat the number.
func failure(name string, status, code int, message string, want sms.Outcome) providertest.Case {
	text := strconv.Itoa(code)
	return providertest.Case{
		Name: name, Status: status, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"code": ` + text + `, "message": "` + message + `", "more_info": "https://www.twilio.com/docs/errors/` +
			text + `", "status": ` + strconv.Itoa(status) + `}`,
		Outcome: want, Code: text,
	}
}

func TestProvider_DoesWhatEveryOneMust(t *testing.T) {
	providertest.Run(t, providertest.Provider{
		New: func(t *testing.T, url string, transport http.RoundTripper) sms.Sender {
			return sender(t, provider.Options{Values: values(url), Callback: posted, Transport: transport})
		},
		Message: providertest.Message(t),
		Secrets: []string{account, token},
		Request: func(t *testing.T, r *http.Request, body []byte) {
			user, password, _ := r.BasicAuth()
			if r.Method != http.MethodPost || r.URL.String() != "/2010-04-01/Accounts/"+account+"/Messages.json" ||
				user != account || password != token || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Errorf("%s %s by %s, %v", r.Method, r.URL, user, r.Header)
			}
			form, err := url.ParseQuery(string(body))
			if err != nil {
				t.Error(err)
			}
			if left, err := strconv.Atoi(form.Get("ValidityPeriod")); err != nil || left < 500 || left > 600 {
				t.Errorf("ValidityPeriod %q of ten minutes", form.Get("ValidityPeriod"))
			}
			form.Del("ValidityPeriod")
			want := url.Values{
				"To": {"+919812345678"}, "From": {"+15017122661"}, "Body": {"489316 is your code for Example."},
				"StatusCallback": {posted + "?id=0b9d5c1e-7f3a-4a52-9f0e-3d2c1b0a9e8f"},
			}
			if form.Encode() != want.Encode() {
				t.Errorf("form %v, want %v", form, want)
			}
		},
		Accepted: providertest.Case{Status: http.StatusCreated, Header: map[string]string{"Content-Type": "application/json"},
			Body: created, Taken: true, ProviderID: sid},
		Cases: []providertest.Case{
			failure("opted out", 400, 21610, "Attempt to send to unsubscribed recipient", sms.RefusedForEver),
			failure("invalid number", 400, 21211, "The 'To' number +919812345678 is not a valid phone number.", sms.SurelyNotSent),
			failure("no mobile", 400, 21614, "'To' number +919812345678 is not a valid mobile number", sms.SurelyNotSent),
			providertest.Beyond(sms.ThisCountry, failure("region not enabled", 400, 21408, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: +919812345678.", sms.SurelyNotSent)),
			providertest.Beyond(sms.ThisCountry, failure("sender not the account's", 400, 21606, "The From phone number +15017122661 is not a valid, SMS-capable inbound phone number", sms.SurelyNotSent)),
			failure("trial", 400, 21608, "The number +919812345678 is unverified. Trial accounts cannot send messages to unverified numbers", sms.SurelyNotSent),
			failure("unroutable", 400, 21612, "The 'To' phone number: +919812345678, is not currently reachable using the 'From' phone number", sms.SurelyNotSent),
			failure("queue full", 400, 21611, "This 'From' number has exceeded the maximum number of queued messages", sms.NotYet),
			providertest.Beyond(sms.ThisAccount, failure("credentials", 401, 20003, "Authenticate", sms.SurelyNotSent)),
			failure("throttled", 429, 20429, "Too Many Requests", sms.NotYet),
			failure("a code of which nothing is known", 400, 21999, "489316 is your code for Example.", sms.SurelyNotSent),
			failure("its own error", 500, 20500, "An internal server error has occurred", sms.MaybeSent),
			failure("its own error with a refusal's code", 503, 21610, "Attempt to send to unsubscribed recipient", sms.MaybeSent),
			{Name: "throttled by a proxy", Status: 429, Body: "slow down", Outcome: sms.NotYet},
			{Name: "400 of a proxy", Status: 400, Body: "<html>", Outcome: sms.SurelyNotSent},
			{Name: "408 of a proxy", Status: 408, Outcome: sms.MaybeSent},
			{Name: "a code that is none", Status: 400, Body: `{"code": "+919812345678"}`, Outcome: sms.SurelyNotSent},
			{Name: "an id that is none", Status: 201, Body: `{"sid": "489316 is your code for Example.", "status": "queued"}`, Outcome: sms.MaybeSent},
			{Name: "failed at once", Status: 201, Body: `{"sid": "` + sid + `", "status": "failed", "error_code": 30006}`,
				Outcome: sms.SurelyNotSent, Code: "30006"},
		},
	})
}

func number(t testing.TB, e164 string) phone.Number {
	t.Helper()
	n, err := phone.Parse(e164)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// recorder is a transport that takes every text and keeps the forms.
type recorder struct {
	t     *testing.T
	forms []url.Values
	users []string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.ParseForm(); err != nil {
		r.t.Error(err)
	}
	user, password, _ := req.BasicAuth()
	r.forms, r.users = append(r.forms, req.PostForm), append(r.users, user+":"+password)
	return providertest.Response(http.StatusCreated, created), nil
}

func TestSend_WhatItComesFrom(t *testing.T) {
	for name, c := range map[string]struct {
		settings []string
		senderID string
		from     string
		service  string
	}{
		"the setting":                    {nil, "", "+15017122661", ""},
		"the country's":                  {nil, "EXAMPLE", "EXAMPLE", ""},
		"the messaging service's choice": {[]string{"from", "", "messaging-service-sid", service}, "", "", service},
		"the country's before a service": {[]string{"from", "", "messaging-service-sid", service}, "EXAMPLE", "EXAMPLE", ""},
	} {
		r := &recorder{t: t}
		m := providertest.Message(t)
		m.SenderID = c.senderID
		s := sender(t, provider.Options{Values: values("https://api.twilio.com", c.settings...), Transport: r})
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if form := r.forms[0]; form.Get("From") != c.from || form.Get("MessagingServiceSid") != c.service || form.Has("StatusCallback") {
			t.Errorf("%s: %v", name, form)
		}
	}
}

// Twilio refuses a text whose status it is to post to where it cannot.
func TestSend_ACallbackThatNobodyOutsideReaches_IsNotGiven(t *testing.T) {
	for address, given := range map[string]bool{posted: true, "http://auth.example.com/callbacks/main": true, "": false,
		"http://localhost:9229/callbacks/main": false, "https://10.0.0.7/callbacks/main": false, "http://bellhop:9229/callbacks/main": false} {
		r := &recorder{t: t}
		s := sender(t, provider.Options{Values: values(""), Callback: address, Transport: r})
		if _, err := s.Send(t.Context(), providertest.Message(t)); err != nil || r.forms[0].Has("StatusCallback") != given {
			t.Errorf("%q: %v, %v", address, err, r.forms)
		}
	}
}

func TestSend_ByAnAPIKey(t *testing.T) {
	r := &recorder{t: t}
	s := sender(t, provider.Options{Values: values("", "auth-token", "", "api-key-sid", key, "api-key-secret", secret), Transport: r})
	if _, err := s.Send(t.Context(), providertest.Message(t)); err != nil || r.users[0] != key+":"+secret {
		t.Errorf("%v by %v", err, r.users)
	}
}

func TestSend_Validity_IsWhatTheCodeHasLeft(t *testing.T) {
	for name, c := range map[string]struct {
		left time.Duration
		want string // beginning of the period; "-" for no text at all
	}{
		"ten minutes":      {10*time.Minute + 500*time.Millisecond, "600"},
		"more than it may": {24 * time.Hour, "36000"},
		"half a second":    {500 * time.Millisecond, "-"},
		"over":             {-time.Minute, "-"},
	} {
		r := &recorder{t: t}
		m := providertest.Message(t)
		m.ExpiresAt = time.Now().Add(c.left)
		_, err := sender(t, provider.Options{Values: values(""), Transport: r}).Send(t.Context(), m)
		switch {
		case c.want == "-" && (err == nil || sms.OutcomeOf(err) != sms.SurelyNotSent || len(r.forms) > 0):
			t.Errorf("%s: %v after %d requests", name, err, len(r.forms))
		case c.want != "-" && (err != nil || r.forms[0].Get("ValidityPeriod") != c.want):
			t.Errorf("%s: %v, %v", name, err, r.forms)
		}
	}
	r := &recorder{t: t}
	m := providertest.Message(t)
	m.ExpiresAt = time.Time{}
	if _, err := sender(t, provider.Options{Values: values(""), Transport: r}).Send(t.Context(), m); err != nil || r.forms[0].Has("ValidityPeriod") {
		t.Errorf("a text that stays true: %v, %v", err, r.forms)
	}
}

// Credentials for tests text nobody, whatever they are asked; others do not text as if
// they were for tests.
func TestSend_TestCredentials_TextMagicNumbersAlone(t *testing.T) {
	test := []string{"test-credentials", "true", "from", "+15005550006"}
	for name, c := range map[string]struct {
		settings []string
		to       string
		senderID string
		sent     bool
	}{
		"a magic number":              {test, "+15005550009", "", true},
		"with a country's sender":     {test, "+15005550009", "EXAMPLE", true},
		"somebody's number":           {test, "+14155550123", "", false},
		"a real account, magic from":  {nil, "+14155550123", "+15005550006", false},
		"a real account, magic phone": {nil, "+15005550009", "", true}, // Twilio refuses it, as it does every number that is none
	} {
		r := &recorder{t: t}
		m := providertest.Message(t)
		m.To, m.SenderID = number(t, c.to), c.senderID
		_, err := sender(t, provider.Options{Values: values("", c.settings...), Transport: r}).Send(t.Context(), m)
		switch {
		case c.sent && (err != nil || len(r.forms) != 1):
			t.Errorf("%s: %v", name, err)
		case !c.sent && (err == nil || sms.OutcomeOf(err) != sms.SurelyNotSent || len(r.forms) > 0):
			t.Errorf("%s: %v after %d requests", name, err, len(r.forms))
		case c.sent && c.settings != nil && r.forms[0].Get("From") != "+15005550006":
			t.Errorf("%s: from %s", name, r.forms[0].Get("From"))
		}
	}
}

func TestKind_SettingsThatDoNotGoTogether_AreRefusedAtTheirField(t *testing.T) {
	for name, c := range map[string]struct {
		settings []string
		field    string
	}{
		"no credentials":          {[]string{"auth-token", ""}, "auth-token"},
		"key without secret":      {[]string{"api-key-sid", key}, "api-key-secret"},
		"secret without key":      {[]string{"api-key-secret", secret}, "api-key-sid"},
		"nothing to come from":    {[]string{"from", ""}, "from"},
		"from and service":        {[]string{"messaging-service-sid", service}, "from"},
		"magic from":              {[]string{"from", "+15005550006"}, "from"},
		"test from a real number": {[]string{"test-credentials", "true"}, "from"},
		"test with a service":     {[]string{"test-credentials", "true", "from", "", "messaging-service-sid", service}, "from"},
		"test with a key":         {[]string{"test-credentials", "true", "from", "+15005550006", "api-key-sid", key, "api-key-secret", secret}, "api-key-sid"},
	} {
		problem := twilio.Kind().Check(values("", c.settings...))
		if problem == nil || problem.Field != c.field || strings.Contains(problem.What, token) {
			t.Errorf("%s: %+v", name, problem)
		}
	}
	bad := map[string][]string{
		"account-sid": {"", "AC1", key, "AC0123456789abcdef0123456789abcdeg"}, "from": {"", "++1", "+0123456789", "A NAME TOO LONG", "12", "<name>"},
		"test-credentials": {"yes", ""}, "messaging-service-sid": {account}, "api-key-sid": {account},
		"base-url": {"api.twilio.com", "http://api.twilio.com", "https://u:p@api.twilio.com", "https://api.twilio.com?x", "ftp://x"},
	}
	for _, f := range twilio.Kind().Fields {
		for _, value := range bad[f.Name] {
			if err := f.Check(value); err == nil || value != "" && strings.Contains(err.Error(), value) {
				t.Errorf("%s %q: %v", f.Name, value, err)
			}
		}
		if f.Secret && f.Default != "" {
			t.Errorf("%s has a default", f.Name)
		}
	}
	for _, from := range []string{"+15017122661", "60006", "EXAMPLE", "My Example"} {
		for _, f := range twilio.Kind().Fields {
			if f.Name == "from" && f.Check(from) != nil {
				t.Errorf("from %q: %v", from, f.Check(from))
			}
		}
	}
}
