package endtoend

import (
	"encoding/json"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

// fails runs a command that must end with exit code 1 and one line with want.
func (s *site) fails(want string, args ...string) {
	s.tb.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
		s.tb.Errorf("bellhop %s: %v, %q; want one line with %q", args, err, out, want)
	}
}

// on is the site's settings with the database changed.
func (s *site) on(database string) {
	for i, e := range s.env {
		if strings.HasPrefix(e, "BELLHOP_DATABASE=") {
			s.env[i] = "BELLHOP_DATABASE=" + database
		}
	}
}

// TestRestore_OnPostgres_UsedCodeAndRotatedTokenStayDead restores by the server's own
// means, for which a copy made from a template stands.
func TestRestore_OnPostgres_UsedCodeAndRotatedTokenStayDead(t *testing.T) {
	cluster := pgtest.Shared(t)
	database := cluster.NewDatabase(t)
	s := onPostgres(t, database, "BELLHOP_LIMITS=off")
	s.makePool()
	s.start()
	ctx, sdk, number := bounded(t, time.Minute), s.sdk(), newNumber()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number})
	must(err)
	code, err := s.codeOf(ctx, number, 1)
	must(err)
	_, err = sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &number, ConfirmationCode: &code})
	must(err)
	plain, err := start(ctx, s, sdk, number, 2)
	must(err)
	staying, err := plain.give(ctx, s, sdk)
	must(err)
	unrotated := struct{ client, token string }{s.client, *staying.AuthenticationResult.RefreshToken}
	s.rotating(ctx, sdk)
	first, err := start(ctx, s, sdk, number, 3)
	must(err)
	in, err := first.give(ctx, s, sdk)
	must(err)
	answer, err := start(ctx, s, sdk, number, 4)
	must(err)
	s.fails("connections of servers or commands", "restore", "--already-restored")
	s.stop()

	u, err := url.Parse(database)
	must(err)
	name := strings.TrimPrefix(u.Path, "/")
	cluster.SQL(t, "postgres", "create database "+name+"_copy template "+name)

	rotated := in.AuthenticationResult.RefreshToken
	refresh := func(client, token string) error {
		_, err := sdk.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &client, RefreshToken: &token})
		return err
	}
	s.start()
	sdk = s.sdk()
	_, err = answer.give(ctx, s, sdk)
	must(err)
	must(refresh(s.client, *rotated))
	s.stop()

	s.on(cluster.DSN(name + "_copy"))
	s.fails("whose own tools back it up", "backup", filepath.Join(t.TempDir(), "backup"))
	s.fails("whose own tools restore it", "restore", "backup")
	if out := s.run("restore", "--already-restored"); !strings.Contains(out, "2 sign-ins of app clients that rotate") && !strings.Contains(out, "1 sign-ins of app clients that rotate") {
		t.Errorf("it ended %q", out)
	}
	s.start()
	sdk = s.sdk()
	if _, err := answer.give(ctx, s, sdk); !refused(err) {
		t.Errorf("a used code was answered with %v", err)
	}
	if err := refresh(s.client, *rotated); !refused(err) {
		t.Errorf("a rotated token was answered with %v", err)
	}
	must(refresh(unrotated.client, unrotated.token))
	s.stop()
}

func TestMigrate_OnPostgres_IsToldDoneAndDemanded(t *testing.T) {
	s := onPostgres(t, pgtest.Shared(t).NewDatabase(t))
	s.fails("is version 0", "migrate", "--check")
	s.fails("its schema is version 0", "serve", "--auto-migrate=false")
	if out := s.run("migrate"); !strings.Contains(out, "was version 0 and is version ") {
		t.Errorf("it printed %q", out)
	}
	s.run("migrate", "--check")
	s.env = append(s.env, "BELLHOP_AUTO_MIGRATE=false")
	s.start()
	s.run("migrate")
	s.stop()
}

func TestDoctor_OnPostgres_AsksTheServerAndTellsNoPassword(t *testing.T) {
	cluster := pgtest.Shared(t)
	database := cluster.NewDatabase(t)
	s := onPostgres(t, strings.Replace(database, "bellhop@", "bellhop:pass-of-database@", 1))
	s.makePool()
	s.start()
	examine := func() (text string, findings map[string]string) {
		t.Helper()
		cmd := exec.Command(binary, "doctor", "--json")
		cmd.Env = s.env
		out, _ := cmd.Output() // the shared cluster has no fsync, which fails
		var all []struct{ Check, Level, What string }
		if err := json.Unmarshal(out, &all); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		findings = map[string]string{}
		for _, f := range all {
			findings[f.Check] += f.Level + " " + f.What + "\n"
		}
		return string(out), findings
	}
	text, found := examine()
	for _, want := range []string{"FAIL the server's fsync is off", "warn no standby is synchronous", "ok PostgreSQL ", "ok schema version"} {
		if !strings.Contains(found["database"], want) {
			t.Errorf("the database is said to be %q, without %q", found["database"], want)
		}
	}
	for _, check := range []string{"master key", "writing", "signing keys"} {
		if !strings.HasPrefix(found[check], "ok ") {
			t.Errorf("%s: %q", check, found[check])
		}
	}
	s.on("postgres://bellhop:pass-of-database@127.0.0.1:1/none?sslmode=disable")
	unreachable, found := examine()
	if !strings.Contains(found["database"], "FAIL database none at 127.0.0.1:1: the server cannot be reached") {
		t.Errorf("an unreachable server is said to be %q", found["database"])
	}
	if strings.Contains(text+unreachable, "pass-of-database") {
		t.Error("it tells the password")
	}
	s.stop()
}
