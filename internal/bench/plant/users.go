//go:build linux

package plant

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
)

// users is the administrator, who makes users of the site's pool.
type users struct {
	sdk  *cip.Client
	pool string
}

// Users is who makes users while the server runs.
func (s *Site) Users() (*users, error) {
	sdk, err := s.admin()
	return &users{sdk, s.Pool}, err
}

// admin is an AWS SDK client with the admin key that the server made.
func (s *Site) admin() (*cip.Client, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "data", "credentials"))
	if err != nil {
		return nil, err
	}
	key := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, "=")
		key[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return cip.New(cip.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + s.Address), HTTPClient: sdkhttp.Whole(http.DefaultClient),
		Retryer:     retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.RateLimiter = 20, ratelimit.None }),
		Credentials: credentials.NewStaticCredentialsProvider(key["aws_access_key_id"], key["aws_secret_access_key"], ""),
	}), nil
}

// Create makes a user of a number.
func (u *users) Create(ctx context.Context, number string) error {
	_, err := u.sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{UserPoolId: &u.pool, Username: &number})
	return err
}

// SetPassword gives the user a password.
func (u *users) SetPassword(ctx context.Context, number, password string) error {
	_, err := u.sdk.AdminSetUserPassword(ctx, &cip.AdminSetUserPasswordInput{UserPoolId: &u.pool, Username: &number, Password: &password, Permanent: true})
	return err
}

// CreatePool makes a pool, as an administrator would, and says how long it took.
func (s *Site) CreatePool(ctx context.Context) (time.Duration, error) {
	sdk, err := s.admin()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := sdk.CreateUserPool(ctx, &cip.CreateUserPoolInput{PoolName: aws.String("measured")}); err != nil {
		return 0, fmt.Errorf("CreateUserPool: %w", err)
	}
	return time.Since(began), nil
}
