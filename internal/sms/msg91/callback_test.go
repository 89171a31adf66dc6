package msg91_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

const (
	jsonType  = "application/json"
	formType  = "application/x-www-form-urlencoded"
	messageID = "0b9d5c1e-7f3a-4a52-9f0e-3d2c1b0a9e8f"
)

func caller(t testing.TB, others ...string) sms.Caller {
	t.Helper()
	return sender(t, provider.Options{Values: values("", others...)}).(sms.Caller)
}

func post(contentType, body, given string) sms.Post {
	return sms.Post{URL: "https://auth.example.com/callbacks/india", ContentType: contentType, Body: []byte(body), Header: func(name string) string {
		if name == "X-Bellhop-Secret" {
			return given
		}
		return ""
	}}
}

// version2 is the sample of
// https://msg91.com/help/webhooks/how-can-i-get-the-delivery-reports-on-my-webhook-url,
// with a status and the id that came along.
func version2(status, description, crqid string) string {
	return url.Values{"data": {`[{"senderId":"u1234m","requestId":"` + requestID + `","report":[{"date":"2024-05-22 10:06:20","amount":"0.01",` +
		`"clientid":"","INMSID":"0","CRQID":"` + crqid + `","ctCode":"900","number":"919812345678","credit":"1","status":"` + status +
		`","desc":"` + description + `","failedReason":""}],"userId":"271234","campaignName":"Sendhttp"}]`}}.Encode()
}

// version3 is that of the same page.
func version3(status, description string) string {
	return `{"date": "2024-05-22 09:58:16", "number": "919812345678", "senderId": "u1234m", "amount": "0.01", "requestId": "` + requestID +
		`", "INMSID": "0", "CRQID": "` + messageID + `", "credit": "1", "userId": "271234", "campaignName": "Sendhttp", "status": "` + status +
		`", "desc": "` + description + `"}`
}

// newWebhook is of
// https://msg91.com/help/webhook-new/how-to-receive-sms-delivery-reports-via-webhook-new,
// in which the operator writes the secret down.
func newWebhook(status, secret string) string {
	return `{"requestId": "` + requestID + `", "status": "` + status + `", "deliveryTime": "2025-07-09 13:01:00", "telNum": "919812345678",
		"CRQID": "` + messageID + `", "failureReason": "", "smsLength": 1, "credit": null, "secret": "` + secret + `"}`
}

func TestReadPost_EveryFormAndStatus_IsItsEvent(t *testing.T) {
	told := func(kind sms.EventKind, id, code string) []sms.Event {
		return []sms.Event{{Kind: kind, ID: id, ProviderID: requestID, Code: code}}
	}
	for name, c := range map[string]struct {
		post sms.Post
		want []sms.Event
	}{
		"version 2, delivered":       {post(formType, version2("1", "DELIVERED", messageID), secret), told(sms.Delivered, messageID, "")},
		"version 2, failed":          {post(formType, version2("2", "FAILED", messageID), secret), told(sms.Failed, messageID, "2")},
		"version 2, no id":           {post(formType, version2("9", "NDNC", "0"), secret), told(sms.Failed, "", "9")},
		"version 2, an odd id":       {post(formType, version2("16", "REJECTED", "a b"), secret), told(sms.Failed, "", "16")},
		"version 2, unknown status":  {post(formType, version2("8", "SUBMITTED", messageID), secret), told(sms.Progress, messageID, "")},
		"version 2, several":         {post(formType, twice(version2("1", "DELIVERED", messageID)), secret), append(told(sms.Delivered, messageID, ""), told(sms.Delivered, messageID, "")...)},
		"version 2, none":            {post(formType, "data=%5B%5D", secret), nil},
		"version 3, delivered":       {post(jsonType, version3("1", "DELIVERED"), secret), told(sms.Delivered, messageID, "")},
		"version 3, blocked":         {post(jsonType, version3("17", "BLOCKED NUMBER"), secret), told(sms.Failed, messageID, "17")},
		"version 3, rejected":        {post(jsonType, version3("25", "REJECTED"), secret), told(sms.Failed, messageID, "25")},
		"version 3, in words alone":  {post(jsonType, version3("", "Delivered"), secret), told(sms.Delivered, messageID, "")},
		"new, by its header":         {post(jsonType+"; charset=utf-8", newWebhook("Delivered", ""), secret), told(sms.Delivered, messageID, "")},
		"new, by its body":           {post(jsonType, newWebhook("Failed", secret), ""), told(sms.Failed, messageID, "Failed")},
		"new, of a placeholder left": {post(jsonType, newWebhook("{{status}}", secret), ""), told(sms.Progress, messageID, "")},
	} {
		// Doubled, and a day late: it tells the same.
		for _, late := range []time.Duration{0, 24 * time.Hour} {
			got, err := caller(t).ReadPost(t.Context(), time.Now().Add(late), c.post)
			if err != nil || len(got) != len(c.want) || len(got) > 0 && !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
			}
		}
	}
}

// twice is a version 2 post whose batch holds its report twice.
func twice(form string) string {
	v, err := url.ParseQuery(form)
	if err != nil {
		panic(err)
	}
	data := v.Get("data")
	from, to := strings.Index(data, `"report":[`)+len(`"report":[`), strings.Index(data, `]`)
	return url.Values{"data": {data[:to] + "," + data[from:to] + data[to:]}}.Encode()
}

func TestReadPost_WithoutTheSecret_TellsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		post     sms.Post
		settings []string
	}{
		"none":                         {post(formType, version2("1", "DELIVERED", messageID), ""), nil},
		"wrong":                        {post(formType, version2("1", "DELIVERED", messageID), secret+"."), nil},
		"its beginning":                {post(formType, version2("1", "DELIVERED", messageID), secret[:16]), nil},
		"wrong in the body":            {post(jsonType, newWebhook("Delivered", "no"), ""), nil},
		"wrong header, right body":     {post(jsonType, newWebhook("Delivered", secret), "no"), nil},
		"another header":               {post(jsonType, version3("1", "DELIVERED"), secret), []string{"callback-header", "X-Other"}},
		"none of ours":                 {post(jsonType, version3("1", "DELIVERED"), ""), []string{"callback-secret", ""}},
		"none of ours, whatever comes": {post(jsonType, newWebhook("Delivered", secret), secret), []string{"callback-secret", ""}},
		"what cannot be read":          {post(jsonType, "{", ""), nil},
	} {
		events, err := caller(t, c.settings...).ReadPost(t.Context(), time.Now(), c.post)
		if !forged(err) || len(events) > 0 || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %+v, %v", name, events, err)
		}
	}
}

func forged(err error) bool {
	_, ok := errors.AsType[*sms.ErrForged](err)
	return ok
}

func TestReadPost_WithTheSecretAndNoReport_IsRefused(t *testing.T) {
	for name, p := range map[string]sms.Post{
		"no JSON":                post(jsonType, "{", secret),
		"another shape":          post(jsonType, `[{"data":[{"meta":"0","INMSID":"0","description":"DELIVERED","ts":1726729500}],"event":"delivered"}]`, secret),
		"of no text":             post(jsonType, `{"status": "1"}`, secret),
		"a form without data":    post(formType, "x=1", secret),
		"a form that is none":    post(formType, "%zz", secret),
		"a member that is odd":   post(jsonType, `{"requestId": {"a": 1}}`, secret),
		"a report of no text":    post(formType, url.Values{"data": {`[{"report":[{"status":"1"}]}]`}}.Encode(), secret),
		"one of several of none": post(formType, url.Values{"data": {`[{"requestId":"1","report":[{"status":"1"}]},{"report":[{"status":"1"}]}]`}}.Encode(), secret),
	} {
		events, err := caller(t).ReadPost(t.Context(), time.Now(), p)
		if err == nil || forged(err) || len(events) > 0 {
			t.Errorf("%s: %+v, %v", name, events, err)
		}
	}
}

func TestAnswer_TakesNoReply(t *testing.T) {
	if contentType, body := caller(t).Answer("help"); contentType != "" || body != nil {
		t.Errorf("%q %q", contentType, body)
	}
}

func FuzzReadPost(f *testing.F) {
	f.Add(formType, version2("1", "DELIVERED", messageID), true)
	f.Add(jsonType, version3("2", "FAILED"), true)
	f.Add(jsonType, newWebhook("Delivered", secret), false)
	f.Add(jsonType, `{"requestId": 12, "status": null, "CRQID": "\u0000"}`, true)
	s := caller(f)
	f.Fuzz(func(t *testing.T, contentType, body string, genuine bool) {
		given := ""
		if genuine {
			given = secret
		}
		events, err := s.ReadPost(t.Context(), time.Now(), post(contentType, body, given))
		var in struct{ Secret string }
		_ = json.Unmarshal([]byte(body), &in) // what is none holds no secret
		if genuine && forged(err) || !genuine && in.Secret != secret && !forged(err) || err != nil && len(events) > 0 {
			t.Fatalf("%+v, %v", events, err)
		}
		for _, e := range events {
			if e.ID+e.ProviderID == "" || strings.ContainsAny(e.ID+e.ProviderID+e.Code, " +\n\x00") || e.Kind == sms.Incoming {
				t.Fatalf("%+v", e)
			}
		}
	})
}
