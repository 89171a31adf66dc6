package endtoend

import (
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// versionOne is what testdata/version-one holds: the data folder that the
// program of commit bb45aef left behind, which had the first schema. Its app
// clients' refresh tokens live ten years.
var versionOne = struct {
	pool, client               string
	secretClient, clientSecret string
	approved, approvedClient   string // a pool whose sign-ups an administrator confirms
	refresh, secretRefresh     string
	password                   string
	owner, pending             string // a user of pool, and a sign-up of approved
}{
	pool: "us-east-1_5rmjQtVdE", client: "jviuxv98rxf0woqcoarnlu5ohu",
	secretClient: "m9n7dv8sgldyhpovptb7vmidji", clientSecret: "g1d4axki3eg4v1cv73pg7g9wlrrkflbgc6xz7ce8tr10m2vbroaf",
	approved: "us-east-1_Q3ddkWWvU", approvedClient: "jl2i23zmdsztgk06zk2bycnedq",
	refresh:       "AQhhMDk4NTZlYiQ5NzUzODNkYy1iNTEzLTQwMDYtYmQwZS0wNDBjOGEzY2U1YmYAAAAAyRlgWNmcwZXk8AqdTuufyVh_tP9b_7PpD3zV0izZR3Y",
	secretRefresh: "AQhhMDk4NTZlYiQyOGZlZDMxNy0wZTFhLTRmMjAtODIyMi02ODFiOGJhN2E3ODMAAAAA4-khBnweyzYjV3YVmi4Jtij-yYFZPTQxnHmwVqSDI7E",
	password:      "Before-The-Upgrade-1",
	owner:         "+14155550101", pending: "+14155550103",
}

// versionOneSite is an installation whose data folder is that one.
func versionOneSite(t *testing.T) *site {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS("testdata/version-one")); err != nil {
		t.Fatal(err)
	}
	packed, err := os.Open(filepath.Join(dir, "bellhop.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	database, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(database)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bellhop.db"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &site{tb: t, dir: dir, sink: smstest.NewSink(t), node: newNode(t), pool: versionOne.pool, client: versionOne.client}
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "BELLHOP_DATA=" + dir, "BELLHOP_LISTEN=127.0.0.1:0",
		"BELLHOP_PUBLIC_URL=http://bellhop.test", "BELLHOP_SMS=webhook:" + s.sink.URL, "BELLHOP_SMS_WEBHOOK_SECRET=" + webhookSecret,
	}
	return s
}

// byPassword signs in by password and returns what was wrong with it.
func byPassword(ctx context.Context, sdk *cip.Client, client, secret, number string) error {
	parameters := map[string]string{"USERNAME": number, "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": versionOne.password}
	if secret != "" {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(number + client))
		parameters["SECRET_HASH"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	_, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: &client, AuthFlow: types.AuthFlowTypeUserAuth, AuthParameters: parameters})
	return err
}

func TestUpgrade_DataFolderOfTheFirstSchema_ServesOn(t *testing.T) {
	s, old := versionOneSite(t), versionOne
	s.start()
	ctx, sdk := bounded(t, time.Minute), s.sdk() // signed by the old admin key
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	refresh := func(client string, secret *string, token string) error {
		_, err := sdk.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &client, ClientSecret: secret, RefreshToken: &token})
		return err
	}
	must("password", byPassword(ctx, sdk, old.client, "", old.owner))
	must("password, with a client secret", byPassword(ctx, sdk, old.secretClient, old.clientSecret, old.owner))
	must("refresh", refresh(old.client, nil, old.refresh))
	must("refresh, with a client secret", refresh(old.secretClient, &old.clientSecret, old.secretRefresh))
	_, err := sdk.AdminConfirmSignUp(ctx, &cip.AdminConfirmSignUpInput{UserPoolId: &old.approved, Username: &old.pending})
	must("confirm a sign-up that waits", err)
	must("password of that sign-up", byPassword(ctx, sdk, old.approvedClient, "", old.pending))
	for filter, want := range map[string]int{
		`name = "Asha"`: 1, `phone_number = "+14155550104"`: 1, `status = "Disabled"`: 1, `cognito:user_status = "FORCE_CHANGE_PASSWORD"`: 1, `name = "Mira"`: 0,
	} {
		found, err := sdk.ListUsers(ctx, &cip.ListUsersInput{UserPoolId: &old.pool, Filter: &filter})
		must("search", err)
		if err == nil && len(found.Users) != want {
			t.Errorf("%s finds %d users, want %d", filter, len(found.Users), want)
		}
	}
	texted, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: &old.client, AuthFlow: types.AuthFlowTypeCustomAuth, AuthParameters: map[string]string{"USERNAME": old.owner}})
	must("texted code", err)
	code, err := s.codeOf(ctx, old.owner, 1)
	must("the text", err)
	in, err := sdk.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
		ClientId: &old.client, ChallengeName: types.ChallengeNameTypeCustomChallenge, Session: texted.Session,
		ChallengeResponses: map[string]string{"USERNAME": old.owner, "ANSWER": code},
	})
	must("the code", err)
	if err == nil && in.AuthenticationResult == nil {
		t.Error("the right code gives no tokens")
	}
	described, err := sdk.DescribeUserPool(ctx, &cip.DescribeUserPoolInput{UserPoolId: aws.String(old.pool)})
	must("describe", err)
	if err == nil && described.UserPool.UserPoolTags["team"] != "riders" {
		t.Errorf("the pool's tags are %v", described.UserPool.UserPoolTags)
	}
	s.stop()
}
