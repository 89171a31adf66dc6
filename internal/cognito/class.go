package cognito

import (
	"bytes"
	"net/http"

	"github.com/bellhop-auth/bellhop/internal/web"
)

// Class is the class of a request's operation, for web.Config. Of InitiateAuth
// it looks into the body, without reading it as JSON: a refresh, and the sign-in
// that ConfirmSignUp's Session gives, are no beginnings. Whoever forges that goes
// before others and gains nothing else.
func (a *API) Class(r *http.Request, body []byte) web.Class {
	switch {
	case isWellKnown(r):
		return web.Finish // without it no back end lets anybody in
	case r.Method != http.MethodPost:
		return web.Free // preflights, and what is refused at sight
	}
	o, err := a.operation(r)
	if err != nil {
		return web.Free
	}
	if o.class == web.Begin && bytes.Contains(body, []byte(`"REFRESH_TOKEN`)) {
		return web.Keep
	}
	if o.name == "InitiateAuth" && bytes.Contains(body, []byte(`"Session"`)) {
		return web.Finish
	}
	return o.class
}
