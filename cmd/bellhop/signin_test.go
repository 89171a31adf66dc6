package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

func TestPoolCreate_SignIn_NamesUsersAndSendsCodesBySettings(t *testing.T) {
	data := t.TempDir()
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0")
	admin := sdk(t, p.url, filepath.Join(data, "credentials"))
	for i, c := range []struct {
		signIn   string // "" leaves the flag out
		names    []types.UsernameAttributeType
		verified []types.VerifiedAttributeType
		factors  []types.AuthFactorType
		flow     string
	}{
		{"", []types.UsernameAttributeType{"phone_number"}, []types.VerifiedAttributeType{"phone_number"}, []types.AuthFactorType{"PASSWORD", "SMS_OTP"}, "CUSTOM_AUTH"},
		{"phone", []types.UsernameAttributeType{"phone_number"}, []types.VerifiedAttributeType{"phone_number"}, []types.AuthFactorType{"PASSWORD", "SMS_OTP"}, "CUSTOM_AUTH"},
		{"email", []types.UsernameAttributeType{"email"}, []types.VerifiedAttributeType{"email"}, []types.AuthFactorType{"PASSWORD", "EMAIL_OTP"}, "CUSTOM_AUTH"},
		{"phone,email", []types.UsernameAttributeType{"phone_number", "email"}, []types.VerifiedAttributeType{"phone_number", "email"}, []types.AuthFactorType{"PASSWORD", "SMS_OTP", "EMAIL_OTP"}, "CUSTOM_AUTH"},
		{"username", nil, []types.VerifiedAttributeType{"phone_number", "email"}, []types.AuthFactorType{"PASSWORD", "SMS_OTP", "EMAIL_OTP"}, "USER_SRP_AUTH"},
	} {
		id := poolID + string(rune('0'+i))
		args := []string{"pool", "create", "--data", data, "--id", id}
		if c.signIn != "" {
			args = append(args, "--sign-in", c.signIn)
		}
		code, stdout, stderr := once(t, nil, args...)
		if code != exitOK {
			t.Fatalf("%q: exit code %d, %q", c.signIn, code, stderr)
		}
		if !strings.Contains(stdout, "authenticationFlowType: '"+c.flow+"'") {
			t.Errorf("%q: the snippet for Amplify 5 is wrong:\n%s", c.signIn, stdout)
		}
		d, err := admin.DescribeUserPool(context.Background(), &cip.DescribeUserPoolInput{UserPoolId: &id})
		if err != nil {
			t.Fatal(err)
		}
		pool := d.UserPool
		factors := pool.Policies.SignInPolicy.AllowedFirstAuthFactors
		if !slices.Equal(pool.UsernameAttributes, c.names) || !slices.Equal(pool.AutoVerifiedAttributes, c.verified) || !slices.Equal(factors, c.factors) {
			t.Errorf("%q: names %v, verified %v, factors %v", c.signIn, pool.UsernameAttributes, pool.AutoVerifiedAttributes, factors)
		}
	}
	p.endWell()
}

func TestPoolCreate_UnknownSignIn_IsRefused(t *testing.T) {
	for _, signIn := range []string{"fax", "phone,fax", "email,phone,username"} {
		code, stdout, stderr := once(t, nil, "pool", "create", "--data", t.TempDir(), "--sign-in", signIn)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, "--sign-in must be phone, email, phone,email or username") {
			t.Errorf("%s: exit code %d, %q, %q", signIn, code, stdout, stderr)
		}
	}
}

func TestServe_EmailLog_IsWarnedOf(t *testing.T) {
	const warning = "e-mails go to this log"
	for setting, warned := range map[string]bool{"none": false, "log": true} {
		p := start(t, nil, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--email", setting)
		p.endWell()
		if got := strings.Contains(p.stderr.String(), warning); got != warned {
			t.Errorf("--email %s: warned is %v:\n%s", setting, got, p.stderr)
		}
	}
}

func TestServe_SMTPWithoutFrom_DoesNotStart(t *testing.T) {
	code, _, stderr := once(t, nil, "serve", "--data", t.TempDir(), "--email", "smtp://mail.example")
	if code != exitUsage || !strings.Contains(stderr, "--email-from is not set") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
