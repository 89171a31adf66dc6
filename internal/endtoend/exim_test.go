package endtoend

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/mailtest"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// byServer are settings for e-mails by the server.
func byServer(m *mailtest.Server) []string {
	return []string{
		"BELLHOP_EMAIL=smtp://" + m.Address, "BELLHOP_EMAIL_FROM=Bellhop <auth@bellhop.example>",
		"BELLHOP_SMTP_USERNAME=" + mailtest.Username, "BELLHOP_SMTP_PASSWORD=" + mailtest.Password,
		"SSL_CERT_FILE=" + m.Roots, // it is among those that Go trusts then
	}
}

// mailed is a pool whose users sign in by address, and a user's view of it.
type mailed struct {
	t      *testing.T
	ctx    context.Context
	began  time.Time // in whole seconds, as a Date has them
	site   *site
	exim   *mailtest.Server
	sdk    *cip.Client
	pool   *string
	client *string
}

// Words in Arabic, since they must survive all encodings on the way, and are written
// from right to left.
const (
	rightToLeft = `<div dir="rtl"><p>رمز التحقق الخاص بك هو <b>{####}</b>.</p><p>لا تشاركه مع أي شخص &amp; شكرا</p></div>`
	readAs      = "رمز التحقق الخاص بك هو CODE.\nلا تشاركه مع أي شخص & شكرا"
	longSubject = "رمز التحقق الخاص بك للدخول إلى حسابك في متجرنا الإلكتروني الجديد"
	invitation  = "Grüße {username}! Password: {####}"
)

func newMailed(t *testing.T) *mailed {
	exim := mailtest.Start(t, mailtest.Options{})
	s := prepareSite(t, byServer(exim)...)
	s.start()
	m := &mailed{t: t, began: time.Now().Truncate(time.Second), ctx: bounded(t, time.Minute), site: s, exim: exim, sdk: s.sdk()}
	made, err := m.sdk.CreateUserPool(m.ctx, &cip.CreateUserPoolInput{
		PoolName: aws.String("mailed"), UsernameAttributes: []types.UsernameAttributeType{types.UsernameAttributeTypeEmail},
		AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
		EmailConfiguration:     &types.EmailConfigurationType{From: aws.String("متجر <shop@bellhop.example>"), ReplyToEmailAddress: aws.String("help@elsewhere.example")},
		Policies: &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{
			AllowedFirstAuthFactors: []types.AuthFactorType{types.AuthFactorTypePassword, types.AuthFactorTypeEmailOtp}}},
		VerificationMessageTemplate: &types.VerificationMessageTemplateType{EmailMessage: aws.String(rightToLeft), EmailSubject: aws.String(longSubject)},
		AdminCreateUserConfig: &types.AdminCreateUserConfigType{InviteMessageTemplate: &types.MessageTemplateType{
			EmailMessage: aws.String(invitation), EmailSubject: aws.String("Grüße, {username}")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := m.sdk.CreateUserPoolClient(m.ctx, &cip.CreateUserPoolClientInput{UserPoolId: made.UserPool.Id, ClientName: aws.String("app"),
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserAuth, types.ExplicitAuthFlowsTypeAllowRefreshTokenAuth}})
	if err != nil {
		t.Fatal(err)
	}
	m.pool, m.client = made.UserPool.Id, client.UserPoolClient.ClientId
	return m
}

// code is letter with the code in it.
func (m *mailed) code(address string, n int) (mailtest.Letter, *string) {
	m.t.Helper()
	l := m.letter(address, n)
	code := smstest.CodeIn(l.Parts["text/plain"])
	if code == "" || indexOf([]byte(m.site.log.String()), code) >= 0 {
		m.t.Fatalf("the code of letter %d to %s is %q, or in the log", n, address, code)
	}
	return l, &code
}

// letter reads the nth letter to the address and checks all of it but the words.
func (m *mailed) letter(address string, n int) mailtest.Letter {
	m.t.Helper()
	l, err := m.exim.Nth(m.ctx, address, n)
	if err != nil {
		m.t.Fatalf("%v\n%s", err, m.site.log)
	}
	for name, want := range map[string]string{
		"To": "<" + address + ">", "Return-Path": "<auth@bellhop.example>", "Reply-To": "<help@elsewhere.example>",
		"From": "=?utf-8?q?=D9=85=D8=AA=D8=AC=D8=B1?= <shop@bellhop.example>", "Auto-Submitted": "auto-generated", "Mime-Version": "1.0",
	} {
		if got := l.Header[name]; len(got) != 1 || got[0] != want {
			m.t.Errorf("letter %d to %s: %s is %q, want %q", n, address, name, got, want)
		}
	}
	if at, err := l.Header.Date(); err != nil || at.Before(m.began) || at.After(time.Now()) || !strings.HasSuffix(l.Header.Get("Message-Id"), "@bellhop.example>") {
		m.t.Errorf("letter %d to %s: Date %v (%v), Message-ID %q", n, address, at, err, l.Header.Get("Message-Id"))
	}
	for name := range l.Header { // nothing that tracks, tells of the server, or is for mailing lists
		if strings.HasPrefix(name, "X-") || strings.HasPrefix(name, "List-") || name == "User-Agent" {
			m.t.Errorf("letter %d to %s has the header %s", n, address, name)
		}
	}
	return l
}

// TestExim_ALifeByMail sends all that is mailed through a mail server that people
// run, and reads it from the mailbox.
func TestExim_ALifeByMail(t *testing.T) {
	t.Parallel()
	m := newMailed(t)

	// The first letter is put off, as by servers that greylist, and arrives all the same.
	const asha = mailtest.Greylisted
	up, err := m.sdk.SignUp(m.ctx, &cip.SignUpInput{ClientId: m.client, Username: aws.String(asha), Password: aws.String("First-Horse-77")})
	if err != nil {
		t.Fatal(err)
	}
	l, code := m.code(asha, 1)
	if want := strings.Replace(readAs, "CODE", *code, 1); l.Subject != longSubject || l.Parts["text/plain"] != want ||
		l.Parts["text/html"] != strings.Replace(rightToLeft, "{####}", *code, 1) {
		t.Errorf("subject %q, parts %q", l.Subject, l.Parts)
	}
	if n := strings.Count(m.site.log.String(), "answered with 451 4.2.0"); n != 1 {
		t.Errorf("the log tells %d times that the letter was put off", n)
	}
	if _, err := m.sdk.ConfirmSignUp(m.ctx, &cip.ConfirmSignUpInput{ClientId: m.client, Username: up.UserSub, ConfirmationCode: code}); err != nil {
		t.Fatal(err)
	}

	if _, err := m.sdk.ForgotPassword(m.ctx, &cip.ForgotPasswordInput{ClientId: m.client, Username: aws.String(asha)}); err != nil {
		t.Fatal(err)
	}
	_, code = m.code(asha, 2)
	_, err = m.sdk.ConfirmForgotPassword(m.ctx, &cip.ConfirmForgotPasswordInput{ClientId: m.client, Username: aws.String(asha), ConfirmationCode: code, Password: aws.String("Other-Horse-77")})
	if err != nil {
		t.Fatal(err)
	}

	access := m.signIn(asha, 3)
	const fresh = "asha+new@" + mailtest.Domain
	_, err = m.sdk.UpdateUserAttributes(m.ctx, &cip.UpdateUserAttributesInput{AccessToken: access,
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String(fresh)}}})
	if err != nil {
		t.Fatal(err)
	}
	_, code = m.code(fresh, 1)
	if _, err := m.sdk.VerifyUserAttribute(m.ctx, &cip.VerifyUserAttributeInput{AccessToken: access, AttributeName: aws.String("email"), Code: code}); err != nil {
		t.Fatal(err)
	}
	m.signIn(fresh, 2)

	m.invite("ravi@" + mailtest.Domain)
	m.refused()
	m.site.stop()
	if n := len(m.site.sink.Posts()); n != 0 {
		t.Errorf("%d texts were sent", n)
	}
}

// signIn signs in by the code of the nth letter to the address.
func (m *mailed) signIn(address string, n int) (access *string) {
	m.t.Helper()
	started, err := m.sdk.InitiateAuth(m.ctx, &cip.InitiateAuthInput{ClientId: m.client, AuthFlow: types.AuthFlowTypeUserAuth,
		AuthParameters: map[string]string{"USERNAME": address, "PREFERRED_CHALLENGE": "EMAIL_OTP"}})
	if err != nil || started.ChallengeName != types.ChallengeNameTypeEmailOtp {
		m.t.Fatalf("challenge %v (%v)", started, err)
	}
	l, code := m.code(address, n)
	if l.Subject != "Your authentication code" || l.Parts["text/html"] != "" {
		m.t.Errorf("subject %q, parts %q", l.Subject, l.Parts)
	}
	in, err := m.sdk.RespondToAuthChallenge(m.ctx, &cip.RespondToAuthChallengeInput{ClientId: m.client, ChallengeName: types.ChallengeNameTypeEmailOtp,
		Session: started.Session, ChallengeResponses: map[string]string{"USERNAME": address, "EMAIL_OTP_CODE": *code}})
	if err != nil || in.AuthenticationResult == nil {
		m.t.Fatalf("no tokens but %v (%v)", in, err)
	}
	return in.AuthenticationResult.AccessToken
}

func (m *mailed) invite(address string) {
	m.t.Helper()
	const password = "Temp=<Horse>&77"
	_, err := m.sdk.AdminCreateUser(m.ctx, &cip.AdminCreateUserInput{UserPoolId: m.pool, Username: aws.String(address), TemporaryPassword: aws.String(password),
		DesiredDeliveryMediums: []types.DeliveryMediumType{types.DeliveryMediumTypeEmail},
		UserAttributes:         []types.AttributeType{{Name: aws.String("email"), Value: aws.String(address)}}})
	if err != nil {
		m.t.Fatal(err)
	}
	l := m.letter(address, 1)
	want := strings.NewReplacer("{username}", address, "{####}", password).Replace(invitation)
	if l.Subject != "Grüße, "+address || l.Parts["text/plain"] != want || l.Parts["text/html"] != "" {
		m.t.Errorf("subject %q, parts %q, want %q", l.Subject, l.Parts, want)
	}
}

// refused mails somebody without a mailbox: it is not tried again.
func (m *mailed) refused() {
	m.t.Helper()
	if _, err := m.sdk.SignUp(m.ctx, &cip.SignUpInput{ClientId: m.client, Username: aws.String(mailtest.Nobody)}); err != nil {
		m.t.Fatal(err)
	}
	told := func(log string) bool {
		return strings.Contains(log, "refused for ever") && strings.Contains(log, "smtp: RCPT: answered with 550 5.1.1")
	}
	if !m.site.log.await(m.ctx, told) {
		m.t.Errorf("the log tells nothing of the refusal:\n%s", m.site.log)
	}
}

// TestExim_DoctorSaysWhatIsWrong asks the doctor about servers that take nothing
// from this one.
func TestExim_DoctorSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	m, open := mailtest.Start(t, mailtest.Options{}), mailtest.Start(t, mailtest.Options{NoSTARTTLS: true})
	s := prepareSite(t)
	s.makePool()
	for _, c := range []struct{ name, want, env string }{
		{"all is well", "", ""},
		{"password", "smtp: AUTH: answered with 535", "BELLHOP_SMTP_PASSWORD=wrong"},
		{"certificate", "smtp: STARTTLS: the host's certificate cannot be verified", "SSL_CERT_FILE=/dev/null"},
		{"no STARTTLS", "smtp: STARTTLS: the server does not offer it", "BELLHOP_EMAIL=smtp://" + open.Address},
	} {
		cmd := exec.CommandContext(t.Context(), binary, "doctor")
		cmd.Env = append(append(append([]string{}, s.env...), byServer(m)...), c.env)
		out, _ := cmd.Output() // there is more to say of a site that nobody serves
		told := ""
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "e-mail") {
				told = line
			}
		}
		if told == "" || !strings.Contains(told, c.want) || (c.want == "") != strings.Contains(told, "ok") {
			t.Errorf("%s: it says %q of\n%s", c.name, told, out)
		}
	}
}
