package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// auditJSON runs bellhop audit --json and returns its lines.
func auditJSON(t *testing.T, data string, args ...string) []map[string]any {
	t.Helper()
	code, stdout, stderr := once(t, nil, append([]string{"audit", "--json", "--data", data}, args...)...)
	if code != exitOK {
		t.Fatalf("audit: exit code %d:\n%s", code, stderr)
	}
	var lines []map[string]any
	for line := range strings.Lines(stdout) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, row)
	}
	return lines
}

func TestAudit_BesideARunningServer_FindsAPersonsRows(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--sms", "log")
	api := sdkWithKey(p.url, "", "")
	if _, err := api.SignUp(context.Background(), &cip.SignUpInput{ClientId: ptr(clientID), Username: ptr(number)}); err != nil {
		t.Fatal(err)
	}
	admin := sdk(t, p.url, filepath.Join(data, "credentials"))
	user, err := admin.AdminGetUser(context.Background(), &cip.AdminGetUserInput{UserPoolId: ptr(poolID), Username: ptr(number)})
	if err != nil {
		t.Fatal(err)
	}
	if rows := auditJSON(t, data, "--name", number, "--outcome", "success"); len(rows) == 0 || rows[0]["operation"] != "SignUp" ||
		rows[0]["user"] != *user.Username || rows[0]["pool"] != poolID || rows[0]["client"] != clientID || rows[0]["address"] != "127.0.0.1" {
		t.Errorf("rows: %v", rows)
	}
	p.endWell() // writes what waits
	rows := auditJSON(t, data)
	var operations []string
	for _, r := range rows {
		operations = append(operations, r["operation"].(string)+" by "+r["actor_kind"].(string))
	}
	for _, want := range []string{"CreateUserPool by operator", "CreateUserPoolClient by operator", "MakeAdminKey by system", "SignUp by anonymous", "AdminGetUser by admin"} {
		if !strings.Contains(strings.Join(operations, "\n"), want) {
			t.Errorf("no row of %q in %q", want, operations)
		}
	}
	if spaced := auditJSON(t, data, "--name", number[:2]+" ("+number[2:5]+") "+number[5:8]+"-"+number[8:], "--operation", "SignUp"); len(spaced) != 1 {
		t.Errorf("a number written with blanks: %d rows, want 1", len(spaced))
	}
	key := rows[len(rows)-1]["actor"].(string)
	for args, want := range map[string]int{
		"--operation AdminGetUser": 1, "--actor " + key: 1, "--user " + *user.Username: 1, "--since 1h --operation SignUp": 1,
		"--until 1h": 0, "--since 2026-01-01T00:00:00Z --operation SignUp": 1, "--name +14155550999": 0,
		"--pool us-east-1_Nothing": 0, "--outcome failed": 0, "--limit 1": 1,
	} {
		if got := auditJSON(t, data, strings.Fields(args)...); len(got) != want {
			t.Errorf("%s: %d rows, want %d: %v", args, len(got), want, got)
		}
	}
	if last := auditJSON(t, data, "--limit", "1"); last[0]["operation"] != "AdminGetUser" {
		t.Errorf("the newest row is %v", last)
	}
}

func TestAudit_Table_IsNewestFirstAndShowsNoWholeNumber(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	code, stdout, stderr := once(t, nil, "audit", "--data", data)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if code != exitOK || stderr != "" || len(lines) != 3 || !strings.HasPrefix(lines[0], "TIME (UTC)") ||
		!strings.Contains(lines[1], "CreateUserPoolClient") || !strings.Contains(lines[2], "CreateUserPool ") {
		t.Errorf("exit code %d, %q:\n%s", code, stderr, stdout)
	}
	for _, c := range []string{"\x1b[2J\a", "a\tb", "a\nb", "\u009b31m", "\xff"} {
		if got := cell(c); strings.ContainsFunc(got, unprintable) {
			t.Errorf("%q is shown as %q", c, got)
		}
	}
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func TestAudit_CommandThatFails_HasARowToo(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	if code, _, _ := once(t, nil, "pool", "create", "--data", data, "--id", poolID); code != exitFailed {
		t.Fatalf("exit code %d", code)
	}
	rows := auditJSON(t, data, "--outcome", "refused")
	if len(rows) != 1 || rows[0]["operation"] != "CreateUserPool" || rows[0]["reason"] != "Conflict" || rows[0]["actor_kind"] != "operator" || rows[0]["actor"] == "" {
		t.Errorf("rows: %v", rows)
	}
}

func TestAudit_BadArguments_AreNamed(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for args, want := range map[string]string{
		"--since yesterday": "--since must be a length of time", "--outcome good": "--outcome must be success, refused or failed",
		"--limit -1": "--limit must be a number of rows", "--json=maybe": "--json must be true or false",
		"--since 1h --until 2h": "--since must be earlier than --until",
	} {
		code, stdout, stderr := once(t, nil, append([]string{"audit", "--data", data}, strings.Fields(args)...)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q", args, code, stderr)
		}
	}
	code, _, stderr := once(t, nil, "audit", "--data", data)
	if code != exitFailed || !strings.Contains(stderr, "there is no database ") {
		t.Errorf("without a database: exit code %d, %q", code, stderr)
	}
	absent(t, data)
}
