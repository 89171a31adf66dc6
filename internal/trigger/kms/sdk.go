//go:build !race

package kms

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	materials "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygenerated"
	materialtypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	encryption "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	encryptiontypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	timeout     = 5 * time.Second // for one call of KMS
	connections = 64              // to KMS at once
	maxHeader   = 64 << 10
)

// contextPool is the key of the encryption context that names the pool
// (developer guide, Custom sender Lambda triggers).
const contextPool = "userpool-id"

// Encrypter is a userpool.Encrypter with the credentials of the SDK's default
// chain: variables, shared files, web identity, container, instance. It is safe
// for concurrent use.
type Encrypter struct {
	cfg       Config
	shared    aws.Config
	materials *materials.Client
	sdk       *encryption.Client
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
	e := &Encrypter{cfg: cfg, shared: shared}
	if e.materials, err = materials.NewClient(materialtypes.MaterialProvidersConfig{}); err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	// What is encrypted commits to its key. Functions that were written for
	// Cognito's messages, which do not, read it as well.
	policy := materialtypes.ESDKCommitmentPolicyRequireEncryptRequireDecrypt
	if e.sdk, err = encryption.NewClient(encryptiontypes.AwsEncryptionSdkConfig{CommitmentPolicy: &policy}); err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	return e, nil
}

// Encrypt implements userpool.Encrypter with one call of KMS, which is not
// repeated: the outbox does that. The SDK panics where a text is no UTF-8 or an
// answer is not what it thinks, which must not end a server.
func (e *Encrypter) Encrypt(ctx context.Context, key string, pool userpool.PoolID, secret string) (message []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			message, err = nil, fmt.Errorf("kms: the AWS Encryption SDK gave up: %v", p)
		}
	}()
	var said error // what KMS said, which the SDK tells less plainly
	client := kms.NewFromConfig(e.shared, e.options(key), kms.WithAPIOptions(bind(ctx, &said)))
	keyring, err := e.materials.CreateAwsKmsKeyring(ctx, materialtypes.CreateAwsKmsKeyringInput{KmsClient: client, KmsKeyId: key})
	if err != nil {
		return nil, fmt.Errorf("kms: key %s cannot be used: %s", key, plain(err))
	}
	out, err := e.sdk.Encrypt(ctx, encryptiontypes.EncryptInput{
		Plaintext: []byte(secret), EncryptionContext: map[string]string{contextPool: string(pool)}, Keyring: keyring,
	})
	switch {
	case said != nil:
		return nil, fmt.Errorf("kms: %w", said)
	case err != nil:
		return nil, fmt.Errorf("kms: encrypt: %s", plain(err))
	}
	return out.Ciphertext, nil
}

// plain is the text of an error of the Encryption SDK, which begins with a code
// that it does not set.
func plain(err error) string { return strings.TrimPrefix(err.Error(), "%!s(*string=<nil>): ") }

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

// bind ends a client's calls with ctx, since the Encryption SDK hands none down,
// and notes how the last one failed.
func bind(ctx context.Context, said *error) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("BindContext",
			func(own context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				own, cancel := context.WithTimeout(own, timeout)
				defer cancel()
				defer context.AfterFunc(ctx, cancel)()
				out, metadata, err := next.HandleInitialize(own, in)
				*said = err
				return out, metadata, err
			}), middleware.Before)
	}
}
