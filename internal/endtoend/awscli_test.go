package endtoend

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aws runs the aws CLI as the README says: with the credentials file that the
// server wrote, and nothing else.
func (s *site) aws(args ...string) (string, error) {
	s.tb.Helper()
	ctx := bounded(s.tb, time.Minute)
	cmd := exec.CommandContext(ctx, "aws", append([]string{"--endpoint-url", s.url, "--region", "us-east-1", "--output", "json", "cognito-idp"}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.tb.TempDir(), "AWS_PAGER=",
		"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(s.dir, "credentials"), "AWS_EC2_METADATA_DISABLED=true",
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// awsAnswer is the answer of a call that must succeed, nil if it has none.
func (s *site) awsAnswer(args ...string) map[string]any {
	s.tb.Helper()
	out, err := s.aws(args...)
	if err != nil {
		s.tb.Fatalf("aws %s: %v\n%s", args[0], err, out)
	}
	if strings.TrimSpace(out) == "" {
		return nil
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		s.tb.Fatalf("aws %s printed %q", args[0], out)
	}
	return v
}

func TestAWSCLI_CredentialsFileOfTheServer_WorksAtOnce(t *testing.T) {
	s := newSite(t)
	s.start()
	pool := s.awsAnswer("create-user-pool", "--pool-name", "cli", "--auto-verified-attributes", "phone_number", "--username-attributes", "phone_number")
	id := pool["UserPool"].(map[string]any)["Id"].(string)
	s.awsAnswer("describe-user-pool", "--user-pool-id", id)
	arn := pool["UserPool"].(map[string]any)["Arn"].(string)
	s.awsAnswer("tag-resource", "--resource-arn", arn, "--tags", "bellhop:behaviour=strict,team=riders")
	if tags := s.awsAnswer("list-tags-for-resource", "--resource-arn", arn)["Tags"].(map[string]any); tags["bellhop:behaviour"] != "strict" || tags["team"] != "riders" {
		t.Errorf("tags are %v", tags)
	}
	s.awsAnswer("create-user-pool-client", "--user-pool-id", id, "--client-name", "app", "--explicit-auth-flows", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
	number := newNumber()
	s.awsAnswer("admin-create-user", "--user-pool-id", id, "--username", number, "--temporary-password", "Tmp-Pass-123", "--message-action", "SUPPRESS")
	s.awsAnswer("admin-set-user-password", "--user-pool-id", id, "--username", number, "--password", "Perm-Pass-123", "--permanent")
	if u := s.awsAnswer("admin-get-user", "--user-pool-id", id, "--username", number); u["UserStatus"] != "CONFIRMED" {
		t.Errorf("the user is %v", u)
	}
	s.awsAnswer("sign-up", "--client-id", s.client, "--username", newNumber())
	s.awsAnswer("delete-user-pool", "--user-pool-id", id)
	out, err := s.aws("describe-user-pool", "--user-pool-id", id)
	if err == nil || !strings.Contains(out, "ResourceNotFoundException") {
		t.Errorf("a deleted pool is described: %s", out)
	}
	out, err = s.aws("list-identity-providers", "--user-pool-id", s.pool)
	if err == nil || !strings.Contains(out, "ListIdentityProviders") {
		t.Errorf("an operation that is not served says %s", out)
	}
	s.stop()
}

func TestAWSCLI_PoolsAndAppClients_AreListedChangedAndDeleted(t *testing.T) {
	s := newSite(t)
	s.start()
	about := []string{"--user-pool-id", s.pool}
	s.awsAnswer(append([]string{"update-user-pool", "--auto-verified-attributes", "phone_number",
		"--sms-verification-message", "{####} is for the CLI"}, about...)...)
	if p := s.awsAnswer(append([]string{"describe-user-pool"}, about...)...)["UserPool"].(map[string]any); p["SmsVerificationMessage"] != "{####} is for the CLI" {
		t.Errorf("the pool is %v", p)
	}
	s.awsAnswer("create-user-pool", "--pool-name", "second", "--auto-verified-attributes", "phone_number", "--username-attributes", "phone_number")
	if pools := s.awsAnswer("list-user-pools", "--max-results", "60")["UserPools"].([]any); len(pools) != 2 {
		t.Errorf("the pools are %v", pools)
	}
	made := s.awsAnswer(append([]string{"create-user-pool-client", "--client-name", "back end", "--generate-secret"}, about...)...)
	client := made["UserPoolClient"].(map[string]any)["ClientId"].(string)
	clients := s.awsAnswer(append([]string{"list-user-pool-clients"}, about...)...)["UserPoolClients"].([]any)
	if len(clients) != 2 {
		t.Errorf("the app clients are %v", clients)
	}
	about = append(about, "--client-id", client)
	s.awsAnswer(append([]string{"update-user-pool-client", "--client-name", "other end"}, about...)...)
	if c := s.awsAnswer(append([]string{"describe-user-pool-client"}, about...)...)["UserPoolClient"].(map[string]any); c["ClientName"] != "other end" || c["ClientSecret"] == nil {
		t.Error("the app client has lost its new name or its secret")
	}
	s.awsAnswer(append([]string{"delete-user-pool-client"}, about...)...)
	out, err := s.aws(append([]string{"describe-user-pool-client"}, about...)...)
	if err == nil || !strings.Contains(out, "ResourceNotFoundException") {
		t.Errorf("a deleted app client is described: %s", out)
	}
	s.stop()
}

func TestAWSCLI_UsersAndGroups_AreListedAndSignedIn(t *testing.T) {
	s := newSite(t)
	s.start()
	made := s.awsAnswer("create-user-pool-client", "--user-pool-id", s.pool, "--client-name", "back end",
		"--explicit-auth-flows", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
	client := made["UserPoolClient"].(map[string]any)["ClientId"].(string)
	number := newNumber()
	user := []string{"--user-pool-id", s.pool, "--username", number}
	s.awsAnswer(append([]string{"admin-create-user", "--temporary-password", "Tmp-Pass-123", "--message-action", "SUPPRESS",
		"--user-attributes", "Name=phone_number,Value=" + number, "Name=phone_number_verified,Value=true"}, user...)...)
	s.awsAnswer(append([]string{"admin-update-user-attributes", "--user-attributes", "Name=name,Value=Asha"}, user...)...)
	found := s.awsAnswer("list-users", "--user-pool-id", s.pool, "--filter", `name = "Asha"`)["Users"].([]any)
	if len(found) != 1 || found[0].(map[string]any)["UserStatus"] != "FORCE_CHANGE_PASSWORD" {
		t.Errorf("the users of that name are %v", found)
	}
	s.awsAnswer("create-group", "--user-pool-id", s.pool, "--group-name", "riders")
	s.awsAnswer(append([]string{"admin-add-user-to-group", "--group-name", "riders"}, user...)...)
	if members := s.awsAnswer("list-users-in-group", "--user-pool-id", s.pool, "--group-name", "riders")["Users"].([]any); len(members) != 1 {
		t.Errorf("the group's members are %v", members)
	}
	app := []string{"--user-pool-id", s.pool, "--client-id", client}
	asked := s.awsAnswer(append([]string{"admin-initiate-auth", "--auth-flow", "ADMIN_USER_PASSWORD_AUTH",
		"--auth-parameters", "USERNAME=" + number + ",PASSWORD=Tmp-Pass-123"}, app...)...)
	if asked["ChallengeName"] != "NEW_PASSWORD_REQUIRED" {
		t.Fatalf("a temporary password leads to %v", asked["ChallengeName"])
	}
	answered := s.awsAnswer(append([]string{"admin-respond-to-auth-challenge", "--challenge-name", "NEW_PASSWORD_REQUIRED",
		"--session", asked["Session"].(string), "--challenge-responses", "USERNAME=" + number + ",NEW_PASSWORD=Own-Pass-123"}, app...)...)
	token := answered["AuthenticationResult"].(map[string]any)["AccessToken"].(string)
	s.awsAnswer("get-user", "--access-token", token)
	s.awsAnswer(append([]string{"admin-user-global-sign-out"}, user...)...)
	out, err := s.aws("get-user", "--access-token", token)
	if err == nil || !strings.Contains(out, "NotAuthorizedException") {
		t.Error("a signed-out user's token works")
	}
	s.stop()
}
