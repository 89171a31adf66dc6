package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"github.com/bellhop-auth/bellhop/internal/smstest"
)

const (
	poolID   = "us-east-1_AbC123xyz"
	clientID = "client1"
	number   = "+14155550123"
)

func ptr[T any](v T) *T { return &v }

func absent(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there (%v)", path, err)
	}
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// createPool makes the tests' pool and client in a data folder.
func createPool(t *testing.T, data string) {
	t.Helper()
	code, _, stderr := once(t, nil, "pool", "create", "--data", data, "--id", poolID, "--client-id", clientID)
	if code != exitOK {
		t.Fatalf("pool create: exit code %d:\n%s", code, stderr)
	}
}

func TestServe_FirstStart_MakesPrivateFilesAndAKeyThatWorks(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0")
	if got := p.stdout.String(); got != "listening on "+p.url+"\n" {
		t.Errorf("standard output is %q", got)
	}
	for name, want := range map[string]fs.FileMode{".": 0o700, "master.key": 0o600, "credentials": 0o600, "bellhop.db": 0o600} {
		if got := mode(t, filepath.Join(data, name)); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	admin := sdk(t, p.url, filepath.Join(data, "credentials"))
	made, err := admin.CreateUserPool(context.Background(), &cip.CreateUserPoolInput{
		PoolName: ptr("phones"), UsernameAttributes: []types.UsernameAttributeType{types.UsernameAttributeTypePhoneNumber}})
	if err != nil {
		t.Fatal(err)
	}
	if id := *made.UserPool.Id; !strings.HasPrefix(id, "us-east-1_") {
		t.Errorf("pool id %q", id)
	}
	p.endWell()

	again := start(t, nil, "serve", "--data", data, "--listen", strings.TrimPrefix(p.url, "http://"))
	admin = sdk(t, again.url, filepath.Join(data, "credentials"))
	if _, err := admin.DescribeUserPool(context.Background(), &cip.DescribeUserPoolInput{UserPoolId: made.UserPool.Id}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	again.endWell()
}

func TestServe_ConfiguredAdminKey_IsTheOneThatCounts(t *testing.T) {
	data := t.TempDir()
	env := []string{"BELLHOP_ADMIN_ACCESS_KEY_ID=local", "BELLHOP_ADMIN_SECRET_ACCESS_KEY=a-secret-of-our-own-choice"}
	p := start(t, env, "serve", "--data", data, "--listen", "127.0.0.1:0")
	describe := func(id, secret string) error {
		_, err := sdkWithKey(p.url, id, secret).DescribeUserPool(context.Background(), &cip.DescribeUserPoolInput{UserPoolId: ptr("us-east-1_none")})
		return err
	}
	if err := describe("local", "a-secret-of-our-own-choice"); !errors.As(err, new(*types.ResourceNotFoundException)) {
		t.Errorf("with the right key: %v, want ResourceNotFoundException", err)
	}
	for _, key := range [][2]string{{"local", "wrong"}, {"other", "a-secret-of-our-own-choice"}} {
		var refusal smithy.APIError
		if err := describe(key[0], key[1]); !errors.As(err, &refusal) || errors.As(err, new(*types.ResourceNotFoundException)) {
			t.Errorf("with key %s: %v, want a refusal of the signature", key[0], err)
		}
	}
	absent(t, filepath.Join(data, "credentials"))
	if strings.Contains(p.stderr.String(), "of-our-own-choice") {
		t.Error("the log holds the secret")
	}
	p.endWell()
}

func TestServe_TextsByWebhook_SignUpEndsWithTokensAndACleanLog(t *testing.T) {
	sink, data := smstest.NewSink(t), t.TempDir()
	createPool(t, data)
	env := []string{"BELLHOP_SMS_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	p := start(t, env, "serve", "--data", data, "--listen", "127.0.0.1:0", "--sms", "webhook:"+sink.URL)
	api := sdkWithKey(p.url, "", "")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := api.SignUp(ctx, &cip.SignUpInput{ClientId: ptr(clientID), Username: ptr(number)}); err != nil {
		t.Fatal(err)
	}
	text, err := sink.Nth(ctx, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	code := smstest.CodeIn(text.Body)
	confirmed, err := api.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: ptr(clientID), Username: ptr(number), ConfirmationCode: &code})
	if err != nil {
		t.Fatal(err)
	}
	signedIn, err := api.InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: ptr(clientID), AuthFlow: types.AuthFlowTypeUserAuth,
		AuthParameters: map[string]string{"USERNAME": number}, Session: confirmed.Session})
	if err != nil {
		t.Fatal(err)
	}
	token := *signedIn.AuthenticationResult.AccessToken
	p.endWell()
	for what, secret := range map[string]string{"code": code, "number": number[1:], "token": token, "session": *confirmed.Session, "webhook": sink.URL} {
		if strings.Contains(p.stderr.String(), secret) {
			t.Errorf("the log holds the %s:\n%s", what, p.stderr)
		}
	}
	if len(sink.Texts()) != 1 {
		t.Errorf("%d texts, want 1", len(sink.Texts()))
	}
}

func TestServe_NoSender_RefusesTheTextAndSaysSoAtStart(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0")
	_, err := sdkWithKey(p.url, "", "").SignUp(context.Background(), &cip.SignUpInput{ClientId: ptr(clientID), Username: ptr(number)})
	refusal, ok := errors.AsType[*types.CodeDeliveryFailureException](err)
	if !ok || !strings.Contains(*refusal.Message, "no SMS provider") {
		t.Errorf("SignUp = %v, want CodeDeliveryFailureException", err)
	}
	if !strings.Contains(p.stderr.String(), "no SMS provider is configured") {
		t.Errorf("no warning in:\n%s", p.stderr)
	}
	p.endWell()
}

func TestServe_LostOrWrongMasterKey_IsRefusedWithASentence(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	key := filepath.Join(data, "master.key")
	right, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	createPool(t, other)
	wrong, err := os.ReadFile(filepath.Join(other, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text []byte // nil for no file
		want string
	}{
		"lost":    {nil, "is missing, and the database"},
		"wrong":   {wrong, "is not the one that the database"},
		"damaged": {right[:len(right)/2], "master key file"},
	} {
		if err := os.Remove(key); err != nil {
			t.Fatal(err)
		}
		if c.text != nil {
			if err := os.WriteFile(key, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, command := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"pool", "create"}} {
			code, stdout, stderr := once(t, nil, append(command, "--data", data)...)
			if code != exitFailed || !strings.Contains(stderr, c.want) || strings.Contains(stdout, "listening") {
				t.Errorf("%s key, %s: exit code %d, %q and %q", name, command[0], code, stdout, stderr)
			}
		}
		if c.text == nil {
			absent(t, key)
			if err := os.WriteFile(key, nil, 0o600); err != nil { // for the next case to remove
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(key, right, 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0").endWell()
}

func TestServe_SecondServerOnOneFolder_IsRefusedAndTheFirstGoesOn(t *testing.T) {
	data := t.TempDir()
	first := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0")
	code, _, stderr := once(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0")
	if code != exitFailed || !strings.Contains(stderr, "another server is running") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if res, _ := first.get("/readyz"); res.StatusCode != http.StatusOK {
		t.Errorf("the first answers %d", res.StatusCode)
	}
	first.endWell()
}

func TestServe_BadCertificate_MakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	bad := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, lines := launch(t, nil, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--tls-cert", bad, "--tls-key", bad)
	for range lines {
	}
	if code := <-p.code; code == 0 {
		t.Error("a server without a certificate started")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it made a data folder")
	}
}

func TestServe_TakenAddress_IsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, _, stderr := once(t, nil, "serve", "--data", t.TempDir(), "--listen", l.Addr().String())
	if code != exitFailed || !strings.Contains(stderr, "cannot listen on "+l.Addr().String()) {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestServe_ChangedPublicURL_NeedsAcceptanceOnce(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	serve := func(args ...string) []string {
		return append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...)
	}
	start(t, nil, serve("--public-url", "https://old.example.com")...).endWell()
	code, _, stderr := once(t, nil, serve("--public-url", "https://new.example.com")...)
	if code != exitFailed || !strings.Contains(stderr, "--accept-issuer-change") || !strings.Contains(stderr, "https://old.example.com") {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	start(t, nil, serve("--public-url", "https://new.example.com", "--accept-issuer-change")...).endWell()
	start(t, nil, serve("--public-url", "https://new.example.com/")...).endWell()
}

func TestServe_IssuerAndKeySet_AreOfThePublicURL(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "https://auth.example.com")
	res, body := p.get("/" + poolID + "/.well-known/jwks.json")
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(body), &set); err != nil || res.StatusCode != http.StatusOK || len(set.Keys) == 0 {
		t.Errorf("key set: %d %s (%v)", res.StatusCode, body, err)
	}
	_, discovery := p.get("/" + poolID + "/.well-known/openid-configuration")
	if !strings.Contains(discovery, `"https://auth.example.com/`+poolID+`"`) {
		t.Errorf("discovery has another issuer: %s", discovery)
	}
	p.endWell()
}

func TestServe_EveryAddress_WarnsAboutTheGuessedURL(t *testing.T) {
	p := start(t, nil, "serve", "--data", t.TempDir(), "--listen", "0.0.0.0:0")
	if log := p.stderr.String(); !strings.Contains(log, "http://localhost:") || !strings.Contains(log, "no --public-url") {
		t.Errorf("no warning in:\n%s", log)
	}
	p.endWell()
}

func TestServe_Health_IsPlain(t *testing.T) {
	p := start(t, nil, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if res, body := p.get(path); res.StatusCode != http.StatusOK || body != want {
			t.Errorf("%s answers %d %q", path, res.StatusCode, body)
		}
	}
	p.endWell()
}

func TestServe_ToldToStop_FinishesTheRequestUnderWay(t *testing.T) {
	p := start(t, nil, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	body, rest := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, p.url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp")
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	answered := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			defer res.Body.Close()
			if res.StatusCode != http.StatusBadRequest {
				err = errors.New(res.Status)
			}
		}
		answered <- err
	}()
	if _, err := io.WriteString(rest, "{"); err != nil { // taken, so the request has begun
		t.Fatal(err)
	}
	p.get("/healthz") // and a later connection was accepted, so its own was
	p.stop()
	rest.Write([]byte(`"ClientId":"none","Username":"+14155550123"}`))
	rest.Close()
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	p.endWell()
	if _, err := http.Get(p.url + "/healthz"); err == nil {
		t.Error("the server answers after its end")
	}
}
