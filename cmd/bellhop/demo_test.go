package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/sms/screen"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

func TestDemo_Page_IsServedWithStrictHeaders(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, nil, "demo", "--listen", "127.0.0.1:0")
	res, page := p.get("/")
	if res.StatusCode != http.StatusOK || !strings.Contains(page, `<div id="root">`) {
		t.Fatalf("/ answers %d %s", res.StatusCode, page)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cache-Control": "no-cache",
	} {
		if got := res.Header.Get(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	script := regexp.MustCompile(`/assets/[^"]+\.js`).FindString(page)
	res, _ = p.get(script)
	if res.StatusCode != http.StatusOK || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") ||
		!strings.HasPrefix(res.Header.Get("Content-Type"), "text/javascript") {
		t.Errorf("%s answers %d, %v", script, res.StatusCode, res.Header)
	}
	for _, path := range []string{"/assets", "/assets/", "/nothing.html", "/..%2fembed.go"} {
		if res, _ := p.get(path); res.StatusCode == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
	p.endWell()
}

func TestDemo_AnotherSitesName_ReadsNoTexts(t *testing.T) {
	for host, own := range map[string]bool{
		"localhost:9400": true, "127.0.0.1:9400": true, "[::1]:9400": true, "192.168.1.7": true,
		"attacker.example:9400": false, "localhost.attacker.example": false, "": false,
	} {
		if ownHost(host) != own {
			t.Errorf("%q: own is %v", host, !own)
		}
	}
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, nil, "demo", "--listen", "127.0.0.1:0")
	for _, path := range []string{"/demo/texts", "/demo/config.json"} {
		r, err := http.NewRequest(http.MethodGet, p.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "attacker.example"
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers %d to another site's name", path, res.StatusCode)
		}
	}
	p.endWell()
}

func TestDemo_SignUp_TextAppearsOnThePhone(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, nil, "demo", "--listen", "127.0.0.1:0")
	var app struct{ Region, UserPoolID, UserPoolClientID, Endpoint string }
	if _, body := p.get("/demo/config.json"); json.Unmarshal([]byte(body), &app) != nil || app.Endpoint != p.url+"/" || app.UserPoolID == "" {
		t.Fatalf("config.json is %s", body)
	}
	phone, err := http.Get(p.url + "/demo/texts")
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Body.Close()
	api := sdkWithKey(strings.TrimSuffix(app.Endpoint, "/"), "", "")
	if _, err := api.SignUp(context.Background(), &cip.SignUpInput{ClientId: &app.UserPoolClientID, Username: ptr(number)}); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(phone.Body)
	text := nextText(lines)
	code := smstest.CodeIn(text.Body)
	if text.To != number || text.Provider != "main" {
		t.Errorf("the first text is %+v", text)
	}
	if _, err := api.ConfirmSignUp(context.Background(), &cip.ConfirmSignUpInput{ClientId: &app.UserPoolClientID, Username: ptr(number), ConfirmationCode: &code}); err != nil {
		t.Errorf("the code on the phone does not confirm: %v", err)
	}
	p.endWell() // with the phone's stream still open
}

// nextText is the next text of a phone's stream.
func nextText(lines *bufio.Scanner) (text screen.Text) {
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &text) == nil {
			return text
		}
	}
	return text
}

func TestDemo_ProviderTakenDown_TextsGoByTheSpareOne(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, nil, "demo", "--listen", "127.0.0.1:0")
	post := func(body, site string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, p.url+"/demo/providers", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Site", site)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, strings.TrimSpace(string(said))
	}
	const both = `[{"name":"main","down":false},{"name":"spare","down":false}]`
	for body, site := range map[string]string{`{"name":"main","down":true}`: "cross-site", `{"name":"nobody","down":true}`: "same-origin", `{`: "same-origin"} {
		status, _ := post(body, site)
		if _, now := p.get("/demo/providers"); status < 400 || strings.TrimSpace(now) != both {
			t.Errorf("%s of a page that is %s: %d, providers %s", body, site, status, now)
		}
	}
	if status, said := post(`{"name":"main","down":true}`, "same-origin"); status != http.StatusOK || said != strings.Replace(both, "false", "true", 1) {
		t.Fatalf("%d %s", status, said)
	}
	phone, err := http.Get(p.url + "/demo/texts")
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Body.Close()
	client := demoClient
	if _, err := sdkWithKey(p.url, "", "").SignUp(context.Background(), &cip.SignUpInput{ClientId: &client, Username: ptr(number)}); err != nil {
		t.Fatal(err)
	}
	if text := nextText(bufio.NewScanner(phone.Body)); text.To != number || text.Provider != "spare" {
		t.Errorf("the text is %+v", text)
	}
	p.endWell()
}

func TestDemo_PhoneTextsBack_IsHeardAsAProvidersPostIs(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, nil, "demo", "--listen", "127.0.0.1:0")
	phone, err := http.Get(p.url + "/demo/texts")
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Body.Close()
	lines := bufio.NewScanner(phone.Body)
	say := func(body string) int {
		t.Helper()
		res, err := http.Post(p.url+"/demo/replies", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for _, bad := range []string{`{`, `{"from":"asha","body":"STOP"}`, `{"body":"STOP"}`} {
		if status := say(bad); status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, status)
		}
	}
	if status := say(`{"from":"` + number + `","body":"help"}`); status != http.StatusOK {
		t.Fatalf("help: %d", status)
	}
	asked, answered := nextText(lines), nextText(lines)
	if asked.Body != "help" || !asked.Mine || answered.Body != demoHelpText || answered.Mine || answered.To != number {
		t.Errorf("%+v was answered with %+v", asked, answered)
	}
	say(`{"from":"` + number + `","body":"STOP"}`)
	client := demoClient
	signUp := &cip.SignUpInput{ClientId: &client, Username: ptr(number)}
	if _, err := sdkWithKey(p.url, "", "").SignUp(context.Background(), signUp); err == nil || !strings.Contains(err.Error(), "CodeDeliveryFailure") {
		t.Errorf("after STOP: %v", err)
	}
	say(`{"from":"` + number + `","body":"START"}`)
	if _, err := sdkWithKey(p.url, "", "").SignUp(context.Background(), signUp); err != nil {
		t.Errorf("after START: %v", err)
	}
	p.endWell()
}

func TestDemo_AtItsEnd_LeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	p := start(t, []string{"BELLHOP_NOPE=1", "BELLHOP_SMS=log"}, "demo", "--listen", "127.0.0.1:0") // a server's environment is not the demo's
	if left, _ := filepath.Glob(filepath.Join(temp, "bellhop-demo-*")); len(left) != 1 {
		t.Fatalf("folders while it runs: %v", left)
	}
	p.endWell()
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestDemo_KeptFolder_HasItsUsersNextTime(t *testing.T) {
	data := t.TempDir()
	first := start(t, nil, "demo", "--listen", "127.0.0.1:0", "--data", data)
	api := sdkWithKey(first.url, "", "")
	if _, err := api.SignUp(context.Background(), &cip.SignUpInput{ClientId: ptr(demoClient), Username: ptr(number)}); err != nil {
		t.Fatal(err)
	}
	first.endWell()
	second := start(t, nil, "demo", "--listen", "127.0.0.1:0", "--data", data) // on another port
	admin := sdk(t, second.url, filepath.Join(data, "credentials"))
	user, err := admin.AdminGetUser(context.Background(), &cip.AdminGetUserInput{UserPoolId: ptr(demoPool), Username: ptr(number)})
	if err != nil || user.UserStatus != "UNCONFIRMED" {
		t.Errorf("AdminGetUser = %+v, %v", user, err)
	}
	second.endWell()
}

func TestDemo_UsualPortTaken_TakesAFreeOneAndSaysSo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if l, err := net.Listen("tcp", "127.0.0.1:9400"); err == nil { // else it is taken already
		defer l.Close()
	}
	p := start(t, nil, "demo")
	if said := p.stdout.String(); !strings.Contains(said, "Port 9400 is taken") || strings.HasSuffix(p.url, ":9400") {
		t.Errorf("said %q", said)
	}
	p.endWell()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, _, stderr := once(t, nil, "demo", "--listen", l.Addr().String())
	if code != exitFailed || !strings.Contains(stderr, "cannot listen") {
		t.Errorf("a chosen port that is taken: exit code %d, %q", code, stderr)
	}
}
