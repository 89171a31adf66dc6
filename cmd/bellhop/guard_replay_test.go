package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

const traceLine = `{"t":0,"id":"a","phone":"+4915112345600","ip":"198.51.100.7","device":null,"known":false,"price":0.5,"kind":"attack","converts":false,"after":0,"stepup":"fail"}` + "\n"

func TestGuardReplay_ATrace_OneObject(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events.jsonl")
	write(t, file, []byte(traceLine+strings.Replace(traceLine, `"t":0`, `"t":31`, 1)))
	code, stdout, stderr := once(t, nil, "guard", "replay", "--events", file, "--json")
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK || stderr != "" {
		t.Fatalf("exit code %d, %q, %q", code, stdout, stderr)
	}
	if len(got) != 4 || string(got["attack"]) != `{"requests":2,"sent":2,"sent_stepup":0,"spend":1,"spend_offered":1,"first_restricted_at":null}` ||
		string(got["by_country"]) != `{"DE":[2,2]}` || len(got["seconds"]) == 0 {
		t.Errorf("%s", stdout)
	}
	code, stdout, _ = once(t, nil, "guard", "replay", "--events", file)
	if code != exitOK || !strings.Contains(stdout, "$1.00 of $1.00") {
		t.Errorf("exit code %d, %s", code, stdout)
	}
}

// Settings decide: with Germany denied nothing goes out.
func TestGuardReplay_OtherSettings(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "e"), []byte(traceLine))
	write(t, filepath.Join(folder, "guard.yaml"), []byte("countries:\n  deny: [DE]\n"))
	code, stdout, stderr := once(t, nil, "guard", "replay", "--events", filepath.Join(folder, "e"), "--settings", filepath.Join(folder, "guard.yaml"), "--json")
	if code != exitOK || !strings.Contains(stdout, `"sent":0,`) {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

func TestGuardReplay_WhatCannotBeRead_Exits2WithoutOutput(t *testing.T) {
	folder := t.TempDir()
	bad := filepath.Join(folder, "bad")
	write(t, bad, []byte(traceLine+"{\n"))
	write(t, filepath.Join(folder, "wrong.yaml"), []byte("budgets: none\n"))
	for _, c := range []struct{ args, want string }{
		{"guard replay --json --events " + bad, "line 2"},
		{"guard replay --events " + bad, "line 2"},
		{"guard replay", "--events"},
		{"guard replay --events " + bad + " --settings " + filepath.Join(folder, "wrong.yaml"), "wrong.yaml"},
		{"guard rehearse --log x --since 1h", "--since"},
		{"guard rehearse --csv x --export y", "--export"},
		{"guard rehearse --log " + bad, "line 1"},
		{"guard rehearse --csv " + bad, "line 1"},
		{"guard rehearse --csv x --log y", "--log"},
		{"guard simulate --scenario quite", "did you mean quiet?"},
		{"guard simulate --seeds 0", "--seeds"},
		{"guard simulate --codes-per-day NaN", "--codes-per-day"},
		{"guard simulate --events -", "--scenario"},
	} {
		code, stdout, stderr := once(t, nil, strings.Fields(c.args)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "49151") {
			t.Errorf("bellhop %s: exit code %d, %q and %q, want %q", c.args, code, stdout, stderr, c.want)
		}
	}
	if code, stdout, _ := once(t, nil, "guard", "replay", "--events", filepath.Join(folder, "none")); code != exitFailed || stdout != "" {
		t.Errorf("no file: exit code %d, %q", code, stdout)
	}
}

func TestGuardSimulate_TableChartAndTrace(t *testing.T) {
	folder := t.TempDir()
	few := []string{"guard", "simulate", "--scenario", "fresh-S4", "--codes-per-day", "500", "--requests", "200"}
	code, stdout, stderr := once(t, nil, append(few, "--rules", "--chart", filepath.Join(folder, "c.svg"))...)
	if code != exitOK || stderr != "" || !strings.Contains(stdout, "fresh-S4  200 ") || !strings.Contains(stdout, "ATTACK REFUSED") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	if svg, err := os.ReadFile(filepath.Join(folder, "c.svg")); err != nil || !strings.HasPrefix(string(svg), "<svg") {
		t.Errorf("%v, %.20s", err, svg)
	}
	events := filepath.Join(folder, "e")
	if code, stdout, stderr := once(t, nil, append(few, "--events", events)...); code != exitOK || stdout != "" {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = once(t, nil, "guard", "replay", "--events", events, "--json")
	if code != exitOK || !strings.Contains(stdout, `"attack":{"requests":200,`) {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

func TestGuardRehearse_AProvidersLog_SaysWhatIsSaved(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "log.csv"), []byte("time,to,price,converted\n2026-03-02T09:00:00Z,+4915112345600,0.5,true\n2026-03-02T10:00:00Z,+4915112345601,0.25,false\n"))
	write(t, filepath.Join(folder, "guard.yaml"), []byte("countries:\n  deny: [DE]\n"))
	code, stdout, stderr := once(t, nil, "guard", "rehearse", "--csv", filepath.Join(folder, "log.csv"), "--settings", filepath.Join(folder, "guard.yaml"))
	if code != exitOK || stderr != "" || !strings.Contains(stdout, "would have saved $0.75, and refused 1 (100.000 %)") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

func TestGuardRehearse_TheDataFoldersLog_AndItsExport(t *testing.T) {
	data, export := t.TempDir(), filepath.Join(t.TempDir(), "log")
	createPool(t, data)
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--sms", "log")
	if _, err := sdkWithKey(p.url, "", "").SignUp(context.Background(), &cip.SignUpInput{ClientId: ptr(clientID), Username: ptr(number)}); err != nil {
		t.Fatal(err)
	}
	p.endWell()
	code, folder, stderr := once(t, nil, "guard", "rehearse", "--data", data, "--json")
	if code != exitOK || !strings.Contains(folder, `"requests": 1,`) || strings.Count(folder, `"sent": 1,`) != 2 {
		t.Errorf("exit code %d, %s%s", code, folder, stderr)
	}
	if code, stdout, stderr := once(t, nil, "guard", "rehearse", "--data", data, "--until", "1h", "--json"); code != exitOK || !strings.Contains(stdout, `"requests": 0,`) {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	if code, _, stderr := once(t, nil, "guard", "rehearse", "--data", data, "--export", export); code != exitOK {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	if text, err := os.ReadFile(export); err != nil || strings.Contains(string(text), number[1:]) || !strings.Contains(string(text), `"RequestID":""`) {
		t.Errorf("%v, a number, or a request that leads to one, can be read in the export", err)
	}
	if code, stdout, stderr := once(t, nil, "guard", "rehearse", "--log", export, "--json"); code != exitOK || stdout != folder {
		t.Errorf("exit code %d, the export gives %s%s, the folder %s", code, stdout, stderr, folder)
	}
}
