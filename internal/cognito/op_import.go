package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/passwordhash"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// The shapes of import jobs in the service model.
var (
	importJobName    = rule{min: 1, max: 128, pattern: whole(`[\w\s+=,.@-]+`)}
	importJobID      = rule{min: 1, max: 55, pattern: whole(`import-[0-9a-zA-Z-]+`)}
	hashingAlgorithm = rule{enum: []string{"BCRYPT", "SCRYPT", "ARGON2ID", "PBKDF2_SHA256"}}
)

// userImportJobType is a job as the service shows it.
type userImportJobType struct {
	JobName                  string
	JobId                    string
	UserPoolId               string
	PreSignedUrl             string
	CreationDate             epoch
	StartDate                *epoch `json:",omitzero"`
	CompletionDate           *epoch `json:",omitzero"`
	Status                   string
	CloudWatchLogsRoleArn    string
	PasswordHashingAlgorithm *string `json:",omitzero"`
	ImportedUsers            int64
	SkippedUsers             int64
	FailedUsers              int64
	CompletionMessage        *string `json:",omitzero"`
}

type importJobOutput struct {
	UserImportJob userImportJobType
}

func (a *API) importJobOut(j userpool.ImportJob) userImportJobType {
	out := userImportJobType{
		JobName: j.Name, JobId: j.ID, UserPoolId: string(j.PoolID), PreSignedUrl: a.service.UploadURL(j),
		CreationDate: epoch(j.CreatedAt), Status: string(j.Status), CloudWatchLogsRoleArn: j.RoleARN,
		PasswordHashingAlgorithm: unlessEmpty(string(j.Algorithm)),
		ImportedUsers:            j.Imported, SkippedUsers: j.Skipped, FailedUsers: j.Failed,
		CompletionMessage: unlessEmpty(j.Message),
	}
	if !j.StartedAt.IsZero() {
		out.StartDate = new(epoch(j.StartedAt))
	}
	if !j.CompletedAt.IsZero() {
		out.CompletionDate = new(epoch(j.CompletedAt))
	}
	return out
}

func (a *API) importJobAnswer(j userpool.ImportJob, err error) (*importJobOutput, error) {
	if err != nil {
		return nil, err
	}
	return &importJobOutput{a.importJobOut(j)}, nil
}

type createUserImportJobInput struct {
	JobName                  *string
	UserPoolId               *string
	CloudWatchLogsRoleArn    *string
	PasswordHashingAlgorithm *string
}

func (in *createUserImportJobInput) validate(v *violations) {
	v.required("jobName", in.JobName, importJobName)
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("cloudWatchLogsRoleArn", in.CloudWatchLogsRoleArn, resourceARN)
	v.optional("passwordHashingAlgorithm", in.PasswordHashingAlgorithm, hashingAlgorithm)
}

func (a *API) createUserImportJob(ctx context.Context, _ userpool.Caller, in *createUserImportJobInput) (*importJobOutput, error) {
	return a.importJobAnswer(a.service.CreateUserImportJob(ctx, userpool.NewImport{
		PoolID: userpool.PoolID(*in.UserPoolId), Name: *in.JobName, RoleARN: *in.CloudWatchLogsRoleArn,
		Algorithm: passwordhash.Algorithm(value(in.PasswordHashingAlgorithm)),
	}))
}

// importJobInput names a job.
type importJobInput struct {
	UserPoolId *string
	JobId      *string
}

func (in *importJobInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("jobId", in.JobId, importJobID)
}

func (a *API) describeUserImportJob(ctx context.Context, _ userpool.Caller, in *importJobInput) (*importJobOutput, error) {
	return a.importJobAnswer(a.service.DescribeUserImportJob(ctx, userpool.PoolID(*in.UserPoolId), *in.JobId))
}

func (a *API) startUserImportJob(ctx context.Context, _ userpool.Caller, in *importJobInput) (*importJobOutput, error) {
	return a.importJobAnswer(a.service.StartUserImportJob(ctx, userpool.PoolID(*in.UserPoolId), *in.JobId))
}

func (a *API) stopUserImportJob(ctx context.Context, _ userpool.Caller, in *importJobInput) (*importJobOutput, error) {
	return a.importJobAnswer(a.service.StopUserImportJob(ctx, userpool.PoolID(*in.UserPoolId), *in.JobId))
}

type listUserImportJobsInput struct {
	UserPoolId      *string
	MaxResults      *int32
	PaginationToken *string
}

func (in *listUserImportJobsInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.present("maxResults", in.MaxResults != nil)
	v.between("maxResults", in.MaxResults, 1, 60)
	v.optional("paginationToken", in.PaginationToken, pageToken)
}

type importJobsOutput struct {
	UserImportJobs  []userImportJobType
	PaginationToken *string `json:",omitzero"`
}

func (a *API) listUserImportJobs(ctx context.Context, _ userpool.Caller, in *listUserImportJobsInput) (*importJobsOutput, error) {
	page, err := a.service.ListUserImportJobs(ctx, userpool.PoolID(*in.UserPoolId), int(*in.MaxResults), value(in.PaginationToken))
	if err != nil {
		return nil, err
	}
	out := &importJobsOutput{UserImportJobs: make([]userImportJobType, len(page.Jobs)), PaginationToken: unlessEmpty(page.Next)}
	for i, j := range page.Jobs {
		out.UserImportJobs[i] = a.importJobOut(j)
	}
	return out, nil
}

type csvHeaderInput struct {
	UserPoolId *string
}

func (in *csvHeaderInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
}

type csvHeaderOutput struct {
	UserPoolId string
	CSVHeader  []string
}

func (a *API) getCSVHeader(ctx context.Context, _ userpool.Caller, in *csvHeaderInput) (*csvHeaderOutput, error) {
	header, err := a.service.GetCSVHeader(ctx, userpool.PoolID(*in.UserPoolId))
	if err != nil {
		return nil, err
	}
	return &csvHeaderOutput{*in.UserPoolId, header}, nil
}
