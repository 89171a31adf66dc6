package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// succeed runs a command that must do so and returns its output.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := once(t, nil, args...)
	if code != exitOK {
		t.Fatalf("bellhop %s: exit code %d, %q", args, code, stderr)
	}
	return stdout
}

// refuse runs a command that must end with the code and say so.
func refuse(t *testing.T, code int, want string, args ...string) {
	t.Helper()
	got, stdout, stderr := once(t, nil, args...)
	if got != code || !strings.Contains(stderr, want) || stdout != "" {
		t.Errorf("bellhop %s: exit code %d, %q, %q; want %d and %q", args, got, stdout, stderr, code, want)
	}
}

func TestBackup_BesideAServer_RestoresToTheMomentAndEndsWhatMayHaveBeenUsed(t *testing.T) {
	sink, data := smstest.NewSink(t), t.TempDir()
	file := filepath.Join(t.TempDir(), "backup")
	createPool(t, data)
	serving := func() *process {
		return start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--sms", "webhook:"+sink.URL, "--public-url", "http://localhost:9400")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := serving()
	api := sdkWithKey(p.url, "", "")
	signUp := func(number string) {
		t.Helper()
		if _, err := api.SignUp(ctx, &cip.SignUpInput{ClientId: ptr(clientID), Username: &number}); err != nil {
			t.Fatal(err)
		}
	}
	signUp(number)
	text, err := sink.Nth(ctx, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	code := smstest.CodeIn(text.Body)
	if out := succeed(t, "backup", file, "--data", data); !strings.Contains(out, "whole: ") || !strings.Contains(out, "schema version ") {
		t.Errorf("backup printed %q", out)
	}
	if got := mode(t, file); got != 0o600 {
		t.Errorf("the backup has mode %o", got)
	}
	const later = "+14155550124"
	signUp(later)
	refuse(t, exitFailed, "a server is running", "restore", file, "--data", data, "--force")
	refuse(t, exitFailed, "a server is running", "restore", "--already-restored", "--data", data)
	p.endWell()
	refuse(t, exitFailed, "--force", "restore", file, "--data", data)

	out := succeed(t, "restore", file, "--data", data, "--force")
	if !strings.Contains(out, " is now ") || !strings.Contains(out, "1 codes and 1 Sessions") {
		t.Errorf("restore printed %q", out)
	}
	if got := mode(t, filepath.Join(data, "bellhop.db")); got != 0o600 {
		t.Errorf("the database has mode %o", got)
	}
	p = serving()
	api = sdkWithKey(p.url, "", "")
	_, err = api.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: ptr(clientID), Username: ptr(number), ConfirmationCode: &code})
	if !errors.As(err, new(*types.ExpiredCodeException)) {
		t.Errorf("the code from before the restore: %v, want ExpiredCodeException", err)
	}
	admin := sdk(t, p.url, filepath.Join(data, "credentials"))
	for name, there := range map[string]bool{number: true, later: false} {
		_, err := admin.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: ptr(poolID), Username: &name})
		if (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.endWell()
	if rows := succeed(t, "audit", "--data", data, "--json", "--operation", "RestoreDatabase"); strings.Count(rows, `"actor_kind":"operator"`) != 1 {
		t.Errorf("the trail has %q", rows)
	}
}

func TestBackup_HoldsNoMasterKey(t *testing.T) {
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	createPool(t, data)
	succeed(t, "master-key", "rotate", "--data", data)
	start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0").endWell()
	succeed(t, "backup", file, "--data", data)
	text, err := os.ReadFile(filepath.Join(data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		keys++
		if bytes.Contains(copied, raw) || bytes.Contains(copied, []byte(strings.TrimRight(line, "="))) {
			t.Error("the backup holds a master key")
		}
	}
	if keys != 2 || !bytes.Contains(copied, []byte(poolID)) {
		t.Errorf("looked for %d keys in a backup of %d bytes", keys, len(copied))
	}
}

func TestRestore_UnderAnotherMasterKey_IsRefusedAndChangesNothing(t *testing.T) {
	data, other, file := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "backup")
	createPool(t, data)
	createPool(t, other)
	succeed(t, "backup", file, "--data", other)
	database := filepath.Join(data, "bellhop.db")
	before, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	refuse(t, exitFailed, "is not the one that the database", "restore", file, "--data", data, "--force")
	after, err := os.ReadFile(database)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the database has changed (%v)", err)
	}
	absent(t, database+".restoring")
}

func TestRestore_OnANewMachine_WantsTheMasterKeyFirst(t *testing.T) {
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	createPool(t, data)
	succeed(t, "backup", file, "--data", data)
	fresh := filepath.Join(t.TempDir(), "fresh")
	refuse(t, exitFailed, "is missing", "restore", file, "--data", fresh)
	absent(t, filepath.Join(fresh, "bellhop.db"))
	absent(t, filepath.Join(fresh, "master.key"))
	key, err := os.ReadFile(filepath.Join(data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(fresh, "master.key"), key)
	succeed(t, "restore", file, "--data", fresh)
	start(t, nil, "serve", "--data", fresh, "--listen", "127.0.0.1:0").endWell()
}

func TestRestore_WrongWords_AreExplained(t *testing.T) {
	data := t.TempDir()
	refuse(t, exitUsage, "--already-restored", "restore", "--data", data)
	refuse(t, exitUsage, "restores no file", "restore", "file", "--already-restored", "--data", data)
	refuse(t, exitUsage, "restore of a file", "restore", "--already-restored", "--force", "--data", data)
	refuse(t, exitUsage, "bellhop backup FILE", "backup", "--data", data)
	refuse(t, exitFailed, "there is no database", "backup", "file", "--data", data)
	refuse(t, exitFailed, "there is no database", "restore", "--already-restored", "--data", data)
	absent(t, filepath.Join(data, "bellhop.db"))
}
