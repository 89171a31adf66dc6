package cognito

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Signature Version 4 in its header form, as the service takes it (AWS General
// Reference, Signing AWS API requests). Presigned URLs, unsigned payloads and
// session tokens are not taken: no client of this API sends them.

const (
	sigAlgorithm  = "AWS4-HMAC-SHA256"
	sigService    = "cognito-idp"
	sigTerminator = "aws4_request"
	sigTimeLayout = "20060102T150405Z"
	maxClockSkew  = 5 * time.Minute
)

func unsigned(name, message string) *wireError { return refusal(http.StatusBadRequest, name, message) }

var (
	errMissingToken = unsigned("MissingAuthenticationTokenException", "Missing Authentication Token")
	errUnknownKey   = unsigned("UnrecognizedClientException", "The security token included in the request is invalid.")
	errExpiredKey   = unsigned("ExpiredTokenException", "The security token included in the request is expired")
	errWrongScope   = unsigned("InvalidSignatureException", "Credential should be scoped to a valid region, to service '"+sigService+"' and to the day of X-Amz-Date.")
	errMismatch     = unsigned("InvalidSignatureException", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
)

func incomplete(message string) error { return unsigned("IncompleteSignatureException", message) }

// authorization is a parsed Authorization header.
type authorization struct {
	accessKeyID string
	date        string // yyyymmdd, of the scope
	region      string
	headers     []string // names, lower case, sorted, none twice
	signature   string
}

// scope is the credential's scope as it is signed.
func (a authorization) scope() string {
	return a.date + "/" + a.region + "/" + sigService + "/" + sigTerminator
}

// verifySignature returns the key that the request was signed with, as it
// stands, at about now. That a key has expired is told to who has its secret.
func verifySignature(r *http.Request, body []byte, now time.Time, keys KeyLookup) (key userpool.Credential, err error) {
	auth, err := parseAuthorization(r.Header.Values("Authorization"))
	if err != nil {
		return key, err
	}
	stamp, err := checkDate(r, auth, now)
	if err != nil {
		return key, err
	}
	payload, err := payloadHash(r, body)
	if err != nil {
		return key, err
	}
	canonical, err := canonicalRequest(r, auth.headers, payload)
	if err != nil {
		return key, err
	}
	if len(r.Header.Values("X-Amz-Security-Token")) > 0 {
		return key, errUnknownKey
	}
	key, err = keys(r.Context(), auth.accessKeyID)
	if errors.Is(err, userpool.ErrNotFound) {
		return key, errUnknownKey
	}
	if err != nil {
		return key, err
	}
	if want := sign(key.Secret, auth, stamp, canonical); !hmac.Equal([]byte(want), []byte(auth.signature)) {
		return key, errMismatch
	}
	if !key.ExpiresAt.IsZero() && !now.Before(key.ExpiresAt) {
		return key, errExpiredKey
	}
	return key, nil
}

// parseAuthorization reads the header: three parameters, each once, in any
// order, one space or none after the comma.
func parseAuthorization(values []string) (authorization, error) {
	if len(values) == 0 {
		return authorization{}, errMissingToken
	}
	rest, ok := strings.CutPrefix(values[0], sigAlgorithm+" ")
	if !ok || len(values) > 1 {
		return authorization{}, incomplete("One Authorization header is required, with algorithm " + sigAlgorithm + ".")
	}
	params := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		key, val, _ := strings.Cut(strings.TrimPrefix(part, " "), "=")
		if _, twice := params[key]; twice {
			return authorization{}, incomplete("Authorization header has a parameter twice.")
		}
		params[key] = val
	}
	for _, key := range []string{"Credential", "SignedHeaders", "Signature"} {
		if params[key] == "" {
			return authorization{}, incomplete("Authorization header requires '" + key + "' parameter.")
		}
	}
	if len(params) > 3 {
		return authorization{}, incomplete("Authorization header has an unknown parameter.")
	}
	return newAuthorization(params["Credential"], params["SignedHeaders"], params["Signature"])
}

func newAuthorization(credential, headers, signature string) (authorization, error) {
	c := strings.Split(credential, "/")
	if len(c) != 5 || c[0] == "" {
		return authorization{}, incomplete("Credential must have exactly five parts: KEYID/YYYYMMDD/REGION/" + sigService + "/" + sigTerminator + ".")
	}
	if c[2] == "" || c[3] != sigService || c[4] != sigTerminator {
		return authorization{}, errWrongScope
	}
	names, err := signedHeaders(headers)
	if err != nil {
		return authorization{}, err
	}
	return authorization{accessKeyID: c[0], date: c[1], region: c[2], headers: names, signature: signature}, nil
}

// signedHeaders reads the list of header names. Without the host, the time and
// the operation a signature would be good for another request.
func signedHeaders(list string) ([]string, error) {
	names := strings.Split(list, ";")
	for i, n := range names {
		if n == "" || n != strings.ToLower(n) || (i > 0 && names[i-1] >= n) {
			return nil, incomplete("SignedHeaders must be lower-case names in order, each once.")
		}
	}
	for _, must := range []string{"host", "x-amz-date", "x-amz-target"} {
		if !slices.Contains(names, must) {
			return nil, incomplete("'" + must + "' must be a signed header.")
		}
	}
	return names, nil
}

// checkDate returns X-Amz-Date if it is the scope's day and about now.
func checkDate(r *http.Request, auth authorization, now time.Time) (string, error) {
	stamp, err := oneHeader(r, "X-Amz-Date")
	if err != nil {
		return "", err
	}
	at, err := time.Parse(sigTimeLayout, stamp)
	if err != nil {
		return "", incomplete("X-Amz-Date must be in ISO8601 basic format, like 20060102T150405Z.")
	}
	if stamp[:8] != auth.date {
		return "", errWrongScope
	}
	now = now.UTC()
	at, clock := at.UTC(), now.Format(sigTimeLayout)
	if early := now.Add(-maxClockSkew); at.Before(early) {
		return "", unsigned("InvalidSignatureException", "Signature expired: "+stamp+" is now earlier than "+
			early.Format(sigTimeLayout)+" ("+clock+" - 5 min.)")
	}
	if late := now.Add(maxClockSkew); at.After(late) {
		return "", unsigned("InvalidSignatureException", "Signature not yet current: "+stamp+" is still later than "+
			late.Format(sigTimeLayout)+" ("+clock+" + 5 min.)")
	}
	return stamp, nil
}

// payloadHash is the hash of the body as it came. Where the client states one,
// it must be that: UNSIGNED-PAYLOAD and the like are not.
func payloadHash(r *http.Request, body []byte) (string, error) {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if stated := r.Header.Values("X-Amz-Content-Sha256"); len(stated) > 0 && (len(stated) > 1 || stated[0] != hash) {
		return "", errMismatch
	}
	return hash, nil
}

// canonicalRequest is what the signature stands for. A query is refused, since
// a presigned request would hide there.
func canonicalRequest(r *http.Request, headers []string, payload string) (string, error) {
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return "", incomplete("A signed request to this API has no query.")
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + canonicalPath(r) + "\n\n")
	for _, name := range headers {
		v, err := oneHeader(r, name)
		if err != nil {
			return "", err
		}
		b.WriteString(name + ":" + squeeze(v) + "\n")
	}
	b.WriteString("\n" + strings.Join(headers, ";") + "\n" + payload)
	return b.String(), nil
}

// oneHeader returns the value of a header that must be there once. net/http
// keeps Host and Content-Length out of the header map.
func oneHeader(r *http.Request, name string) (string, error) {
	switch {
	case name == "host":
		return r.Host, nil
	case name == "content-length" && r.ContentLength >= 0:
		return strconv.FormatInt(r.ContentLength, 10), nil
	}
	values := r.Header.Values(name)
	if len(values) != 1 {
		return "", incomplete("'" + name + "' must be in the request exactly once.")
	}
	return values[0], nil
}

// squeeze is a header's value as it is signed: no space at the ends, one where
// there are several.
func squeeze(v string) string {
	v = strings.Trim(v, " ")
	for strings.Contains(v, "  ") {
		v = strings.ReplaceAll(v, "  ", " ")
	}
	return v
}

// canonicalPath is the path as sent, escaped once more, as every service but
// S3 wants it.
func canonicalPath(r *http.Request) string {
	path := r.URL.EscapedPath()
	if path == "" {
		return "/"
	}
	const upperHex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if unreserved(c) || c == '/' {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// sign returns the signature in lower-case hexadecimal.
func sign(secret string, auth authorization, stamp, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	text := sigAlgorithm + "\n" + stamp + "\n" + auth.scope() + "\n" + hex.EncodeToString(sum[:])
	key := []byte("AWS4" + secret)
	for _, part := range []string{auth.date, auth.region, sigService, sigTerminator} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
