// Package lambdatest stands in for AWS Lambda's Invoke API in tests: requests over
// HTTP, signatures (SigV4) verified by code that shares nothing with the SDK's.
package lambdatest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// The key that callers sign with.
const (
	KeyID  = "AKIDLAMBDATEST"
	Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYLAMBDATEST"
)

// Env gives the test's process the key, as variables of the AWS SDK, and keeps the
// SDK from the files and the instance of whoever runs the test.
func Env(t testing.TB) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": KeyID, "AWS_SECRET_ACCESS_KEY": Secret, "AWS_SESSION_TOKEN": "", "AWS_REGION": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
}

// Function is what runs behind the API: an answer, and "Handled" or "Unhandled" if
// that is an error.
type Function func(arn string, event []byte) (answer []byte, functionError string)

// New serves the functions until the test ends, and returns the endpoint.
func New(t testing.TB, run Function) string {
	t.Helper()
	server := httptest.NewServer(Handler(run))
	t.Cleanup(server.Close)
	return server.URL
}

// Handler is the API.
func Handler(run Function) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", func(w http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if err := Verify(r, event); err != nil {
			Refuse(w, http.StatusForbidden, "InvalidSignatureException", err.Error())
			return
		}
		if kind := r.Header.Get("X-Amz-Invocation-Type"); kind != "RequestResponse" {
			Refuse(w, http.StatusBadRequest, "InvalidParameterValueException", "invocation type "+kind)
			return
		}
		answer, failed := run(r.PathValue("name"), event)
		if failed != "" {
			w.Header().Set("X-Amz-Function-Error", failed)
		}
		w.Header().Set("X-Amz-Executed-Version", "$LATEST")
		w.Write(answer)
	})
	return mux
}

// Refuse answers with an exception as Lambda does.
func Refuse(w http.ResponseWriter, status int, exception, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", exception)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"Type":"User","Message":%q}`, message)
}

// Verify says what is wrong with the signature of a request (AWS General
// Reference, Signature Version 4, in its header form).
func Verify(r *http.Request, body []byte) error {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return fmt.Errorf("it is not signed")
	}
	said := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		said[name] = value
	}
	scope := strings.Split(said["Credential"], "/")
	if len(scope) != 5 || scope[0] != KeyID || scope[3] != "lambda" || scope[4] != "aws4_request" {
		return fmt.Errorf("the credential is %q", said["Credential"])
	}
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", stamp)
	if err != nil || stamp[:8] != scope[1] || time.Since(at).Abs() > 5*time.Minute {
		return fmt.Errorf("the date is %q", stamp)
	}
	names := strings.Split(said["SignedHeaders"], ";")
	if !slices.IsSorted(names) || !slices.Contains(names, "host") || !slices.Contains(names, "x-amz-date") {
		return fmt.Errorf("signed are %q", names)
	}
	path := url.PathEscape(r.URL.EscapedPath()) // escaped as sent, and once more
	path = strings.NewReplacer("%2F", "/", ":", "%3A", "$", "%24", "&", "%26", "+", "%2B", "=", "%3D", "@", "%40").Replace(path)
	canonical := r.Method + "\n" + path + "\n" + r.URL.RawQuery + "\n"
	for _, name := range names {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		canonical += name + ":" + strings.Join(strings.Fields(value), " ") + "\n"
	}
	sum := sha256.Sum256(body)
	canonical += "\n" + said["SignedHeaders"] + "\n" + hex.EncodeToString(sum[:])
	hashed := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + Secret)
	for _, part := range scope[1:] {
		key = mac(key, part)
	}
	want := hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+strings.Join(scope[1:], "/")+"\n"+hex.EncodeToString(hashed[:])))
	if want != said["Signature"] {
		return fmt.Errorf("the signature is another")
	}
	return nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
