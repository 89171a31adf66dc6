package endtoend

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/pack/directory"
)

// What bellhop-lambda asks of a user pool it gets of this server as well, so that
// it can run beside either.
func TestBellhopLambda_ItsDirectory_IsServed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	ctx := bounded(t, 30*time.Second)
	id, secret := s.adminKey()
	pool := directory.New(aws.Config{
		Region: "us-east-1", BaseEndpoint: &s.url, Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
	half, whole := newNumber(), newNumber()
	began := time.Now().Add(-time.Minute)
	for _, number := range []string{half, whole} {
		if _, err := s.sdk().SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number, Password: aws.String("Passw0rd!")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.sdk().AdminConfirmSignUp(ctx, &cip.AdminConfirmSignUpInput{UserPoolId: &s.pool, Username: &whole}); err != nil {
		t.Fatal(err)
	}
	for number, unconfirmed := range map[string]bool{half: true, whole: false} {
		users, err := pool.ByPhone(ctx, s.pool, number)
		if err != nil || len(users) != 1 {
			t.Fatalf("%v, %v", users, err)
		}
		u, ok, err := pool.User(ctx, s.pool, users[0].Name)
		if err != nil || !ok || u != users[0] || u.Phone != number || u.Unconfirmed != unconfirmed || u.CreatedAt.Before(began) {
			t.Errorf("the list has %+v, the pool %+v, %v, %v", users[0], u, ok, err)
		}
		if unconfirmed {
			if err := pool.Delete(ctx, s.pool, u.Name); err != nil {
				t.Error(err)
			}
			if _, ok, err := pool.User(ctx, s.pool, u.Name); ok || err != nil {
				t.Errorf("deleted, he is there: %v, %v", ok, err)
			}
			if err := pool.Delete(ctx, s.pool, u.Name); err != nil {
				t.Error("deleted twice:", err)
			}
			continue
		}
		if err := pool.SetPassword(ctx, s.pool, u.Name, otp.DerivePassword([]byte(rand.Text()+rand.Text()), u.Name, 64)); err != nil {
			t.Error(err)
		}
		if err := pool.VerifyPhone(ctx, s.pool, u.Name); err != nil {
			t.Error(err)
		}
		got, err := s.sdk().AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &s.pool, Username: &u.Name})
		if err != nil {
			t.Fatal(err)
		}
		verified := false
		for _, a := range got.UserAttributes {
			verified = verified || (*a.Name == "phone_number_verified" && *a.Value == "true")
		}
		if !verified {
			t.Errorf("his number is not verified: %v", got.UserAttributes)
		}
	}
	clients, err := pool.Clients(ctx, s.pool)
	if err != nil || len(clients) != 1 || clients[0].ID != s.client || !slices.Contains(clients[0].Flows, "ALLOW_CUSTOM_AUTH") {
		t.Errorf("%+v, %v", clients, err)
	}
	s.stop()
}
