package kms

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go/logging"

	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	timeout     = 5 * time.Second // for one call of KMS
	connections = 64              // to KMS at once
	maxHeader   = 64 << 10
)

// Encrypter is a userpool.Encrypter with the credentials of the SDK's default
// chain: variables, shared files, web identity, container, instance. It is safe
// for concurrent use.
type Encrypter struct {
	cfg    Config
	shared aws.Config
}

// New returns an Encrypter for cfg. It reads the SDK's files and variables, and
// calls nobody.
func New(ctx context.Context, cfg Config) (*Encrypter, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	client := awshttp.NewBuildableClient().WithTimeout(timeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxConnsPerHost, t.MaxIdleConnsPerHost, t.MaxResponseHeaderBytes = connections, connections, maxHeader
	})
	shared, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithHTTPClient(client), awsconfig.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("kms: the AWS SDK's settings cannot be read: %w", err)
	}
	return &Encrypter{cfg: cfg, shared: shared}, nil
}

// Encrypt implements userpool.Encrypter with one call of KMS, which is not
// repeated: the outbox does that.
func (e *Encrypter) Encrypt(ctx context.Context, key string, pool userpool.PoolID, secret string) ([]byte, error) {
	m, err := newMessage(pool)
	if err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	fresh, err := e.dataKey(ctx, key, m.context)
	if err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	out, err := m.seal(fresh, secret)
	if err != nil {
		return nil, fmt.Errorf("kms: key %q: %w", key, err)
	}
	return out, nil
}

// dataKey has KMS make a key that it gives again only to who names the context.
func (e *Encrypter) dataKey(ctx context.Context, key string, bound map[string]string) (dataKey, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := kms.NewFromConfig(e.shared, e.options(key)).GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &key, NumberOfBytes: aws.Int32(keyLength), EncryptionContext: bound,
	})
	if err != nil {
		return dataKey{}, err
	}
	// It is the name by which decrypters find the key, and want it whole.
	name := aws.ToString(out.KeyId)
	if parts := strings.Split(name, ":"); len(parts) != 6 || parts[0] != "arn" || !strings.HasPrefix(parts[5], "key/") {
		return dataKey{}, fmt.Errorf("key %q: it answered for %q, which is no ARN of a key", key, name)
	}
	return dataKey{plain: out.Plaintext, wrapped: out.CiphertextBlob, arn: name}, nil
}

// options are the settings' for calls about the key.
func (e *Encrypter) options(key string) func(*kms.Options) {
	return func(o *kms.Options) {
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = sdkhttp.Whole(o.HTTPClient)
		if e.cfg.Endpoint != "" {
			o.BaseEndpoint = &e.cfg.Endpoint
		}
		parts := strings.Split(key, ":") // arn:aws:kms:region:account:key/id
		switch {
		case e.cfg.Region != "":
			o.Region = e.cfg.Region
		case len(parts) > 3:
			o.Region = parts[3]
		}
	}
}
