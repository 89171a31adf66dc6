package cognito_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

const phoneBrowser = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"

// events are all events of a user, oldest first, in pages of so many.
func (w *world) events(name string, page int32) (all []types.AuthEventType) {
	w.t.Helper()
	pages := cip.NewAdminListUserAuthEventsPaginator(w.sdk, &cip.AdminListUserAuthEventsInput{
		UserPoolId: &w.pool, Username: &name, MaxResults: &page,
	})
	for pages.HasMorePages() {
		p, err := pages.NextPage(w.ctx)
		w.must(err)
		if len(p.AuthEvents) > int(page) {
			w.t.Errorf("%d events on a page of %d", len(p.AuthEvents), page)
		}
		all = append(all, p.AuthEvents...)
	}
	slices.Reverse(all)
	return all
}

// plot is how an event reads.
func plot(e types.AuthEventType) string {
	parts := []string{string(e.EventType), string(e.EventResponse)}
	if e.EventRisk != nil {
		parts = append(parts, string(e.EventRisk.RiskDecision))
	}
	for _, c := range e.ChallengeResponses {
		parts = append(parts, fmt.Sprintf("%s:%s", c.ChallengeName, c.ChallengeResponse))
	}
	return strings.Join(parts, " ")
}

func browsing(o *cip.Options) {
	o.HTTPClient = agent{o.HTTPClient}
}

// agent is a client that calls itself a browser.
type agent struct{ cip.HTTPClient }

func (a agent) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("User-Agent", phoneBrowser)
	return a.HTTPClient.Do(r)
}

// A back office sees how a user came in, page by page, and says what it thinks of it.
func TestSDK_AuthEvents_TellHowAUserCameIn(t *testing.T) {
	inWorld(t, func(w *world) {
		up := w.signUp(asha, pass)
		confirm := func(code string) error {
			_, err := w.sdk.ConfirmSignUp(w.ctx, &cip.ConfirmSignUpInput{ClientId: &w.client, Username: new(asha), ConfirmationCode: &code, Session: up.Session})
			return err
		}
		if confirm(wrong(w.code(asha))) == nil {
			t.Fatal("a wrong code confirms")
		}
		<-time.After(time.Second)
		pending := w.events(*up.UserSub, 60)
		if len(pending) != 1 || plot(pending[0]) != "SignUp InProgress NoRisk" { // a wrong code is of none of a name's sign-ups
			t.Errorf("of a sign-up: %+v", pending)
		}
		w.must(confirm(w.code(asha)))

		w.later(time.Minute)
		started, err := w.sdk.InitiateAuth(w.ctx, &cip.InitiateAuthInput{ClientId: &w.client, AuthFlow: "USER_AUTH",
			AuthParameters: map[string]string{"USERNAME": asha, "PREFERRED_CHALLENGE": "SMS_OTP"}}, browsing)
		w.must(err)
		done, err := w.respond("SMS_OTP", started.Session, map[string]string{"USERNAME": asha, "SMS_OTP_CODE": w.code(asha)})
		w.must(err)
		_, err = w.initiate("REFRESH_TOKEN_AUTH", nil, map[string]string{"REFRESH_TOKEN": *done.AuthenticationResult.RefreshToken})
		w.must(err)
		_, err = w.byPassword(asha, pass)
		w.must(err)
		for range 6 {
			if _, err = w.byPassword(asha, "Wrong-Horse-1"); err == nil {
				t.Fatal("a wrong password signs in")
			}
		}
		w.member(ravi, "")
		w.later(time.Second)

		all := w.events(asha, 60)
		want := []string{
			"SignUp InProgress NoRisk", "SignUp Pass",
			"SignIn InProgress NoRisk", "SignIn Pass", "SignIn Pass Password:Success",
			"SignIn Fail Password:Failure", "SignIn Fail Password:Failure", "SignIn Fail Password:Failure",
			"SignIn Fail Password:Failure", "SignIn Fail Password:Failure", "SignIn Fail Block",
		}
		var got []string
		for _, e := range all {
			got = append(got, plot(e))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		texted := all[2]
		if d := texted.EventContextData; aws.ToString(d.DeviceName) != "Chrome 126, Android 14" || aws.ToString(d.IpAddress) != "203.0.113.7" || d.City != nil {
			t.Errorf("the context of a sign-in is %+v", d)
		}
		if texted.CreationDate.After(*all[3].CreationDate) || w.service.Now().Sub(*texted.CreationDate) > time.Minute {
			t.Errorf("it was at %v", texted.CreationDate)
		}
		if small := w.events(asha, 5); !slices.EqualFunc(small, all, func(a, b types.AuthEventType) bool { return *a.EventId == *b.EventId }) {
			t.Errorf("pages of five have %d events, in all there are %d", len(small), len(all))
		}
		w.feedback(texted)
		w.forgotten()
	})
}

// feedback says something of an event of asha's, twice.
func (w *world) feedback(e types.AuthEventType) {
	w.t.Helper()
	say := func(name string, id *string, value types.FeedbackValueType) error {
		_, err := w.sdk.AdminUpdateAuthEventFeedback(w.ctx, &cip.AdminUpdateAuthEventFeedbackInput{
			UserPoolId: &w.pool, Username: &name, EventId: id, FeedbackValue: value,
		})
		return err
	}
	w.must(say(asha, e.EventId, "Invalid"))
	w.must(say(asha, e.EventId, "Valid"))
	for _, other := range w.events(asha, 60) {
		switch f := other.EventFeedback; {
		case *other.EventId != *e.EventId:
			if f != nil {
				w.t.Errorf("feedback of another event: %+v", f)
			}
		case f == nil || f.FeedbackValue != "Valid" || aws.ToString(f.Provider) != "Admin" || w.service.Now().Sub(*f.FeedbackDate) > time.Minute:
			w.t.Errorf("the feedback is %+v", f)
		}
	}
	wantError[*types.ResourceNotFoundException](w, say(ravi, e.EventId, "Valid"), "")
	wantError[*types.ResourceNotFoundException](w, say(asha, new("a1b2c3d4-5678-90ab-cdef-1234567890ab"), "Valid"), "")
	wantError[*types.InvalidParameterException](w, say(asha, e.EventId, "Maybe"), "")
	row := w.newest("AdminListUserAuthEvents")
	wantError[*types.ResourceNotFoundException](w, say(asha, new(string(row.ID)), "Valid"), "") // a row, and no event
	if r := w.raw("UpdateAuthEventFeedback", `{}`); !strings.Contains(r.Body.String(), "UpdateAuthEventFeedback is not served here: ") {
		w.t.Errorf("with a token that nobody gets: %s", r.Body)
	}
}

// forgotten deletes asha, who leaves no events to be listed, nor a masked name.
func (w *world) forgotten() {
	w.t.Helper()
	about := &cip.AdminListUserAuthEventsInput{UserPoolId: &w.pool, Username: new(asha), MaxResults: new(int32(1))}
	page, err := w.sdk.AdminListUserAuthEvents(w.ctx, about)
	w.must(err)
	about.NextToken = page.NextToken
	ravis := *about
	ravis.Username = new(ravi)
	_, err = w.sdk.AdminListUserAuthEvents(w.ctx, &ravis)
	wantError[*types.InvalidParameterException](w, err, "The pagination token is none of this list.")
	_, err = w.sdk.AdminDeleteUser(context.WithoutCancel(w.ctx), &cip.AdminDeleteUserInput{UserPoolId: &w.pool, Username: new(asha)})
	w.must(err)
	_, err = w.sdk.AdminListUserAuthEvents(w.ctx, about)
	wantError[*types.UserNotFoundException](w, err, "")
	if n := len(w.events(ravi, 60)); n != 3 {
		w.t.Errorf("ravi has %d events", n)
	}
}

// A backend tells whom it signs in; that is whose the event is.
func TestSDK_AuthEvents_OfABackend_AreItsUsers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		client := w.makeClient(&cip.CreateUserPoolClientInput{ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
		_, err := w.sdk.AdminInitiateAuth(w.ctx, &cip.AdminInitiateAuthInput{
			UserPoolId: &w.pool, ClientId: &client, AuthFlow: "ADMIN_USER_PASSWORD_AUTH",
			AuthParameters: map[string]string{"USERNAME": asha, "PASSWORD": pass},
			ContextData: &types.ContextDataType{IpAddress: new("2001:db8:1:2:3::4"), ServerName: new("shop"), ServerPath: new("/login"),
				HttpHeaders: []types.HttpHeader{{HeaderName: new("user-agent"), HeaderValue: new(phoneBrowser)}}},
		})
		w.must(err)
		e := w.events(asha, 60)
		last := e[len(e)-1]
		if d := last.EventContextData; plot(last) != "SignIn Pass Password:Success" || aws.ToString(d.IpAddress) != "2001:db8:1:2::/64" || aws.ToString(d.DeviceName) != "Chrome 126, Android 14" {
			t.Errorf("%s, %+v", plot(last), d)
		}
	})
}
