package awsaccount_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

const (
	ourTopic  = "arn:aws:sns:ap-south-1:123456789012:texts"
	snsHost   = "sns.ap-south-1.amazonaws.com"
	pemPath   = "/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
	delivered = `{"eventType":"TEXT_DELIVERED","messageId":"p-1","context":{"bellhop-message":"m-1"}}`
)

var day = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// amazon is SNS as far as we ask it: its certificate by path, and confirmations.
type amazon struct {
	key *rsa.PrivateKey

	mu     sync.Mutex // guards the fields below
	files  map[string][]byte
	status int      // of every answer, 0 for 200 and 404
	asked  []string // host and path, and action
}

// Making keys takes longer than all else here.
var ours, others = sync.OnceValues(makeKey), sync.OnceValues(makeKey)

func makeKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func newAmazon(t *testing.T) *amazon { return amazonWith(t, ours) }

func amazonWith(t *testing.T, make func() (*rsa.PrivateKey, error)) *amazon {
	t.Helper()
	key, err := make()
	if err != nil {
		t.Fatal(err)
	}
	a := &amazon{key: key, files: map[string][]byte{}}
	a.files[pemPath] = a.certificate(t, "sns.amazonaws.com", day.Add(-time.Hour), day.Add(time.Hour*1000))
	return a
}

func (a *amazon) certificate(t *testing.T, name string, from, until time.Time) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: from, NotAfter: until,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
}

func (a *amazon) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.Scheme+"://"+r.URL.Host+r.URL.Path+r.URL.Query().Get("Action"))
	body, ok := a.files[r.URL.Path]
	status := http.StatusOK
	switch {
	case a.status != 0:
		status, body = a.status, nil
	case !ok && r.URL.Path != "/":
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(string(body))), Header: http.Header{}}, nil
}

// posted is a post by its members, signed as the version says.
func (a *amazon) posted(t *testing.T, version string, members map[string]string) []byte {
	t.Helper()
	p := map[string]string{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": ourTopic, "Message": delivered,
		"Timestamp": day.Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": version, "SigningCertURL": "https://" + snsHost + pemPath,
	}
	for name, value := range members {
		p[name] = value
	}
	// The order is that of the page: by the names' bytes.
	var signed strings.Builder
	for _, name := range []string{"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"} {
		if value, ok := p[name]; ok {
			signed.WriteString(name + "\n" + value + "\n")
		}
	}
	hash := map[string]crypto.Hash{"1": crypto.SHA1, "2": crypto.SHA256}[version]
	h := hash.New()
	io.WriteString(h, signed.String())
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, hash, h.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	p["Signature"] = base64.StdEncoding.EncodeToString(signature)
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (a *amazon) caller(t *testing.T, kind, topics string) sms.Caller {
	t.Helper()
	caller, ok := open(t, kind, a, "topic-arn", topics).(sms.Caller)
	if !ok {
		t.Fatalf("%s is told nothing", kind)
	}
	return caller
}

func read(t *testing.T, c sms.Caller, now time.Time, body []byte) ([]sms.Event, error) {
	t.Helper()
	return c.ReadPost(t.Context(), now, sms.Post{
		URL: "https://id.example.com/callbacks/aws", ContentType: "text/plain; charset=UTF-8", Header: func(string) string { return "" }, Body: body,
	})
}

const subscribe = "https://" + snsHost + "/?Action=ConfirmSubscription&TopicArn=" + ourTopic + "&Token=233"

func TestReadPost_WhatSNSSigned_IsBelievedAndNothingElse(t *testing.T) {
	one := newAmazon(t)
	other := amazonWith(t, others)
	weak := amazonWith(t, func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 1024) })
	hello := map[string]string{"Subject": "Hello\nWorld"}
	swap := func(body []byte, old, new string) []byte { return []byte(strings.Replace(string(body), old, new, 1)) }
	at := func(d time.Duration) map[string]string {
		return map[string]string{"Timestamp": day.Add(d).Format("2006-01-02T15:04:05.000Z")}
	}
	lies := func(url string) []byte { return one.posted(t, "2", map[string]string{"SigningCertURL": url}) }
	confirms := func(url string) []byte {
		return one.posted(t, "1", map[string]string{"Type": "SubscriptionConfirmation", "Token": "233", "SubscribeURL": url})
	}
	const believed, refused, signed = "believed", "refused", "signed, and of no use"
	const certificate, confirmation = "GET https://" + snsHost + pemPath, "GET https://" + snsHost + "/ConfirmSubscription"
	for name, c := range map[string]struct {
		topics string
		file   []byte // in place of the certificate
		body   []byte
		want   string
		asked  []string
	}{
		"version 1":                   {body: one.posted(t, "1", nil), want: believed, asked: []string{certificate}},
		"version 2":                   {body: one.posted(t, "2", nil), want: believed, asked: []string{certificate}},
		"version 1 with a subject":    {body: one.posted(t, "1", hello), want: believed, asked: []string{certificate}},
		"version 2 with a subject":    {body: one.posted(t, "2", hello), want: believed, asked: []string{certificate}},
		"an hour late":                {body: one.posted(t, "2", at(-time.Hour)), want: believed, asked: []string{certificate}},
		"one of two topics":           {topics: "arn:aws:sns:eu-west-1:123456789012:other, " + ourTopic, body: one.posted(t, "2", nil), want: believed, asked: []string{certificate}},
		"a day late":                  {body: one.posted(t, "2", at(-24*time.Hour)), want: refused},
		"tomorrow's":                  {body: one.posted(t, "2", at(24*time.Hour)), want: refused},
		"of no time":                  {body: one.posted(t, "2", map[string]string{"Timestamp": "now"}), want: refused},
		"changed":                     {body: swap(one.posted(t, "2", nil), "m-1", "m-2"), want: refused, asked: []string{certificate}},
		"a subject too many":          {body: swap(one.posted(t, "2", nil), `"Type"`, `"Subject":"x","Type"`), want: refused, asked: []string{certificate}},
		"of another kind":             {body: swap(one.posted(t, "2", nil), "Notification\"", "UnsubscribeConfirmation\""), want: refused, asked: []string{certificate}},
		"by somebody else's key":      {body: other.posted(t, "2", nil), want: refused, asked: []string{certificate}},
		"version 2 that says 1":       {body: swap(one.posted(t, "2", nil), `Version":"2"`, `Version":"1"`), want: refused, asked: []string{certificate}},
		"version 3":                   {body: swap(one.posted(t, "2", nil), `Version":"2"`, `Version":"3"`), want: refused},
		"no signature":                {body: swap(one.posted(t, "2", nil), `"Signature":"`, `"Signature":"?`), want: refused},
		"another topic":               {body: one.posted(t, "2", map[string]string{"TopicArn": ourTopic + "-2"}), want: refused},
		"no topic at all":             {topics: "-", body: one.posted(t, "2", nil), want: refused},
		"certificate of evil":         {body: lies("https://sns.ap-south-1.amazonaws.com.evil.example" + pemPath), want: refused},
		"certificate of a bucket":     {body: lies("https://sns.s3.amazonaws.com" + pemPath), want: refused},
		"certificate of China":        {body: lies("https://" + snsHost + ".cn" + pemPath), want: refused},
		"certificate of elsewhere":    {body: lies("https://sns.us-east-1.amazonaws.com" + pemPath), want: refused},
		"certificate in the clear":    {body: lies("http://" + snsHost + pemPath), want: refused},
		"certificate at a port":       {body: lies("https://" + snsHost + ":8443" + pemPath), want: refused},
		"certificate of a user":       {body: lies("https://" + snsHost + "@evil.example" + pemPath), want: refused},
		"certificate by a user":       {body: lies("https://evil@" + snsHost + pemPath), want: refused},
		"certificate of a query":      {body: lies("https://" + snsHost + pemPath + "?x"), want: refused},
		"certificate of an operation": {body: lies("https://" + snsHost + "/?Action=x.pem"), want: refused},
		"certificate above":           {body: lies("https://" + snsHost + "/a/.." + pemPath), want: refused},
		"certificate that is not":     {body: lies("https://" + snsHost + "/SimpleNotificationService-0.pem"), want: refused, asked: []string{"GET https://" + snsHost + "/SimpleNotificationService-0.pem"}},
		"certificate of another name": {file: one.certificate(t, "evil.example", day.Add(-time.Hour), day.Add(time.Hour)), body: one.posted(t, "2", nil), want: refused, asked: []string{certificate}},
		"certificate that is over":    {file: one.certificate(t, "sns.amazonaws.com", day.Add(-time.Hour), day.Add(-time.Minute)), body: one.posted(t, "2", nil), want: refused, asked: []string{certificate}},
		"certificate of tomorrow":     {file: one.certificate(t, "sns.amazonaws.com", day.Add(time.Hour), day.Add(2*time.Hour)), body: one.posted(t, "2", nil), want: refused, asked: []string{certificate}},
		"certificate of a weak key":   {file: weak.files[pemPath], body: weak.posted(t, "2", nil), want: refused, asked: []string{certificate}},
		"certificate of the region":   {file: one.certificate(t, "sns-signing.ap-south-1.amazonaws.com", day.Add(-time.Hour), day.Add(time.Hour)), body: one.posted(t, "2", nil), want: believed, asked: []string{certificate}},
		"certificate of garbage":      {file: []byte("-----BEGIN"), body: one.posted(t, "2", nil), want: refused, asked: []string{certificate}},
		"garbage":                     {body: []byte("\x00{"), want: refused},
		"a raw event":                 {body: []byte(delivered), want: refused},
		"nothing":                     {want: refused},
		"a message of no text":        {body: one.posted(t, "2", map[string]string{"Message": "Hello world!"}), want: signed, asked: []string{certificate}},
		"a message of no event":       {body: one.posted(t, "2", map[string]string{"Message": "{}"}), want: signed, asked: []string{certificate}},
		"the end of a subscription":   {body: one.posted(t, "1", map[string]string{"Type": "UnsubscribeConfirmation", "Token": "233", "SubscribeURL": subscribe}), want: signed, asked: []string{certificate}},
		"a subscription":              {body: confirms(subscribe), want: "confirmed", asked: []string{certificate, confirmation}},
		"a subscription to evil":      {body: confirms(strings.Replace(subscribe, snsHost, "evil.example", 1)), want: refused, asked: []string{certificate}},
		"a subscription elsewhere":    {body: confirms(strings.Replace(subscribe, "ap-south-1", "us-east-1", 1)), want: refused, asked: []string{certificate}},
		"a subscription in the clear": {body: confirms(strings.Replace(subscribe, "https", "http", 1)), want: refused, asked: []string{certificate}},
		"a subscription to another":   {body: confirms(subscribe + "&TopicArn=x"), want: refused, asked: []string{certificate}},
		"a subscription that deletes": {body: confirms(strings.Replace(subscribe, "ConfirmSubscription", "DeleteTopic", 1)), want: refused, asked: []string{certificate}},
		"a subscription, unsigned":    {body: swap(confirms(subscribe), "Token=233", "Token=234"), want: refused, asked: []string{certificate}},
		"a subscription of others":    {topics: ourTopic + "-2", body: confirms(subscribe), want: refused},
	} {
		for kind := range kinds {
			service := &amazon{files: map[string][]byte{pemPath: one.files[pemPath]}}
			if c.file != nil {
				service.files[pemPath] = c.file
			}
			topics := c.topics
			switch topics {
			case "":
				topics = ourTopic
			case "-":
				topics = ""
			}
			caller := service.caller(t, kind, topics)
			events, err := read(t, caller, day, c.body)
			_, isForged := errors.AsType[*sms.ErrForged](err)
			got := signed
			switch {
			case err == nil && len(events) == 1:
				got = believed
			case err == nil:
				got = "confirmed"
			case isForged:
				got = refused
			}
			if got != c.want || !slices.Equal(service.asked, c.asked) {
				t.Errorf("%s, %s: %s (%v) after asking %q; want %s after %q", kind, name, got, err, service.asked, c.want, c.asked)
			}
			if got == believed && (events[0].Kind != sms.Delivered || events[0].ID != "m-1" || events[0].ProviderID != "p-1") {
				t.Errorf("%s, %s: %+v", kind, name, events)
			}
			if err != nil && fault.Is(err, fault.Unavailable) {
				t.Errorf("%s, %s: %v, which would be posted again", kind, name, err)
			}
		}
	}
}

func TestReadPost_ARepeat_SaysTheSame(t *testing.T) {
	a := newAmazon(t)
	caller := a.caller(t, byMessage, ourTopic)
	body := a.posted(t, "2", nil)
	var first string
	for i := range 3 {
		events, err := read(t, caller, day.Add(time.Duration(i)*time.Minute), body)
		if err != nil {
			t.Fatal(err)
		}
		if said := fmt.Sprint(events); i == 0 {
			first = said
		} else if said != first {
			t.Errorf("first %s, then %s", first, said)
		}
	}
	if len(a.asked) != 1 {
		t.Errorf("the certificate was fetched %d times", len(a.asked))
	}
	if kind, body := caller.Answer("Hello"); kind != "" || body != nil {
		t.Errorf("it answers %q %q", kind, body)
	}
}

// A certificate is fetched again after a day, and never believed past its end.
func TestReadPost_AKnownCertificate_GrowsOld(t *testing.T) {
	a := newAmazon(t)
	a.files[pemPath] = a.certificate(t, "sns.amazonaws.com", day.Add(-time.Hour), day.Add(30*time.Hour))
	caller := a.caller(t, byMessage, ourTopic)
	for _, c := range []struct {
		after   time.Duration
		fetches int
		ok      bool
	}{{0, 1, true}, {23 * time.Hour, 1, true}, {25 * time.Hour, 2, true}, {29 * time.Hour, 2, true}, {31 * time.Hour, 3, false}} {
		now := day.Add(c.after)
		_, err := read(t, caller, now, a.posted(t, "2", map[string]string{"Timestamp": now.Format(time.RFC3339)}))
		if (err == nil) != c.ok || len(a.asked) != c.fetches {
			t.Errorf("after %v: %v, %d fetches; want %t, %d", c.after, err, len(a.asked), c.ok, c.fetches)
		}
	}
}

func TestReadPost_SNSAway_MayBePostedAgain(t *testing.T) {
	a := newAmazon(t)
	caller := a.caller(t, byMessage, ourTopic)
	body := a.posted(t, "2", nil)
	a.status = http.StatusServiceUnavailable
	if _, err := read(t, caller, day, body); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without the certificate: %v", err)
	}
	a.status = 0
	if events, err := read(t, caller, day, body); err != nil || len(events) != 1 {
		t.Errorf("posted again: %v, %v", events, err)
	}
	a.status = http.StatusForbidden
	confirmation := a.posted(t, "1", map[string]string{"Type": "SubscriptionConfirmation", "Token": "233", "SubscribeURL": subscribe})
	if _, err := read(t, caller, day, confirmation); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without the confirmation: %v", err)
	}
}

// Whoever knows a topic's name can have us ask AWS for certificates. It is not for more
// than a few, and does not keep out what is signed by one that is known.
func TestReadPost_CertificatesWithoutEnd_AreNotAskedFor(t *testing.T) {
	a := newAmazon(t)
	caller := a.caller(t, byMessage, ourTopic)
	if _, err := read(t, caller, day, a.posted(t, "2", nil)); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		url := fmt.Sprintf("https://%s/SimpleNotificationService-%d.pem", snsHost, i)
		if _, err := read(t, caller, day, a.posted(t, "2", map[string]string{"SigningCertURL": url})); err == nil {
			t.Fatal("it is believed")
		}
	}
	if n := len(a.asked); n != 10 {
		t.Errorf("%d certificates were asked for in a minute", n)
	}
	if _, err := read(t, caller, day, a.posted(t, "2", nil)); err != nil {
		t.Errorf("afterwards, by the known certificate: %v", err)
	}
	late := "https://" + snsHost + "/SimpleNotificationService-late.pem"
	a.files["/SimpleNotificationService-late.pem"] = a.files[pemPath]
	if _, err := read(t, caller, day.Add(2*time.Minute), a.posted(t, "2", map[string]string{"SigningCertURL": late})); err != nil {
		t.Errorf("minutes later, by another one: %v", err)
	}
}

// A partition of AWS's own has its own hosts, and its own name in the certificate.
func TestReadPost_OtherPartitions_HaveTheirOwnHosts(t *testing.T) {
	a := newAmazon(t)
	for arn, c := range map[string]struct{ host, name string }{
		"arn:aws-cn:sns:cn-north-1:123456789012:texts":        {"sns.cn-north-1.amazonaws.com.cn", "sns-cn-north-1.amazonaws.com.cn"},
		"arn:aws-us-gov:sns:us-gov-east-1:123456789012:texts": {"sns.us-gov-east-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com"},
	} {
		body := a.posted(t, "2", map[string]string{"TopicArn": arn, "SigningCertURL": "https://" + c.host + pemPath})
		for name, believed := range map[string]bool{c.name: true, "sns.amazonaws.com": false} {
			a.files[pemPath] = a.certificate(t, name, day.Add(-time.Hour), day.Add(time.Hour))
			if _, err := read(t, a.caller(t, byMessage, arn), day, body); (err == nil) != believed {
				t.Errorf("%s by %s: %v", arn, name, err)
			}
		}
	}
}

// Posts come many at once, and the certificate is fetched once for all; SNS changes it
// now and then, and what is kept of them has a bound.
func TestReadPost_ManyAtOnceAndCertificatesThatChange(t *testing.T) {
	a := newAmazon(t)
	caller := a.caller(t, byMessage, ourTopic)
	body := a.posted(t, "2", nil)
	var group errgroup.Group
	for range 50 {
		group.Go(func() error {
			_, err := caller.ReadPost(t.Context(), day, sms.Post{Body: body})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if n := len(a.asked); n != 1 {
		t.Errorf("the certificate was fetched %d times", n)
	}
	for i := range 30 {
		path := fmt.Sprintf("/SimpleNotificationService-%d.pem", i)
		a.files[path] = a.files[pemPath]
		now := day.Add(time.Duration(i) * time.Minute)
		if _, err := read(t, caller, now, a.posted(t, "2", map[string]string{"SigningCertURL": "https://" + snsHost + path})); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(a.asked); n != 31 {
		t.Errorf("%d fetches of 31 certificates", n)
	}
	later := day.Add(32 * time.Minute)
	for path, again := range map[string]int{"/SimpleNotificationService-29.pem": 0, pemPath: 1} {
		before := len(a.asked)
		if _, err := read(t, caller, later, a.posted(t, "2", map[string]string{"SigningCertURL": "https://" + snsHost + path})); err != nil || len(a.asked)-before != again {
			t.Errorf("%s: %v after %d fetches, want %d", path, err, len(a.asked)-before, again)
		}
	}
}

func TestReadPost_Events_AreReadAsThePagesHaveThem(t *testing.T) {
	raw, err := os.ReadFile("testdata/events.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Events []struct {
			Name, Source, Want string
			Message            json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	a := newAmazon(t)
	for kind := range kinds {
		caller := a.caller(t, kind, ourTopic)
		for _, c := range recorded.Events {
			events, err := read(t, caller, day, a.posted(t, "2", map[string]string{"Message": string(c.Message)}))
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			var said []string
			for _, e := range events {
				if e.Kind == sms.Incoming {
					said = append(said, fmt.Sprintf("incoming %s from %s: %s", e.ProviderID, e.From.E164(), e.Body))
					if !e.At.Equal(day) {
						t.Errorf("%s: at %v", c.Name, e.At)
					}
					continue
				}
				said = append(said, fmt.Sprintf("%s %s of %s at %d, code %s, %d segments, %d micros",
					e.Kind, e.ID, e.ProviderID, e.At.UnixMilli(), e.Code, e.Segments, e.Micros))
			}
			if got := strings.Join(said, "\n"); got != c.Want {
				t.Errorf("%s: %s\nwant %s", c.Name, got, c.Want)
			}
		}
	}
}
