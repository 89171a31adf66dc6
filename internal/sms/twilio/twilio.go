// Package twilio hands texts to Twilio's Messages API, and reads what Twilio posts of
// them: https://www.twilio.com/docs/messaging/api/message-resource. A try that was
// repeated may be a second text, since Twilio knows no idempotency key for that API:
// https://www.twilio.com/docs/api/errors/20500.
package twilio

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/httpsms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

const (
	defaultBase = "https://api.twilio.com"
	// maxValidity is the longest time that Twilio keeps a text for.
	maxValidity = 36_000 * time.Second
	// magic begins the numbers with which test credentials text, and which no phone has.
	magic = "+1500555"
	// magicFrom is the only one that passes as a sender of theirs:
	// https://www.twilio.com/docs/iam/test-credentials.
	magicFrom = "+15005550006"
)

// Sender hands texts to one account. Its errors hold no body, no number and no secret.
type Sender struct {
	client   *httpsms.Client
	base     string // without a slash at its end
	account  string
	user     string // of basic authentication: the account's or an API key's
	password string
	token    string // signs posts; "" refuses them
	from     string
	service  string
	callback string
	test     bool
}

// New makes a Sender of settings as Kind has them.
func New(o provider.Options) (*Sender, error) {
	v := o.Values
	s := &Sender{
		client: httpsms.New("twilio", o.Transport), base: strings.TrimRight(v["base-url"], "/"),
		account: v["account-sid"], user: v["account-sid"], password: v["auth-token"], token: v["auth-token"],
		from: v["from"], service: v["messaging-service-sid"], callback: reachable(o.Callback), test: v["test-credentials"] == "true",
	}
	if v["api-key-sid"] != "" {
		s.user, s.password = v["api-key-sid"], v["api-key-secret"]
	}
	if s.base == "" {
		s.base = defaultBase
	}
	return s, nil
}

// reachable is an address that Twilio may be given, or "": it refuses a text with one
// that it cannot post to: https://www.twilio.com/docs/api/errors/21609.
func reachable(callback string) string {
	u, err := url.Parse(callback)
	if err != nil || httpsms.Near(u.Hostname()) {
		return ""
	}
	return callback
}

// Send implements sms.Sender.
func (s *Sender) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	form, err := s.form(m, time.Now())
	if err != nil {
		return sms.Receipt{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address("/Messages.json"), strings.NewReader(form.Encode()))
	if err != nil {
		return sms.Receipt{}, s.client.Fail(sms.SurelyNotSent, "", "the request cannot be made")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(s.user, s.password)
	answer, err := s.client.Do(req)
	if err != nil {
		return sms.Receipt{}, err
	}
	return s.judge(answer)
}

// form is the request, or an error where none is to be made.
func (s *Sender) form(m sms.Message, now time.Time) (url.Values, error) {
	to := m.To.E164()
	form := url.Values{"To": {to}, "Body": {m.Body}}
	switch from := m.SenderID; {
	case s.test && !strings.HasPrefix(to, magic):
		return nil, s.client.Fail(sms.SurelyNotSent, "", "these are test credentials, which text Twilio's magic numbers alone")
	case !s.test && strings.HasPrefix(from, magic):
		return nil, s.client.Fail(sms.SurelyNotSent, "", "the sender is one of Twilio's magic numbers, and the provider has no test-credentials: true")
	case s.test:
		form.Set("From", s.from)
	case from != "":
		form.Set("From", from)
	case s.service != "":
		form.Set("MessagingServiceSid", s.service)
	default:
		form.Set("From", s.from)
	}
	if !m.ExpiresAt.IsZero() {
		left := min(m.ExpiresAt.Sub(now), maxValidity)
		if left < time.Second {
			return nil, s.client.Fail(sms.SurelyNotSent, "", "the code in the text is over")
		}
		form.Set("ValidityPeriod", strconv.Itoa(int(left/time.Second)))
	}
	if s.callback != "" {
		form.Set("StatusCallback", s.callback+"?"+url.Values{"id": {m.ID}}.Encode())
	}
	return form, nil
}

// address is that of something of the account's.
func (s *Sender) address(of string) string {
	return s.base + "/2010-04-01/Accounts/" + url.PathEscape(s.account) + of
}

// reply is what Twilio answers, a text or an error:
// https://www.twilio.com/docs/usage/twilios-response.
type reply struct {
	SID       string      `json:"sid"`
	Status    any         `json:"status"` // of the text a word, of an error the number of the HTTP status
	ErrorCode json.Number `json:"error_code"`
	Code      json.Number `json:"code"`
	Type      string      `json:"type"` // of an account
}

// judge reads an answer. Error messages of Twilio repeat the number, so that they go
// nowhere.
func (s *Sender) judge(a httpsms.Answer) (sms.Receipt, error) {
	var r reply
	err := json.Unmarshal(a.Body, &r)
	if a.Status/100 != 2 {
		return sms.Receipt{}, s.refusal(a.Status, httpsms.Code(r.Code.String()))
	}
	if err != nil || httpsms.ID(r.SID) == "" {
		return sms.Receipt{}, s.client.Unreadable(a.Status)
	}
	if status, _ := r.Status.(string); kindOf(status) == sms.Failed {
		code := httpsms.Code(r.ErrorCode.String())
		return sms.Receipt{ProviderID: r.SID}, s.client.Fail(sms.SurelyNotSent, code, "the text is "+status+" already")
	}
	return sms.Receipt{ProviderID: r.SID}, nil
}

// refusals are what Twilio's codes mean of which more is known than the HTTP status
// says: https://www.twilio.com/docs/api/errors. A number that is not valid to Twilio is
// not refused for ever: tables of numbers are of different ages, and other providers
// may know it.
var refusals = map[string]struct {
	outcome sms.Outcome
	extent  sms.Extent
	why     string
}{
	"14107": {sms.NotYet, sms.ThisText, "too many texts at a time"},
	"20003": {sms.SurelyNotSent, sms.ThisAccount, "the credentials are wrong, or not good for this account"},
	"20008": {sms.SurelyNotSent, sms.ThisAccount, "the credentials are for tests"},
	"20429": {sms.NotYet, sms.ThisText, "too many requests at a time"},
	"21211": {sms.SurelyNotSent, sms.ThisText, "the number is not valid"},
	"21217": {sms.SurelyNotSent, sms.ThisText, "the number is not valid"},
	"21265": {sms.RefusedForEver, sms.ThisText, "the number is a short code"},
	"21408": {sms.SurelyNotSent, sms.ThisCountry, "the account may not text that region; its geographic permissions are set in Twilio's console"},
	"21606": {sms.SurelyNotSent, sms.ThisCountry, "the sender is not the account's, or texts nobody there"},
	"21608": {sms.SurelyNotSent, sms.ThisText, "the account is a trial, which texts only numbers that were verified in Twilio's console"},
	"21610": {sms.RefusedForEver, sms.ThisText, "the phone has opted out"},
	"21611": {sms.NotYet, sms.ThisText, "the sender's queue is full"},
	"21612": {sms.SurelyNotSent, sms.ThisText, "the number cannot be reached from this sender"},
	"21614": {sms.SurelyNotSent, sms.ThisText, "the number takes no texts"},
	"21703": {sms.SurelyNotSent, sms.ThisAccount, "the messaging service has no sender"},
}

func (s *Sender) refusal(status int, code string) error {
	known, ok := refusals[code]
	// An error of the server's own leaves everything open, whatever its code.
	if !ok || status/100 != 4 {
		return s.client.Refused(status, code)
	}
	return s.client.FailAll(known.extent, known.outcome, code, known.why)
}
