package msg91_test

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/providertest"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/msg91"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

const (
	authKey = "416091ATestKeyOfNobody65cb570bP1"
	secret  = "a secret of thirty-two characters"
)

func values(url string, others ...string) provider.Values {
	v := provider.Values{"auth-key": authKey, "code-variable": "VAR1", "callback-header": "X-Bellhop-Secret", "callback-secret": secret, "base-url": url}
	for i := 0; i < len(others); i += 2 {
		v[others[i]] = others[i+1]
	}
	return v
}

func sender(t testing.TB, o provider.Options) sms.Sender {
	t.Helper()
	kind := msg91.Kind()
	for _, f := range kind.Fields {
		if value := o.Values[f.Name]; value != "" && f.Check != nil {
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

// taken is the answer of https://docs.msg91.com/sms/send-sms to a text that was taken.
const (
	taken     = `{"message": "3763646c3058373530393938", "type": "success"}`
	requestID = "3763646c3058373530393938"
)

// refusal is an error in the form that the API's answers have, with the codes of
// https://msg91.com/help/api and of the list of its SMS API.
func refusal(name string, status int, body string, want sms.Outcome, code string) providertest.Case {
	return providertest.Case{Name: name, Status: status, Header: map[string]string{"Content-Type": "application/json"},
		Body: body, Outcome: want, Code: code}
}

func TestProvider_DoesWhatEveryOneMust(t *testing.T) {
	providertest.Run(t, providertest.Provider{
		New: func(t *testing.T, url string, transport http.RoundTripper) sms.Sender {
			return sender(t, provider.Options{Values: values(url), Transport: transport})
		},
		Message: providertest.Message(t),
		Secrets: []string{authKey, secret},
		Request: func(t *testing.T, r *http.Request, body []byte) {
			if r.Method != http.MethodPost || r.URL.String() != "/api/v5/flow" || r.Header.Get("authkey") != authKey ||
				r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s, %v", r.Method, r.URL, r.Header)
			}
			wants(t, body, `{"template_id": "65e06f45d6fc05278c7d47e2", "short_url": "0", "CRQID": "0b9d5c1e-7f3a-4a52-9f0e-3d2c1b0a9e8f",
				"recipients": [{"mobiles": "919812345678", "VAR1": "489316", "CRQID": "0b9d5c1e-7f3a-4a52-9f0e-3d2c1b0a9e8f"}]}`)
		},
		Accepted: providertest.Case{Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"},
			Body: taken, Taken: true, ProviderID: requestID},
		Cases: []providertest.Case{
			refusal("no with status 200", 200, `{"message": "template id missing", "type": "error"}`, sms.SurelyNotSent, ""),
			refusal("no with status 200, repeating what was sent", 200, `{"message": "919812345678: 489316", "type": "error", "code": "919812345678 489316"}`, sms.SurelyNotSent, ""),
			providertest.Beyond(sms.ThisAccount, refusal("auth key", 200, `{"code": "401", "message": "AuthenticationFailure", "type": "error"}`, sms.SurelyNotSent, "401")),
			providertest.Beyond(sms.ThisAccount, refusal("auth key with its status", 401, `{"status": "fail", "hasError": true, "errors": "Unauthorized", "code": "401"}`, sms.SurelyNotSent, "401")),
			providertest.Beyond(sms.ThisAccount, refusal("address not whitelisted", 200, `{"message": "IP is not whitelisted", "type": "error", "code": 418}`, sms.SurelyNotSent, "418")),
			providertest.Beyond(sms.ThisAccount, refusal("balance", 200, `{"message": "Insufficient balance", "type": "error", "apiError": "301"}`, sms.SurelyNotSent, "301")),
			refusal("number", 200, `{"message": "Invalid mobile number", "type": "error", "code": "202"}`, sms.SurelyNotSent, "202"),
			refusal("the same again", 200, `{"message": "duplicate", "type": "error", "code": "311"}`, sms.MaybeSent, "311"),
			refusal("throttled", 429, `{"message": "Too many requests", "type": "error"}`, sms.NotYet, ""),
			refusal("throttled with status 200", 200, `{"message": "Too many requests", "type": "error", "code": 429}`, sms.NotYet, "429"),
			refusal("its own error", 500, `{"message": "Internal server error", "type": "error", "code": "202"}`, sms.MaybeSent, "202"),
			refusal("a 400", 400, `{"message": "Flow id missing", "type": "error"}`, sms.SurelyNotSent, ""),
			refusal("neither yes nor no", 200, `{"message": "3763646c3058373530393938"}`, sms.MaybeSent, ""),
			refusal("no code", 200, `{"message": "no", "type": "error", "code": null}`, sms.SurelyNotSent, ""),
		},
	})
}

// wants compares JSON.
func wants(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// player is a transport that answers everything alike and keeps what was asked.
type player struct {
	status int
	body   string
	asked  []string
}

func (p *player) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	p.asked = append(p.asked, string(body))
	return providertest.Response(p.status, p.body), nil
}

func TestSend_VariablesAndSender_AreTheSettings(t *testing.T) {
	p := &player{status: 200, body: taken}
	s := sender(t, provider.Options{Values: values("", "code-variable", "otp", "app-variable", "app", "app", "Example"), Transport: p})
	m := providertest.Message(t)
	m.SenderID = "EXMPLE"
	if _, err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	wants(t, []byte(p.asked[0]), `{"template_id": "65e06f45d6fc05278c7d47e2", "short_url": "0", "sender": "EXMPLE", "CRQID": "`+m.ID+`",
		"recipients": [{"mobiles": "919812345678", "otp": "489316", "app": "Example", "CRQID": "`+m.ID+`"}]}`)
}

func TestSend_WithoutATemplate_NamesTheWording(t *testing.T) {
	p := &player{status: 200, body: taken}
	m := providertest.Message(t)
	m.TemplateID = ""
	_, err := sender(t, provider.Options{Values: values(""), Transport: p}).Send(t.Context(), m)
	if err == nil || sms.OutcomeOf(err) != sms.SurelyNotSent || !strings.Contains(err.Error(), "sign-in-en has no template id") || len(p.asked) > 0 {
		t.Errorf("%v after %d requests", err, len(p.asked))
	}
}

func TestProbe_SaysWhetherTheKeyIsGood(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string // in the error; "" for none
	}{
		"a key that is known":   {400, `{"status": "fail", "hasError": true, "errors": "template_id is required"}`, ""},
		"in another form":       {200, `{"type": "error", "message": "template_id is required"}`, ""},
		"a wrong key":           {401, `{"status": "fail", "hasError": true, "errors": "Unauthorized"}`, "auth key"},
		"wrong with status 200": {200, `{"type": "error", "code": "401", "message": "AuthenticationFailure"}`, "auth key"},
		"another address":       {200, `{"type": "error", "code": "418", "message": "IP"}`, "not on the auth key's list"},
		"its own error":         {503, ``, "status 503"},
	} {
		p := &player{status: c.status, body: c.body}
		err := sender(t, provider.Options{Values: values(""), Transport: p}).(sms.Prober).Probe(t.Context())
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), authKey) || strings.Contains(err.Error(), "sent")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKind_SettingsThatDoNotGoTogether_AreRefusedAtTheirField(t *testing.T) {
	for field, settings := range map[string][]string{"app": {"app-variable", "APP"}, "app-variable": {"app", "Example"}} {
		if problem := msg91.Kind().Check(values("", settings...)); problem == nil || problem.Field != field {
			t.Errorf("%v: %+v", settings, problem)
		}
	}
	if problem := msg91.Kind().Check(values("", "app-variable", "VAR1", "app", "Example")); problem == nil || problem.Field != "app-variable" {
		t.Errorf("one variable for two: %+v", problem)
	}
	bad := map[string][]string{"code-variable": {"", "a b", "mobiles", "CRQID"}, "callback-header": {"", "X Y", "X:"}, "callback-secret": {"short"}, "base-url": {"http://control.msg91.com"}}
	for _, f := range msg91.Kind().Fields {
		for _, value := range bad[f.Name] {
			if err := f.Check(value); err == nil {
				t.Errorf("%s takes %q", f.Name, value)
			}
		}
	}
}
