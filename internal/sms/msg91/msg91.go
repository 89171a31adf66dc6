// Package msg91 hands texts to MSG91's Flow API, which fills in a template that is
// registered there and, for India, in the DLT register, and reads the delivery reports
// that MSG91 posts: https://docs.msg91.com/sms/send-sms. All of it was taken from
// documentation.
package msg91

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/httpsms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

const defaultBase = "https://control.msg91.com"

// Sender hands texts to one account. Its errors hold no code, no number and no secret.
type Sender struct {
	client       *httpsms.Client
	base         string // without a slash at its end
	key          string
	codeVariable string
	appVariable  string
	app          string
	header       string
	secret       string
}

// New makes a Sender of settings as Kind has them.
func New(o provider.Options) (*Sender, error) {
	v := o.Values
	s := &Sender{
		client: httpsms.New("msg91", o.Transport), base: strings.TrimRight(v["base-url"], "/"), key: v["auth-key"],
		codeVariable: v["code-variable"], appVariable: v["app-variable"], app: v["app"],
		header: v["callback-header"], secret: v["callback-secret"],
	}
	if s.base == "" {
		s.base = defaultBase
	}
	if s.codeVariable == "" {
		s.codeVariable = defaultVariable
	}
	if s.header == "" {
		s.header = defaultHeader
	}
	return s, nil
}

// Send implements sms.Sender. The words of the text are the template's; the message's
// own are not sent.
func (s *Sender) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	if m.TemplateID == "" {
		return sms.Receipt{}, s.client.Fail(sms.SurelyNotSent, "", "the wording "+wording(m)+" has no template id at this provider")
	}
	a, err := s.post(ctx, "/api/v5/flow", s.flow(m))
	if err != nil {
		return sms.Receipt{}, err
	}
	return s.judge(a)
}

func wording(m sms.Message) string {
	if m.Wording == "" {
		return "of the pool"
	}
	return m.Wording
}

// flow is the request. CRQID comes back with the delivery report; where MSG91 looks for
// it depends on what it takes the request for, so that it stands in both places:
// https://msg91.com/help/text-sms/custom-metadata-parameters-for-tracking-sms-requests.
func (s *Sender) flow(m sms.Message) map[string]any {
	recipient := map[string]string{"mobiles": strings.TrimPrefix(m.To.E164(), "+"), "CRQID": m.ID}
	if s.appVariable != "" {
		recipient[s.appVariable] = s.app
	}
	if m.Code != "" {
		recipient[s.codeVariable] = m.Code
	}
	request := map[string]any{
		"template_id": m.TemplateID, "short_url": "0", "CRQID": m.ID, "recipients": []any{recipient},
	}
	if m.SenderID != "" {
		request["sender"] = m.SenderID
	}
	return request
}

func (s *Sender) post(ctx context.Context, path string, payload any) (httpsms.Answer, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return httpsms.Answer{}, s.client.Fail(sms.SurelyNotSent, "", "the request cannot be made")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return httpsms.Answer{}, s.client.Fail(sms.SurelyNotSent, "", "the request cannot be made")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("authkey", s.key)
	return s.client.Do(req)
}

// reply is what MSG91 answers. An error may come with status 200.
type reply struct {
	Type     string `json:"type"`    // success, error
	Message  string `json:"message"` // of success the request's id
	Status   string `json:"status"`  // success, fail: of other parts of the API
	HasError bool   `json:"hasError"`
	Code     code   `json:"code"`
	APIError code   `json:"apiError"`
}

// code is a number in some answers and a text in others.
type code string

func (c *code) UnmarshalJSON(raw []byte) error {
	*c = code(httpsms.Code(strings.Trim(string(raw), `"`)))
	if *c == "null" {
		*c = ""
	}
	return nil
}

// refused is the code of an answer that says no, and whether it says so.
func (r reply) refused() (string, bool) {
	no := r.HasError || strings.EqualFold(r.Type, "error") || strings.EqualFold(r.Status, "fail") || strings.EqualFold(r.Status, "error")
	if r.Code != "" {
		return string(r.Code), no
	}
	return string(r.APIError), no
}

// judge reads an answer. Its message may repeat what was sent, so that of an error it
// goes nowhere.
func (s *Sender) judge(a httpsms.Answer) (sms.Receipt, error) {
	var r reply
	err := json.Unmarshal(a.Body, &r)
	code, no := r.refused()
	switch {
	case no:
		return sms.Receipt{}, s.refusal(a.Status, code)
	case a.Status/100 != 2:
		return sms.Receipt{}, s.client.Refused(a.Status, code)
	case err != nil || !strings.EqualFold(r.Type, "success"):
		return sms.Receipt{}, s.client.Unreadable(a.Status)
	}
	return sms.Receipt{ProviderID: httpsms.ID(r.Message)}, nil
}

// refusals are what MSG91's codes mean of which more is known than that it said no:
// https://msg91.com/help/api and the list of codes of its SMS API. A number that is not
// valid to MSG91 is not refused for ever, since another provider may know it.
var refusals = map[string]struct {
	outcome sms.Outcome
	extent  sms.Extent
	why     string
}{
	"202": {sms.SurelyNotSent, sms.ThisText, "the number is not valid"},
	"207": {sms.SurelyNotSent, sms.ThisAccount, "the auth key is wrong"},
	"208": {sms.SurelyNotSent, sms.ThisAccount, "this server's address is blacklisted there"},
	"301": {sms.SurelyNotSent, sms.ThisAccount, "the account's balance does not suffice"},
	"302": {sms.SurelyNotSent, sms.ThisAccount, "the account has expired"},
	"303": {sms.SurelyNotSent, sms.ThisAccount, "the account is banned"},
	"306": {sms.NotYet, sms.ThisText, "the route is not open at this hour"},
	"311": {sms.MaybeSent, sms.ThisText, "the same request came twice within ten seconds"},
	"401": {sms.SurelyNotSent, sms.ThisAccount, "the auth key is wrong, or not good for texts"},
	"418": {sms.SurelyNotSent, sms.ThisAccount, "this server's address is not on the auth key's list"},
	"429": {sms.NotYet, sms.ThisText, "too many requests at a time"},
}

// refusal is the error of an answer that says no. With a status of success that is
// MSG91's word on the request, with one of the server's own it leaves everything open.
func (s *Sender) refusal(status int, code string) error {
	known, ok := refusals[code]
	switch {
	case status/100 == 5 || status == http.StatusTooManyRequests:
		return s.client.Refused(status, code)
	case ok:
		return s.client.FailAll(known.extent, known.outcome, code, known.why)
	case status/100 == 2:
		why := "said no with status 200"
		if code != "" {
			why += ", code " + code
		}
		return s.client.Fail(sms.SurelyNotSent, code, why)
	default:
		return s.client.Refused(status, code)
	}
}

// Probe implements sms.Prober. It asks for a template without naming one, which MSG91
// refuses in one way to a key that it knows and in another to one that it does not.
func (s *Sender) Probe(ctx context.Context) error {
	a, err := s.post(ctx, "/api/v5/sms/getTemplateVersions", map[string]string{"template_id": ""})
	if err != nil {
		return probed(err)
	}
	var r reply
	_ = json.Unmarshal(a.Body, &r) // its status may say enough
	code, _ := r.refused()
	if code == "" && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden) {
		code = "401"
	}
	switch code {
	case "207", "208", "302", "303", "401", "418":
		return probed(s.client.Fail(sms.SurelyNotSent, code, refusals[code].why))
	}
	if a.Status/100 == 5 {
		return probed(s.client.Refused(a.Status, code))
	}
	return nil
}

// probed is an error without what it says of a text: there was none.
func probed(err error) error {
	if e, ok := err.(*sms.SendError); ok {
		return e.Cause
	}
	return err
}
