package awsaccount_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/providertest"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/endusermessaging"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/sms/sns"
)

// Both kinds are tried here side by side, by the SDK's own clients against servers of
// the tests' own. Nothing of AWS itself is reached.

const (
	byTopic   = "sns"
	byMessage = "end-user-messaging"
)

var kinds = map[string]provider.Kind{byTopic: sns.Kind(), byMessage: endusermessaging.Kind()}

// The SDK is to find nothing of the machine's.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	os.Exit(m.Run())
}

const secret = "wJalrXUtnFEMI-hunter2"

// values are settings that pass, changed by the pairs.
func values(pairs ...string) provider.Values {
	v := provider.Values{"region": "ap-south-1", "access-key-id": "AKIATEST", "secret-access-key": secret}
	for pair := range slices.Chunk(pairs, 2) {
		v[pair[0]] = pair[1]
	}
	return v
}

func open(t *testing.T, kind string, transport http.RoundTripper, pairs ...string) sms.Sender {
	t.Helper()
	v := values(pairs...)
	if problem := kinds[kind].Check(v); problem != nil {
		t.Fatalf("%+v", problem)
	}
	s, err := kinds[kind].New(provider.Options{Values: v, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answers are those of the test data, by kind.
func answers(t *testing.T) map[string][]providertest.Case {
	t.Helper()
	raw, err := os.ReadFile("testdata/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Answers []struct {
			Name, Kind, Source, Body, Outcome, Extent, Code string
			ProviderID                                      string `json:"provider_id"`
			Status                                          int
		}
	}
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]sms.Outcome{}
	for _, o := range []sms.Outcome{sms.MaybeSent, sms.SurelyNotSent, sms.NotYet, sms.RefusedForEver} {
		outcomes[o.String()] = o
	}
	extents := map[string]sms.Extent{"country": sms.ThisCountry, "account": sms.ThisAccount}
	all := map[string][]providertest.Case{}
	for _, a := range recorded.Answers {
		outcome, ok := outcomes[a.Outcome]
		if !ok && a.ProviderID == "" || a.Source == "" {
			t.Fatalf("%s: no outcome, or no source", a.Name)
		}
		all[a.Kind] = append(all[a.Kind], providertest.Case{
			Name: a.Name, Status: a.Status, Body: a.Body, Taken: a.ProviderID != "", ProviderID: a.ProviderID, Outcome: outcome, Extent: extents[a.Extent], Code: a.Code,
		})
	}
	return all
}

// garbage is what stands in a code's place where somebody else answers.
func garbage(m sms.Message) []providertest.Case {
	var all []providertest.Case
	for i, body := range []string{
		"<html>" + m.Body, "{", "", `{"__type":"` + m.To.E164()[1:] + `"}`,
		"<ErrorResponse><Error><Code>" + m.Code + "</Code></Error></ErrorResponse>",
	} {
		for status, outcome := range map[int]sms.Outcome{502: sms.MaybeSent, 403: sms.SurelyNotSent, 429: sms.NotYet, 408: sms.MaybeSent} {
			all = append(all, providertest.Case{Name: fmt.Sprintf("%d and garbage %d", status, i), Status: status, Body: body, Outcome: outcome})
		}
	}
	return all
}

func TestProviders_DoWhatEveryOneMust(t *testing.T) {
	recorded := answers(t)
	requests := map[string]func(*testing.T, *http.Request, []byte){byTopic: published, byMessage: sent}
	settings := map[string][]string{
		byTopic:   {"sender-id", "BELLHP", "max-price", "0.50", "entity-id", "e-1", "template-id", "t-1"},
		byMessage: {"origination-identity", "pool-1", "configuration-set", "signin", "protect-configuration", "protect-1", "max-price", "0.50"},
	}
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			m := providertest.Message(t)
			providertest.Run(t, providertest.Provider{
				New: func(t *testing.T, url string, transport http.RoundTripper) sms.Sender {
					return open(t, kind, transport, append(settings[kind], "endpoint", url)...)
				},
				Message: m, Secrets: []string{secret}, Request: requests[kind],
				Accepted: recorded[kind][0], Cases: append(recorded[kind][1:], garbage(m)...),
			})
		})
	}
}

// published checks a request to SNS: what a text says itself goes before the settings.
func published(t *testing.T, r *http.Request, body []byte) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		t.Error(err)
	}
	attributes := map[string]string{}
	for key := range form {
		if entry, ok := strings.CutSuffix(key, ".Name"); ok {
			attributes[form.Get(key)] = form.Get(entry+".Value.DataType") + " " + form.Get(entry+".Value.StringValue")
		}
	}
	want := map[string]string{
		"AWS.SNS.SMS.SMSType": "String Transactional", "AWS.SNS.SMS.SenderID": "String BELLHP", "AWS.SNS.SMS.MaxPrice": "Number 0.50",
		"AWS.MM.SMS.EntityId": "String 1101538750000012345", "AWS.MM.SMS.TemplateId": "String 65e06f45d6fc05278c7d47e2",
	}
	if !maps.Equal(attributes, want) {
		t.Errorf("attributes %v, want %v", attributes, want)
	}
	if form.Get("Action") != "Publish" || form.Get("PhoneNumber") != "+919812345678" || form.Get("Message") != "489316 is your code for Example." {
		t.Errorf("%v", form)
	}
	if by := r.Header.Get("Authorization"); !strings.Contains(by, "AKIATEST/") || !strings.Contains(by, "/ap-south-1/sns/") {
		t.Errorf("signed as %s", by)
	}
}

// sent checks a request to End User Messaging.
func sent(t *testing.T, r *http.Request, body []byte) {
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		t.Error(err)
	}
	if left, ok := in["TimeToLive"].(float64); !ok || left < 500 || left > 600 {
		t.Errorf("TimeToLive %v of ten minutes", in["TimeToLive"])
	}
	delete(in, "TimeToLive")
	want := map[string]any{
		"DestinationPhoneNumber": "+919812345678", "MessageBody": "489316 is your code for Example.", "MessageType": "TRANSACTIONAL",
		"OriginationIdentity": "pool-1", "ConfigurationSetName": "signin", "ProtectConfigurationId": "protect-1", "MaxPrice": "0.50",
		"DestinationCountryParameters": map[string]any{"IN_ENTITY_ID": "1101538750000012345", "IN_TEMPLATE_ID": "65e06f45d6fc05278c7d47e2"},
		"Context":                      map[string]any{"bellhop-message": "0b9d5c1e-7f3a-4a52-9f0e-3d2c1b0a9e8f"},
	}
	got, _ := json.Marshal(in)
	wanted, _ := json.Marshal(want)
	if string(got) != string(wanted) {
		t.Errorf("sent %s\nwant %s", got, wanted)
	}
	if by := r.Header.Get("Authorization"); !strings.Contains(by, "/ap-south-1/sms-voice/") || r.Header.Get("X-Amz-Target") != "PinpointSMSVoiceV2.SendTextMessage" {
		t.Errorf("signed as %s for %s", by, r.Header.Get("X-Amz-Target"))
	}
}

// recorder is a transport that takes every text and keeps the bodies.
type recorder struct {
	answer string
	bodies []string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	r.bodies = append(r.bodies, string(body))
	return providertest.Response(http.StatusOK, r.answer), err
}

func TestSend_WhatATextSays_GoesBeforeTheSettings(t *testing.T) {
	const germany, india = "+4917612345678", "+919812345678"
	recorded := answers(t)
	now := time.Now()
	for name, c := range map[string]struct {
		kind     string
		settings []string
		message  sms.Message
		has      []string // of the body, decoded
		lacks    []string
	}{
		"sns: a name before both":      {byTopic, []string{"sender-id", "BELLHP", "origination-number", "+12065550100"}, sms.Message{SenderID: "OTHER"}, []string{"SenderID", "=OTHER"}, []string{"BELLHP", "12065550100"}},
		"sns: a number before both":    {byTopic, []string{"sender-id", "BELLHP", "origination-number", "+12065550100"}, sms.Message{SenderID: "+12065550199"}, []string{"OriginationNumber", "=+12065550199"}, []string{"BELLHP", "12065550100", "SMS.SenderID"}},
		"sns: both":                    {byTopic, []string{"sender-id", "BELLHP", "origination-number", "+12065550100"}, sms.Message{}, []string{"=BELLHP", "=+12065550100"}, nil},
		"sns: neither":                 {byTopic, nil, sms.Message{}, []string{"=Transactional"}, []string{"SMS.SenderID", "OriginationNumber", "MaxPrice"}},
		"sns: India's settings":        {byTopic, []string{"entity-id", "e-1", "template-id", "t-1"}, sms.Message{To: phone.FromCanonical(india)}, []string{"=e-1", "=t-1"}, nil},
		"sns: India's ids elsewhere":   {byTopic, []string{"entity-id", "e-1", "template-id", "t-1"}, sms.Message{EntityID: "e-2", TemplateID: "t-2"}, nil, []string{"EntityId", "TemplateId"}},
		"eum: a sender id":             {byMessage, []string{"origination-identity", "pool-1"}, sms.Message{SenderID: "OTHER"}, []string{`"OriginationIdentity":"OTHER"`}, []string{"pool-1"}},
		"eum: nothing":                 {byMessage, nil, sms.Message{}, []string{`"MessageType":"TRANSACTIONAL"`}, []string{"Origination", "Configuration", "TimeToLive", "Parameters", "Context", "MaxPrice"}},
		"eum: India's settings":        {byMessage, []string{"entity-id", "e-1"}, sms.Message{To: phone.FromCanonical(india)}, []string{`{"IN_ENTITY_ID":"e-1"}`}, nil},
		"eum: India's ids elsewhere":   {byMessage, []string{"entity-id", "e-1", "template-id", "t-1"}, sms.Message{EntityID: "e-2", TemplateID: "t-2"}, nil, []string{"IN_"}},
		"eum: seconds left":            {byMessage, nil, sms.Message{ExpiresAt: now.Add(time.Second)}, []string{`"TimeToLive":5}`}, nil},
		"eum: more than AWS waits for": {byMessage, nil, sms.Message{ExpiresAt: now.Add(time.Hour * 1000)}, []string{`"TimeToLive":259200}`}, nil},
	} {
		r := &recorder{answer: recorded[c.kind][0].Body}
		m := c.message
		if m.To.IsZero() {
			m.To = phone.FromCanonical(germany)
		}
		m.Body = "Your code is 489316."
		if _, err := open(t, c.kind, r, c.settings...).Send(t.Context(), m); err != nil || len(r.bodies) != 1 {
			t.Errorf("%s: %v after %d requests", name, err, len(r.bodies))
			continue
		}
		body := r.bodies[0]
		if c.kind == byTopic {
			body, _ = url.QueryUnescape(body)
		}
		for _, part := range c.has {
			if !strings.Contains(body, part) {
				t.Errorf("%s: %s lacks %s", name, body, part)
			}
		}
		for _, part := range c.lacks {
			if strings.Contains(body, part) {
				t.Errorf("%s: %s holds %s", name, body, part)
			}
		}
	}
}

func TestSend_ACodeThatIsOver_IsNotSent(t *testing.T) {
	for kind := range kinds {
		r := &recorder{}
		m := providertest.Message(t)
		m.ExpiresAt = time.Now()
		_, err := open(t, kind, r).Send(t.Context(), m)
		if err == nil || sms.OutcomeOf(err) != sms.SurelyNotSent || len(r.bodies) > 0 {
			t.Errorf("%s: %v after %d requests", kind, err, len(r.bodies))
		}
	}
}

func TestSend_WithoutCredentials_SaysSoAndSendsNothing(t *testing.T) {
	for kind := range kinds {
		r := &recorder{}
		_, err := open(t, kind, r, "access-key-id", "", "secret-access-key", "").Send(t.Context(), providertest.Message(t))
		if err == nil || sms.OutcomeOf(err) != sms.NotYet || !strings.Contains(err.Error(), "finds no credentials") || len(r.bodies) > 0 {
			t.Errorf("%s: %v after %d requests", kind, err, len(r.bodies))
		}
	}
}

func TestSend_NobodyAnswers_GivesUpAfterTenSeconds(t *testing.T) {
	for kind := range kinds {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, kind, roundTripper(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}))
			start := time.Now()
			_, err := s.Send(t.Context(), providertest.Message(t))
			if err == nil || sms.OutcomeOf(err) != sms.MaybeSent {
				t.Errorf("%s: %v, want maybe", kind, err)
			}
			if took := time.Since(start); took != 10*time.Second {
				t.Errorf("%s: gave up after %v", kind, took)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What each operation answers, as the API references have it.
const (
	snsSandbox = `<GetSMSSandboxAccountStatusResponse xmlns="https://sns.amazonaws.com/doc/2010-03-31/"><GetSMSSandboxAccountStatusResult><IsInSandbox>%t</IsInSandbox></GetSMSSandboxAccountStatusResult></GetSMSSandboxAccountStatusResponse>`
	snsLimit   = `<GetSMSAttributesResponse xmlns="https://sns.amazonaws.com/doc/2010-03-31/"><GetSMSAttributesResult><attributes><entry><key>MonthlySpendLimit</key><value>%s</value></entry></attributes></GetSMSAttributesResult></GetSMSAttributesResponse>`
	snsNoLimit = `<GetSMSAttributesResponse xmlns="https://sns.amazonaws.com/doc/2010-03-31/"><GetSMSAttributesResult><attributes/></GetSMSAttributesResult></GetSMSAttributesResponse>`
	eumTier    = `{"AccountAttributes":[{"Name":"ACCOUNT_TIER","Value":"%s"},{"Name":"DEFAULT_PROTECT_CONFIGURATION_ID","Value":"p-1"}]}`
	eumLimits  = `{"SpendLimits":[{"Name":"VOICE_MESSAGE_MONTHLY_SPEND_LIMIT","EnforcedLimit":1,"MaxLimit":1,"Overridden":false},{"Name":"TEXT_MESSAGE_MONTHLY_SPEND_LIMIT","EnforcedLimit":%d,"MaxLimit":%d,"Overridden":%t}]}`
	eumSet     = `{"ConfigurationSets":[{"ConfigurationSetArn":"arn:aws:sms-voice:ap-south-1:123456789012:configuration-set/signin","ConfigurationSetName":"signin","CreatedTimestamp":1686975103,"EventDestinations":[{"EventDestinationName":"bellhop","Enabled":%t,"MatchingEventTypes":["%s"],"SnsDestination":{"TopicArn":"%s"}}]}]}`
	denied     = `{"__type":"AccessDeniedException","Message":"User hunter is not authorized"}`
)

func TestProbe_SaysWhatKeepsTextsFromEverybody(t *testing.T) {
	sets := []string{"configuration-set", "signin", "topic-arn", ourTopic}
	fit := fmt.Sprintf(eumSet, true, "TEXT_ALL", ourTopic)
	const untold = "no enabled event destination"
	for name, c := range map[string]struct {
		kind     string
		settings []string
		answers  map[string]string // by operation; others are refused
		want     []string          // of the error, none for none
	}{
		"sns: all is well": {byTopic, nil, map[string]string{
			"GetSMSSandboxAccountStatus": fmt.Sprintf(snsSandbox, false), "GetSMSAttributes": fmt.Sprintf(snsLimit, "500")}, nil},
		"sns: no limit was set": {byTopic, nil, map[string]string{
			"GetSMSSandboxAccountStatus": fmt.Sprintf(snsSandbox, false), "GetSMSAttributes": snsNoLimit}, nil},
		"sns: a new account": {byTopic, nil, map[string]string{
			"GetSMSSandboxAccountStatus": fmt.Sprintf(snsSandbox, true), "GetSMSAttributes": fmt.Sprintf(snsLimit, "1")},
			[]string{"in the SMS sandbox of ap-south-1", "; sns: the account may spend 1 US dollars"}},
		"sns: may not ask": {byTopic, nil, nil, []string{"sns: GetSMSSandboxAccountStatus: AccessDeniedException (status 400"}},
		"sns: may ask for one": {byTopic, nil, map[string]string{"GetSMSSandboxAccountStatus": fmt.Sprintf(snsSandbox, false)},
			[]string{"sns: GetSMSAttributes: AccessDeniedException"}},
		"sns: no credentials": {byTopic, []string{"access-key-id", "", "secret-access-key", ""}, nil, []string{"finds no credentials"}},
		"eum: all is well": {byMessage, sets, map[string]string{
			"DescribeAccountAttributes": fmt.Sprintf(eumTier, "PRODUCTION"), "DescribeSpendLimits": fmt.Sprintf(eumLimits, 0, 500, false),
			"DescribeConfigurationSets": fit}, nil},
		"eum: without a set": {byMessage, nil, map[string]string{
			"DescribeAccountAttributes": fmt.Sprintf(eumTier, "PRODUCTION"), "DescribeSpendLimits": fmt.Sprintf(eumLimits, 100, 500, true)}, nil},
		"eum: a new account": {byMessage, nil, map[string]string{
			"DescribeAccountAttributes": fmt.Sprintf(eumTier, "SANDBOX"), "DescribeSpendLimits": fmt.Sprintf(eumLimits, 1, 1, false)},
			[]string{"in the SMS sandbox of ap-south-1", "; end user messaging: the account may spend 1 US dollars"}},
		"eum: a limit of its own": {byMessage, nil, map[string]string{
			"DescribeAccountAttributes": fmt.Sprintf(eumTier, "PRODUCTION"), "DescribeSpendLimits": fmt.Sprintf(eumLimits, 1, 500, true)},
			[]string{"may spend 1 US dollars"}},
		"eum: events go nowhere": {byMessage, sets, map[string]string{
			"DescribeAccountAttributes": fmt.Sprintf(eumTier, "PRODUCTION"), "DescribeSpendLimits": fmt.Sprintf(eumLimits, 0, 500, false),
			"DescribeConfigurationSets": fmt.Sprintf(eumSet, false, "TEXT_ALL", ourTopic)}, []string{untold}},
		"eum: events go elsewhere": {byMessage, sets, map[string]string{
			"DescribeAccountAttributes": fmt.Sprintf(eumTier, "PRODUCTION"), "DescribeSpendLimits": fmt.Sprintf(eumLimits, 0, 500, false),
			"DescribeConfigurationSets": fmt.Sprintf(eumSet, true, "TEXT_ALL", ourTopic+"-2")}, []string{untold}},
		"eum: other events go": {byMessage, sets, map[string]string{
			"DescribeAccountAttributes": fmt.Sprintf(eumTier, "PRODUCTION"), "DescribeSpendLimits": fmt.Sprintf(eumLimits, 0, 500, false),
			"DescribeConfigurationSets": fmt.Sprintf(eumSet, true, "VOICE_ALL", ourTopic)}, []string{untold}},
		"eum: no such set": {byMessage, sets, map[string]string{
			"DescribeAccountAttributes": fmt.Sprintf(eumTier, "PRODUCTION"), "DescribeSpendLimits": fmt.Sprintf(eumLimits, 0, 500, false),
			"DescribeConfigurationSets": `{"ConfigurationSets":[]}`}, []string{"no such configuration set"}},
		"eum: may not ask": {byMessage, sets, nil, []string{"end user messaging: DescribeAccountAttributes: AccessDeniedException"}},
	} {
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.ParseForm()
			_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
			if operation == "" {
				operation = r.PostForm.Get("Action")
			}
			answer, ok := c.answers[operation]
			switch {
			case ok:
				io.WriteString(w, answer)
			case c.kind == byTopic:
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, "<ErrorResponse><Error><Code>AccessDeniedException</Code><Message>User hunter is not authorized</Message></Error></ErrorResponse>")
			default:
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, denied)
			}
		}))
		prober, ok := open(t, c.kind, nil, append([]string{"endpoint", service.URL}, c.settings...)...).(sms.Prober)
		if !ok {
			t.Fatalf("%s cannot be asked", c.kind)
		}
		err := prober.Probe(t.Context())
		service.Close()
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, part := range c.want {
			if err != nil && (!strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s: %v, want %s", name, err, part)
			}
		}
	}
}

func TestKinds_SettingsThatCannotBe_AreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []string
		field string
	}{
		"a key without its secret": {[]string{"secret-access-key", ""}, "secret-access-key"},
		"a secret without its key": {[]string{"access-key-id", ""}, "access-key-id"},
	} {
		for kind := range kinds {
			if problem := kinds[kind].Check(values(c.pairs...)); problem == nil || problem.Field != c.field || strings.Contains(problem.What, secret) {
				t.Errorf("%s, %s: %+v", kind, name, problem)
			}
		}
	}
	good := map[string][]string{
		"region": {"us-east-1", "us-gov-west-1", "cn-north-1", "ap-southeast-3"}, "endpoint": {"http://localhost:4566", "https://sns.example"},
		"max-price": {"0.50", ".5", "12.34567"}, "sender-id": {"BELLHP", "123a"}, "origination-number": {"+12065550100", "12345"},
		"entity-id": {"1101538750000012345"}, "topic-arn": {ourTopic, ourTopic + ", " + ourTopic + "-2", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:t"},
		"origination-identity": {"+12065550100", "pool-0123456789abcdef", "BELLHP", "arn:aws:sms-voice:us-east-1:123456789012:pool/pool-1"}, "configuration-set": {"signin"},
	}
	bad := map[string][]string{
		"region": {"", "us east", "us-east-1.evil.example", "us-east-1/", "US-EAST-1"}, "endpoint": {"localhost:4566", "ftp://x"},
		"max-price": {"1", "0,50", "100.0", "0.123456", "-1.0"}, "sender-id": {"AB", "A NAME", "123456", "ABCDEFGHIJKL"}, "origination-number": {"BELLHP", "1234", "+123456789012345"},
		"entity-id": {"a b", strings.Repeat("1", 31)}, "topic-arn": {"*", ",", "arn:aws:sns:ap-south-1:123456789012:*", ourTopic + ".fifo", ourTopic + " " + ourTopic, "arn:aws:sqs:ap-south-1:123456789012:texts"},
		"origination-identity": {"a b", "<x>"}, "configuration-set": {"a b"},
	}
	seen := map[string]bool{}
	for _, kind := range kinds {
		for _, f := range kind.Fields {
			seen[f.Name] = true
			for _, value := range good[f.Name] {
				if err := f.Check(value); err != nil {
					t.Errorf("%s %q: %v", f.Name, value, err)
				}
			}
			for _, value := range bad[f.Name] {
				if err := f.Check(value); err == nil || value != "" && len(value) > 1 && strings.Contains(err.Error(), value) {
					t.Errorf("%s %q: %v", f.Name, value, err)
				}
			}
			if f.About == "" || f.Arg == "" {
				t.Errorf("%s is not described", f.Name)
			}
		}
	}
	for name := range good {
		if !seen[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

func TestNew_SettingsOfTheSDKThatCannotBeRead_AreRefusedWithoutThem(t *testing.T) {
	t.Setenv("AWS_PROFILE", "hunter2")
	for kind := range kinds {
		if _, err := kinds[kind].New(provider.Options{Values: values()}); err == nil || strings.Contains(err.Error(), "hunter2") || errors.Unwrap(err) != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
