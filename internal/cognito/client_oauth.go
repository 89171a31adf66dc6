package cognito

import (
	"net/url"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// standardScopes are the OAuth scopes that a pool has without resource servers,
// of which there are none here.
var standardScopes = []string{"openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"}

// checkOAuth checks the settings for OAuth, which Bellhop keeps for tools and
// does not act on, as the service does (CreateUserPoolClient): what it would
// refuse must not look as if it were in force.
func (e *clientEcho) checkOAuth(hasSecret bool) error {
	if slices.Contains(e.AllowedOAuthFlows, "client_credentials") {
		switch {
		case len(e.AllowedOAuthFlows) > 1:
			return fault.New(fault.InvalidOAuthFlow, "client_credentials flow can not be selected along with code flow or implicit flow.")
		case !hasSecret:
			return fault.New(fault.InvalidOAuthFlow, "client_credentials flow can not be selected if client does not have a client secret.")
		}
	}
	for _, s := range e.AllowedOAuthScopes {
		if !slices.Contains(standardScopes, s) {
			return fault.New(fault.ScopeDoesNotExist, "Invalid scope requested: %s", s)
		}
	}
	for _, p := range e.SupportedIdentityProviders {
		if p != "COGNITO" {
			return fault.New(fault.InvalidParameter, "SupportedIdentityProviders: there is none but COGNITO here.")
		}
	}
	return e.checkRedirects()
}

func (e *clientEcho) checkRedirects() error {
	for _, u := range e.CallbackURLs {
		if !absoluteURL(u) {
			return fault.New(fault.InvalidParameter, "CallbackURLs must be absolute URLs without a fragment.")
		}
	}
	if d := e.DefaultRedirectURI; d != nil && !slices.Contains(e.CallbackURLs, *d) {
		return fault.New(fault.InvalidParameter, "DefaultRedirectURI must be one of the CallbackURLs.")
	}
	return nil
}

// absoluteURL says whether a redirect may go there (RFC 6749, section 3.1.2).
// Apps have schemes of their own (myapp://), the web's want a host.
func absoluteURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || !u.IsAbs() || strings.Contains(text, "#") {
		return false
	}
	return u.Host != "" || u.Scheme != "http" && u.Scheme != "https"
}
