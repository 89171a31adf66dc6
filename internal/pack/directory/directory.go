// Package directory is the user pool as the pack sees it, by the API of Amazon
// Cognito.
package directory

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/pack"
)

// maxPages bounds how much of a list is read.
const maxPages = 20

var errLong = errors.New("the list is longer than it can be")

// Directory calls Cognito. It is safe for concurrent use.
type Directory struct{ client *cognito.Client }

var _ pack.Directory = (*Directory)(nil)

// New returns the directory of the configuration's region.
func New(c aws.Config) *Directory { return &Directory{cognito.NewFromConfig(c)} }

// ByPhone implements pack.Directory. Cognito's list may lag a moment behind.
func (d *Directory) ByPhone(ctx context.Context, pool, number string) ([]pack.User, error) {
	pages := cognito.NewListUsersPaginator(d.client, &cognito.ListUsersInput{
		UserPoolId: &pool, Filter: aws.String(`phone_number = "` + number + `"`),
	})
	var users []pack.User
	for range maxPages {
		if !pages.HasMorePages() {
			return users, nil
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, u := range page.Users {
			users = append(users, user(u.Username, u.UserStatus, u.UserCreateDate, u.Attributes))
		}
	}
	return nil, errLong
}

func user(name *string, status types.UserStatusType, created *time.Time, attrs []types.AttributeType) pack.User {
	read := pack.User{
		Name: aws.ToString(name), Unconfirmed: status == types.UserStatusTypeUnconfirmed,
		CreatedAt: aws.ToTime(created),
	}
	for _, a := range attrs {
		if aws.ToString(a.Name) == "phone_number" {
			read.Phone = aws.ToString(a.Value)
		}
	}
	return read
}

// User implements pack.Directory.
func (d *Directory) User(ctx context.Context, pool, name string) (pack.User, bool, error) {
	out, err := d.client.AdminGetUser(ctx, &cognito.AdminGetUserInput{UserPoolId: &pool, Username: &name})
	if _, none := errors.AsType[*types.UserNotFoundException](err); none {
		return pack.User{}, false, nil
	}
	if err != nil {
		return pack.User{}, false, err
	}
	return user(out.Username, out.UserStatus, out.UserCreateDate, out.UserAttributes), true, nil
}

// Delete implements pack.Directory. That the user is gone is what was wanted.
func (d *Directory) Delete(ctx context.Context, pool, name string) error {
	_, err := d.client.AdminDeleteUser(ctx, &cognito.AdminDeleteUserInput{UserPoolId: &pool, Username: &name})
	if _, none := errors.AsType[*types.UserNotFoundException](err); none {
		return nil
	}
	return err
}

// Clients implements pack.Directory.
func (d *Directory) Clients(ctx context.Context, pool string) ([]pack.Client, error) {
	pages := cognito.NewListUserPoolClientsPaginator(d.client, &cognito.ListUserPoolClientsInput{
		UserPoolId: &pool, MaxResults: aws.Int32(60),
	})
	var clients []pack.Client
	for range maxPages {
		if !pages.HasMorePages() {
			return clients, nil
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, listed := range page.UserPoolClients {
			c, err := d.describe(ctx, pool, listed.ClientId)
			if err != nil {
				return nil, err
			}
			clients = append(clients, c)
		}
	}
	return nil, errLong
}

func (d *Directory) describe(ctx context.Context, pool string, id *string) (pack.Client, error) {
	out, err := d.client.DescribeUserPoolClient(ctx, &cognito.DescribeUserPoolClientInput{UserPoolId: &pool, ClientId: id})
	if err != nil {
		return pack.Client{}, err
	}
	c := pack.Client{ID: aws.ToString(id)}
	for _, flow := range out.UserPoolClient.ExplicitAuthFlows {
		c.Flows = append(c.Flows, string(flow))
	}
	if aws.ToBool(out.UserPoolClient.AllowedOAuthFlowsUserPoolClient) {
		for _, flow := range out.UserPoolClient.AllowedOAuthFlows {
			c.OAuth = append(c.OAuth, string(flow))
		}
	}
	return c, nil
}

// SetPassword implements pack.Directory.
func (d *Directory) SetPassword(ctx context.Context, pool, name string, password otp.Code) error {
	_, err := d.client.AdminSetUserPassword(ctx, &cognito.AdminSetUserPasswordInput{
		UserPoolId: &pool, Username: &name, Password: aws.String(password.Reveal()), Permanent: true,
	})
	return err
}

// VerifyPhone implements pack.Directory.
func (d *Directory) VerifyPhone(ctx context.Context, pool, name string) error {
	_, err := d.client.AdminUpdateUserAttributes(ctx, &cognito.AdminUpdateUserAttributesInput{
		UserPoolId: &pool, Username: &name,
		UserAttributes: []types.AttributeType{{Name: aws.String("phone_number_verified"), Value: aws.String("true")}},
	})
	return err
}
