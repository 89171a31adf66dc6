// Package lambda calls triggers by AWS Lambda's Invoke API: Lambda itself, or
// whatever speaks it. One Invoke is one request; trying again is the caller's
// business, and so is what an answer means.
package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/logging"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

const (
	timeout     = 5 * time.Second // for one call, where its context has no earlier end
	connections = 256             // to one host, at once
	maxHeader   = 64 << 10
)

// Config configures an Invoker.
type Config struct {
	Endpoint string // http or https; empty is AWS's of the region
	Region   string // empty is that of the function's ARN
	Function string // name or ARN to call in place of the trigger's; empty calls that
}

// Invoker calls functions with the credentials of the SDK's default chain:
// variables, shared files, web identity, container, instance. It is safe for
// concurrent use.
type Invoker struct {
	cfg         Config
	credentials aws.CredentialsProvider
	transport   *http.Transport
	client      *lambda.Client
}

// New returns an Invoker for cfg. It reads the SDK's files and variables, and
// calls nobody.
func New(ctx context.Context, cfg Config) (*Invoker, error) {
	if cfg.Endpoint != "" {
		if err := hook.CheckURL(cfg.Endpoint); err != nil {
			return nil, fmt.Errorf("lambda: %w", err)
		}
	}
	// A client that the SDK can build upon, so that it takes AWS_CA_BUNDLE to heart.
	buildable := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxConnsPerHost, t.MaxIdleConnsPerHost, t.MaxResponseHeaderBytes = connections, connections, maxHeader
	})
	shared, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithHTTPClient(buildable), awsconfig.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("lambda: the AWS SDK's settings cannot be read: %w", err)
	}
	if built, ok := shared.HTTPClient.(*awshttp.BuildableClient); ok {
		buildable = built
	}
	i := &Invoker{cfg: cfg, credentials: marked{shared.Credentials}, transport: buildable.GetTransport()}
	i.client = lambda.NewFromConfig(shared, func(o *lambda.Options) {
		o.Credentials = i.credentials
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = sdkhttp.Whole(hook.NewClient(bounded{i.transport}, timeout))
		if cfg.Endpoint != "" {
			o.BaseEndpoint = &cfg.Endpoint
		}
	})
	return i, nil
}

// Invoke implements trigger.Invoker.
func (i *Invoker) Invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	function := cmp.Or(i.cfg.Function, arn)
	out, err := i.client.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: &function, InvocationType: types.InvocationTypeRequestResponse, Payload: event,
	}, func(o *lambda.Options) { o.Region = cmp.Or(i.region(arn), o.Region) })
	if err != nil {
		return nil, faultOf(ctx, err)
	}
	if out.FunctionError != nil {
		return nil, failure(*out.FunctionError, out.Payload)
	}
	return out.Payload, nil
}

// region is that of the settings, else the ARN's fourth part, "" where it has none.
func (i *Invoker) region(arn string) string {
	parts := strings.Split(arn, ":")
	if i.cfg.Region != "" || len(parts) < 4 {
		return i.cfg.Region
	}
	return parts[3]
}

// failure is what a function says of itself; kind is the header's word for it,
// Handled or Unhandled.
func failure(kind string, payload []byte) *trigger.FunctionError {
	failed, ok := trigger.ReadFailure(payload)
	if !ok {
		failed.Message = cmp.Or(failed.Type, kind)
	}
	return failed
}

// Probe says whether there are credentials and whether the endpoint can be
// connected to; region is for one that the settings leave to the ARN. It calls no
// function.
func (i *Invoker) Probe(ctx context.Context, region string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if _, err := i.credentials.Retrieve(ctx); err != nil {
		return errCredentials
	}
	target, err := i.endpoint(ctx, cmp.Or(i.cfg.Region, region, i.client.Options().Region))
	if err != nil {
		return err
	}
	return hook.Reach(ctx, target, i.transport)
}

func (i *Invoker) endpoint(ctx context.Context, region string) (*url.URL, error) {
	if i.cfg.Endpoint != "" {
		return url.Parse(i.cfg.Endpoint)
	}
	found, err := lambda.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, lambda.EndpointParameters{Region: &region}.WithDefaults())
	if err != nil || region == "" {
		return nil, fmt.Errorf("there is no endpoint of the region %q", region)
	}
	return &found.URI, nil
}

// errCredentials stands for the chain's own words, which name files and hosts.
var errCredentials = errors.New("the AWS SDK finds no credentials")

// marked makes known that it was the credentials that a call failed for.
type marked struct{ chain aws.CredentialsProvider }

func (m marked) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := m.chain.Retrieve(ctx)
	if err != nil {
		return found, errCredentials
	}
	return found, nil
}

// errTooLong says that an answer is longer than a function may give.
var errTooLong = errors.New("the answer is longer than 6 MB")

// bounded ends bodies that are longer than an answer may be.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &boundedBody{res.Body, trigger.MaxAnswer}
	return res, nil
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if n > b.left {
		return b.left, errTooLong
	}
	b.left -= n
	return n, err
}
