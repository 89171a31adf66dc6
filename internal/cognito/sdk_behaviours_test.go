package cognito_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
)

var update = flag.Bool("update", false, "rewrite docs/behaviours.md")

const behavioursDoc = "../../docs/behaviours.md"

// behaviours are the values of the tag, in the order of the table.
var behaviours = []string{"standard", "strict", "cognito-exact"}

// Where the two people of a scenario sit.
const (
	atHome    = "203.0.113.7:4711"
	elsewhere = "198.51.100.9:4711"
)

// play is a scenario: what somebody does, in a pool of each behaviour, and what
// comes of it in a few words.
type play struct {
	name   string
	legacy bool // PreventUserExistenceErrors LEGACY
	pool   func(*cip.CreateUserPoolInput)
	run    func(*world) string
}

// said is the outcome of a call: the exception and its message, or what else.
func said(err error, otherwise string) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		if err != nil {
			return err.Error()
		}
		return otherwise
	}
	return api.ErrorCode() + ": " + strings.TrimSuffix(api.ErrorMessage(), ".")
}

func aliasPool(in *cip.CreateUserPoolInput) {
	in.UsernameAttributes = nil
	in.AliasAttributes = []types.AliasAttributeType{"phone_number"}
}

func attributes(pairs ...string) []types.AttributeType {
	var list []types.AttributeType
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, types.AttributeType{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return list
}

func (w *world) trySignUp(from, name, password string, attrs ...string) error {
	w.wire.from = from
	in := &cip.SignUpInput{ClientId: &w.client, Username: &name, UserAttributes: attributes(attrs...)}
	if password != "" {
		in.Password = &password
	}
	_, err := w.sdk.SignUp(w.ctx, in)
	return err
}

func (w *world) tryConfirm(from, name, code string, force bool) (*cip.ConfirmSignUpOutput, error) {
	w.wire.from = from
	return w.sdk.ConfirmSignUp(w.ctx, &cip.ConfirmSignUpInput{ClientId: &w.client, Username: &name, ConfirmationCode: &code, ForceAliasCreation: force})
}

// tryPassword signs in by USER_PASSWORD_AUTH.
func (w *world) tryPassword(name, password string) error {
	_, err := w.initiate("USER_PASSWORD_AUTH", nil, map[string]string{"USERNAME": name, "PASSWORD": password})
	return err
}

func (w *world) opens(name, password string) string {
	if w.tryPassword(name, password) == nil {
		return "opens the account"
	}
	return "is dropped"
}

func (w *world) later(d time.Duration) { <-time.After(d) } // of the bubble

var plays = []play{
	{name: "SignUp of a number whose sign-up was not confirmed", run: func(w *world) string {
		w.must(w.trySignUp(elsewhere, asha, pass))
		return said(w.trySignUp(atHome, asha, pass), "200, a sign-up of its own")
	}},
	{name: "SignUp of a number that has a user", run: func(w *world) string {
		w.member(asha, "")
		return said(w.trySignUp(atHome, asha, pass), "200, and the code signs the user in")
	}},
	{name: "SignUp of a user name that is taken, in a pool with aliases", pool: aliasPool, run: func(w *world) string {
		w.must(w.trySignUp(atHome, "asha", pass, "phone_number", asha))
		_, err := w.tryConfirm(atHome, "asha", w.code(asha), false)
		w.must(err)
		return said(w.trySignUp(elsewhere, "asha", pass, "phone_number", ravi), "200")
	}},
	{name: "The password of a sign-up that was confirmed from the same address", run: func(w *world) string {
		w.must(w.trySignUp(atHome, asha, pass))
		_, err := w.tryConfirm(atHome, asha, w.code(asha), false)
		w.must(err)
		return w.opens(asha, pass)
	}},
	{name: "The password of a sign-up that was confirmed from another address, without its Session", run: func(w *world) string {
		w.must(w.trySignUp(atHome, asha, pass))
		_, err := w.tryConfirm(elsewhere, asha, w.code(asha), false)
		w.must(err)
		return w.opens(asha, pass)
	}},
	{name: "A texted code signs in (CUSTOM_AUTH) where the sign-up was not confirmed", run: func(w *world) string {
		w.must(w.trySignUp(atHome, asha, pass))
		w.later(time.Minute)
		auth, err := w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": asha})
		if err != nil {
			return said(err, "")
		}
		_, err = w.respond("CUSTOM_CHALLENGE", auth.Session, map[string]string{"USERNAME": asha, "ANSWER": w.code(asha)})
		return said(err, "tokens; the sign-up's password "+w.opens(asha, pass))
	}},
	{name: "A one-time code signs in (USER_AUTH) where the sign-up was not confirmed", run: func(w *world) string {
		w.must(w.trySignUp(atHome, asha, pass))
		w.later(time.Minute)
		auth, err := w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": asha, "PREFERRED_CHALLENGE": "SMS_OTP"})
		if err != nil {
			return said(err, "")
		}
		_, err = w.respond("SMS_OTP", auth.Session, map[string]string{"USERNAME": asha, "SMS_OTP_CODE": w.code(asha)})
		return said(err, "tokens; the sign-up's password "+w.opens(asha, pass))
	}},
	{name: "Digits of a one-time code (SMS_OTP)", run: func(w *world) string {
		w.member(asha, "")
		_, err := w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": asha, "PREFERRED_CHALLENGE": "SMS_OTP"})
		w.must(err)
		return fmt.Sprint(len(w.code(asha)))
	}},
	{name: "The right password of a sign-up that was not confirmed", run: func(w *world) string {
		w.must(w.trySignUp(atHome, asha, pass))
		return said(w.tryPassword(asha, pass), "tokens")
	}},
	{name: "The Session of ConfirmSignUp, to a client that allows CUSTOM_AUTH and not USER_AUTH", run: func(w *world) string {
		w.client = w.makeClient(&cip.CreateUserPoolClientInput{ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
		w.must(w.trySignUp(atHome, asha, pass))
		out, err := w.tryConfirm(atHome, asha, w.code(asha), false)
		w.must(err)
		if out.Session == nil {
			return "none"
		}
		return "given, signs in without a second text"
	}},
	{name: "Factors offered to a user without a password, PreventUserExistenceErrors ENABLED", run: func(w *world) string {
		w.member(asha, "")
		auth, err := w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": asha})
		w.must(err)
		return fmt.Sprint(auth.AvailableChallenges)
	}},
	{name: "Factors offered to a user with a temporary password", legacy: true, run: func(w *world) string {
		_, err := w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{UserPoolId: &w.pool, Username: new(asha), TemporaryPassword: new(pass), MessageAction: "SUPPRESS"})
		w.must(err)
		auth, err := w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": asha})
		w.must(err)
		slices.Sort(auth.AvailableChallenges)
		return fmt.Sprint(auth.AvailableChallenges)
	}},
	{name: "A disabled user, PreventUserExistenceErrors ENABLED", run: func(w *world) string {
		w.member(asha, pass)
		_, err := w.sdk.AdminDisableUser(w.ctx, &cip.AdminDisableUserInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
		return said(w.tryPassword(asha, pass), "tokens")
	}},
	{name: "ConfirmSignUp with somebody else's verified alias", pool: aliasPool, run: func(w *world) string { return w.alias(false, 0) }},
	{name: "ConfirmSignUp with ForceAliasCreation and somebody else's verified alias", pool: aliasPool, run: func(w *world) string { return w.alias(true, 0) }},
	{name: "ConfirmSignUp with ForceAliasCreation, the owner's last sign-in 91 days ago", pool: aliasPool, run: func(w *world) string { return w.alias(true, 91*24*time.Hour) }},
	{name: "The tokens of a sign-in, DeviceConfiguration unset", run: func(w *world) string {
		return newDevice(w.member(asha, ""))
	}},
	{name: "The tokens of a sign-in, DeviceConfiguration set", pool: devicePool, run: func(w *world) string {
		return newDevice(w.member(asha, ""))
	}},
	{name: "A right code with a DEVICE_KEY that is nobody's", pool: devicePool, run: func(w *world) string {
		w.member(asha, "")
		auth, err := w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": asha, "DEVICE_KEY": noDevice})
		w.must(err)
		done, err := w.respond("CUSTOM_CHALLENGE", auth.Session, map[string]string{"USERNAME": asha, "ANSWER": w.code(asha), "DEVICE_KEY": noDevice})
		if err != nil {
			return said(err, "")
		}
		return newDevice(done.AuthenticationResult)
	}},
	{name: "A refresh without the DEVICE_KEY of its sign-in", pool: devicePool, run: func(w *world) string {
		_, err := w.initiate("REFRESH_TOKEN_AUTH", nil, map[string]string{"REFRESH_TOKEN": *w.member(asha, "").RefreshToken})
		return said(err, "tokens")
	}},
	{name: "ListDevices, DeviceConfiguration unset", run: func(w *world) string {
		_, err := w.sdk.ListDevices(w.ctx, &cip.ListDevicesInput{AccessToken: w.member(asha, "").AccessToken})
		return said(err, "200")
	}},
	{name: "Codes of two InitiateAuth calls of one device", run: func(w *world) string {
		w.member(asha, "")
		var codes []string
		for range 2 {
			_, err := w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": asha})
			w.must(err)
			codes = append(codes, w.code(asha))
			w.later(time.Minute)
		}
		if codes[0] == codes[1] {
			return "one code"
		}
		return "two codes"
	}},
	{name: "AdminConfirmSignUp, then a code texted to the number is given: the sign-up's password", run: func(w *world) string {
		w.must(w.trySignUp(atHome, asha, pass))
		_, err := w.sdk.AdminConfirmSignUp(w.ctx, &cip.AdminConfirmSignUpInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
		w.later(time.Minute)
		auth, err := w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": asha})
		w.must(err)
		_, err = w.respond("CUSTOM_CHALLENGE", auth.Session, map[string]string{"USERNAME": asha, "ANSWER": w.code(asha)})
		w.must(err)
		return w.opens(asha, pass)
	}},
	{name: "AdminCreateUser of a number whose sign-up was not confirmed", run: func(w *world) string {
		w.must(w.trySignUp(atHome, asha, pass))
		_, err := w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{UserPoolId: &w.pool, Username: new(asha), MessageAction: "SUPPRESS"})
		return said(err, "200, and the sign-up ends")
	}},
	{name: "UpdateUserAttributes with another phone number: the user's number before the code", run: func(w *world) string {
		tokens := w.member(asha, pass)
		w.must(w.changeNumber(tokens, ravi))
		me, err := w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
		w.must(err)
		if attribute(me.UserAttributes, "phone_number") == asha {
			return "is the old one"
		}
		return "is the new one"
	}},
	{name: "UpdateUserAttributes with somebody else's number", run: func(w *world) string {
		w.member(ravi, pass)
		tokens := w.member(asha, pass)
		w.later(11 * time.Minute)
		if err := w.changeNumber(tokens, ravi); err != nil {
			return said(err, "")
		}
		_, err := w.sdk.VerifyUserAttribute(w.ctx, &cip.VerifyUserAttributeInput{AccessToken: tokens.AccessToken, AttributeName: new("phone_number"), Code: new(w.code(ravi))})
		return "200; with the code " + said(err, "200")
	}},
	{name: "Tokens after ConfirmForgotPassword", run: func(w *world) string {
		tokens := w.member(asha, pass)
		w.must(w.forgot(asha))
		w.must(w.tryReset(asha, w.code(asha)))
		return w.live(tokens)
	}},
	{name: "Tokens after AdminResetUserPassword", run: func(w *world) string {
		tokens := w.member(asha, pass)
		_, err := w.sdk.AdminResetUserPassword(w.ctx, &cip.AdminResetUserPasswordInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
		return w.live(tokens)
	}},
	{name: "The password after AdminResetUserPassword", run: func(w *world) string {
		w.member(asha, "")
		_, err := w.sdk.AdminSetUserPassword(w.ctx, &cip.AdminSetUserPasswordInput{UserPoolId: &w.pool, Username: new(asha), Password: new(pass), Permanent: true})
		w.must(err)
		_, err = w.sdk.AdminResetUserPassword(w.ctx, &cip.AdminResetUserPasswordInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
		return said(w.tryPassword(asha, pass), "tokens")
	}},
	{name: "ForgotPassword where the sign-up was not confirmed, PreventUserExistenceErrors ENABLED", run: func(w *world) string {
		w.must(w.trySignUp(atHome, asha, pass))
		return said(w.forgot(asha), "200")
	}},
	{name: "ForgotPassword where the sign-up was not confirmed, LEGACY", legacy: true, run: func(w *world) string {
		w.must(w.trySignUp(atHome, asha, pass))
		return said(w.forgot(asha), "200")
	}},
	{name: "A reset code that was never sent, PreventUserExistenceErrors ENABLED", run: func(w *world) string {
		w.member(asha, pass)
		return said(w.tryReset(asha, "123456"), "200")
	}},
	{name: "A reset code that is wrong, PreventUserExistenceErrors ENABLED", run: func(w *world) string {
		w.member(asha, pass)
		w.must(w.forgot(asha))
		return said(w.tryReset(asha, wrong(w.code(asha))), "200")
	}},
	{name: "A reset code that was never sent, LEGACY", legacy: true, run: func(w *world) string {
		w.member(asha, pass)
		return said(w.tryReset(asha, "123456"), "200")
	}},
	{name: "Where the sign-up code of an address with a number goes, in a pool named by both", pool: bothPool, run: func(w *world) string {
		w.must(w.trySignUp(atHome, "asha@example.com", pass, "phone_number", asha))
		if w.texts() > 0 {
			return "to the number"
		}
		return "to the address"
	}},
	{name: "Digits of a one-time code by e-mail (EMAIL_OTP)", pool: contactPool("email"), run: func(w *world) string {
		w.must(w.trySignUp(atHome, "asha@example.com", pass))
		_, err := w.tryConfirm(atHome, "asha@example.com", w.codeAt("asha@example.com"), false)
		w.must(err)
		w.later(time.Minute)
		_, err = w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": "asha@example.com", "PREFERRED_CHALLENGE": "EMAIL_OTP"})
		w.must(err)
		return fmt.Sprint(len(w.codeAt("asha@example.com")))
	}},
}

const noDevice = "us-east-1_8cf2fd77-987c-470e-9934-7cde10246676"

func devicePool(in *cip.CreateUserPoolInput) {
	in.DeviceConfiguration = &types.DeviceConfigurationType{}
}

// newDevice says whether tokens came with a new device.
func newDevice(r *types.AuthenticationResultType) string {
	if r.NewDeviceMetadata == nil {
		return "tokens"
	}
	return "tokens, with NewDeviceMetadata"
}

func (w *world) changeNumber(tokens *types.AuthenticationResultType, to string) error {
	_, err := w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: tokens.AccessToken, UserAttributes: attributes("phone_number", to)})
	return err
}

func (w *world) forgot(name string) error {
	_, err := w.sdk.ForgotPassword(w.ctx, &cip.ForgotPasswordInput{ClientId: &w.client, Username: &name})
	return err
}

func (w *world) tryReset(name, code string) error {
	_, err := w.sdk.ConfirmForgotPassword(w.ctx, &cip.ConfirmForgotPasswordInput{ClientId: &w.client, Username: &name, ConfirmationCode: &code, Password: new(otherPass)})
	return err
}

// live says what has become of a sign-in.
func (w *world) live(tokens *types.AuthenticationResultType) string {
	if _, err := w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken}); err != nil {
		return said(err, "")
	}
	return "stay"
}

// alias lets a newcomer confirm with a number that is somebody's verified alias.
func (w *world) alias(force bool, idle time.Duration) string {
	w.must(w.trySignUp(atHome, "asha", pass, "phone_number", asha))
	confirmed, err := w.tryConfirm(atHome, "asha", w.code(asha), false)
	w.must(err)
	_, err = w.initiate("USER_AUTH", confirmed.Session, map[string]string{"USERNAME": "asha"})
	w.must(err)
	if idle > 0 {
		w.passDown(idle)
	}
	w.must(w.trySignUp(elsewhere, "ravi", pass, "phone_number", asha))
	_, err = w.tryConfirm(elsewhere, "ravi", w.code(asha), force)
	return said(err, "200, the alias moves")
}

// outcome plays in a pool of its own.
func (p play) outcome(t *testing.T, behaviour string) (out string) {
	inWorld(t, func(w *world) {
		in := &cip.CreateUserPoolInput{
			PoolName:               new("p"),
			UsernameAttributes:     []types.UsernameAttributeType{"phone_number"},
			AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"},
			Policies:               &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP"}}},
			UserPoolTags:           map[string]string{"bellhop:token-alg": "ES256", "bellhop:behaviour": behaviour},
		}
		if p.pool != nil {
			p.pool(in)
		}
		made, err := w.sdk.CreateUserPool(w.ctx, in)
		w.must(err)
		w.pool = *made.UserPool.Id
		client := &cip.CreateUserPoolClientInput{
			ExplicitAuthFlows:          []types.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH", "ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
			PreventUserExistenceErrors: "ENABLED",
		}
		if p.legacy {
			client.PreventUserExistenceErrors = "LEGACY"
		}
		w.client = w.makeClient(client)
		out = p.run(w)
	})
	return out
}

// Plays every scenario in all three behaviours. Where they differ stands in
// docs/behaviours.md, which docs/divergences.md is written from.
func TestBehaviours_DifferWhereTheDocumentSays(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Where the three behaviours differ\n\n" +
		"Made by `go test ./internal/cognito -run TestBehaviours -update`: the same scenarios, played\n" +
		"through the AWS SDK in a pool of each value of the tag `bellhop:behaviour`. Scenarios that\n" +
		"end alike in all three are listed at the end. What Cognito itself does, and why a pool departs\n" +
		"from it, stands in [divergences.md](divergences.md).\n\n" +
		"| scenario | `standard` | `strict` | `cognito-exact` |\n|---|---|---|---|\n")
	var alike []string
	for _, p := range plays {
		var outcomes []string
		for _, behaviour := range behaviours {
			t.Run(behaviour+"/"+p.name, func(t *testing.T) { outcomes = append(outcomes, p.outcome(t, behaviour)) })
		}
		if len(slices.Compact(slices.Clone(outcomes))) == 1 {
			alike = append(alike, fmt.Sprintf("- %s: %s\n", p.name, outcomes[0]))
			continue
		}
		fmt.Fprintf(&b, "| %s | %s |\n", p.name, strings.Join(outcomes, " | "))
	}
	b.WriteString("\nAlike in all three:\n\n" + strings.Join(alike, ""))
	t.Log(b.String())
	if *update {
		if err := os.WriteFile(behavioursDoc, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(behavioursDoc)
	if err != nil || string(kept) != b.String() {
		t.Errorf("docs/behaviours.md is not what the scenarios say (%v); run with -update and read the diff", err)
	}
}
