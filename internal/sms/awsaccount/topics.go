package awsaccount

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Topics are the topics of Amazon SNS that post what becomes of texts, and texts that
// come in. It implements the better part of sms.Caller and is safe for concurrent use.
type Topics struct {
	arns         map[string]topic
	http         *http.Client
	certificates *certificates
}

// topic is what an ARN says of where its posts come from.
type topic struct{ partition, region string }

// host is where SNS is asked about the topic, and where its certificates lie.
func (t topic) host() string {
	if t.partition == "aws-cn" {
		return "sns." + t.region + ".amazonaws.com.cn"
	}
	return "sns." + t.region + ".amazonaws.com"
}

// Topics returns those of the setting topic-arn, by which nothing may be posted where
// it is empty.
func (a *Account) Topics(setting string) *Topics {
	t := &Topics{arns: map[string]topic{}, http: a.HTTP, certificates: &certificates{http: a.HTTP}}
	for _, arn := range topics(setting) {
		if parts := arnForm.FindStringSubmatch(arn); parts != nil {
			t.arns[arn] = topic{parts[1], parts[2]}
		}
	}
	return t
}

// Any reports whether there is a topic at all, and Has whether it is one of them.
func (t *Topics) Any() bool           { return len(t.arns) > 0 }
func (t *Topics) Has(arn string) bool { _, ok := t.arns[arn]; return ok }

// How old a post may be, and how far ahead of our clock. SNS tries one for an hour at
// most ("a hard limit", https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html);
// its Timestamp is that of the first try. A repeat within that time changes nothing,
// since an event of a text only takes it forward.
const (
	maxAge   = 75 * time.Minute
	maxAhead = 15 * time.Minute
)

// post is what SNS posts, in the words of
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
type post struct {
	Type             string
	MessageId        string
	TopicArn         string
	Subject          *string
	Message          string
	Timestamp        string
	Token            string
	SubscribeURL     string
	SignatureVersion string
	Signature        string
	SigningCertURL   string
}

const (
	notification   = "Notification"
	subscription   = "SubscriptionConfirmation"
	unsubscription = "UnsubscribeConfirmation"
)

// ReadPost is sms.Caller's. A post that asks whether we subscribe is answered yes where
// the topic is one of the settings. A fault.Unavailable says that SNS could not be asked
// what it takes to verify the post, which may be posted again.
func (t *Topics) ReadPost(ctx context.Context, now time.Time, p sms.Post) ([]sms.Event, error) {
	var said post
	if err := json.Unmarshal(p.Body, &said); err != nil {
		return nil, forged("it is no notification of Amazon SNS; raw message delivery must be off")
	}
	from, ok := t.arns[said.TopicArn]
	if !ok {
		return nil, forged("it is of no topic that topic-arn names")
	}
	sent, err := time.Parse(time.RFC3339, said.Timestamp)
	if err != nil || now.Sub(sent) > maxAge || sent.Sub(now) > maxAhead {
		return nil, forged("it was sent at another time")
	}
	if err := t.verify(ctx, now, from, said, p); err != nil {
		return nil, err
	}
	switch said.Type {
	case notification:
		return read([]byte(said.Message), sent)
	case subscription:
		defer p.Wait()()
		return nil, t.confirm(ctx, from, said)
	default: // verify has seen to it that it is this
		return nil, errors.New("the subscription of this address to a topic of Amazon SNS has ended: nothing more will be posted by it")
	}
}

// Answer is sms.Caller's: nothing can be sent back.
func (t *Topics) Answer(string) (contentType string, body []byte) { return "", nil }

func forged(why string) error { return &sms.ErrForged{Why: why} }

// verify says whether SNS signed the post.
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
func (t *Topics) verify(ctx context.Context, now time.Time, from topic, said post, p sms.Post) error {
	signed, ok := said.signed()
	if !ok {
		return forged("it is of no type that Amazon SNS posts")
	}
	var hash crypto.Hash
	var sum []byte
	switch said.SignatureVersion {
	case "1":
		one := sha1.Sum([]byte(signed))
		hash, sum = crypto.SHA1, one[:]
	case "2":
		two := sha256.Sum256([]byte(signed))
		hash, sum = crypto.SHA256, two[:]
	default:
		return forged("its signature is of a version that nobody knows")
	}
	signature, err := base64.StdEncoding.DecodeString(said.Signature)
	if err != nil {
		return forged("its signature cannot be read")
	}
	key, err := t.certificates.key(ctx, now, from, said.SigningCertURL, p.Wait)
	if err != nil {
		return err
	}
	if rsa.VerifyPKCS1v15(key, hash, sum, signature) != nil {
		return forged("its signature is wrong")
	}
	return nil
}

// signed is what the signature is of: names and values, each with a newline. Since the
// topic and the type end it, no text of another topic's can pass for one of ours.
func (p post) signed() (string, bool) {
	var b strings.Builder
	add := func(name, value string) { b.WriteString(name + "\n" + value + "\n") }
	add("Message", p.Message)
	add("MessageId", p.MessageId)
	switch p.Type {
	case notification:
		if p.Subject != nil {
			add("Subject", *p.Subject)
		}
		add("Timestamp", p.Timestamp)
	case subscription, unsubscription:
		add("SubscribeURL", p.SubscribeURL)
		add("Timestamp", p.Timestamp)
		add("Token", p.Token)
	default:
		return "", false
	}
	add("TopicArn", p.TopicArn)
	add("Type", p.Type)
	return b.String(), true
}

// confirm says to SNS that we subscribe.
func (t *Topics) confirm(ctx context.Context, from topic, said post) error {
	u, err := url.Parse(said.SubscribeURL)
	if err != nil || !at(u, from) || !only(u, "Action", "ConfirmSubscription") || !only(u, "TopicArn", said.TopicArn) {
		return forged("it wants a subscription to be confirmed somewhere else than at its topic")
	}
	status, _, err := get(ctx, t.http, u.String())
	if err != nil || status != http.StatusOK {
		return fault.New(fault.Unavailable, "Amazon SNS does not take the confirmation of a subscription (status %d)", status)
	}
	return nil
}

// at says that an address is of the topic's own SNS, and of nothing beside it.
func at(u *url.URL, from topic) bool {
	return u.Scheme == "https" && u.Host == from.host() && u.User == nil && u.Opaque == ""
}

// only says that a parameter is there once, and is this.
func only(u *url.URL, name, value string) bool { return slices.Equal(u.Query()[name], []string{value}) }

// maxPage is longer than a certificate or a confirmation; the rest is not read.
const maxPage = 16 << 10

// get asks for what is public. Its errors hold nothing of the URL.
func get(ctx context.Context, client *http.Client, address string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, errors.New("the request cannot be made")
	}
	res, err := client.Do(r)
	if err != nil {
		return 0, nil, errors.New("no answer")
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(io.LimitReader(res.Body, maxPage)); err != nil {
		return 0, nil, errors.New("an answer that ends early")
	}
	return res.StatusCode, body, nil
}
