package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// examined runs doctor on a data folder and returns what it found and its exit
// code.
func examined(t *testing.T, env []string, data string, args ...string) (found []finding, code int, output string) {
	t.Helper()
	args = append([]string{"doctor", "--data", data, "--json"}, args...)
	code, stdout, stderr := once(t, env, args...)
	if err := json.Unmarshal([]byte(stdout), &found); err != nil {
		t.Fatalf("doctor printed %q and %q: %v", stdout, stderr, err)
	}
	return found, code, stdout + stderr
}

// said says whether there is such a finding.
func said(found []finding, check string, l level, what string) bool {
	for _, f := range found {
		if f.Check == check && f.Level == l && strings.Contains(f.Said, what) {
			return true
		}
	}
	return false
}

// served is a data folder on which a server has run.
func served(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	createPool(t, data)
	start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "https://auth.example.com").endWell()
	return data
}

// copied is a copy of a data folder, since making keys takes long.
func copied(t *testing.T, data string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "bellhop.db", "master.key", "credentials"} {
		mode := os.FileMode(0o600)
		if name == "" {
			mode = 0o700
		}
		if err := os.Chmod(filepath.Join(to, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// change changes a database as a fault would.
func change(t *testing.T, data string, fn func(context.Context, userpool.Tx) error) {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(data, "bellhop.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Update(t.Context(), func(tx userpool.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func TestDoctor_HealthyServer_HasNoFailureAndTellsNoSecret(t *testing.T) {
	sink, data := smstest.NewSink(t), served(t)
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	env := []string{"BELLHOP_SMS_WEBHOOK_SECRET=" + secret, "BELLHOP_SMS=webhook:" + strings.Replace(sink.URL, "http://", "http://hook:pass-of-hook@", 1),
		"BELLHOP_PUBLIC_URL=https://auth.example.com"}
	p := start(t, env, "serve", "--data", data, "--listen", "127.0.0.1:0")
	found, code, output := examined(t, env, data)
	if code != exitOK || strings.Contains(output, string(levelFail)) {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	for check, what := range map[string]string{
		"configuration": "fit together", "database": "schema version 11", "master key": "opens the database", "writing": "a durable write",
		"signing keys": "each of 1 pools has both", "admin key": "1 in the database", "public URL": "as tokens name it", "texts": "answers", "e-mail": "no pool needs one",
		"signer": "signed by OpenSSL 3.",
	} {
		if !said(found, check, levelOK, what) {
			t.Errorf("%s does not say %q:\n%s", check, what, output)
		}
	}
	if len(sink.Texts()) != 0 {
		t.Error("it sent a text")
	}
	key, err := os.ReadFile(filepath.Join(data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := os.ReadFile(filepath.Join(data, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{secret, "pass-of-hook", number}
	for line := range strings.Lines(string(key) + string(credentials)) {
		if line = strings.TrimSpace(line); len(line) > 20 && !strings.HasPrefix(line, "#") {
			_, value, named := strings.Cut(line, " = ")
			if !named {
				value = line
			}
			secrets = append(secrets, value)
		}
	}
	code, text, stderr := once(t, env, "doctor", "--data", data)
	if code != exitOK || stderr != "" || strings.Count(text, "\n") != len(found) {
		t.Errorf("as text: exit code %d, %q, %q", code, text, stderr)
	}
	for _, s := range secrets {
		if strings.Contains(output+text, s) {
			t.Errorf("it tells %q", s)
		}
	}
	p.endWell()
}

func TestDoctor_WhatIsWrong_IsFoundAndCounted(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	base := served(t)
	cert, key, _ := selfSigned(t)
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	for name, c := range map[string]struct {
		spoil func(t *testing.T, data string)
		args  []string
		check string
		level level
		what  string
	}{
		"texts go nowhere":      {nil, nil, "texts", levelWarn, "every text is refused"},
		"texts go to the log":   {nil, []string{"--sms", "log"}, "texts", levelWarn, "codes included"},
		"signed in Go":          {nil, []string{"--signer", "go"}, "signer", levelOK, "signed in Go: --signer go"},
		"limits off":            {nil, []string{"--limits", "off"}, "configuration", levelWarn, "are off"},
		"webhook refuses":       {nil, []string{"--sms", "webhook:http://" + closed.Addr().String()}, "texts", levelFail, "refused the connection"},
		"webhook unsigned":      {nil, []string{"--sms", "webhook:http://" + closed.Addr().String()}, "texts", levelWarn, "not signed"},
		"webhook in the open":   {nil, []string{"--sms", "webhook:http://host.invalid/send"}, "texts", levelWarn, "in the open"},
		"webhook's certificate": {nil, []string{"--sms", "webhook:" + untrusted.URL}, "texts", levelFail, "certificate cannot be verified"},
		"mail server refuses":   {nil, []string{"--email", "smtp://" + closed.Addr().String(), "--email-from", "a@b.example"}, "e-mail", levelFail, "refused the connection"},
		"certificate runs out":  {nil, []string{"--tls-cert", cert, "--tls-key", key}, "certificate", levelWarn, "expires at"},
		"no certificate":        {nil, []string{"--tls-cert", key, "--tls-key", key}, "certificate", levelFail, "cannot be used"},
		"another issuer":        {nil, []string{"--public-url", "https://new.example.com"}, "public URL", levelFail, "https://auth.example.com"},
		"guessed issuer":        {nil, []string{"--listen", ":9400"}, "public URL", levelWarn, "only this machine"},
		"issuer in the open":    {nil, []string{"--public-url", "http://auth.example.com"}, "public URL", levelWarn, "in the open"},
		"bad setting":           {nil, []string{"--email-from", "a@b.example"}, "configuration", levelFail, "no SMTP server"},
		"no database": {func(t *testing.T, data string) {
			if err := os.Remove(filepath.Join(data, "bellhop.db")); err != nil {
				t.Fatal(err)
			}
		}, nil, "database", levelFail, "there is no database"},
		"damaged database": {func(t *testing.T, data string) {
			path := filepath.Join(data, "bellhop.db")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := len(text) * 3 / 4; i < len(text); i++ {
				text[i] = 0xa5
			}
			write(t, path, text)
		}, nil, "database", levelFail, "damaged"},
		"open database": {func(t *testing.T, data string) { os.Chmod(filepath.Join(data, "bellhop.db"), 0o644) }, nil, "database", levelWarn, "by others"},
		"open key":      {func(t *testing.T, data string) { os.Chmod(filepath.Join(data, "master.key"), 0o640) }, nil, "master key", levelWarn, "by others"},
		"open folder":   {func(t *testing.T, data string) { os.Chmod(data, 0o755) }, nil, "configuration", levelWarn, "open to others"},
		"lost key":      {func(t *testing.T, data string) { os.Remove(filepath.Join(data, "master.key")) }, nil, "master key", levelFail, "is missing"},
		"another key": {func(t *testing.T, data string) {
			other, err := os.ReadFile(filepath.Join(served(t), "master.key"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(data, "master.key"), other)
		}, nil, "master key", levelFail, "is not the one"},
		"no signing key": {func(t *testing.T, data string) {
			change(t, data, func(ctx context.Context, tx userpool.Tx) error {
				keys, err := tx.Keys(ctx, poolID)
				for _, k := range keys {
					if k.Use == "access" {
						err = tx.DeleteKey(ctx, k.ID)
					}
				}
				return err
			})
		}, nil, "signing keys", levelFail, "no key that signs access tokens"},
		"no admin key": {func(t *testing.T, data string) {
			change(t, data, func(ctx context.Context, tx userpool.Tx) error {
				keys, err := tx.AccessKeys(ctx)
				for _, k := range keys {
					_, err = tx.DeleteAccessKey(ctx, k.ID)
				}
				return err
			})
		}, nil, "admin key", levelWarn, "no key can sign"},
		"clock gone back": {func(t *testing.T, data string) {
			change(t, data, func(ctx context.Context, tx userpool.Tx) error {
				return tx.InsertAudit(ctx, userpool.AuditRow{ID: "ffffffff", At: time.Now().Add(time.Hour)})
			})
		}, nil, "clock", levelFail, "behind the newest row"},
		"another owner": {func(t *testing.T, data string) {
			if os.Getuid() != 0 {
				t.Skip("only root gives files away")
			}
			if err := os.Chown(filepath.Join(data, "bellhop.db"), 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}, nil, "database", levelWarn, "belongs to user 65534"},
		"older schema": {func(t *testing.T, data string) {
			if err := os.Rename(filepath.Join(versionOneData(t), "bellhop.db"), filepath.Join(data, "bellhop.db")); err != nil {
				t.Fatal(err)
			}
		}, nil, "database", levelFail, "the schema is version 1"},
	} {
		t.Run(name, func(t *testing.T) {
			data := copied(t, base)
			if c.spoil != nil {
				c.spoil(t, data)
			}
			env := []string{"BELLHOP_PUBLIC_URL=https://auth.example.com"}
			if slices.Contains(c.args, "--listen") {
				env = nil
			}
			found, code, output := examined(t, env, data, c.args...)
			if !said(found, c.check, c.level, c.what) {
				t.Errorf("it does not say %s, %s, %q:\n%s", c.check, c.level, c.what, output)
			}
			failed := strings.Contains(output, `"level": "FAIL"`)
			if failed != (code == exitFailed) || !failed && code != exitOK || c.level == levelFail && !failed {
				t.Errorf("exit code %d:\n%s", code, output)
			}
			for _, f := range found {
				if f.Level != levelOK && f.Do == "" {
					t.Errorf("it does not say what to do: %+v", f)
				}
			}
		})
	}
}

func TestDoctor_BeforeTheFirstStart_MakesNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if _, code, _ := examined(t, nil, data); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	absent(t, data)
	succeed(t, "migrate", "--data", data)
	found, code, output := examined(t, nil, data)
	if code != exitOK || !said(found, "master key", levelWarn, "no server has run") {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	absent(t, filepath.Join(data, "master.key"))
}

func TestCompareClocks_SaysHowFarAndWhichWay(t *testing.T) {
	for off, want := range map[time.Duration]string{
		0: "", 5 * time.Second: "", -5 * time.Second: "",
		6 * time.Second:                "warn it is 6s ahead of X",
		-6 * time.Second:               "warn it is 6s behind X",
		time.Minute + time.Millisecond: "FAIL it is 1m0.001s ahead of X",
		-time.Hour:                     "FAIL it is 1h0m0s behind X",
	} {
		got := ""
		for _, f := range compareClocks("X", off) {
			got += string(f.Level) + " " + f.Said
		}
		if got != want {
			t.Errorf("%v: %q, want %q", off, got, want)
		}
	}
}

func TestDurability_SaysWhatALostMachineCosts(t *testing.T) {
	good := sqlstore.PostgresFacts{Version: 150008, Fsync: "on", FullPageWrites: "on", StandbyNames: "ANY 1 (s1, s2)", MaxConnections: 100}
	with := func(change func(*sqlstore.PostgresFacts)) []finding {
		f := good
		change(&f)
		return durability(f)
	}
	for _, c := range []struct {
		found []finding
		level level
		want  string
	}{
		{durability(good), levelOK, `commits wait for the standbys of "ANY 1 (s1, s2)"`},
		{with(func(f *sqlstore.PostgresFacts) { f.Waiting, f.WaitingFor = 3, time.Millisecond }), levelOK, "commits wait for the standbys"},
		{with(func(f *sqlstore.PostgresFacts) { f.Waiting, f.WaitingFor = 3, 72*time.Second }), levelFail, `commits wait for a standby of "ANY 1 (s1, s2)": 3 now, one of them for 1m12s`},
		{with(func(f *sqlstore.PostgresFacts) { f.StandbyNames = "" }), levelWarn, "no standby is synchronous"},
		{with(func(f *sqlstore.PostgresFacts) { f.Fsync = "off" }), levelFail, "fsync is off"},
	} {
		if f := c.found[0]; f.Level != c.level || !strings.Contains(f.Said, c.want) || (f.Level == levelOK) != (f.Do == "") {
			t.Errorf("got %+v, want %s and %q", f, c.level, c.want)
		}
	}
}
