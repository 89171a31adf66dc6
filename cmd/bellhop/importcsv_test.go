package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// One file comes in by a job, uploaded to the address that the server gave out; another
// by the command, beside the running server.
func TestImportCSV_ByAJob_AndByTheCommand(t *testing.T) {
	const header = "cognito:username,phone_number,phone_number_verified,password_hash\n"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	data := t.TempDir()
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0")
	if code, _, stderr := once(t, nil, "pool", "create", "--data", data, "--id", poolID, "--client-id", clientID); code != exitOK {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	admin := sdk(t, p.url, filepath.Join(data, "credentials"))
	created, err := admin.CreateUserImportJob(ctx, &cip.CreateUserImportJobInput{
		UserPoolId: ptr(poolID), JobName: ptr("riders"), CloudWatchLogsRoleArn: ptr("arn:aws:iam::123456789012:role/logs"),
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(body string) int {
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, *created.UserImportJob.PreSignedUrl, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if status := put(header + "+919876543210,+919876543210,TRUE,\n" + "+919812345678,+919812345678,FALSE,\n"); status != http.StatusOK {
		t.Fatalf("the upload was answered %d", status)
	}
	job := cip.DescribeUserImportJobInput{UserPoolId: ptr(poolID), JobId: created.UserImportJob.JobId}
	if _, err := admin.StartUserImportJob(ctx, &cip.StartUserImportJobInput{UserPoolId: job.UserPoolId, JobId: job.JobId}); err != nil {
		t.Fatal(err)
	}
	var ended *types.UserImportJobType
	for ended == nil {
		out, err := admin.DescribeUserImportJob(ctx, &job)
		if err != nil {
			t.Fatal(err)
		}
		if out.UserImportJob.CompletionDate != nil {
			ended = out.UserImportJob
		}
	}
	if ended.Status != types.UserImportJobStatusTypeSucceeded || ended.ImportedUsers != 1 || ended.FailedUsers != 1 {
		t.Errorf("the job ended %s with %d imported, %d failed", ended.Status, ended.ImportedUsers, ended.FailedUsers)
	}
	if status := put(header); status != http.StatusConflict {
		t.Errorf("an upload to a job that has ended was answered %d", status)
	}
	file := filepath.Join(t.TempDir(), "users.csv")
	rows := header + "+919876543210,+919876543210,TRUE,\n+919812345678,+919812345678,TRUE,$2b$10$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6\n+919898989898,+919898989898,TRUE,hunter2\n"
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"[SKIPPED] Line Number 2 - The user already exists.\n[FAILED] Line Number 4 - The password hash is malformed.\n1 imported, 1 skipped, 1 failed\n",
		"[SKIPPED] Line Number 2 - The user already exists.\n[SKIPPED] Line Number 3 - The user already exists.\n[FAILED] Line Number 4 - The password hash is malformed.\n0 imported, 2 skipped, 1 failed\n",
	}
	for _, said := range want { // twice
		code, stdout, stderr := once(t, nil, "import", "csv", file, "--pool", poolID, "--data", data)
		if code != exitOK || stdout != said {
			t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
		}
	}
	user, err := admin.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: ptr(poolID), Username: ptr("+919812345678")})
	if err != nil || user.UserStatus != types.UserStatusTypeConfirmed {
		t.Errorf("the user is %+v, %v", user, err)
	}
	if code, _, _ := once(t, nil, "import", "csv", "--pool", poolID, "--data", data); code != exitUsage {
		t.Errorf("without a file: exit code %d", code)
	}
	p.endWell()
	if log := p.stderr.String(); strings.Contains(log, "signature") || strings.Contains(log, "98123") {
		t.Error("the log has an address to upload to, or a number")
	}
}
