// Package awsaccount is what the server's two kinds of provider at AWS have in common:
// the settings of an account, the clients' transport, and what an account posts by a
// topic of Amazon SNS. What a text looks like is awssms's.
package awsaccount

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
	"github.com/bellhop-auth/bellhop/internal/sms/awssms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

const (
	// Deadline is for one call, connecting and answering included, where its context
	// ends later or never.
	Deadline    = 10 * time.Second
	connections = 64 // to one host, at once
	maxHeader   = 64 << 10
	maxAnswer   = 256 << 10
)

var (
	regionForm   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	priceForm    = regexp.MustCompile(`^[0-9]{0,2}\.[0-9]{1,5}$`)
	registerForm = regexp.MustCompile(`^[!-~]{1,30}$`)
)

// Fields are the settings of an account, those of the kind itself, and those that each
// text at AWS may have.
func Fields(own ...provider.Field) []provider.Field {
	account := []provider.Field{
		{Name: "region", Arg: "us-east-1", Required: true, About: "the AWS region that sends", Check: fits(regionForm, "must be a region, such as us-east-1")},
		{Name: "endpoint", Arg: "URL", About: "what to call in AWS's place, such as an emulator of it", Check: hook.CheckURL},
		{Name: "access-key-id", Arg: "AKIA...", About: "an access key; without one the AWS SDK looks where it always does: variables, shared files, container, instance"},
		{Name: "secret-access-key", Arg: "SECRET", Secret: true, About: "the secret of access-key-id"},
	}
	texts := []provider.Field{
		{Name: "max-price", Arg: "0.50", About: "what one text may cost in US dollars; AWS does not send one that would cost more", Check: fits(priceForm, "must be US dollars such as 0.50, below 100 and with a point")},
		{Name: "entity-id", Arg: "ID", About: "India: the id of the business in the DLT register, for texts that bring none", Check: fits(registerForm, "must be up to 30 characters without a space")},
		{Name: "template-id", Arg: "ID", About: "India: the id of the template in the DLT register, for texts that bring none", Check: fits(registerForm, "must be up to 30 characters without a space")},
		{Name: "topic-arn", Arg: "arn:aws:sns:...", About: "the topics of Amazon SNS that post to the provider's callback, with commas between; nothing is believed of others", Check: checkTopics},
	}
	return append(append(account, own...), texts...)
}

// Check says what is wrong with an account's settings together.
func Check(v provider.Values) *provider.Problem {
	switch {
	case v["access-key-id"] == "" && v["secret-access-key"] != "":
		return &provider.Problem{Field: "access-key-id", What: "is missing, which secret-access-key belongs to"}
	case v["access-key-id"] != "" && v["secret-access-key"] == "":
		return &provider.Problem{Field: "secret-access-key", What: "is missing, which access-key-id needs"}
	}
	return nil
}

// Settings are those of the kinds' fields that both have. Trying again is the routes'
// and the outbox's: one Send is one request.
func Settings(v provider.Values) awssms.Settings {
	return awssms.Settings{
		MaxPrice: v["max-price"], EntityID: v["entity-id"], TemplateID: v["template-id"],
		Echo: true, Deadline: Deadline, Retryer: aws.NopRetryer{},
	}
}

// Account is an account in a region.
type Account struct {
	// Config is what the SDK's clients are made of.
	Config aws.Config
	// HTTP is for addresses that are no API's. It follows no redirect.
	HTTP *http.Client
}

// Open returns the account of settings that passed every check. It reads the SDK's
// files and variables, and calls nobody.
func Open(o provider.Options) (*Account, error) {
	// A client that the SDK can build upon, so that it takes AWS_CA_BUNDLE to heart.
	buildable := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxConnsPerHost, t.MaxIdleConnsPerHost, t.MaxResponseHeaderBytes = connections, connections, maxHeader
	})
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithRegion(o.Values["region"]), awsconfig.WithHTTPClient(buildable), awsconfig.WithLogger(logging.Nop{}),
	}
	if key := o.Values["access-key-id"]; key != "" {
		options = append(options, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(key, o.Values["secret-access-key"], "")))
	}
	c, err := awsconfig.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		return nil, errors.New("the AWS SDK's settings cannot be read: look at its variables (AWS_PROFILE and the like) and its files")
	}
	transport := o.Transport
	if built, ok := c.HTTPClient.(*awshttp.BuildableClient); ok && transport == nil {
		transport = built.GetTransport()
	}
	client := hook.NewClient(bounded{transport}, Deadline)
	c.HTTPClient = sdkhttp.Whole(client)
	c.Credentials = marked{c.Credentials}
	if endpoint := o.Values["endpoint"]; endpoint != "" {
		c.BaseEndpoint = &endpoint
	}
	return &Account{Config: c, HTTP: client}, nil
}

// marked makes known that it was the credentials that a call failed for.
type marked struct{ chain aws.CredentialsProvider }

func (m marked) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := m.chain.Retrieve(ctx)
	if err != nil {
		return found, awssms.ErrCredentials
	}
	return found, nil
}

// bounded cuts answers that are longer than any that we can use.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, maxAnswer), res.Body}
	return res, nil
}

// fits returns a check of a value by its form.
func fits(form *regexp.Regexp, otherwise string) func(string) error {
	return func(value string) error {
		if !form.MatchString(value) {
			return errors.New(otherwise)
		}
		return nil
	}
}

// arnForm is that of a topic that can post: a FIFO topic posts to nobody
// (https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html).
var arnForm = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}):[0-9]{12}:[A-Za-z0-9_-]{1,256}$`)

func checkTopics(value string) error {
	all := topics(value)
	if len(all) == 0 || slices.ContainsFunc(all, func(arn string) bool { return !arnForm.MatchString(arn) }) {
		return errors.New("must be topics such as arn:aws:sns:us-east-1:123456789012:texts, with commas between")
	}
	return nil
}

func topics(value string) []string {
	var all []string
	for arn := range strings.SplitSeq(value, ",") {
		if arn = strings.TrimSpace(arn); arn != "" {
			all = append(all, arn)
		}
	}
	return all
}
