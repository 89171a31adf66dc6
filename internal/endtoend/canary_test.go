package endtoend

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

// canary collects what must not be found: what it is, and the text.
type canary struct {
	secrets map[string]string // codes, passwords, tokens, keys: nowhere at all
	numbers map[string]string // whole numbers: in no log and no error
	errors  []string          // every error text that a client got
}

func (c *canary) secret(what, text string) {
	if text != "" {
		c.secrets[text] = what
	}
}

// TestCanary_SecretsAndNumbersAreNowhere runs every flow, right and wrong, and
// then looks for the secrets in it: in the log, in error texts, in the database
// with its WAL while the server runs, and in all files after it was killed.
func TestCanary_SecretsAndNumbersAreNowhere(t *testing.T) {
	s := newSite(t, "BELLHOP_LIMITS=off")
	s.start()
	c := newCanary(s)
	sing(t, s, c)
	s.run("backup", filepath.Join(s.dir, "backup"))
	searchFiles(t, s, c)
	searchTrail(t, s, c)
	s.kill()
	searchFiles(t, s, c)
	searchTexts(t, s, c)
}

// TestCanary_OnPostgres_SecretsAndNumbersAreNowhere looks into a dump of the
// database, and into the log of its server.
func TestCanary_OnPostgres_SecretsAndNumbersAreNowhere(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Options{Unsafe: true})
	cluster.SQL(t, "postgres", "create database "+database)
	const password = "Database-Password-4711"
	s := onPostgres(t, strings.Replace(cluster.DSN(database), "@", ":"+password+"@", 1), "BELLHOP_LIMITS=off")
	s.makePool()
	s.start()
	c := newCanary(s)
	c.secret("database password", password)
	sing(t, s, c)
	searchTrail(t, s, c)
	dump := cluster.Dump(t, database)
	if !strings.Contains(dump, "COPY public.audit ") {
		t.Fatal("the dump holds no rows: the search would prove nothing")
	}
	c.search(t, "the dump", []byte(dump), false)
	cluster.Stop(t) // and errors of every kind
	if _, err := s.sdk().InitiateAuth(bounded(t, time.Minute), &cip.InitiateAuthInput{
		ClientId: &s.client, AuthFlow: types.AuthFlowTypeCustomAuth, AuthParameters: map[string]string{"USERNAME": newNumber()},
	}); err == nil {
		t.Error("a sign-in was begun without a database")
	} else {
		c.errors = append(c.errors, err.Error())
	}
	s.kill()
	searchTexts(t, s, c)
	c.search(t, "the database server's log", []byte(cluster.Log()), true)
}

func newCanary(s *site) *canary {
	c := &canary{secrets: make(map[string]string), numbers: make(map[string]string)}
	_, secret := s.adminKey()
	c.secret("admin secret", secret)
	c.secret("webhook secret", webhookSecret)
	c.secret("webhook key", strings.TrimPrefix(webhookSecret, "whsec_"))
	return c
}

// searchTexts looks into the log and the error texts.
func searchTexts(t *testing.T, s *site, c *canary) {
	t.Helper()
	log := s.log.String()
	if !strings.Contains(log, "InitiateAuth") || !strings.Contains(log, "SignUp") {
		t.Fatal("the log does not speak of the operations: the search would prove nothing")
	}
	c.search(t, "the log", []byte(log), true)
	for _, text := range c.errors {
		c.search(t, "an error text", []byte(text), true)
	}
	if len(c.errors) < 8 {
		t.Errorf("only %d errors were provoked", len(c.errors))
	}
}

// sing uses the server in every way that has to do with a secret.
func sing(t *testing.T, s *site, c *canary) {
	t.Helper()
	ctx, sdk := bounded(t, time.Minute), s.sdk()
	const password, other = "Canary-Password-73", "Wrong-Canary-Pass-1"
	c.secret("password", password)
	c.secret("wrong password", other)
	number, second := newNumber(), newNumber()
	c.numbers[number], c.numbers[second] = "number", "number"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	wrong := func(err error) {
		t.Helper()
		if err == nil {
			t.Fatal("no error")
		}
		c.errors = append(c.errors, err.Error())
	}
	up, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number, Password: aws.String(password)})
	must(err)
	c.secret("SignUp Session", aws.ToString(up.Session))
	code := c.code(ctx, t, s, number, 1)
	_, err = sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &number, ConfirmationCode: aws.String(wrongCode(code, 1))})
	wrong(err)
	done, err := sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &number, ConfirmationCode: &code})
	must(err)
	c.secret("ConfirmSignUp Session", aws.ToString(done.Session))
	first, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: &s.client, AuthFlow: types.AuthFlowTypeUserAuth, Session: done.Session, AuthParameters: map[string]string{"USERNAME": number}})
	must(err)
	c.tokens(first.AuthenticationResult)
	started, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: &s.client, AuthFlow: types.AuthFlowTypeCustomAuth, AuthParameters: map[string]string{"USERNAME": number}})
	must(err)
	c.secret("Session", *started.Session)
	code = c.code(ctx, t, s, number, 2)
	answer := spentAnswer{number, *started.Session, code}
	in, err := answer.give(ctx, s, sdk)
	must(err)
	c.tokens(in.AuthenticationResult)
	_, err = answer.give(ctx, s, sdk)
	wrong(err)
	_, err = sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number, Password: aws.String(other)})
	wrong(err)
	for _, pw := range []string{other, "weak"} {
		_, err = sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: &s.client, AuthFlow: types.AuthFlowTypeUserAuth, AuthParameters: map[string]string{
			"USERNAME": number, "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": pw,
		}})
		wrong(err)
	}
	refreshed, err := sdk.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &s.client, RefreshToken: first.AuthenticationResult.RefreshToken})
	must(err)
	c.tokens(refreshed.AuthenticationResult)
	made, err := sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{UserPoolId: &s.pool, Username: &second, TemporaryPassword: aws.String("Canary-Temporary-5")})
	must(err)
	c.secret("temporary password", "Canary-Temporary-5")
	if _, err := s.sink.Nth(ctx, second, 1); err != nil || made.User == nil {
		t.Fatal(err)
	}
	withSecret, err := sdk.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{UserPoolId: &s.pool, ClientName: aws.String("secret"), GenerateSecret: true})
	must(err)
	c.secret("client secret", *withSecret.UserPoolClient.ClientSecret)
	broken := *first.AuthenticationResult.AccessToken
	broken = broken[:len(broken)-8] + "AAAAAAAA"
	_, err = sdk.GetUser(ctx, &cip.GetUserInput{AccessToken: &broken})
	wrong(err)
	_, err = sdk.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &s.client, RefreshToken: aws.String(strings.ToUpper(*first.AuthenticationResult.RefreshToken))})
	wrong(err)
	_, err = sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{UserPoolId: &s.pool, Username: &number})
	wrong(err)
	for _, body := range []string{
		`{"ClientId":"` + number + `","Username":"` + number + `"}`,
		`{"ClientId":"` + s.client + `","Username":"` + number + `","Password":["` + password + `"]}`,
		`{"ClientId":"` + s.client + `","Username":"` + number + `","Password":"` + password + `"`,
		`{"ClientId":"` + s.client + `","Username":"` + number + `99999999","Password":"` + password + `"}`,
	} {
		c.errors = append(c.errors, rawSignUp(ctx, t, s, body))
	}
}

// rawSignUp posts a broken body and returns the answer.
func rawSignUp(ctx context.Context, t *testing.T, s *site, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 4 {
		t.Fatalf("%s was answered with %d: %v", body, res.StatusCode, err)
	}
	return fmt.Sprint(res.Header) + string(text)
}

func (c *canary) code(ctx context.Context, t *testing.T, s *site, number string, n int) string {
	t.Helper()
	code, err := s.codeOf(ctx, number, n)
	if err != nil {
		t.Fatal(err)
	}
	c.secret("code", code)
	return code
}

func (c *canary) tokens(r *types.AuthenticationResultType) {
	c.secret("access token", aws.ToString(r.AccessToken))
	c.secret("ID token", aws.ToString(r.IdToken))
	c.secret("refresh token", aws.ToString(r.RefreshToken))
}

// searchFiles looks through the database, its WAL and all else in the data
// folder but the two files that are there to hold a secret.
func searchFiles(t *testing.T, s *site, c *canary) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "credentials" || d.Name() == "master.key" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen += len(data)
		c.search(t, d.Name(), data, false)
		return nil
	})
	if err != nil || seen < 10000 {
		t.Fatalf("searched %d bytes: %v", seen, err)
	}
}

// search fails the test where data holds a secret, as it is or in hex or
// base64; numbers too, where they must not be.
func (c *canary) search(t *testing.T, where string, data []byte, numbersToo bool) {
	t.Helper()
	for text, what := range c.secrets {
		forms := []string{text}
		if len(text) > 8 { // six digits in another alphabet are found by chance
			forms = append(forms, hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text)))
		}
		for _, form := range forms {
			if found := indexOf(data, form); found >= 0 {
				t.Errorf("%s holds a %s, in %q", where, what, around(data, found, len(form)))
			}
		}
	}
	if !numbersToo {
		return
	}
	for number := range c.numbers {
		if bytes.Contains(data, []byte(number[1:])) {
			t.Errorf("%s holds a whole number", where)
		}
	}
}

// indexOf finds text, but digits only where no digit or letter stands beside
// them: times, hashes and keys are full of six digits in a row.
func indexOf(data []byte, text string) int {
	for from := 0; ; {
		i := bytes.Index(data[from:], []byte(text))
		if i < 0 {
			return -1
		}
		i += from
		if len(text) > 8 || (!wordAt(data, i-1) && !wordAt(data, i+len(text))) {
			return i
		}
		from = i + 1
	}
}

func wordAt(data []byte, i int) bool {
	if i < 0 || i >= len(data) {
		return false
	}
	b := data[i]
	return b == '-' || b == '_' || b == '.' || '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
}

// around shows what stands about a finding.
func around(data []byte, at, length int) []byte {
	return data[max(0, at-30):min(len(data), at+length+30)]
}
