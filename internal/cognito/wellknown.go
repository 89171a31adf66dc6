package cognito

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// The documents that let back ends check tokens, at {issuer}/.well-known/….
const (
	keySetName    = "jwks.json"
	discoveryName = "openid-configuration"
	// documentAge lets caches keep a document for five minutes; a new key is
	// published longer than that before it signs, unless its operator had the
	// old one replaced at once.
	documentAge = "public, max-age=300"
)

// splitWellKnown finds the pool and the document in a path; the public URL may
// have a path of its own before them.
func splitWellKnown(path string) (pool userpool.PoolID, document string, ok bool) {
	parts := strings.Split(path, "/")
	n := len(parts)
	if n < 4 || parts[n-2] != ".well-known" || !userPoolID.pattern.re.MatchString(parts[n-3]) {
		return "", "", false
	}
	document = parts[n-1]
	return userpool.PoolID(parts[n-3]), document, document == keySetName || document == discoveryName
}

func isWellKnown(r *http.Request) bool {
	_, _, ok := splitWellKnown(r.URL.Path)
	return ok && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

func (a *API) wellKnown(w http.ResponseWriter, r *http.Request) {
	pool, document, _ := splitWellKnown(r.URL.Path)
	event := web.EventOf(r.Context())
	event.Operation = document

	body, err := a.document(r, pool, document)
	if err != nil {
		a.Refuse(w, r, asPage(err))
		return
	}
	event.Pool = string(pool)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", documentAge)
	writeBody(w, http.StatusOK, body)
}

func (a *API) document(r *http.Request, pool userpool.PoolID, document string) ([]byte, error) {
	keys, err := a.service.JWKS(r.Context(), pool)
	if err != nil || document == keySetName {
		return keys, err
	}
	algorithms, err := algorithmsOf(keys)
	if err != nil {
		return nil, err
	}
	issuer := a.service.Issuer(pool)
	return json.Marshal(discovery{
		Issuer:        issuer,
		KeySet:        issuer + "/.well-known/" + keySetName,
		Algorithms:    algorithms,
		SubjectTypes:  []string{"public"},
		ResponseTypes: []string{},
	})
}

// algorithmsOf lists what the pool's keys sign with: more than one while the
// pool changes over to another, when tokens of both are about.
func algorithmsOf(keySet []byte) ([]string, error) {
	var set struct {
		Keys []struct {
			Alg string `json:"alg"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(keySet, &set); err != nil {
		return nil, fmt.Errorf("read key set: %w", err)
	}
	var algorithms []string
	for _, k := range set.Keys {
		algorithms = append(algorithms, k.Alg)
	}
	slices.Sort(algorithms)
	return slices.Compact(algorithms), nil
}

// asPage is the error with the status that a document has, which is fetched by
// tools that know HTTP and not Cognito.
func asPage(err error) error {
	if !fault.Is(err, fault.ResourceNotFound) {
		return err
	}
	e := worded(err)
	e.status = http.StatusNotFound
	return e
}

// discovery is the OpenID Provider metadata of a pool (OpenID Connect Discovery
// 1.0, section 3). It names only what is there: the endpoints of the
// authorization code flow are absent, and with them every response type.
type discovery struct {
	Issuer        string   `json:"issuer"`
	KeySet        string   `json:"jwks_uri"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	ResponseTypes []string `json:"response_types_supported"`
}
