package cognito_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/bellhop-auth/bellhop/internal/srptest"
)

// scrape is the page of metrics.
func (w *world) scrape() string {
	w.t.Helper()
	out := httptest.NewRecorder()
	w.metrics.Handler().ServeHTTP(out, httptest.NewRequestWithContext(w.ctx, http.MethodGet, "/metrics", nil))
	if out.Code != http.StatusOK {
		w.t.Fatalf("/metrics answers %d: %s", out.Code, out.Body)
	}
	return out.Body.String()
}

var labelValues = regexp.MustCompile(`[a-z_]+="((?:[^"\\]|\\.)*)"`)

// checkMetrics holds every label value on the page against what was secret in the
// test, and against the shape of our own words.
func (w *world) checkMetrics() {
	w.t.Helper()
	var values []string
	for line := range strings.Lines(w.scrape()) {
		if !strings.HasPrefix(line, "bellhop_") || strings.HasPrefix(line, "bellhop_build_info") {
			continue
		}
		for _, m := range labelValues.FindAllStringSubmatch(line, -1) {
			values = append(values, m[1])
			if !ourWord.MatchString(m[1]) {
				w.t.Errorf("the label value %q is no word of ours", m[1])
			}
		}
	}
	if len(values) == 0 {
		w.t.Error("there are no metrics")
	}
	w.checkHidden("a metric", strings.Join(values, "\n"))
}

// ourWord is a name of the service model, one of ours, or a bucket's bound.
var ourWord = regexp.MustCompile(`^(?:[A-Za-z_-]+|jwks\.json|[0-9.]+|\+Inf)$`)

// counted are the samples of the page that are neither zero nor times.
func (w *world) counted() map[string]string {
	w.t.Helper()
	got := map[string]string{}
	for line := range strings.Lines(w.scrape()) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(line, "bellhop_") || !ok || value == "0" ||
			strings.Contains(name, "_seconds") || strings.HasPrefix(name, "bellhop_build_info") {
			continue
		}
		got[name] = value
	}
	return got
}

func (w *world) wantCounted(want map[string]string) {
	w.t.Helper()
	got := w.counted()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			w.t.Errorf("%s is %q, want %s", name, got[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if want[name] == "" {
			w.t.Errorf("%s is %s, want none", name, got[name])
		}
	}
}

func TestSDK_Metrics_AreExactAfterAScript(t *testing.T) {
	inWorld(t, func(w *world) {
		// Sign-up with a wrong code first, and the sign-in that follows it.
		w.signUp(asha, "")
		confirm := &cip.ConfirmSignUpInput{ClientId: &w.client, Username: new(asha), ConfirmationCode: new(wrong(w.code(asha)))}
		_, err := w.sdk.ConfirmSignUp(w.ctx, confirm)
		wantError[*types.CodeMismatchException](w, err, "")
		confirm.ConfirmationCode = new(w.code(asha))
		confirmed, err := w.sdk.ConfirmSignUp(w.ctx, confirm)
		w.must(err)
		auth, err := w.initiate("USER_AUTH", confirmed.Session, map[string]string{"USERNAME": asha})
		w.must(err)
		w.tokens(auth.AuthenticationResult)

		// A sign-in by a texted code, wrong once.
		<-time.After(time.Minute)
		start, err := w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": asha})
		w.must(err)
		again, err := w.respond("CUSTOM_CHALLENGE", start.Session, map[string]string{"USERNAME": asha, "ANSWER": wrong(w.code(asha))})
		w.must(err)
		done, err := w.respond("CUSTOM_CHALLENGE", again.Session, map[string]string{"USERNAME": asha, "ANSWER": w.code(asha)})
		w.must(err)
		_, err = w.initiate("REFRESH_TOKEN_AUTH", nil, map[string]string{"REFRESH_TOKEN": *done.AuthenticationResult.RefreshToken})
		w.must(err)

		// Nobody's number: all looks alike to the caller, and nothing is sent.
		w.client = w.makeClient(&cip.CreateUserPoolClientInput{
			ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH"}, PreventUserExistenceErrors: "ENABLED",
		})
		_, err = w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": ravi})
		w.must(err)

		// What strangers write is no label.
		w.raw("GiveMe"+ravi, `{}`)
		w.raw("InitiateAuth", `{"ClientId":"`+w.client+`","AuthFlow":"`+ravi+`"}`)
		w.raw("InitiateAuth", `{"ClientId":"`+ravi[1:]+`","AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"`+ravi+`"}}`)

		<-time.After(time.Minute) // what is written later has been
		w.texts()
		w.wantCounted(map[string]string{
			`bellhop_guard_decisions_total{rule="none",verdict="send"}`:                            "2",
			`bellhop_text_segments_total{country="IN",provider="none"}`:                            "2",
			`bellhop_text_usd_total{country="IN",provider="none"}`:                                 "0.07714",
			`bellhop_texts_total{country="IN",outcome="sent",provider="none"}`:                     "2",
			`bellhop_requests_total{operation="CreateUserPool",outcome="success"}`:                 "1",
			`bellhop_requests_total{operation="CreateUserPoolClient",outcome="success"}`:           "2",
			`bellhop_requests_total{operation="SignUp",outcome="success"}`:                         "1",
			`bellhop_requests_total{operation="ConfirmSignUp",outcome="CodeMismatchException"}`:    "1",
			`bellhop_requests_total{operation="ConfirmSignUp",outcome="success"}`:                  "1",
			`bellhop_requests_total{operation="InitiateAuth",outcome="success"}`:                   "4",
			`bellhop_requests_total{operation="InitiateAuth",outcome="InvalidParameterException"}`: "1",
			`bellhop_requests_total{operation="InitiateAuth",outcome="ResourceNotFoundException"}`: "1",
			`bellhop_requests_total{operation="RespondToAuthChallenge",outcome="success"}`:         "2",
			`bellhop_requests_total{operation="unknown",outcome="UnknownOperationException"}`:      "1",
			`bellhop_flows_started_total{flow="sign_up"}`:                                          "1",
			`bellhop_flows_started_total{flow="USER_AUTH"}`:                                        "1",
			`bellhop_flows_started_total{flow="CUSTOM_AUTH"}`:                                      "2",
			`bellhop_messages_queued_total{purpose="sign_up"}`:                                     "1",
			`bellhop_messages_queued_total{purpose="sign_in"}`:                                     "1",
			`bellhop_message_tries_total{medium="SMS",outcome="taken",purpose="sign_up"}`:          "1",
			`bellhop_message_tries_total{medium="SMS",outcome="taken",purpose="sign_in"}`:          "1",
			`bellhop_answers_total{purpose="sign_up",result="wrong"}`:                              "1",
			`bellhop_answers_total{purpose="sign_up",result="right"}`:                              "1",
			`bellhop_answers_total{purpose="sign_in",result="wrong"}`:                              "1",
			`bellhop_answers_total{purpose="sign_in",result="right"}`:                              "1",
			`bellhop_sign_ins_total{by="USER_AUTH"}`:                                               "1",
			`bellhop_sign_ins_total{by="CUSTOM_CHALLENGE"}`:                                        "1",
			`bellhop_refreshes_total`:                                                              "1",
		})
	})
}

func TestSDK_Metrics_PasswordsAndReset(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		<-time.After(time.Minute)
		for _, password := range []string{"Wrong-Horse-9", pass} {
			c := srptest.New(t)
			start, err := w.initiate("USER_SRP_AUTH", nil, map[string]string{"USERNAME": asha, "SRP_A": c.A()})
			w.must(err)
			_, _ = w.respond("PASSWORD_VERIFIER", start.Session, c.Respond(t, w.pool, password, start.ChallengeParameters))
		}
		_, err := w.sdk.ForgotPassword(w.ctx, &cip.ForgotPasswordInput{ClientId: &w.client, Username: new(asha)})
		w.must(err)
		got := w.counted()
		for name, want := range map[string]string{
			`bellhop_answers_total{purpose="password",result="wrong"}`: "1",
			`bellhop_answers_total{purpose="password",result="right"}`: "1",
			`bellhop_flows_started_total{flow="USER_SRP_AUTH"}`:        "2",
			`bellhop_flows_started_total{flow="reset"}`:                "1",
			`bellhop_sign_ins_total{by="PASSWORD_VERIFIER"}`:           "1",
			`bellhop_messages_queued_total{purpose="reset"}`:           "1",
		} {
			if got[name] != want {
				t.Errorf("%s is %q, want %s", name, got[name], want)
			}
		}
	})
}

func TestSDK_Metrics_FollowPrometheusConventions(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		problems, err := promlint.New(strings.NewReader(w.scrape())).Lint()
		w.must(err)
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	})
}
