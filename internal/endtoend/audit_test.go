package endtoend

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// auditLine is what the tests read of a line of `bellhop audit --json`.
type auditLine struct {
	Operation, Outcome, User string
	Detail                   struct{ Repeat bool }
}

func auditLines(t *testing.T, text string) (lines []auditLine) {
	t.Helper()
	for line := range strings.Lines(text) {
		var l auditLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// checkTrail compares the audit trail with what the server knows after faults:
// an acknowledged sign-up has its row, no sign-up has two, and every row but that
// of a repeat has its sign-up.
func checkTrail(t *testing.T, s *site, sdk *cip.Client, rec *record) {
	t.Helper()
	ctx := bounded(t, 20*time.Minute)
	rows := map[string]int{}
	for _, l := range auditLines(t, s.run("audit", "--json", "--limit", "0", "--operation", "SignUp", "--outcome", "success")) {
		if l.Detail.Repeat {
			continue
		}
		rows[l.User]++
		if rows[l.User] == 2 {
			t.Errorf("two rows tell of the sign-up of %q", l.User)
		}
		if _, err := sdk.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &s.pool, Username: &l.User}); err != nil {
			t.Errorf("a row tells of a sign-up that is not there: %v", err)
		}
	}
	for _, number := range rec.signedUp {
		u, err := sdk.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &s.pool, Username: &number})
		if err == nil && rows[*u.Username] == 0 {
			t.Errorf("the acknowledged sign-up of %s has no row", *u.Username)
		}
	}
}

// searchTrail looks for secrets and whole numbers in the audit trail, once it
// has a row of each kind.
func searchTrail(t *testing.T, s *site, c *canary) {
	t.Helper()
	var text string
	for patience := time.Now().Add(10 * time.Second); time.Now().Before(patience); {
		if text = s.run("audit", "--json"); lacks(t, text) == "" {
			break
		}
	}
	if missing := lacks(t, text); missing != "" {
		t.Errorf("the trail has no row of %s: the search would prove less", missing)
	}
	c.search(t, "the audit trail", []byte(text), true)
	c.search(t, "the audit table", []byte(s.run("audit", "--limit", "0")), true)
}

// lacks is a kind of row that is not in the trail, "" if all are.
func lacks(t *testing.T, text string) string {
	t.Helper()
	found := map[string]bool{}
	for _, l := range auditLines(t, text) {
		found[l.Operation+" "+l.Outcome] = true
	}
	for _, want := range []string{
		"SignUp success", "SignUp refused", "ConfirmSignUp refused", "InitiateAuth success", "InitiateAuth refused",
		"RespondToAuthChallenge success", "RespondToAuthChallenge refused", "AdminCreateUser success", "AdminCreateUser refused",
		"GetUser refused", "GetTokensFromRefreshToken success", "GetTokensFromRefreshToken refused",
	} {
		if !found[want] {
			return want
		}
	}
	return ""
}
