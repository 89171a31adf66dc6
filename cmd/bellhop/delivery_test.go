package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// A text whose first provider does not take it arrives by the second, in the file's
// words; numbers beside only-to are refused one.
func TestServe_Delivery_GoesOnToTheNextProvider(t *testing.T) {
	down, spare, data := smstest.NewSink(t), smstest.NewSink(t), t.TempDir()
	down.Answer(http.StatusForbidden)
	createPool(t, data)
	path := deliveryFile(t, `providers:
  down: { type: webhook, url: "`+down.URL+`", username: hook, password-env: HOOK_PASSWORD }
  spare: { type: webhook, url: "`+spare.URL+`", secret-file: hook.secret }
routes:
  - { countries: [US], by: [down, spare] }
messages:
  - { name: ours, text: "{####} is yours, {app}.", purposes: [sign-up] }
only-to: ["+1415"]
help: Ask help@example.com.
`)
	write(t, filepath.Join(filepath.Dir(path), "hook.secret"), []byte(hookSecret+"\n"))
	p := start(t, []string{"HOOK_PASSWORD=pass-of-hook"}, "serve", "--data", data, "--listen", "127.0.0.1:0", "--delivery", path)
	api := sdkWithKey(p.url, "", "")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := api.SignUp(ctx, &cip.SignUpInput{ClientId: ptr(clientID), Username: ptr(number)}); err != nil {
		t.Fatal(err)
	}
	text, err := spare.Nth(ctx, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	code := smstest.CodeIn(text.Body)
	if text.Body != code+" is yours, bellhop." {
		t.Errorf("the words are %q", text.Body)
	}
	_, err = api.SignUp(ctx, &cip.SignUpInput{ClientId: ptr(clientID), Username: ptr("+12125550123")})
	if _, refused := errors.AsType[*types.CodeDeliveryFailureException](err); !refused {
		t.Errorf("beside only-to: %v", err)
	}
	told := func(notice string) (status int, answer string) {
		t.Helper()
		return p.post(t, "/callbacks/spare", notice, hookSecret)
	}
	delivered := `{"type": "delivered", "id": "` + text.ID + `", "usd": 0.01}`
	if status, _ := p.post(t, "/callbacks/spare", delivered, strings.Replace(hookSecret, "MfKQ", "mFkq", 1)); status != http.StatusForbidden {
		t.Errorf("a forged post is answered with %d", status)
	}
	// A receipt may be quicker than the text's line, and is then believed a moment later,
	// or when it is told again.
	var line userpool.Text
	read := func() {
		t.Helper()
		change(t, data, func(ctx context.Context, tx userpool.Tx) (err error) {
			line, _, err = tx.Text(ctx, userpool.MessageID(text.ID))
			return err
		})
	}
	for read(); line.Status != userpool.TextDelivered && ctx.Err() == nil; read() {
		if status, _ := told(delivered); status != http.StatusNoContent {
			t.Fatalf("a receipt is answered with %d", status)
		}
	}
	if _, err := api.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: ptr(clientID), Username: ptr(number), ConfirmationCode: &code}); err != nil {
		t.Error(err)
	}
	if read(); line.Status != userpool.TextDelivered || line.Provider != "spare" || line.Wording != "ours" || line.Micros != 10_000 || line.UsedAt.IsZero() {
		t.Errorf("of the text is known %+v", line)
	}
	if status, answer := told(`{"type": "incoming", "id": "in-1", "from": "` + number + `", "body": "HELP"}`); status != http.StatusOK || answer != `{"reply":"Ask help@example.com."}` {
		t.Errorf("HELP is answered with %d, %s", status, answer)
	}
	p.endWell()
	if len(down.Posts()) != 1 || len(spare.Texts()) != 1 {
		t.Errorf("%d posts to the first and %d texts by the second, want one each", len(down.Posts()), len(spare.Texts()))
	}
	log := p.stderr.String()
	for what, secret := range map[string]string{"code": code, "number": number[1:], "password": "pass-of-hook", "secret": hookSecret, "webhook": down.URL} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds the %s:\n%s", what, log)
		}
	}
	for _, want := range []string{"only-to is set", "is the last rule and does not take every text", `"provider":"down"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}

// doubting is a provider that breaks down whatever it is asked.
type doubting struct{ sms.None }

func (doubting) Probe(context.Context) error {
	return &sms.SendError{Outcome: sms.MaybeSent, Cause: errors.New("answered with status 500")}
}

// No text was there of which doctor could say that it was sent, maybe.
func TestDoctor_AProviderBreaksDown_IsNotSaidToHaveSentAnything(t *testing.T) {
	if got := probeProvider(t.Context(), "main (twilio)", doubting{}); got.Level != levelFail || strings.Contains(got.Said, "sent") || !strings.Contains(got.Said, "does not take texts (answered with status 500)") {
		t.Errorf("%+v", got)
	}
}

// post posts what a webhook's service has to tell, signed with the secret.
func (p *process) post(t *testing.T, path, notice, secret string) (status int, answer string) {
	t.Helper()
	signer, err := hook.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+path, strings.NewReader(notice))
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(req.Header, "post", time.Now(), []byte(notice)); err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestDoctor_Delivery_EveryProviderIsAsked(t *testing.T) {
	up, gone := smstest.NewSink(t), smstest.NewSink(t)
	data := served(t)
	path := deliveryFile(t, `providers:
  up: { type: webhook, url: "`+up.URL+`", prices: prices.csv }
  gone: { type: webhook, url: "https://`+strings.TrimPrefix(gone.URL, "http://")+`" }
  terminal: { type: log }
routes:
  - { pools: [`+poolID+`], by: [up] }
  - { pools: [us-east-1_Nowhere], by: [gone] }
  - by: [up, gone, terminal]
messages:
  - { name: elsewhere, pools: [us-east-1_Elsewhere], text: "{app}: {####}" }
dry-run: true
`)
	found, code, output := examined(t, nil, data, "--delivery", path, "--public-url", "https://auth.example.com")
	for _, want := range []struct {
		level level
		what  string
	}{
		{levelOK, "up (webhook) answers"},
		{levelFail, "gone (webhook) does not take texts ("},
		{levelOK, "terminal (log) cannot be asked without a text"},
		{levelWarn, "dry-run is on: nobody is texted"},
		{levelWarn, "no prices are known of gone"},
		{levelWarn, path + ":7 names the user pool us-east-1_Nowhere, which is not there"},
		{levelWarn, path + ":10 names the user pool us-east-1_Elsewhere, which is not there"},
		{levelWarn, "terminal puts texts into the log, codes included"},
	} {
		if !said(found, "texts", want.level, want.what) {
			t.Errorf("it does not say %q:\n%s", want.what, output)
		}
	}
	if said(found, "texts", levelWarn, path+":6 names the user pool") {
		t.Errorf("the pool that is there is missed:\n%s", output)
	}
	if code != exitFailed || len(up.Posts()) > 0 {
		t.Errorf("exit code %d, %d posts", code, len(up.Posts()))
	}
	alone := deliveryFile(t, "providers: { up: { type: webhook, url: \""+up.URL+"\", secret-file: hook.secret } }\n")
	write(t, filepath.Join(filepath.Dir(alone), "hook.secret"), []byte(hookSecret+"\n"))
	for url, want := range map[string]struct {
		level level
		what  string
	}{
		"":                         {levelWarn, "no public URL is set"},
		"http://127.0.0.1:9400":    {levelWarn, "unless they are on this machine"},
		"http://auth.example.com":  {levelWarn, "to auth.example.com in the open"},
		"https://auth.example.com": {levelOK, "providers post what becomes of texts to auth.example.com"},
	} {
		found, _, output := examined(t, nil, t.TempDir(), "--delivery", alone, "--public-url", url)
		if !said(found, "texts", want.level, want.what) || !said(found, "texts", levelWarn, "up is the only provider") {
			t.Errorf("%q is not said of %q:\n%s", want.what, url, output)
		}
	}
	broken := deliveryFile(t, "providers: { up: { type: webhock } }\n")
	found, code, output = examined(t, nil, t.TempDir(), "--delivery", broken)
	if code != exitFailed || !said(found, "texts", levelFail, "did you mean webhook?") {
		t.Error(output)
	}
}
