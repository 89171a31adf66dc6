package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const wordsOfTwo = `providers:
  main: { type: log }
routes:
  - by: [main]
messages:
  - { name: otp-hi, countries: [IN], purposes: [sign-in, sign-in-otp], language: hi, text: "{app} कोड {####}, किसी को न दें", registered: "{#alphanumeric#} कोड {#numeric#}, किसी को न दें" }
  - { name: reset, purposes: [reset], text: "Reset {app}: {####}. Don’t share it." }
`

// shown are the texts that bellhop messages show prints, by purpose.
func shownMessages(t *testing.T, args ...string) map[string]messageLine {
	t.Helper()
	code, stdout, stderr := once(t, nil, append([]string{"messages", "show", "--json"}, args...)...)
	var lines []messageLine
	if err := json.Unmarshal([]byte(stdout), &lines); code != exitOK || err != nil {
		t.Fatalf("%s: %d %v %s%s", args, code, err, stdout, stderr)
	}
	all := map[string]messageLine{}
	for _, l := range lines {
		all[l.Purpose] = l
	}
	return all
}

func TestMessagesShow_PoolAndFile_SayWhatWouldBeSent(t *testing.T) {
	data, file := filepath.Join(t.TempDir(), "data"), deliveryFile(t, wordsOfTwo)
	if code, _, stderr := once(t, nil, "pool", "create", "--data", data, "--id", poolID, "--app-name", "Acme", "--language", "de", "--app-host", "app.example.com"); code != exitOK {
		t.Fatal(stderr)
	}
	const line = "\n\n@app.example.com #123456"
	got := shownMessages(t, "--data", data, "--pool", poolID)
	if want := (messageLine{"sign_in", "de", "sign-in-de", "GSM-7", 104, 1, 104, false, "123456 ist Ihr Code zur Anmeldung bei Acme. Geben Sie ihn an niemanden weiter." + line}); got["sign_in"] != want || len(got) != 7 {
		t.Errorf("%+v of %d, want %+v", got["sign_in"], len(got), want)
	}
	got = shownMessages(t, "--data", data, "--pool", poolID, "--delivery", file, "--country", "IN", "--language", "hi-IN")
	for purpose, want := range map[string]string{
		"sign_in": "Acme कोड 123456, किसी को न दें", "sign_in_otp": "Acme कोड 123456, किसी को न दें", // registered, so alone
		"reset": "Reset Acme: 123456. Don’t share it." + line, "verify": "123456 Acme नंबर पुष्टि कोड। किसी को न दें।" + line,
		"invitation": "Your username is +14155550123 and temporary password is Temp-Pass-99.",
	} {
		if got[purpose].Text != want {
			t.Errorf("%s: %+v, want %q", purpose, got[purpose], want)
		}
	}
	got = shownMessages(t, "--app", "Acme", "--language", "pt-BR", "--purpose", "reset", "--android-hash", "FA+9qCX9VSu")
	if want := "Use 123456 para trocar sua senha de Acme. Nunca compartilhe com ninguém.\nFA+9qCX9VSu"; len(got) != 1 || got["reset"].Text != want {
		t.Errorf("%+v, want %q", got, want)
	}
	code, stdout, _ := once(t, nil, "messages", "show", "--language", "hi", "--purpose", "sign-in")
	if want := "sign-in  hi        sign-in-hi  UCS-2     47     1         97     123456 Example में लॉगिन का कोड। किसी को न दें।\n"; code != exitOK || !strings.HasSuffix(stdout, want) {
		t.Errorf("%d %s", code, stdout)
	}
	refuse(t, exitUsage, "must be a language", "messages", "show", "--language", "x y")
	refuse(t, exitUsage, "must be one of sign-up, sign-in", "messages", "show", "--purpose", "notice")
	refuse(t, exitUsage, "--host is nothing that a pool's tag bellhop:app-host may say", "messages", "show", "--host", "https://app.example.com")
	refuse(t, exitUsage, "--android-hash is nothing", "messages", "lint", "--android-hash", "abc", "{####}")
	every := deliveryFile(t, "providers: { log: { type: log } }\nmessages:\n  - { name: plain, text: \"{app}: {####}\" }\n")
	if _, stdout, _ := once(t, nil, "messages", "show", "--delivery", every, "--purpose", "reset"); strings.Count(stdout, "plain") != 1 {
		t.Errorf("words for all languages are shown more than once:\n%s", stdout)
	}
	refuse(t, exitUsage, "must be a country's code", "messages", "show", "--country", "xx")
	refuse(t, exitFailed, "there is no database", "messages", "show", "--pool", poolID, "--data", filepath.Join(t.TempDir(), "none"))
}

func TestMessagesLint_TextFileAndPool_NameThePlace(t *testing.T) {
	data, file := filepath.Join(t.TempDir(), "data"), deliveryFile(t, wordsOfTwo)
	lint := func(code int, want string, args ...string) {
		t.Helper()
		got, stdout, stderr := once(t, nil, append([]string{"messages", "lint"}, args...)...)
		if got != code || !strings.Contains(stdout, want) {
			t.Errorf("%s: %d, %s%swant %d and %s", args, got, stdout, stderr, code, want)
		}
	}
	lint(exitOK, "fine\n", "{####} is your code for {app}. Never share it.")
	lint(exitOK, "fine\n", "--app", "Acme", "--json=false", "{####} is your code for {app}. Never share it.")
	lint(exitFailed, "the text, line 2, character 5: error: bit.ly shortens links for everybody; carriers block such texts. (short-link; ", "--app", "Acme", "{####} is your Acme code. Never share it.\nSee bit.ly/3xY")
	lint(exitFailed, `error: The text is not the one that is registered: line 1, character 7: the text has "****** for Acme. N" where "{#numeric#}, for {#alph" is registered`, "--registered", "{#numeric#}, for {#alphanumeric#}. Never share it.", "--app", "Acme", "{####} for {app}. Never share it.")
	lint(exitOK, "warning: Texts to India are registered word for word", "--country", "IN", "{####} is your code for {app}. Never share it.")
	lint(exitOK, ":7: reset, line 1, character 25: warning: ’ (U+2019) is not in GSM-7", "--delivery", file)
	lint(exitOK, ":6: otp-hi, line 1, character 1: warning: Who speaks another language", "--delivery", file, "--data", filepath.Join(t.TempDir(), "none"))
	refuse(t, exitFailed, "there is no database", "messages", "lint", "--data", data)

	if code, _, stderr := once(t, nil, "pool", "create", "--data", data, "--id", poolID); code != exitOK {
		t.Fatal(stderr)
	}
	lint(exitOK, "there are no texts but those that come with Bellhop", "--data", data)
	cfg, err := loadTool(invocation{args: []string{"--data", data}})
	if err != nil {
		t.Fatal(err)
	}
	tool, err := openTool(t.Context(), invocation{stderr: os.Stderr}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tool.service.DescribeUserPool(t.Context(), poolID)
	if err != nil {
		t.Fatal(err)
	}
	p.Settings.AuthenticationText, p.Settings.InvitationText = "Code {####}: see {url}", "Your password is {####}"
	if err := tool.service.UpdateUserPool(t.Context(), userpool.PoolUpdate{ID: p.ID, Settings: p.Settings}); err != nil {
		t.Fatal(err)
	}
	tool.close()
	lint(exitFailed, "pool "+poolID+": SmsAuthenticationMessage, line 1, character 18: error: Nothing is filled in for {url}.", "--data", data)
	lint(exitOK, "InviteMessageTemplate.SMSMessage, line 1, character 1: warning: The invitation does not say the user name", "--data", data, "--purpose", "invitation")
}
