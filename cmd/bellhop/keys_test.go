package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/smithy-go"

	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// onData runs a command on the data folder that must succeed.
func onData(t *testing.T, data string, words string, args ...string) string {
	t.Helper()
	code, stdout, stderr := once(t, nil, append(append(strings.Fields(words), args...), "--data", data)...)
	if code != exitOK {
		t.Fatalf("bellhop %s: exit code %d, %s", words, code, stderr)
	}
	return stdout
}

// refusedOnData runs a command that must fail, and say why.
func refusedOnData(t *testing.T, data string, words, want string) {
	t.Helper()
	code, stdout, stderr := once(t, nil, append(strings.Fields(words), "--data", data)...)
	if code == exitOK || !strings.Contains(stderr, want) {
		t.Errorf("bellhop %s: exit code %d, said %q and %q, want %q", words, code, stdout, stderr, want)
	}
}

func serveData(t *testing.T, data string, env ...string) *process {
	t.Helper()
	return start(t, env, "serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "http://localhost:9400")
}

// jwks is the set of kids that a running server publishes.
func (p *process) jwks() map[string]bool {
	p.t.Helper()
	_, body := p.get("/" + poolID + "/.well-known/jwks.json")
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal([]byte(body), &set); err != nil {
		p.t.Fatal(err)
	}
	kids := map[string]bool{}
	for _, k := range set.Keys {
		kids[k.Kid] = true
	}
	return kids
}

func TestKeysRotate_BesideARunningServer_IsPublishedAtOnce(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	p := serveData(t, data)
	before := p.jwks()
	first := onData(t, data, "keys rotate")
	second := onData(t, data, "keys rotate --pool "+poolID)
	if !strings.Contains(first, "new keys are published and sign from ") || !strings.Contains(second, "a rotation is under way") {
		t.Errorf("said %q and then %q", first, second)
	}
	if after := p.jwks(); len(before) != 2 || len(after) != 4 {
		t.Errorf("%d keys before, %d after", len(before), len(after))
	}
	onData(t, data, "keys rotate --now")
	if replaced := p.jwks(); len(replaced) != 4 {
		t.Errorf("%d keys after the replacement", len(replaced))
	}
	onData(t, data, "keys rotate --now --revoke-old")
	last := p.jwks()
	if len(last) != 2 {
		t.Errorf("%d keys after the revocation", len(last))
	}
	var rows []keyRow
	if err := json.Unmarshal([]byte(onData(t, data, "keys list --json")), &rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if !last[row.Kid] || row.State != "signs" || row.Pool != poolID || row.Alg != "RS256" || !row.Retired.IsZero() {
			t.Errorf("listed: %+v", row)
		}
	}
	for kid := range before {
		if last[kid] {
			t.Error("a revoked key is published")
		}
	}
	if table := onData(t, data, "keys list --pool "+poolID); strings.Count(table, "\n") != 3 || !strings.Contains(table, "SIGNS FROM") {
		t.Errorf("the table is\n%s", table)
	}
	p.endWell()
}

func TestKeys_MistypedArguments_AreRefusedAndMakeNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "none")
	for words, want := range map[string]string{
		"keys list":                  "there is no database",
		"keys rotate":                "there is no database",
		"keys rotate --revoke-old":   "--revoke-old needs --now",
		"master-key status":          "there is no database",
		"master-key reseal":          "there is no database",
		"master-key prune":           "there is no database",
		"master-key rotate":          "the master key file cannot be found",
		"admin-keys create":          "--name is missing",
		"admin-keys create --name x": "there is no database",
		"admin-keys list":            "there is no database",
		"admin-keys delete":          "say which",
		"admin-keys delete X":        "there is no database",
	} {
		refusedOnData(t, data, words, want)
	}
	absent(t, data)
	data = t.TempDir()
	createPool(t, data)
	for words, want := range map[string]string{
		"keys list --pool us-east-1_None":                 "us-east-1_None does not exist",
		"keys rotate --pool us-east-1_None":               "us-east-1_None does not exist",
		"admin-keys delete BHAKNONE":                      "BHAKNONE does not exist",
		"admin-keys create --name x --expires 0d":         "--expires must be more than 0",
		"admin-keys create --name x --expires soon":       "--expires must be a length of time such as 90d",
		"admin-keys create --name x --expires 99999d":     "a hundred years at most",
		"admin-keys delete --data x BHAK":                 "before any flag",
		"admin-keys create --name x --operations ListUsr": `--operations has "ListUsr", which is no operation that is signed`,
		"admin-keys create --name x --pools us-east-1_No": "us-east-1_No does not exist",
		"master-key promote":                              "is the current one already",
		"master-key promote 01234567":                     "it holds no key 01234567",
	} {
		refusedOnData(t, data, words, want)
	}
}

// masterKeyLines are the keys of the file, current first, and what status says.
func masterKeyLines(t *testing.T, data string) []masterKeyRow {
	t.Helper()
	var rows []masterKeyRow
	if err := json.Unmarshal([]byte(onData(t, data, "master-key status --json")), &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestMasterKeyRotate_RestartAndReseal_LeaveTheOldLineUntilItIsUseless(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	p := serveData(t, data)
	onData(t, data, "master-key rotate")
	file := filepath.Join(data, "master.key")
	if mode(t, file) != 0o600 {
		t.Error("others may read the file")
	}
	absent(t, file+".new")

	// The running server has not read it: a tool must seal nothing under it.
	refusedOnData(t, data, "master-key reseal", "has not read the new master key yet")
	client := onData(t, data, "pool create --json --id us-east-1_Second1")
	rows := masterKeyLines(t, data)
	if len(rows) != 2 || rows[0].Sealed != 0 || rows[1].Sealed == 0 || rows[0].Place != "current" || rows[1].Place != "opens" {
		t.Fatalf("before the restart: %+v", rows)
	}
	if !strings.Contains(client, "us-east-1_Second1") || len(p.jwks()) != 2 {
		t.Error("the server does not serve on")
	}
	p.endWell()

	if said := onData(t, data, "master-key reseal"); !strings.Contains(said, "sealed anew under the master key "+rows[0].ID) {
		t.Errorf("said %q", said)
	}
	rows = masterKeyLines(t, data)
	if rows[1].Sealed != 0 || rows[1].Removable || rows[1].NeededUntil.IsZero() {
		t.Errorf("after resealing: %+v", rows[1])
	}
	refusedOnData(t, data, "master-key prune", "refresh tokens that were made with it may live until")
	p = serveData(t, data)
	if len(p.jwks()) != 2 {
		t.Error("the keys do not open")
	}
	admin := sdk(t, p.url, filepath.Join(data, "credentials"))
	if _, err := admin.DescribeUserPool(context.Background(), &cip.DescribeUserPoolInput{UserPoolId: ptr(poolID)}); err != nil {
		t.Errorf("the admin key: %v", err)
	}
	p.endWell()
}

func TestMasterKey_AddAndPromote_ChangeTheOrderAlone(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	if said := onData(t, data, "master-key prune"); !strings.Contains(said, "the current master key alone") {
		t.Errorf("said %q", said)
	}
	onData(t, data, "master-key add")
	rows := masterKeyLines(t, data)
	if len(rows) != 2 || rows[0].Sealed == 0 || rows[1].Sealed != 0 || !strings.Contains(rows[1].Why, "promote") {
		t.Fatalf("added: %+v", rows)
	}
	refusedOnData(t, data, "master-key prune", "it was never current")
	onData(t, data, "master-key promote")
	if promoted := masterKeyLines(t, data); promoted[0].ID != rows[1].ID || promoted[1].ID != rows[0].ID {
		t.Errorf("promoted: %+v", promoted)
	}
	onData(t, data, "master-key promote", rows[0].ID)
	if back := masterKeyLines(t, data); back[0].ID != rows[0].ID {
		t.Errorf("promoted back: %+v", back)
	}
	if table := onData(t, data, "master-key status"); !strings.Contains(table, "SEALED VALUES") || !strings.Contains(table, rows[0].ID) {
		t.Errorf("the table is\n%s", table)
	}
}

func TestMasterKey_FileThatMustNotBeChanged_StaysAsItIs(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	file := filepath.Join(data, "master.key")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o400); err != nil {
		t.Fatal(err)
	}
	refusedOnData(t, data, "master-key rotate", "is read-only")
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, file+".new", nil)
	refusedOnData(t, data, "master-key add", "another command is changing the master key file")
	if err := os.Remove(file + ".new"); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed (%v)", err)
	}
	// A link is followed, and stays a link.
	elsewhere := filepath.Join(t.TempDir(), "key")
	if err := errors.Join(os.Rename(file, elsewhere), os.Symlink(elsewhere, file)); err != nil {
		t.Fatal(err)
	}
	onData(t, data, "master-key rotate")
	if info, err := os.Lstat(file); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone (%v)", err)
	}
	if len(masterKeyLines(t, data)) != 2 {
		t.Error("the new key is not where the link leads")
	}
}

func TestAdminKeys_MadeListedAndDeleted_BesideARunningServer(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	p := serveData(t, data)
	var made adminKeyRow
	out := onData(t, data, "admin-keys create --json --name ci --expires 90d --operations cognito-idp:DescribeUserPool,AdminGet* --pools "+poolID)
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	api := sdkWithKey(p.url, made.ID, made.Secret)
	describe := func() error {
		_, err := api.DescribeUserPool(context.Background(), &cip.DescribeUserPoolInput{UserPoolId: ptr(poolID)})
		return err
	}
	if err := describe(); err != nil {
		t.Fatal(err)
	}
	_, err := api.AdminDeleteUser(context.Background(), &cip.AdminDeleteUserInput{UserPoolId: ptr(poolID), Username: ptr("x")})
	if code(err) != "AccessDeniedException" {
		t.Errorf("another operation: %v", err)
	}
	var rows []adminKeyRow
	listed := onData(t, data, "admin-keys list --json")
	if err := json.Unmarshal([]byte(listed), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].Name != "first start" || rows[1].ID != made.ID || rows[1].LastUsed.IsZero() || !rows[0].LastUsed.IsZero() {
		t.Errorf("listed: %+v", rows)
	}
	table := onData(t, data, "admin-keys list")
	if strings.Contains(listed+table, made.Secret) {
		t.Error("a list shows the secret")
	}
	if !strings.Contains(table, "DescribeUserPool,AdminGet*") || !strings.Contains(table, "never") {
		t.Errorf("the table is\n%s", table)
	}
	onData(t, data, "admin-keys delete", made.ID)
	if err := describe(); code(err) != "UnrecognizedClientException" {
		t.Errorf("deleted: %v", err)
	}
	// Deleted, the server's own key does not come back.
	onData(t, data, "admin-keys delete", rows[0].ID)
	p.endWell()
	p = serveData(t, data)
	if !strings.Contains(p.stderr.String(), "the admin key that the server had made was deleted") {
		t.Errorf("the log does not say so:\n%s", p.stderr)
	}
	p.endWell()
	if rest := onData(t, data, "admin-keys list"); strings.Count(rest, "\n") != 1 {
		t.Errorf("left:\n%s", rest)
	}
}

func TestAdminKeys_CreateForPeople_IsACredentialsFile(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	p := serveData(t, data)
	file := filepath.Join(t.TempDir(), "credentials")
	write(t, file, []byte(onData(t, data, "admin-keys create --name all")))
	if _, err := sdk(t, p.url, file).DescribeUserPool(context.Background(), &cip.DescribeUserPoolInput{UserPoolId: ptr(poolID)}); err != nil {
		t.Error(err)
	}
	p.endWell()
}

func TestServe_AdminKeyMadeAtFirstStart_ServesOnlyWhileNoneIsConfigured(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	serveData(t, data).endWell()
	file := filepath.Join(data, "credentials")
	describe := func(p *process) string {
		_, err := sdk(t, p.url, file).DescribeUserPool(context.Background(), &cip.DescribeUserPoolInput{UserPoolId: ptr(poolID)})
		return code(err)
	}
	p := serveData(t, data, "BELLHOP_ADMIN_ACCESS_KEY_ID=local", "BELLHOP_ADMIN_SECRET_ACCESS_KEY=a-secret-of-our-own-choice")
	if got := describe(p); got != "UnrecognizedClientException" {
		t.Errorf("configured: %q", got)
	}
	p.endWell()
	p = serveData(t, data)
	if got := describe(p); got != "" {
		t.Errorf("not configured: %q", got)
	}
	p.endWell()
}

// code is the exception's name, "" for none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func TestMasterKeyPrune_LineThatNothingNeeds_IsRemoved(t *testing.T) {
	data := t.TempDir()
	createPool(t, data)
	old := masterKeyLines(t, data)[0].ID
	onData(t, data, "master-key rotate")
	onData(t, data, "master-key reseal")
	rewindMasterKeys(t, data)
	if said := onData(t, data, "master-key prune"); !strings.Contains(said, old+" is removed") {
		t.Errorf("said %q", said)
	}
	rows := masterKeyLines(t, data)
	if len(rows) != 1 || rows[0].ID == old || rows[0].Sealed == 0 {
		t.Errorf("left: %+v", rows)
	}
	p := serveData(t, data)
	if len(p.jwks()) != 2 {
		t.Error("the signing keys do not open")
	}
	p.endWell()
}

// rewindMasterKeys makes every note of a master key a year older.
func rewindMasterKeys(t *testing.T, data string) {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(data, "bellhop.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(t.Context(), func(tx userpool.Tx) error {
		text, err := tx.Meta(t.Context(), "master_keys")
		if err != nil {
			return err
		}
		var notes map[string]map[string]time.Time
		if err := json.Unmarshal([]byte(text), &notes); err != nil {
			return err
		}
		for _, note := range notes {
			for what, at := range note {
				note[what] = at.AddDate(-1, 0, 0)
			}
		}
		older, err := json.Marshal(notes)
		if err != nil {
			return err
		}
		return tx.PutMeta(t.Context(), "master_keys", string(older))
	})
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
}
