package triggerfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/triggerfile"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// written is the path of a triggers file beside a folder and two secrets.
func written(t testing.TB, text string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{"triggers.yaml": text, "hook.secret": secret + "\n", "short.secret": "whsec_c2hvcnQ=", "create/index.mjs": ""} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "triggers.yaml")
}

func TestLoad_EveryKey(t *testing.T) {
	path := written(t, `# who calls what
functions:
  - arn: arn:aws:lambda:ap-south-1:123456789012:function:create
    local: { folder: ./create, handler: index.handler, node: /usr/bin/node, processes: 2, timeout: 3s, memory: 256, environment: &e { TABLE: t, N: 7, ON: true, EMPTY: "" } }
  - arn: "arn:aws:lambda:*:*:function:define*"
    local:
      folder: create
      command: [./bootstrap, -v]
      environment: *e
  - arn: "arn:aws:lambda:us-east-1:111122223333:function:pre-*"
    webhook: { url: "https://user:pass@hooks.example.com/pre", secret-file: ./hook.secret, allow-private: true }
  - arn: "arn:aws:lambda:us-*"
    lambda: { endpoint: "http://127.0.0.1:9001", region: ap-south-1, function: function }
  - arn: "*"
    lambda: {}
kms: { endpoint: "http://127.0.0.1:4599", region: us-east-1 }
`)
	got, err := triggerfile.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(path)
	environment := map[string]string{"TABLE": "t", "N": "7", "ON": "true", "EMPTY": ""}
	want := &triggerfile.File{Path: path, KMS: &triggerfile.KMS{Endpoint: "http://127.0.0.1:4599", Region: "us-east-1"}, Functions: []triggerfile.Function{
		{ARN: "arn:aws:lambda:ap-south-1:123456789012:function:create", Line: 3, Local: &triggerfile.Local{
			Folder: filepath.Join(folder, "create"), Handler: "index.handler", Node: "/usr/bin/node", Environment: environment, Processes: 2, Timeout: 3 * time.Second, Memory: 256}},
		{ARN: "arn:aws:lambda:*:*:function:define*", Line: 5, Local: &triggerfile.Local{Folder: filepath.Join(folder, "create"), Command: []string{"./bootstrap", "-v"}, Environment: environment}},
		{ARN: "arn:aws:lambda:us-east-1:111122223333:function:pre-*", Line: 10, Webhook: &triggerfile.Webhook{URL: "https://user:pass@hooks.example.com/pre", Secret: secret, AllowPrivate: true}},
		{ARN: "arn:aws:lambda:us-*", Line: 12, Lambda: &triggerfile.Lambda{Endpoint: "http://127.0.0.1:9001", Region: "ap-south-1", Function: "function"}},
		{ARN: "*", Line: 14, Lambda: &triggerfile.Lambda{}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
	if where := got.Where(got.Functions[2]); where != path+":10" {
		t.Error(where)
	}
}

// Everything is reported at once, each with its line, and no secret with it.
func TestLoad_WhatIsWrong_IsAllReported(t *testing.T) {
	path := written(t, `functions:
  - arn: create
    local: { folder: ./nowhere, handler: index }
  - arn: "arn:aws:lambda:*"
    webhok: { url: x }
  - arn: arn:aws:lambda:us-east-1:1:function:a
    lambda: { endpont: "http://x", region: [] }
  - local: { folder: create }
    webhook: { secret-file: ./short.secret, allow-private: maybe }
  - arn: arn:aws:lambda:us-east-1:000000000000:function:bellhop-texted-code
    local: { folder: ./hook.secret, command: ./bootstrap, processes: 1000, timeout: 3, memory: much, environment: { A: [], "B=": x } }
  - arn: "*x"
    arn: "*y"
    webhook: { url: "https://u:pass-of-hook@x", secret-file: ./none.secret }
  - 7
kms: { region: us-east-1 }
kmz: {}
`)
	_, err := triggerfile.Load(path)
	if !errors.As(err, new(config.Problems)) {
		t.Fatal(err)
	}
	said := strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "")
	for _, want := range []string{
		"triggers.yaml:2: arn must be a function's ARN",
		"triggers.yaml:3: folder names a folder that cannot be used",
		"triggers.yaml:3: local has a handler that is not FILE.FUNCTION",
		"triggers.yaml:5: webhok is not known here; did you mean webhook?",
		"triggers.yaml:4: the function needs one of local, webhook and lambda, and has 0",
		"triggers.yaml:6: arn is never reached: the entry of line 4 matches all of it",
		"triggers.yaml:7: endpont is not known here; did you mean endpoint?",
		"triggers.yaml:7: region must be a text",
		"triggers.yaml:8: the function has no arn",
		"triggers.yaml:8: local needs either a handler, of Node.js, or a command",
		"triggers.yaml:9: webhook has no url",
		"triggers.yaml:9: secret-file names a file whose secret must hold 24 to 64 bytes",
		"triggers.yaml:9: allow-private must be true or false",
		"triggers.yaml:10: arn names Bellhop's own challenge",
		"triggers.yaml:11: folder names hook.secret, which is no folder",
		"triggers.yaml:11: command must be a list of texts",
		"triggers.yaml:11: processes must be a number from 1 to 64",
		"triggers.yaml:11: timeout must be a length of time",
		"triggers.yaml:11: memory must be a number",
		"triggers.yaml:11: A must be a text",
		"triggers.yaml:11: B= is no name of a variable",
		"triggers.yaml:13: arn is given twice",
		"triggers.yaml:14: secret-file names a file that cannot be read",
		"triggers.yaml:15: the function must be a mapping",
		"triggers.yaml:16: kms has no endpoint",
		"triggers.yaml:17: kmz is not known here; did you mean kms?",
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
}

func TestLoad_WhatIsNoFileOfTriggers(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "names no functions",
		"functions: []":               "names no functions",
		"functions: {}":               "functions must be a list",
		"a: [":                        "is not YAML",
		"- a":                         "must hold settings",
		"functions: []\n---\nkms: {}": "more than one document",
		"functions: &f [*f]":          "the function must be a mapping",
	} {
		if _, err := triggerfile.Load(written(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := triggerfile.Load(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "--triggers names a file that cannot be read") {
		t.Error(err)
	}
}

// No text makes the reading panic or run on.
func FuzzLoad(f *testing.F) {
	f.Add("functions:\n  - arn: \"*\"\n    local: { folder: create, handler: a.b, environment: &e { A: 1 } }\n  - arn: x\n    lambda: *e\n")
	f.Add("functions: &f [*f]\nkms: *f\n")
	f.Add("? [a]\n: b\n")
	path := written(f, "")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := triggerfile.Load(path)
		if (err == nil) != (file != nil && len(file.Functions) > 0) {
			t.Errorf("%q: %+v, %v", text, file, err)
		}
	})
}
