package cognito

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	testKeyID  = "BHAKTEST"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var signedAt = time.Date(2026, 11, 22, 6, 8, 38, 0, time.UTC)

func testKeys(_ context.Context, id string) (userpool.Credential, error) {
	if id != testKeyID {
		return userpool.Credential{}, userpool.ErrNotFound
	}
	return userpool.Credential{ID: id, Secret: testSecret}, nil
}

const describeBody = `{"UserPoolId":"us-east-1_AbC123xyz"}`

// adminRequest is a request as a server sees it, before it is signed.
func adminRequest(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9400/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Amz-Target", targetPrefix+"DescribeUserPool")
	return r
}

// signAs signs the request at the time over the header names, as the SDK family
// does that signs these.
func signAs(r *http.Request, body string, at time.Time, headers ...string) *http.Request {
	return signScoped(r, body, at, "us-east-1", headers...)
}

func signScoped(r *http.Request, body string, at time.Time, region string, headers ...string) *http.Request {
	stamp := at.UTC().Format(sigTimeLayout)
	r.Header.Set("X-Amz-Date", stamp)
	hash := sha256.Sum256([]byte(body))
	if slices.Contains(headers, "x-amz-content-sha256") {
		r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(hash[:]))
	}
	auth := authorization{accessKeyID: testKeyID, date: stamp[:8], region: region, headers: headers}
	canonical, err := canonicalRequest(r, headers, hex.EncodeToString(hash[:]))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		sigAlgorithm, testKeyID, auth.scope(), strings.Join(headers, ";"), sign(testSecret, auth, stamp, canonical)))
	return r
}

// The header sets of the SDK families (boto3 and the aws CLI, SDK for
// JavaScript v2, SDK for JavaScript v3), as recorded.
var families = map[string][]string{
	"boto3": {"content-type", "host", "x-amz-date", "x-amz-target"},
	"js v2": {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-target"},
	"js v3": {"amz-sdk-invocation-id", "amz-sdk-request", "content-length", "content-type", "host",
		"x-amz-content-sha256", "x-amz-date", "x-amz-target", "x-amz-user-agent"},
}

// familyRequest is a request with the headers that the family sends.
func familyRequest(family string) *http.Request {
	r := adminRequest(describeBody)
	r.Header.Set("amz-sdk-invocation-id", "79b5c823-c59b-4a6a-8a7e-2dacf365c906")
	r.Header.Set("amz-sdk-request", "attempt=1; max=3")
	if family == "js v3" {
		r.Header.Set("x-amz-user-agent", "aws-sdk-js/3.1168.0  ua/2.1") // two spaces: signed as one
	}
	return r
}

func TestVerifySignature_EverySDKFamily_Passes(t *testing.T) {
	for family, headers := range families {
		r := signAs(familyRequest(family), describeBody, signedAt, headers...)
		if _, err := verifySignature(r, []byte(describeBody), signedAt, testKeys); err != nil {
			t.Errorf("%s: %v", family, err)
		}
	}
}

// overTheWire is the request as a server reads it.
func overTheWire(t *testing.T, r *http.Request) *http.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestVerifySignature_SDKForGo_PassesOnEveryPathAndRegion(t *testing.T) {
	hash := sha256.Sum256([]byte(describeBody))
	for _, path := range []string{"", "/", "/auth", "/a%20b/ü/", "/a/b~c_d.e-f"} {
		for _, region := range []string{"us-east-1", "ap-south-1", "local"} {
			r, err := http.NewRequest(http.MethodPost, "http://auth.example.org:9400"+path, strings.NewReader(describeBody))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", contentType)
			r.Header.Set("X-Amz-Target", targetPrefix+"DescribeUserPool")
			creds := aws.Credentials{AccessKeyID: testKeyID, SecretAccessKey: testSecret}
			err = v4.NewSigner().SignHTTP(t.Context(), creds, r, hex.EncodeToString(hash[:]), sigService, region, signedAt)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := verifySignature(overTheWire(t, r), []byte(describeBody), signedAt, testKeys); err != nil {
				t.Errorf("%q in %s: %v", path, region, err)
			}
		}
	}
}

func TestVerifySignature_ClockSkew_IsFiveMinutesEitherWay(t *testing.T) {
	for skew, want := range map[time.Duration]string{
		0: "", 5 * time.Minute: "", -5 * time.Minute: "",
		5*time.Minute + time.Second:  "Signature expired: 20261122T060838Z is now earlier than 20261122T060839Z (20261122T061339Z - 5 min.)",
		-5*time.Minute - time.Second: "Signature not yet current: 20261122T060838Z is still later than 20261122T060837Z (20261122T060337Z + 5 min.)",
	} {
		r := signAs(adminRequest(describeBody), describeBody, signedAt, families["boto3"]...)
		_, err := verifySignature(r, []byte(describeBody), signedAt.Add(skew), testKeys)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", skew, err)
			}
			continue
		}
		if e, ok := errors.AsType[*wireError](err); !ok || e.name != "InvalidSignatureException" || e.message != want {
			t.Errorf("%s: got %v", skew, err)
		}
	}
}

func TestVerifySignature_Tricks_AreRefusedByName(t *testing.T) {
	all := families["js v3"]
	base := func() *http.Request { return signAs(familyRequest("js v3"), describeBody, signedAt, all...) }
	replace := func(from, to string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
		}
	}
	without := func(name string) func(*http.Request) {
		return func(r *http.Request) {
			headers := slices.DeleteFunc(slices.Clone(all), func(h string) bool { return h == name })
			signAs(r, describeBody, signedAt, headers...)
		}
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   string
	}{
		"no Authorization":   {func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAuthenticationTokenException"},
		"two Authorizations": {func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, "IncompleteSignatureException"},
		"bearer":             {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, "IncompleteSignatureException"},
		"SigV4A":             {replace(sigAlgorithm, "AWS4-ECDSA-P256-SHA256"), "IncompleteSignatureException"},
		"no signature":       {replace(", Signature=", ", Signatur="), "IncompleteSignatureException"},
		"empty signature": {func(r *http.Request) {
			h := r.Header.Get("Authorization")
			r.Header.Set("Authorization", h[:len(h)-64])
		}, "IncompleteSignatureException"},
		"short signature": {func(r *http.Request) { h := r.Header.Get("Authorization"); r.Header.Set("Authorization", h[:len(h)-1]) }, "InvalidSignatureException"},
		"upper-case signature": {func(r *http.Request) {
			h := r.Header.Get("Authorization")
			i := len(h) - 64
			r.Header.Set("Authorization", h[:i]+strings.ToUpper(h[i:]))
		}, "InvalidSignatureException"},
		"parameter twice":          {replace(", SignedHeaders", ", Signature=00, SignedHeaders"), "IncompleteSignatureException"},
		"unknown parameter":        {replace(", SignedHeaders", ", X=00, SignedHeaders"), "IncompleteSignatureException"},
		"unknown key":              {replace(testKeyID, "AKIAOTHER"), "UnrecognizedClientException"},
		"no key":                   {replace(testKeyID, ""), "IncompleteSignatureException"},
		"four-part scope":          {replace("/us-east-1", ""), "IncompleteSignatureException"},
		"other service":            {replace("cognito-idp/", "s3/"), "InvalidSignatureException"},
		"other terminator":         {replace("aws4_request", "aws4"), "InvalidSignatureException"},
		"other day":                {replace("20261122/", "20261121/"), "InvalidSignatureException"},
		"other region":             {replace("us-east-1", "us-east-2"), "InvalidSignatureException"},
		"unsorted headers":         {replace("content-length;content-type", "content-type;content-length"), "IncompleteSignatureException"},
		"header twice in list":     {replace("host;", "host;host;"), "IncompleteSignatureException"},
		"upper-case header":        {replace(";host;", ";Host;"), "IncompleteSignatureException"},
		"host not signed":          {without("host"), "IncompleteSignatureException"},
		"target not signed":        {without("x-amz-target"), "IncompleteSignatureException"},
		"date not signed":          {without("x-amz-date"), "IncompleteSignatureException"},
		"signed header twice":      {func(r *http.Request) { r.Header.Add("X-Amz-User-Agent", "x") }, "IncompleteSignatureException"},
		"signed header gone":       {func(r *http.Request) { r.Header.Del("X-Amz-User-Agent") }, "IncompleteSignatureException"},
		"date twice":               {func(r *http.Request) { r.Header.Add("X-Amz-Date", "20261122T060838Z") }, "IncompleteSignatureException"},
		"date as HTTP":             {func(r *http.Request) { r.Header.Set("X-Amz-Date", signedAt.Format(http.TimeFormat)) }, "IncompleteSignatureException"},
		"other host":               {func(r *http.Request) { r.Host = "evil.example" }, "InvalidSignatureException"},
		"other length":             {func(r *http.Request) { r.ContentLength++ }, "InvalidSignatureException"},
		"chunked":                  {func(r *http.Request) { r.ContentLength = -1 }, "IncompleteSignatureException"},
		"other method":             {func(r *http.Request) { r.Method = http.MethodPut }, "InvalidSignatureException"},
		"other path":               {func(r *http.Request) { r.URL.Path = "/x" }, "InvalidSignatureException"},
		"query":                    {func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=00" }, "IncompleteSignatureException"},
		"bare question mark":       {func(r *http.Request) { r.URL.ForceQuery = true }, "IncompleteSignatureException"},
		"unsigned payload":         {func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, "InvalidSignatureException"},
		"unsigned payload, signed": {signUnsignedPayload, "InvalidSignatureException"},
		"two payload hashes":       {func(r *http.Request) { r.Header.Add("X-Amz-Content-Sha256", r.Header.Get("X-Amz-Content-Sha256")) }, "InvalidSignatureException"},
		"session token":            {func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, "UnrecognizedClientException"},
		"signed with another key":  {func(r *http.Request) { signWithSecret(r, "other") }, "InvalidSignatureException"},
		"signed with an empty key": {func(r *http.Request) { signWithSecret(r, "") }, "InvalidSignatureException"},
		"no space after algorithm": {replace(sigAlgorithm+" ", sigAlgorithm), "IncompleteSignatureException"},
		"tab after comma":          {replace(", SignedHeaders", ",\tSignedHeaders"), "IncompleteSignatureException"},
	} {
		r := base()
		c.change(r)
		_, err := verifySignature(r, []byte(describeBody), signedAt, testKeys)
		e, ok := errors.AsType[*wireError](err)
		if !ok || e.name != c.want || e.status != http.StatusBadRequest {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// signUnsignedPayload signs UNSIGNED-PAYLOAD in place of the body's hash.
func signUnsignedPayload(r *http.Request) {
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	resign(r, testSecret, "UNSIGNED-PAYLOAD")
}

func signWithSecret(r *http.Request, secret string) {
	hash := sha256.Sum256([]byte(describeBody))
	resign(r, secret, hex.EncodeToString(hash[:]))
}

func resign(r *http.Request, secret, payload string) {
	auth, err := parseAuthorization(r.Header.Values("Authorization"))
	if err != nil {
		panic(err)
	}
	canonical, err := canonicalRequest(r, auth.headers, payload)
	if err != nil {
		panic(err)
	}
	h := r.Header.Get("Authorization")
	r.Header.Set("Authorization", h[:len(h)-64]+sign(secret, auth, r.Header.Get("X-Amz-Date"), canonical))
}

// TestVerifySignature_OneByteChangedAnywhere_IsRefused changes every byte of
// everything that is signed, and of the Authorization header, in two ways.
func TestVerifySignature_OneByteChangedAnywhere_IsRefused(t *testing.T) {
	headers := families["js v3"]
	signed := func() *http.Request { return signAs(familyRequest("js v3"), describeBody, signedAt, headers...) }
	tried := 0
	try := func(what string, r *http.Request, body []byte) {
		t.Helper()
		tried++
		if _, err := verifySignature(r, body, signedAt, testKeys); err == nil {
			t.Errorf("accepted: %s", what)
		}
	}
	for _, flip := range []byte{0x01, 0x20} {
		for _, name := range append(slices.Clone(headers), "authorization") {
			if name == "host" || name == "content-length" {
				continue
			}
			text := signed().Header.Get(name)
			for i := range len(text) {
				changed := []byte(text)
				changed[i] ^= flip
				if squeeze(string(changed)) == squeeze(text) {
					continue // the same to both sides
				}
				r := signed()
				r.Header.Set(name, string(changed))
				try(fmt.Sprintf("%s: %q", name, changed), r, []byte(describeBody))
			}
		}
		for i := range len(describeBody) {
			body := []byte(describeBody)
			body[i] ^= flip
			try("body: "+string(body), signed(), body)
		}
		host := signed().Host
		for i := range len(host) {
			changed := []byte(host)
			changed[i] ^= flip
			r := signed()
			r.Host = string(changed)
			try("host: "+r.Host, r, []byte(describeBody))
		}
	}
	for length := range int64(200) {
		if length != int64(len(describeBody)) {
			r := signed()
			r.ContentLength = length
			try("content-length: "+strconv.FormatInt(length, 10), r, []byte(describeBody))
		}
	}
	if tried < 500 {
		t.Fatalf("only %d changes tried", tried)
	}
}

func FuzzParseAuthorization(f *testing.F) {
	r := signAs(familyRequest("js v3"), describeBody, signedAt, families["js v3"]...)
	f.Add(r.Header.Get("Authorization"))
	for _, seed := range []string{"", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=a/20261122/r/cognito-idp/aws4_request,SignedHeaders=host;x-amz-date;x-amz-target,Signature=0",
		"AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;,Signature==", "AWS4-HMAC-SHA256 =,=,=", "Basic eDp5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		auth, err := parseAuthorization([]string{header})
		if err != nil {
			e, ok := errors.AsType[*wireError](err)
			if !ok || e.status != http.StatusBadRequest {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		for _, must := range []string{"host", "x-amz-date", "x-amz-target"} {
			if !slices.Contains(auth.headers, must) {
				t.Fatalf("%s is not signed in %q", must, header)
			}
		}
		if !slices.IsSorted(auth.headers) || auth.accessKeyID == "" || auth.signature == "" || auth.region == "" {
			t.Fatalf("half an authorization: %+v from %q", auth, header)
		}
	})
}

func FuzzVerifySignature(f *testing.F) {
	r := signAs(familyRequest("boto3"), describeBody, signedAt, families["boto3"]...)
	good := r.Header.Get("Authorization")
	f.Add(good, r.Header.Get("X-Amz-Date"), "/", describeBody)
	f.Add(good, "20261122T060838Z", "/%2F", "{}")
	f.Add(good, "20261322T060838Z", "*", "")
	parsed, err := parseAuthorization([]string{good})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header, date, path, body string) {
		r := adminRequest(body)
		r.Header["Authorization"] = []string{header}
		r.Header["X-Amz-Date"] = []string{date}
		r.URL.Path, r.URL.RawPath = path, ""
		_, err := verifySignature(r, []byte(body), signedAt, testKeys)
		auth, _ := parseAuthorization([]string{header})
		same := reflect.DeepEqual(auth, parsed) && date == "20261122T060838Z" && (path == "/" || path == "") && body == describeBody
		if err == nil && !same {
			t.Fatalf("accepted %q %q %q %q", header, date, path, body)
		}
		if err != nil && same {
			t.Fatalf("refused the good one: %v", err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})
}
