package logdelivery_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/logdelivery"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	group  = "arn:aws:logs:us-east-1:123456789012:log-group:pool"
)

// written is the path of a destinations file beside a secret.
func written(t *testing.T, text string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{"logs.yaml": text, "hook.secret": secret + "\n", "short.secret": "whsec_c2hvcnQ="} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "logs.yaml")
}

func load(t *testing.T, text string) (*logdelivery.Destinations, string) {
	t.Helper()
	path := written(t, text)
	d, err := logdelivery.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return d, filepath.Dir(path)
}

// signIn is an event whose id is so long that size counts.
func signIn(n int) userpool.LogEvent {
	at := time.Date(2024, 7, 17, 17, 25, 55, 677e6, time.UTC)
	return userpool.LogEvent{Auth: &userpool.AuthEvent{
		Row: userpool.AuditRow{
			ID: userpool.AuditID(fmt.Sprintf("0190c1f2-%08d", n)), At: at, Operation: "InitiateAuth", PoolID: "us-west-2_EXAMPLE",
			ClientID: "1example23456789", UserID: "a1b2c3d4-5678-90ab-cdef-EXAMPLE22222", Masked: "+********3210",
			Address: "192.0.2.1", Device: "Chrome 126, Windows 10", RequestID: "request",
		},
		Type: userpool.EventSignIn, Response: userpool.EventPass, Risk: userpool.RiskNone, Address: "192.0.2.1",
		Answers:  []userpool.AuthAnswer{{Challenge: userpool.EventPassword, Right: true}},
		Feedback: &userpool.EventFeedback{Value: "Valid", Provider: "Admin", At: at},
	}}
}

func TestDeliver_ToAFile_IsAmazonsShape(t *testing.T) {
	d, folder := load(t, `destinations: [{ arn: "arn:aws:logs:*", file: { path: pool.jsonl } }]`)
	failed := userpool.LogEvent{Undelivered: &userpool.Undelivered{
		Row:    userpool.AuditRow{ID: "e", At: time.UnixMilli(1687297330677), PoolID: "us-west-2_EXAMPLE", UserID: "sub", Masked: "+********3210", Reason: "30003"},
		Medium: "SMS", Purpose: "sign_up", Provider: "twilio", Message: "m",
	}}
	if err := d.Deliver(t.Context(), group, []userpool.LogEvent{signIn(1), failed}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "pool.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	want := `{"eventTimestamp":"1721237155677","eventSource":"USER_ACTIVITY","logLevel":"INFO","message":{"version":"1","eventId":"0190c1f2-00000001","eventType":"SignIn","userSub":"a1b2c3d4-5678-90ab-cdef-EXAMPLE22222","userName":"+********3210","userPoolId":"us-west-2_EXAMPLE","clientId":"1example23456789","creationDate":"Wed Jul 17 17:25:55 UTC 2024","eventResponse":"Pass","riskLevel":"","riskDecision":"PASS","challenges":["Password:Success"],"deviceName":"Chrome 126, Windows 10","ipAddress":"192.0.2.1","requestId":"request","idpName":"","compromisedCredentialDetected":"","city":"","country":"","eventFeedbackValue":"Valid","eventFeedbackDate":"Wed Jul 17 17:25:55 UTC 2024","eventFeedbackProvider":"Admin","hasContextData":"true"},"logSourceId":{"userPoolId":"us-west-2_EXAMPLE"}}`
	if len(lines) != 3 || lines[0] != want {
		t.Errorf("the file is\n%s\nwant\n%s", raw, want)
	}
	want = `{"eventTimestamp":"1687297330677","eventSource":"USER_NOTIFICATION","logLevel":"ERROR","message":{"details":"The message to +********3210 was not delivered by twilio (30003).","eventId":"e","userSub":"sub","clientId":"","deliveryMedium":"SMS","destination":"+********3210","purpose":"sign_up","provider":"twilio","code":"30003","messageId":"m"},"logSourceId":{"userPoolId":"us-west-2_EXAMPLE"}}`
	if lines[1] != want {
		t.Errorf("the failure is\n%s\nwant\n%s", lines[1], want)
	}
	if info, err := os.Stat(filepath.Join(folder, "pool.jsonl")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

// Files are rotated at their size, the oldest goes, and each line stays whole, also
// after one that was torn.
func TestDeliver_ToAFullFile_Rotates(t *testing.T) {
	d, folder := load(t, `destinations: [{ arn: "*", file: { path: pool.jsonl, megabytes: 1, keep: 2 } }]`)
	path := filepath.Join(folder, "pool.jsonl")
	if err := os.WriteFile(path, []byte(`{"torn`), 0o600); err != nil {
		t.Fatal(err)
	}
	batch := make([]userpool.LogEvent, 400) // some 300 kB
	for n := range 20 {
		for i := range batch {
			batch[i] = signIn(n*len(batch) + i)
		}
		if err := d.Deliver(t.Context(), group, batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(path, 0); err != nil { // by somebody else's rotation
		t.Fatal(err)
	}
	if err := d.Deliver(t.Context(), group, []userpool.LogEvent{signIn(1)}); err != nil {
		t.Fatal(err)
	}
	for name, full := range map[string]bool{"pool.jsonl": false, "pool.jsonl.1": true, "pool.jsonl.2": true} {
		raw, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) >= 1<<20 != full || len(raw) > 2<<20 {
			t.Errorf("%s has %d bytes", name, len(raw))
		}
		for line := range strings.Lines(string(raw)) {
			if !json.Valid([]byte(line)) {
				t.Fatalf("%s has the line %q", name, line)
			}
		}
	}
	if _, err := os.Stat(path + ".3"); err == nil {
		t.Error("three full files are kept, of two")
	}
}

func TestDeliver_AfterATornLine_BeginsANewOne(t *testing.T) {
	d, folder := load(t, `destinations: [{ arn: "*", file: { path: pool.jsonl } }]`)
	path := filepath.Join(folder, "pool.jsonl")
	if err := os.WriteFile(path, []byte(`{"torn`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Deliver(t.Context(), group, []userpool.LogEvent{signIn(1)}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(raw), "{\"torn\n{\"eventTimestamp\"") {
		t.Errorf("%q, %v", raw, err)
	}
}

func TestDeliver_ToAWebhook_IsSignedAndInOrder(t *testing.T) {
	verify, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	var got, ids []string
	answer := http.StatusNoContent
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := verify.Verify(body, r.Header); err != nil {
			t.Error(err)
		}
		var post struct {
			Events []struct{ Message struct{ EventID string } }
		}
		if err := json.Unmarshal(body, &post); err != nil {
			t.Error(err)
		}
		ids = append(ids, r.Header.Get("webhook-id"))
		for _, e := range post.Events {
			got = append(got, e.Message.EventID)
		}
		w.Header().Set("Location", server.URL+"/elsewhere")
		w.WriteHeader(answer)
	}))
	defer server.Close()
	d, _ := load(t, `destinations: [{ arn: "*", webhook: { url: "`+strings.Replace(server.URL, "http://", "http://user:hook-password@", 1)+`", secret-file: hook.secret } }]`)
	batch := make([]userpool.LogEvent, 120)
	for i := range batch {
		batch[i] = signIn(i)
	}
	if err := d.Deliver(t.Context(), group, batch); err != nil {
		t.Fatal(err)
	}
	if len(got) != 120 || got[0] != "0190c1f2-00000000" || got[119] != "0190c1f2-00000119" || len(ids) != 3 {
		t.Errorf("got %d events in the posts %v", len(got), ids)
	}
	for _, answer = range []int{http.StatusInternalServerError, http.StatusFound, http.StatusGone, http.StatusTooManyRequests} {
		before := len(ids)
		err := d.Deliver(t.Context(), group, batch)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(answer)) || strings.Contains(err.Error(), "hook-password") {
			t.Errorf("%d: %v", answer, err)
		}
		if len(ids) != before+1 || ids[before] != ids[0] {
			t.Errorf("%d: the posts are %v", answer, ids[before:])
		}
	}
	if found := d.Probe(t.Context()); len(found) != 1 || found[0].Err != nil {
		t.Errorf("the webhook is there: %+v", found)
	}
	server.Close()
	if err := d.Deliver(t.Context(), group, batch); err == nil || strings.Contains(err.Error(), "hook-password") {
		t.Errorf("nobody is there: %v", err)
	}
	if found := d.Probe(t.Context()); found[0].Err == nil || strings.Contains(found[0].Err.Error(), "hook-password") {
		t.Errorf("nobody is there: %+v", found)
	}
}

func TestLeads_TheFirstThatMatches(t *testing.T) {
	d, folder := load(t, `destinations:
  - { arn: "arn:aws:s3:::logs", file: { path: a/bucket.jsonl } }
  - { arn: "arn:aws:logs:*", file: { path: group.jsonl } }
`)
	for arn, want := range map[string]bool{group: true, "arn:aws:s3:::logs": true, "arn:aws:s3:::others": false, "": false} {
		if d.Leads(arn) != want {
			t.Errorf("%q leads somewhere: %v", arn, !want)
		}
	}
	if err := d.Deliver(t.Context(), "arn:aws:s3:::others", nil); err == nil {
		t.Error("delivered to nowhere")
	}
	if err := d.Deliver(t.Context(), "arn:aws:s3:::logs", []userpool.LogEvent{signIn(1)}); err == nil {
		t.Error("delivered into a folder that is not there")
	}
	found := d.Probe(t.Context())
	if len(found) != 2 || found[0].Err == nil || found[1].Err != nil || found[0].Where != filepath.Join(folder, "logs.yaml")+":2: file" {
		t.Errorf("found %+v", found)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 3 {
		t.Errorf("looking leaves something: %v, %v", left, err)
	}
}

// Everything is reported at once, each with its line, and no secret with it.
func TestLoad_WhatIsWrong_IsAllReported(t *testing.T) {
	path := written(t, `destinations:
  - { arn: logs, file: { path: a } }
  - { arn: "arn:aws:logs:*", fil: { path: b } }
  - { arn: "arn:aws:logs:us-east-1:*", file: { path: c, megabytes: 0, keep: many, size: 3 } }
  - { file: { path: d }, webhook: { url: "ftp://u:pass-of-hook@x", secret-file: hook.secret } }
  - { arn: "arn:aws:s3:*", webhook: { url: "http://x", secret-file: short.secret } }
  - { arn: "arn:aws:firehose:*", webhook: { url: "ftp://u:pass-of-hook@x", secret-file: hook.secret } }
  - { arn: "arn:aws:sqs:*", file: { path: a } }
`)
	_, err := logdelivery.Load(path)
	if !errors.As(err, new(config.Problems)) {
		t.Fatal(err)
	}
	said := strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "")
	for _, want := range []string{
		"logs.yaml:2: arn must be the ARN of a log group",
		"logs.yaml:3: fil is not known here; did you mean file?",
		"logs.yaml:3: the destination needs one of file and webhook, and has 0",
		"logs.yaml:4: megabytes must be a number",
		"logs.yaml:4: keep must be a number",
		"logs.yaml:4: size is not known here",
		"logs.yaml:4: the destination is never reached: the entry of line 3",
		"logs.yaml:5: the destination has no arn",
		"logs.yaml:5: webhook cannot be used: webhook: the URL must start with http",
		"logs.yaml:6: secret-file names a file whose secret must hold 24 to 64 bytes",
		"logs.yaml:8: the destination writes the file of line 2",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in:\n%s", want, said)
		}
	}
	for _, told := range []string{"pass-of-hook", "c2hvcnQ"} {
		if strings.Contains(said, told) {
			t.Errorf("it tells %s:\n%s", told, said)
		}
	}
	if _, err := logdelivery.Load(written(t, "destinations: []")); err == nil || !strings.Contains(err.Error(), "names no destinations") {
		t.Errorf("an empty list: %v", err)
	}
}
