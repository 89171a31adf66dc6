// Command bellhop-lambda is one AWS Lambda function for every trigger of a Cognito
// user pool: sign-in by a texted code, limits on what texts may cost, and sign-ups
// of which none stays half-finished. docs/bellhop-lambda.md says what it does and
// how it is set up.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/pack/directory"
	"github.com/bellhop-auth/bellhop/internal/pack/dynamo"
	"github.com/bellhop-auth/bellhop/internal/pack/texts"
	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// startTime bounds a cold start; Lambda gives ten seconds.
const startTime = 8 * time.Second

func main() {
	level := new(slog.LevelVar)
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	h, err := start(os.Getenv, level, log)
	if err != nil {
		log.Error("bellhop-lambda cannot start", "problems", strings.Split(err.Error(), "\n"))
		os.Exit(1)
	}
	warnOfUnknown(log, os.Environ())
	lambda.Start(h)
}

// start reads the settings and wires the function.
func start(getenv func(string) string, level *slog.LevelVar, log *slog.Logger) (handler, error) {
	settings, err := pack.Read(getenv)
	if err != nil {
		return handler{}, err
	}
	level.Set(settings.LogLevel)
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	c, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithHTTPClient(awshttp.NewBuildableClient()))
	if err != nil {
		return handler{}, fmt.Errorf("configuration of the AWS SDK: %w", err)
	}
	c.HTTPClient = sdkhttp.Whole(c.HTTPClient)
	key, err := readKey(ctx, c, settings, getenv)
	if err != nil {
		return handler{}, err
	}
	return handler{pack.New(pack.Config{
		Settings: settings, Key: key, Log: log, DecisionTime: decisionTime,
		Store:     dynamo.New(table(c), settings.Table),
		Texter:    newPaced(sender(c, settings)),
		Directory: directory.New(c),
	})}, nil
}

// tableTime is for one request to the table, which takes some milliseconds: what a
// connection swallowed that AWS Lambda froze is sent again while there is time.
const tableTime = time.Second

// decisionTime is for a decision of the guard, which takes some hundredths of a second.
const decisionTime = 1500 * time.Millisecond

func table(c aws.Config) *dynamodb.Client {
	return dynamodb.NewFromConfig(c, func(o *dynamodb.Options) {
		o.HTTPClient = sdkhttp.Whole(awshttp.NewBuildableClient().WithTimeout(tableTime).WithTransportOptions(keepConnections))
		o.RetryMaxAttempts = 3
	})
}

// tableConnections are as many as the guard's decision writes items at once.
const tableConnections = 32

func keepConnections(t *http.Transport) {
	t.MaxIdleConns, t.MaxIdleConnsPerHost = tableConnections, tableConnections
}

func sender(c aws.Config, s pack.Settings) sms.Sender {
	if s.Sender == pack.EUMS {
		return texts.NewEndUserMessaging(c, s)
	}
	return texts.NewSNS(c, s)
}

// readKey reads the key from where the settings say.
func readKey(ctx context.Context, c aws.Config, s pack.Settings, getenv func(string) string) ([]byte, error) {
	if s.KeySecretARN == "" {
		return longEnough(pack.KeyVariable, []byte(strings.TrimSpace(getenv(pack.KeyVariable))))
	}
	out, err := secretsmanager.NewFromConfig(c).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.KeySecretARN})
	if err != nil {
		return nil, fmt.Errorf("BELLHOP_KEY_SECRET_ARN: %w", err)
	}
	if out.SecretString == nil {
		return longEnough("BELLHOP_KEY_SECRET_ARN", out.SecretBinary)
	}
	return longEnough("BELLHOP_KEY_SECRET_ARN", []byte(strings.TrimSpace(*out.SecretString)))
}

func longEnough(where string, key []byte) ([]byte, error) {
	if len(key) < pack.MinKey {
		return nil, fmt.Errorf("%s: must be random and have at least %d characters; it has %d", where, pack.MinKey, len(key))
	}
	return key, nil
}

// warnOfUnknown names variables that look like ours and are not: a limit whose
// name is misspelt would silently be the default.
func warnOfUnknown(log *slog.Logger, environ []string) {
	known := map[string]bool{}
	for _, v := range pack.Variables() {
		known[v.Name] = true
	}
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "BELLHOP_") && !known[name] {
			log.Warn("a variable that bellhop-lambda does not know", "name", name)
		}
	}
}

// answerTime is less than the five seconds that Cognito waits, so that what takes
// too long ends in words of ours.
const answerTime = 4500 * time.Millisecond

// handler is the pack as aws-lambda-go calls it.
type handler struct{ pack *pack.Pack }

// Invoke implements lambda.Handler.
func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return h.pack.Handle(ctx, payload, time.Now())
}
