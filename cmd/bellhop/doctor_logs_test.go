package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Doctor says of each destination whether it can be used, and of each pool whether
// its events lead anywhere; a server does not start on a file that is wrong.
func TestLogDelivery_DoctorFindsWhatLeadsNowhere(t *testing.T) {
	data := served(t)
	change(t, data, func(ctx context.Context, tx userpool.Tx) error {
		return tx.SetLogDeliveries(ctx, poolID, []userpool.LogDelivery{
			{PoolID: poolID, Source: userpool.LogAuthEvents, Level: "INFO", Kind: userpool.LogGroup, ARN: "arn:aws:logs:us-east-1:123456789012:log-group:sign-ins", Cursor: "a", Lost: 7},
			{PoolID: poolID, Source: userpool.LogNotifications, Place: 1, Level: "ERROR", Kind: userpool.LogBucket, ARN: "arn:aws:s3:::failures", Cursor: "a"},
		})
	})
	found, code, _ := examined(t, nil, data, "--public-url", "https://auth.example.com")
	if !said(found, "log delivery", levelWarn, "sends userAuthEvents to arn:aws:logs:us-east-1:123456789012:log-group:sign-ins, and there is no file of destinations") || code != exitOK {
		t.Errorf("without a file: %d, %+v", code, found)
	}

	folder := t.TempDir()
	file := filepath.Join(folder, "logs.yaml")
	for name, text := range map[string]string{
		"logs.yaml": `destinations:
  - { arn: "arn:aws:logs:*", file: { path: events.jsonl } }
  - { arn: "arn:aws:firehose:*", webhook: { url: "http://user:hook-password@127.0.0.1:1/", secret-file: hook.secret } }
`,
		"hook.secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
		"wrong.yaml":  "destinations: [{ arn: x }]",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, code, output := examined(t, nil, data, "--public-url", "https://auth.example.com", "--log-delivery", file)
	for _, want := range []finding{
		{Level: levelOK, Said: file + ":2: file can be used"},
		{Level: levelFail, Said: file + ":3: webhook cannot be used"},
		{Level: levelWarn, Said: "sends userNotification to arn:aws:s3:::failures, which no entry of " + file + " matches"},
		{Level: levelWarn, Said: "7 events were swept before arn:aws:logs:us-east-1:123456789012:log-group:sign-ins took them"},
	} {
		if !said(found, "log delivery", want.Level, want.Said) {
			t.Errorf("%s %q is missing in %s", want.Level, want.Said, output)
		}
	}
	if code == exitOK || strings.Contains(output, "hook-password") {
		t.Errorf("exit code %d: %s", code, output)
	}

	code, _, stderr := once(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--log-delivery", filepath.Join(folder, "wrong.yaml"))
	if code == exitOK || !strings.Contains(stderr, "wrong.yaml:1: arn must be the ARN of a log group") {
		t.Errorf("a wrong file: %d, %s", code, stderr)
	}
	start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "https://auth.example.com", "--log-delivery", file).endWell()
}
