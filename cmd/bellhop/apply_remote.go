package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/poolfile"
)

// remotePools are those of a server, asked over its API.
type remotePools struct {
	url    string
	region string
	key    aws.Credentials
	http   *http.Client
}

// patience is how long one request may take.
const patience = 30 * time.Second

func newRemote(ctx context.Context, in invocation, cfg *config.Config, endpoint string) (*remotePools, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, usageError("--endpoint must be the http:// or https:// address of a server")
	}
	key, err := adminKeyOf(ctx, in, cfg)
	if err != nil {
		return nil, err
	}
	return &remotePools{
		url: strings.TrimSuffix(endpoint, "/") + "/", region: cfg.Region, key: key,
		http: &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// adminKeyOf finds the key to sign with: the server's own setting, AWS's variables,
// AWS's shared credentials file. Nothing is asked of any network.
func adminKeyOf(ctx context.Context, in invocation, cfg *config.Config) (aws.Credentials, error) {
	if cfg.AdminAccessKeyID != "" {
		return aws.Credentials{AccessKeyID: cfg.AdminAccessKeyID, SecretAccessKey: string(cfg.AdminSecret)}, nil
	}
	env := variable(in.env)
	if id, secret := env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"); id != "" && secret != "" {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
	}
	profile := env("AWS_PROFILE")
	if profile == "" {
		profile = awsconfig.DefaultSharedConfigProfile
	}
	shared, err := awsconfig.LoadSharedConfigProfile(ctx, profile, func(o *awsconfig.LoadSharedConfigOptions) {
		if file := env("AWS_SHARED_CREDENTIALS_FILE"); file != "" {
			o.CredentialsFiles, o.ConfigFiles = []string{file}, []string{}
		}
	})
	if err != nil || !shared.Credentials.HasKeys() {
		return aws.Credentials{}, errors.New("there is no admin key to sign with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE to a file such as bellhop admin-keys create prints")
	}
	return shared.Credentials, nil
}

func (r *remotePools) call(ctx context.Context, operation string, members poolfile.Tree) (poolfile.Tree, error) {
	body := members.JSON()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, r.key, req, hex.EncodeToString(sum[:]), "cognito-idp", r.region, time.Now()); err != nil {
		return nil, err
	}
	res, err := r.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the server cannot be asked: %w", err)
	}
	defer res.Body.Close()
	return answerOf(res)
}

// longestAnswer is more than a server of ours answers to anything asked here.
const longestAnswer = 16 << 20

func answerOf(res *http.Response) (poolfile.Tree, error) {
	text, err := io.ReadAll(io.LimitReader(res.Body, longestAnswer))
	if err != nil {
		return nil, fmt.Errorf("the answer did not arrive whole: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		tree, err := parseTree(text)
		if err != nil {
			return nil, errors.New("the answer is no JSON: is --endpoint the address of a server's API?")
		}
		return tree, nil
	}
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &said) != nil || said.Type == "" {
		return nil, fmt.Errorf("the server answers %s and no word that is the API's: is --endpoint its address?", res.Status)
	}
	name := said.Type[strings.LastIndexByte(said.Type, '#')+1:]
	if name == "ResourceNotFoundException" {
		return nil, fault.New(fault.ResourceNotFound, "%s", said.Message)
	}
	return nil, fmt.Errorf("%s (%s)", said.Message, name)
}

func (r *remotePools) keeps() bool { return false }

func (r *remotePools) keep(context.Context, poolfile.Call) error {
	return errors.New("the API makes nothing under an id of one's own")
}

func (r *remotePools) close() { r.http.CloseIdleConnections() }
