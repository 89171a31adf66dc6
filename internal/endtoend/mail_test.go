package endtoend

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// TestEmailPool_SignUpAndSignInByMailedCodes is the life of a user who has an
// address and no phone: nothing is texted, and neither address nor code is in
// the log.
func TestEmailPool_SignUpAndSignInByMailedCodes(t *testing.T) {
	mails := smstest.NewMailSink(t)
	s := newSite(t, "BELLHOP_EMAIL=webhook:"+mails.URL, "BELLHOP_EMAIL_WEBHOOK_SECRET="+webhookSecret)
	var made struct {
		PoolID   string `json:"userPoolId"`
		ClientID string `json:"userPoolClientId"`
	}
	if err := json.Unmarshal([]byte(s.run("pool", "create", "--json", "--sign-in", "email")), &made); err != nil {
		t.Fatal(err)
	}
	s.start()
	ctx, sdk, client := bounded(t, time.Minute), s.sdk(), &made.ClientID
	const address = "Asha.Rao@customers.example"
	codeOf := func(n int) *string {
		t.Helper()
		m, err := mails.Nth(ctx, address, n)
		if err != nil {
			t.Fatal(err)
		}
		if m.PoolID != made.PoolID || m.ClientID != made.ClientID || m.Subject == "" || m.HTML {
			t.Errorf("e-mail %d: %v, subject %q, html %v", n, m, m.Subject, m.HTML)
		}
		code := smstest.CodeIn(m.Body)
		if indexOf([]byte(s.log.String()), code) >= 0 {
			t.Errorf("the code of e-mail %d is in the log", n)
		}
		return &code
	}

	up, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: client, Username: aws.String(address)})
	if err != nil {
		t.Fatal(err)
	}
	if d := up.CodeDeliveryDetails; d == nil || d.DeliveryMedium != types.DeliveryMediumTypeEmail || aws.ToString(d.AttributeName) != "email" || aws.ToString(d.Destination) != "A***@c***" {
		t.Errorf("the code went to %+v", d)
	}
	if _, err := sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: client, Username: aws.String(address), ConfirmationCode: codeOf(1)}); err != nil {
		t.Fatal(err)
	}

	started, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: client, AuthFlow: types.AuthFlowTypeUserAuth,
		AuthParameters: map[string]string{"USERNAME": address, "PREFERRED_CHALLENGE": "EMAIL_OTP"}})
	if err != nil || started.ChallengeName != types.ChallengeNameTypeEmailOtp {
		t.Fatalf("challenge %v (%v)", started, err)
	}
	in, err := sdk.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{ClientId: client, ChallengeName: types.ChallengeNameTypeEmailOtp,
		Session: started.Session, ChallengeResponses: map[string]string{"USERNAME": address, "EMAIL_OTP_CODE": *codeOf(2)}})
	if err != nil || in.AuthenticationResult == nil {
		t.Fatalf("no tokens but %v (%v)", in, err)
	}
	user, err := sdk.GetUser(ctx, &cip.GetUserInput{AccessToken: in.AuthenticationResult.AccessToken})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, a := range user.UserAttributes {
		got[*a.Name] = *a.Value
	}
	if !strings.EqualFold(got["email"], address) || got["email_verified"] != "true" {
		t.Errorf("attributes %v", got)
	}
	s.stop()
	if log := strings.ToLower(s.log.String()); strings.Contains(log, "asha") || !strings.Contains(log, "respondtoauthchallenge") {
		t.Error("the log shows the address, or nothing")
	}
	if n := len(s.sink.Posts()); n != 0 {
		t.Errorf("%d texts were sent", n)
	}
}
