package endtoend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// existenceFlows are public operations that name somebody.
var existenceFlows = []struct{ name, operation, body string }{
	{"ForgotPassword", "ForgotPassword", `{"ClientId":"CLIENT","Username":"SOMEBODY"}`},
	{"ConfirmForgotPassword", "ConfirmForgotPassword", `{"ClientId":"CLIENT","Username":"SOMEBODY","ConfirmationCode":"000000","Password":"Other-Horse-77"}`},
	{"ResendConfirmationCode", "ResendConfirmationCode", `{"ClientId":"CLIENT","Username":"SOMEBODY"}`},
	{"CUSTOM_AUTH", "InitiateAuth", `{"ClientId":"CLIENT","AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"SOMEBODY"}}`},
	{"USER_AUTH", "InitiateAuth", `{"ClientId":"CLIENT","AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"SOMEBODY"}}`},
	{"USER_SRP_AUTH", "InitiateAuth", `{"ClientId":"CLIENT","AuthFlow":"USER_SRP_AUTH","AuthParameters":{"USERNAME":"SOMEBODY","SRP_A":"` + strings.Repeat("4a", 300) + `"}}`},
}

// BenchmarkExistence asks about known and unknown numbers in turn, over HTTP, at
// a client that prevents existence errors, and reports the median of each and
// their ratio. It is a figure and no check: what is checked is that the answers
// are the same. Each number is asked about once.
func BenchmarkExistence(b *testing.B) {
	for _, flow := range existenceFlows {
		b.Run(flow.name, func(b *testing.B) {
			s := newSite(b, "BELLHOP_LIMITS=off")
			s.start()
			defer s.stop()
			ctx := bounded(b, 5*time.Minute)
			sdk := s.sdk()
			made, err := sdk.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{
				UserPoolId: &s.pool, ClientName: aws.String("existence"), PreventUserExistenceErrors: "ENABLED",
				ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH"},
			})
			if err != nil {
				b.Fatal(err)
			}
			known := make([]string, b.N)
			for i := range known {
				known[i] = newNumber()
				if err := s.resident(ctx, sdk, known[i]); err != nil {
					b.Fatal(err)
				}
			}
			ask := func(number string) time.Duration {
				body := strings.NewReplacer("CLIENT", *made.UserPoolClient.ClientId, "SOMEBODY", number).Replace(flow.body)
				d, err := s.timed(ctx, flow.operation, body)
				if err != nil {
					b.Fatal(err)
				}
				return d
			}
			var took [2][]time.Duration
			b.ResetTimer()
			for i, number := range known {
				for _, who := range []int{i % 2, 1 - i%2} { // each goes first as often
					name := number
					if who == 1 {
						name = newNumber()
					}
					took[who] = append(took[who], ask(name))
				}
			}
			b.StopTimer()
			known50, unknown50 := median(took[0]), median(took[1])
			b.ReportMetric(float64(known50.Microseconds()), "known-µs")
			b.ReportMetric(float64(unknown50.Microseconds()), "unknown-µs")
			b.ReportMetric(float64(known50)/float64(unknown50), "ratio")
		})
	}
}

// resident makes a user with a password and a number that is proved.
func (s *site) resident(ctx context.Context, sdk *cip.Client, number string) error {
	_, err := sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{
		UserPoolId: &s.pool, Username: &number, MessageAction: "SUPPRESS",
		UserAttributes: []types.AttributeType{{Name: aws.String("phone_number_verified"), Value: aws.String("true")}},
	})
	if err != nil {
		return err
	}
	_, err = sdk.AdminSetUserPassword(ctx, &cip.AdminSetUserPasswordInput{
		UserPoolId: &s.pool, Username: &number, Password: aws.String("Correct-Horse-9"), Permanent: true,
	})
	return err
}

// timed sends an unsigned request, reads the whole answer and says how long that
// took.
func (s *site) timed(ctx context.Context, operation, body string) (time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewBufferString(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	start := time.Now()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, err
	}
	if res.StatusCode >= http.StatusInternalServerError {
		return 0, fmt.Errorf("%s answered %s", operation, res.Status)
	}
	return time.Since(start), nil
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
