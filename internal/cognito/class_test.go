package cognito

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// TestTable_ServedOperations_HaveTheirClass holds the order of sacrifice: what
// people call has a class of its own, and of what is signed only the two steps
// of a sign-in that a back end makes for a user.
func TestTable_ServedOperations_HaveTheirClass(t *testing.T) {
	finish := map[string]bool{"RespondToAuthChallenge": true, "AdminRespondToAuthChallenge": true, "ConfirmSignUp": true,
		"VerifyUserAttribute": true, "ConfirmForgotPassword": true, "ConfirmDevice": true,
		"AssociateSoftwareToken": true, "VerifySoftwareToken": true}
	for _, o := range (&API{}).table() {
		person := o.who != admin || o.name == "AdminInitiateAuth" || o.name == "AdminRespondToAuthChallenge"
		switch {
		case o.serve == nil:
			if o.class != web.Manage {
				t.Errorf("%s is not served and of class %s", o.name, o.class)
			}
		case person == (o.class == web.Manage):
			t.Errorf("%s is of class %s", o.name, o.class)
		case finish[o.name] != (o.class == web.Finish):
			t.Errorf("%s is of class %s", o.name, o.class)
		case o.class == web.Free:
			t.Errorf("%s would take no place", o.name)
		}
	}
}

func TestClass_OfRequests(t *testing.T) {
	face, err := New(Config{Service: new(userpool.Service), Keys: testKeys})
	if err != nil {
		t.Fatal(err)
	}
	target := func(name string) *http.Request { return post(name, "") }
	for _, c := range []struct {
		name string
		r    *http.Request
		body string
		want web.Class
	}{
		{"start", target("InitiateAuth"), `{"AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"x"}}`, web.Begin},
		{"refresh", target("InitiateAuth"), `{"AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":"x"}}`, web.Keep},
		{"short name of refresh", target("InitiateAuth"), `{"AuthFlow":"REFRESH_TOKEN"}`, web.Keep},
		{"refresh by a back end", target("AdminInitiateAuth"), `{"AuthFlow":"REFRESH_TOKEN_AUTH"}`, web.Keep},
		{"after ConfirmSignUp", target("InitiateAuth"), `{"AuthFlow":"USER_AUTH","Session":"x"}`, web.Finish},
		{"answer", target("RespondToAuthChallenge"), `{"Session":"x"}`, web.Finish},
		{"sign-up", target("SignUp"), `{"Session":"x","REFRESH_TOKEN":"x"}`, web.Join},
		{"list", target("ListUsers"), `{"Session":"x"}`, web.Manage},
		{"no operation", target("DropTables"), "", web.Free},
		{"preflight", httptest.NewRequest(http.MethodOptions, "/", nil), "", web.Free},
		{"key set", httptest.NewRequest(http.MethodGet, "/us-east-1_AbC123xyz/.well-known/jwks.json", nil), "", web.Finish},
	} {
		if got := face.Class(c.r, []byte(c.body)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestRefuse_Unavailable_TellsWhenToComeAgainEachAnotherTime(t *testing.T) {
	told := map[string]bool{}
	for range 100 {
		w := httptest.NewRecorder()
		(&API{}).Refuse(w, post("SignUp", "{}"), fault.New(fault.Unavailable, "busy"))
		ms, err := strconv.Atoi(w.Header().Get("x-amz-retry-after"))
		after := time.Duration(ms) * time.Millisecond
		if err != nil || after < comeBack || after >= comeBack+comeBackSpread {
			t.Fatalf("x-amz-retry-after %q", w.Header().Get("x-amz-retry-after"))
		}
		if got, want := w.Header().Get("Retry-After"), strconv.Itoa((ms+999)/1000); got != want {
			t.Errorf("Retry-After %q beside %d ms", got, ms)
		}
		told[w.Header().Get("x-amz-retry-after")] = true
	}
	if len(told) < 50 {
		t.Errorf("a hundred clients were told %d times", len(told))
	}
	w := httptest.NewRecorder()
	(&API{}).Refuse(w, post("SignUp", "{}"), fault.New(fault.LimitExceeded, "").After(time.Hour))
	if got := w.Header().Get("x-amz-retry-after"); got != "" {
		t.Errorf("a spent budget makes SDKs wait %q ms for nothing", got)
	}
}
