package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// A text that its provider took and did not bring goes by the next, with the same
// code; a forged receipt changes nothing; STOP and HELP are heard.
func TestServe_Callbacks_FailedTextGoesByTheNext_StopAndHelpAreHeard(t *testing.T) {
	t.Parallel()
	first, spare, data := smstest.NewSink(t), smstest.NewSink(t), t.TempDir()
	createPool(t, data)
	path := deliveryFile(t, `providers:
  first: { type: webhook, url: "`+first.URL+`", secret-file: hook.secret }
  spare: { type: webhook, url: "`+spare.URL+`" }
help: "Codes of the shop. STOP ends them."
`)
	write(t, filepath.Join(filepath.Dir(path), "hook.secret"), []byte(hookSecret+"\n"))
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--delivery", path)
	post := func(to, body, secret string) (int, string) {
		t.Helper()
		return p.post(t, "/callbacks/"+to, body, secret)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	api := sdkWithKey(p.url, "", "")
	if _, err := api.SignUp(ctx, &cip.SignUpInput{ClientId: ptr(clientID), Username: ptr(number)}); err != nil {
		t.Fatal(err)
	}
	text, err := first.Nth(ctx, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	failed := `{"type":"failed","id":"` + text.ID + `","code":"no-route"}`
	if status, _ := post("first", failed, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"); status != http.StatusForbidden {
		t.Errorf("signed by another: %d", status)
	}
	if status, _ := post("spare", failed, hookSecret); status != http.StatusForbidden { // it has no secret, so nobody speaks for it
		t.Errorf("for another: %d", status)
	}
	for range 3 {
		if status, _ := post("first", failed, hookSecret); status/100 != 2 {
			t.Errorf("a receipt: %d", status)
		}
	}
	again, err := spare.Nth(ctx, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	code := smstest.CodeIn(again.Body)
	if again.Body != text.Body || again.ID == text.ID {
		t.Errorf("the second text is not the first with the same code")
	}
	if _, err := api.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: ptr(clientID), Username: ptr(number), ConfirmationCode: &code}); err != nil {
		t.Error(err)
	}
	incoming := func(id, body string) string {
		t.Helper()
		status, answer := post("first", `{"type":"incoming","id":"`+id+`","from":"`+number+`","body":"`+body+`"}`, hookSecret)
		if status/100 != 2 {
			t.Errorf("%s: %d", body, status)
		}
		return answer
	}
	if got := incoming("in-1", "HELP"); !strings.Contains(got, "Codes of the shop.") {
		t.Errorf("HELP is answered %q", got)
	}
	incoming("in-2", "STOP")
	_, err = api.InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: ptr(clientID), AuthFlow: "CUSTOM_AUTH", AuthParameters: map[string]string{"USERNAME": number}})
	if err == nil || !strings.Contains(err.Error(), "CodeDeliveryFailureException") {
		t.Errorf("after STOP: %v", err)
	}
	incoming("in-3", "Start")
	if _, err = api.InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: ptr(clientID), AuthFlow: "CUSTOM_AUTH", AuthParameters: map[string]string{"USERNAME": number}}); err != nil {
		t.Errorf("after START: %v", err)
	}
	p.endWell()
	if len(spare.Texts()) != 1 {
		t.Errorf("%d texts by the second provider, want one", len(spare.Texts()))
	}
	for what, secret := range map[string]string{"code": code, "number": number[1:], "secret": hookSecret} {
		if strings.Contains(p.stderr.String(), secret) {
			t.Errorf("the log holds the %s", what)
		}
	}
}
