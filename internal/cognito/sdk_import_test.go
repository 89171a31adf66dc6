package cognito_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// The SDK creates a job, the file goes to its address, and the job is started,
// described and listed.
func TestSDK_UserImportJob(t *testing.T) {
	inWorld(t, func(w *world) {
		header, err := w.sdk.GetCSVHeader(w.ctx, &cip.GetCSVHeaderInput{UserPoolId: &w.pool})
		w.must(err)
		if n := len(header.CSVHeader); n != 21 || header.CSVHeader[n-1] != "cognito:username" {
			t.Fatalf("the header is %v", header.CSVHeader)
		}
		create := func(name string) *types.UserImportJobType {
			out, err := w.sdk.CreateUserImportJob(w.ctx, &cip.CreateUserImportJobInput{
				UserPoolId: &w.pool, JobName: &name, CloudWatchLogsRoleArn: aws.String("arn:aws:iam::123456789012:role/logs"),
			})
			w.must(err)
			return out.UserImportJob
		}
		first := create("first")
		w.passDown(time.Second)
		job := create("second riders")
		if job.Status != types.UserImportJobStatusTypeCreated || *job.JobName != "second riders" || job.StartDate != nil || job.CompletionMessage != nil {
			t.Errorf("a new job is %+v", job)
		}
		u, err := url.Parse(*job.PreSignedUrl)
		w.must(err)
		file := strings.NewReader("cognito:username,phone_number,phone_number_verified\n" + asha + "," + asha + ",TRUE\n")
		w.must(w.service.UploadImport(w.ctx, strings.TrimPrefix(u.Path, userpool.ImportPath), u.Query(), file))
		started, err := w.sdk.StartUserImportJob(w.ctx, &cip.StartUserImportJobInput{UserPoolId: &w.pool, JobId: job.JobId})
		w.must(err)
		if started.UserImportJob.Status != types.UserImportJobStatusTypePending || started.UserImportJob.StartDate == nil {
			t.Errorf("a started job is %+v", started.UserImportJob)
		}
		synctest.Wait() // it is imported
		done, err := w.sdk.DescribeUserImportJob(w.ctx, &cip.DescribeUserImportJobInput{UserPoolId: &w.pool, JobId: job.JobId})
		w.must(err)
		if j := done.UserImportJob; j.Status != types.UserImportJobStatusTypeSucceeded || j.ImportedUsers != 1 || j.CompletionDate == nil || *j.CompletionMessage != "Import Job Completed Successfully." {
			t.Errorf("the job ended %+v", j)
		}
		var listed []string
		for token := (*string)(nil); ; {
			page, err := w.sdk.ListUserImportJobs(w.ctx, &cip.ListUserImportJobsInput{UserPoolId: &w.pool, MaxResults: aws.Int32(1), PaginationToken: token})
			w.must(err)
			for _, j := range page.UserImportJobs {
				listed = append(listed, *j.JobId)
			}
			if token = page.PaginationToken; token == nil {
				break
			}
		}
		if want := []string{*job.JobId, *first.JobId}; strings.Join(listed, " ") != strings.Join(want, " ") {
			t.Errorf("listed are %v, want %v", listed, want)
		}
		_, err = w.sdk.StopUserImportJob(w.ctx, &cip.StopUserImportJobInput{UserPoolId: &w.pool, JobId: job.JobId})
		wantError[*types.PreconditionNotMetException](w, err, "")
		_, err = w.sdk.StartUserImportJob(w.ctx, &cip.StartUserImportJobInput{UserPoolId: &w.pool, JobId: first.JobId})
		wantError[*types.PreconditionNotMetException](w, err, "")
		_, err = w.sdk.DescribeUserImportJob(w.ctx, &cip.DescribeUserImportJobInput{UserPoolId: &w.pool, JobId: aws.String("import-none")})
		wantError[*types.ResourceNotFoundException](w, err, "")
	})
}
