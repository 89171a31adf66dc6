package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/poolfile"
)

// applier applies files to one place.
type applier struct {
	t    *testing.T
	env  []string
	to   []string // flags that say where
	file string
}

func (a *applier) write(text string) {
	a.t.Helper()
	if err := os.WriteFile(a.file, []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// expect runs bellhop apply and checks how it ends, and that each text is in what it
// prints.
func (a *applier) expect(code int, flags string, texts ...string) string {
	a.t.Helper()
	args := append([]string{"apply", a.file}, append(strings.Fields(flags), a.to...)...)
	got, stdout, stderr := once(a.t, a.env, args...)
	if got != code {
		a.t.Fatalf("%s: exit code %d, want %d\n%s%s", flags, got, code, stdout, stderr)
	}
	for _, text := range texts {
		if !strings.Contains(stdout+stderr, text) {
			a.t.Errorf("%s: the output lacks %q:\n%s%s", flags, text, stdout, stderr)
		}
	}
	return stdout
}

// The example is applied, once and again, changed, and pruned: to a server over its
// API, and to a database without a server.
func TestApply_ToAServerAndToADatabase_EndsWhereTheFileSays(t *testing.T) {
	example, err := os.ReadFile("../../examples/pools/pools.yaml")
	if err != nil {
		t.Fatal(err)
	}
	served, alone := t.TempDir(), filepath.Join(t.TempDir(), "new")
	p := start(t, nil, "serve", "--data", served, "--listen", "127.0.0.1:0")
	for name, a := range map[string]*applier{
		"server":   {to: []string{"--endpoint", p.url}, env: []string{"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(served, "credentials")}},
		"database": {to: []string{"--data", alone}},
	} {
		t.Run(name, func(t *testing.T) {
			a.t, a.file = t, filepath.Join(t.TempDir(), "pools.yaml")
			// Elliptic keys, since making RSA keys takes most of the time.
			text := strings.Replace(string(example), "bellhop:app-name: Riders", "bellhop:token-alg: ES256", 1)
			a.write(text)
			if name == "server" {
				a.expect(exitDiffer, "--plan", "+ pool riders", "+ client app", "+ client back office", "+ group staff")
			} else {
				a.expect(exitFailed, "--plan", "there is no database")
			}
			a.expect(exitOK, "", "pool riders (us-east-1_", "is made", "group staff is made")
			const same = "as the file says"
			a.expect(exitOK, "", same)
			a.expect(exitOK, "--plan --prune", same)
			a.write(strings.NewReplacer("MinimumLength: 10", "MinimumLength: 12", "Those who drive", "Drivers", "AccessTokenValidity: 30", "AccessTokenValidity: 15").Replace(text))
			a.expect(exitDiffer, "--dry-run", "~ Policies.PasswordPolicy.MinimumLength: 10 -> 12", `~ Description: "Those who drive" -> "Drivers"`, "~ AccessTokenValidity: 30 -> 15")
			a.expect(exitOK, "", "is changed")
			a.expect(exitOK, "--plan", same)

			half, _, _ := strings.Cut(text, "  - ClientName: back office")
			a.write(half + "Groups: []\n")
			a.expect(exitOK, "", "client back office", "--prune deletes it")
			a.expect(exitDiffer, "--plan --prune", "- client back office", "- group drivers")
			a.expect(exitFailed, "--prune", "--yes")
			a.expect(exitOK, "--prune --yes", "is deleted")
			a.expect(exitOK, "--plan --prune", same)

			a.write("UserPools:\n- " + strings.ReplaceAll(strings.TrimSpace(half), "\n", "\n  ") + "\n- PoolName: second\n  UserPoolTags: {bellhop:token-alg: ES256}\n")
			a.expect(exitOK, "", same, "pool second")
		})
	}
	p.endWell()
}

// Whatever is wrong with the file is exit code 1, since 2 says that there is something
// to do; and nothing is done of a file that is half good.
func TestApply_BadFiles_DoNothing(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	a := &applier{t: t, to: []string{"--data", data}, file: filepath.Join(t.TempDir(), "f.yaml")}
	for _, c := range []struct{ text, want string }{
		{"PoolName: p\nPolicys: {}", "f.yaml:2: Policys is not known here; did you mean Policies?"},
		{"Id: " + poolID + "\nPoolName: p\nUsernameAttributes: [email]", "has other UsernameAttributes than the pool " + poolID},
		{"UserPools:\n- PoolName: good\n- PoolName: bad\n  Policies: {PasswordPolicy: {MinimumLength: 3}}", "f.yaml:3: UserPools would be refused: 1 validation error"},
		{"PoolName: p\nUserPoolAddOns: {AdvancedSecurityMode: AUDIT}", "AdvancedSecurityMode other than OFF is not served"},
		{"PoolName: p\nMfaConfiguration: \"ON\"\nSoftwareTokenMfaConfiguration: {Enabled: true}\nPolicies: {SignInPolicy: {AllowedFirstAuthFactors: [PASSWORD, SMS_OTP]}}", "MfaConfiguration ON does not go with SMS_OTP"},
		{"PoolName: p\nClients: [{ClientName: c, SupportedIdentityProviders: [Google]}]", "f.yaml:2: Clients would be refused: SupportedIdentityProviders"},
	} {
		a.write(c.text)
		a.expect(exitFailed, "--plan", c.want)
		a.expect(exitFailed, "", c.want)
	}
	a.write("PoolName: p")
	a.expect(exitFailed, "--plan --bogus", "bogus")
	if code, _, stderr := once(t, nil, "apply", "--plan"); code != exitFailed || !strings.Contains(stderr, "say which file") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	a.to = []string{"--endpoint", "ftp://x"}
	a.expect(exitFailed, "", "--endpoint must be")
	a.to = []string{"--data", data}
	a.write("PoolName: good")
	a.expect(exitDiffer, "--plan", "+ pool good") // none was made above
}

// What describe commands print of one server makes the same pool on another, with its
// ids and its secrets; the secrets are never printed.
func TestApply_DescribedPool_KeepsIDsAndSecrets(t *testing.T) {
	from := t.TempDir()
	createPool(t, from)
	p := start(t, nil, "serve", "--data", from, "--listen", "127.0.0.1:0")
	admin, ctx := sdk(t, p.url, filepath.Join(from, "credentials")), context.Background()
	made, err := admin.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{UserPoolId: ptr(poolID), ClientName: ptr("server"), GenerateSecret: true})
	if err != nil {
		t.Fatal(err)
	}
	described, err := admin.DescribeUserPool(ctx, &cip.DescribeUserPoolInput{UserPoolId: ptr(poolID)})
	if err != nil {
		t.Fatal(err)
	}
	public, err := admin.DescribeUserPoolClient(ctx, &cip.DescribeUserPoolClientInput{UserPoolId: ptr(poolID), ClientId: ptr(clientID)})
	if err != nil {
		t.Fatal(err)
	}
	printed, err := json.Marshal(map[string]any{
		"UserPool": poolfile.TreeOf(described.UserPool),
		"Clients":  []any{map[string]any{"UserPoolClient": poolfile.TreeOf(made.UserPoolClient)}, poolfile.TreeOf(public.UserPoolClient)},
	})
	if err != nil {
		t.Fatal(err)
	}
	secret := *made.UserPoolClient.ClientSecret

	to := t.TempDir()
	a := &applier{t: t, to: []string{"--data", to}, file: filepath.Join(t.TempDir(), "printed.json")}
	a.write(string(printed))
	said := a.expect(exitOK, "", "pool bellhop ("+poolID+") is made", "ClientSecret: (secret)")
	said += a.expect(exitOK, "--plan", "as the file says")
	if strings.Contains(said, secret) {
		t.Errorf("the secret is printed:\n%s", said)
	}
	second := start(t, nil, "serve", "--data", to, "--listen", "127.0.0.1:0")
	got, err := sdk(t, second.url, filepath.Join(to, "credentials")).DescribeUserPoolClient(ctx, &cip.DescribeUserPoolClientInput{
		UserPoolId: ptr(poolID), ClientId: made.UserPoolClient.ClientId})
	if err != nil || got.UserPoolClient.ClientSecret == nil || *got.UserPoolClient.ClientSecret != secret {
		t.Errorf("the client has come without its secret: %v", err)
	}

	// Over the API nothing is made under an id of one's own.
	a.env = []string{"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(to, "credentials")}
	a.to = []string{"--endpoint", second.url}
	a.expect(exitOK, "--plan", "as the file says")
	a.write(strings.ReplaceAll(string(printed), poolID, "us-east-1_Other1"))
	a.expect(exitFailed, "", "the API makes no id of one's own")
	a.env = []string{"AWS_ACCESS_KEY_ID=AKIAWRONG", "AWS_SECRET_ACCESS_KEY=wrong"}
	a.expect(exitFailed, "", "UnrecognizedClientException")
	second.endWell()
	p.endWell()
}

// Second factors and passkeys have a call of their own; each change of them, alone and
// with others, is done once.
func TestApply_SecondFactors_EndWhereTheFileSays(t *testing.T) {
	a := &applier{t: t, to: []string{"--data", t.TempDir()}, file: filepath.Join(t.TempDir(), "f.yaml")}
	const pool = "PoolName: p\nUserPoolTags: {bellhop:token-alg: ES256}\nAutoVerifiedAttributes: [phone_number, email]\n"
	const sns = "SmsConfiguration: {SnsCallerArn: \"arn:aws:iam::123456789012:role/sms\", ExternalId: x}\n"
	for _, c := range []struct{ more, want string }{
		{"MfaConfiguration: OPTIONAL\nSoftwareTokenMfaConfiguration: {Enabled: true}\n", `+ SoftwareTokenMfaConfiguration: "on"`},
		{"MfaConfiguration: OPTIONAL\nSmsMfaConfiguration: {SmsAuthenticationMessage: \"In: {####}\"}\nEmailMfaConfiguration: {}\n", `- SoftwareTokenMfaConfiguration: "on" -> none`},
		{"MfaConfiguration: \"ON\"\nSmsMfaConfiguration: {}\n" + sns, `~ MfaConfiguration: "OPTIONAL" -> "ON"`},
		{"MfaConfiguration: \"ON\"\nSmsMfaConfiguration: {}\nDeletionProtection: ACTIVE\n", `~ DeletionProtection: "INACTIVE" -> "ACTIVE"`},
		{"MfaConfiguration: \"OFF\"\nWebAuthnConfiguration: {RelyingPartyId: example.org, UserVerification: required}\n", `+ WebAuthnConfiguration.RelyingPartyId: "example.org"`},
		{"", `- WebAuthnConfiguration.RelyingPartyId: "example.org" -> none`},
	} {
		a.write(pool + c.more)
		a.expect(exitOK, "", c.want)
		a.expect(exitOK, "--plan", "as the file says")
	}
}
