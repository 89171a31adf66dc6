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

func TestAWSCLI_CredentialsFileOfTheServer_WorksAtOnce(t *testing.T) {
	s := newSite(t)
	s.start()
	want := func(args ...string) map[string]any {
		t.Helper()
		out, err := s.aws(args...)
		if err != nil {
			t.Fatalf("aws %v: %v\n%s", args, err, out)
		}
		var v map[string]any
		if strings.TrimSpace(out) == "" {
			return nil
		}
		if err := json.Unmarshal([]byte(out), &v); err != nil {
			t.Fatalf("aws %v printed %q", args, out)
		}
		return v
	}
	pool := want("create-user-pool", "--pool-name", "cli", "--auto-verified-attributes", "phone_number", "--username-attributes", "phone_number")
	id := pool["UserPool"].(map[string]any)["Id"].(string)
	want("describe-user-pool", "--user-pool-id", id)
	arn := pool["UserPool"].(map[string]any)["Arn"].(string)
	want("tag-resource", "--resource-arn", arn, "--tags", "bellhop:behaviour=strict,team=riders")
	if tags := want("list-tags-for-resource", "--resource-arn", arn)["Tags"].(map[string]any); tags["bellhop:behaviour"] != "strict" || tags["team"] != "riders" {
		t.Errorf("tags are %v", tags)
	}
	want("create-user-pool-client", "--user-pool-id", id, "--client-name", "app", "--explicit-auth-flows", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
	number := newNumber()
	want("admin-create-user", "--user-pool-id", id, "--username", number, "--temporary-password", "Tmp-Pass-123", "--message-action", "SUPPRESS")
	want("admin-set-user-password", "--user-pool-id", id, "--username", number, "--password", "Perm-Pass-123", "--permanent")
	if u := want("admin-get-user", "--user-pool-id", id, "--username", number); u["UserStatus"] != "CONFIRMED" {
		t.Errorf("the user is %v", u)
	}
	want("sign-up", "--client-id", s.client, "--username", newNumber())
	want("delete-user-pool", "--user-pool-id", id)
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
