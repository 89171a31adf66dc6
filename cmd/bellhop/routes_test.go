package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// deliveryFile writes a delivery file beside a price list and a secret.
func deliveryFile(t *testing.T, text string) string {
	t.Helper()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "prices.csv"), []byte("prefix,country,usd,source,date\n+234,NG,0.0912,our contract,2026-09-01\n+91,IN,0.0021,our contract,2026-09-01\n"))
	write(t, filepath.Join(folder, "aws.secret"), []byte("secret-of-aws\n"))
	path := filepath.Join(folder, "delivery.yaml")
	write(t, path, []byte(text))
	return path
}

const twoAtAWS = `providers:
  main: { type: end-user-messaging, region: us-east-1, prices: prices.csv, sender-ids: { others: BELLHOP, NG: Bell } }
  spare: { type: sns, region: eu-west-1, access-key-id: AKIAEXAMPLE, secret-access-key-file: aws.secret, only-to: ["+1"] }
routes:
  - { countries: [NG], purposes: [sign-in, reset], by: [main, spare] }
  - { prefixes: ["+1787"], by: [] }
  - by: [spare, main]
messages:
  - { name: pidgin, text: "{app}: {####} na your code.", countries: [NG], language: pcm }
`

func TestRoutesCheck(t *testing.T) {
	good := deliveryFile(t, strings.Replace(twoAtAWS, ", sender-ids: { others: BELLHOP, NG: Bell }", "", 1))
	for _, args := range [][]string{{"routes", "check", good}, {"routes", "check", "--delivery", good}} {
		if code, stdout, stderr := once(t, nil, args...); code != exitOK || stdout != "fine\n" {
			t.Errorf("%s: %d %s%s", args, code, stdout, stderr)
		}
	}
	loud := deliveryFile(t, strings.Replace(twoAtAWS, "  - by: [spare, main]\n", "dry-run: true\nonly-to: [\"+234\"]\n", 1))
	code, stdout, _ := once(t, nil, "routes", "check", loud)
	for _, want := range []string{":7: dry-run is on: nobody is texted or mailed\n", ":8: only-to is set: numbers that begin otherwise than +234 are not texted\n", ":6 is the last rule and does not take every text",
		":2: the sender id for NG is a name, which must be registered"} {
		if code != exitOK || !strings.Contains(stdout, want) || !strings.HasSuffix(stdout, "fine\n") {
			t.Errorf("%d, want %q in %s", code, want, stdout)
		}
	}
	refuse(t, exitUsage, "name the file", "routes", "check")
	bad := deliveryFile(t, strings.Replace(twoAtAWS, "by: [main, spare]", "by: [mian]", 1))
	const what = `:5: by has "mian", which is no provider of this file; did you mean main?`
	refuse(t, exitUsage, what, "routes", "check", bad)
	data := filepath.Join(t.TempDir(), "data")
	refuse(t, exitUsage, what, "serve", "--listen", "127.0.0.1:0", "--data", data, "--delivery", bad)
	absent(t, data)
}

func TestRoutesExplain(t *testing.T) {
	path := deliveryFile(t, twoAtAWS)
	if err := os.Remove(filepath.Join(filepath.Dir(path), "aws.secret")); err != nil { // which it can do without
		t.Fatal(err)
	}
	explained := func(args ...string) routeLine {
		t.Helper()
		code, stdout, stderr := once(t, nil, append([]string{"routes", "explain", "--delivery", path, "--json"}, args...)...)
		var line routeLine
		if err := json.Unmarshal([]byte(stdout), &line); err != nil || code != exitOK {
			t.Fatalf("%s: %d %s%s", args, code, stdout, stderr)
		}
		return line
	}
	r := explained("+234 803 123 4567")
	if r.Number != "+*********4567" || r.Country != "NG" || r.Purpose != "sign-in" || r.Rule != path+":5" || r.Refused != "" || len(r.Providers) != 2 {
		t.Fatalf("%+v", r)
	}
	main, spare := r.Providers[0], r.Providers[1]
	if main.Provider != "main" || !main.Asked || main.Price == nil || *main.Price != 0.0912 || main.SenderID != "Bell" {
		t.Errorf("%+v", main)
	}
	if spare.Provider != "spare" || spare.Asked || spare.Price != nil || spare.SenderID != "" || !strings.Contains(strings.Join(spare.Why, "; "), "only-to") {
		t.Errorf("%+v", spare)
	}
	if r := explained("+2348031234567", "--purpose", "sign-up"); r.Rule != path+":7" {
		t.Errorf("another purpose: %+v", r)
	}
	if r := explained("+17875550123"); r.Rule != path+":6" || r.Refused == "" || len(r.Providers) > 0 {
		t.Errorf("refused: %+v", r)
	}
	if r := explained("+14155550123", "--tried", "spare"); r.Providers[0].Provider != "main" || r.Providers[0].SenderID != "BELLHOP" {
		t.Errorf("after spare: %+v", r)
	}
	if r := explained("+2348031234567", "--language", "pcm"); r.Words == nil || *r.Words != (wordsLine{"pidgin", "pcm", 1, "GSM-7"}) {
		t.Errorf("the words are %+v", r.Words)
	}
	if r := explained("+2348031234567"); r.Words != nil {
		t.Errorf("who reads no Pidgin gets %+v", r.Words)
	}
	data := filepath.Join(t.TempDir(), "data")
	createPool(t, data)
	change(t, data, func(ctx context.Context, tx userpool.Tx) error {
		for i := range 9 {
			at := time.Now().Add(-10 * time.Minute)
			text := userpool.Text{ID: userpool.MessageID(fmt.Sprint(i)), PoolID: poolID, Purpose: userpool.PurposeSignIn, Challenge: userpool.ChallengeID(fmt.Sprint("c", i)),
				Country: "NG", Known: true, Provider: "main", Status: userpool.TextSent, QueuedAt: at, SentAt: at}
			if i < 3 {
				text.Status, text.ToldAt = userpool.TextFailed, at
			}
			if err := tx.PutText(ctx, text); err != nil {
				return err
			}
		}
		return tx.UseTexts(ctx, []userpool.UsedCode{{Challenge: "c8", At: time.Now()}}, func(userpool.Text) {})
	})
	if r := explained("+2348031234567", "--data", data); r.Providers[0].Provider != "main" || r.Providers[0].Texts != (textsLine{9, 3, 3, 1}) {
		t.Errorf("the evidence is %+v", r.Providers)
	}
	code, stdout, _ := once(t, []string{"BELLHOP_DELIVERY=" + path}, "routes", "explain", "+2348031234567")
	for _, want := range []string{"+*********4567  NG, a text for sign-in\n", "first is at " + path + ":5.\n", "ASKED  PROVIDER", "1      main", "$0.0912", "-      spare"} {
		if code != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("%d, want %q in\n%s", code, want, stdout)
		}
	}
	if strings.Contains(stdout, "803123") {
		t.Error("it shows the number")
	}
	refuse(t, exitUsage, "name a number", "routes", "explain", "--delivery", path)
	refuse(t, exitUsage, "--delivery", "routes", "explain", "+2348031234567")
	if r := explained("+2348031234567", "--language", "pcm", "--purpose", "notice"); r.Words != nil {
		t.Errorf("a notice has %+v", r.Words)
	}
	staging := deliveryFile(t, twoAtAWS+"only-to: [\"+4915\"]\n")
	if _, stdout, _ := once(t, nil, "routes", "explain", "+2348031234567", "--delivery", staging); !strings.Contains(stdout, "only-to of "+staging+" has no beginning of this number") {
		t.Errorf("outside only-to: %s", stdout)
	}
	refuse(t, exitUsage, `--tried has "nobody", which is no provider`, "routes", "explain", "+2348031234567", "--delivery", path, "--tried", "main, nobody")
	refuse(t, exitUsage, "--language must be a language", "routes", "explain", "+2348031234567", "--delivery", path, "--language", "qq")
	refuse(t, exitUsage, "--purpose must be one of", "routes", "explain", "+2348031234567", "--purpose", "dance")
}
