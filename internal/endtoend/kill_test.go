package endtoend

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// kills is how often the server is killed; more find more, and take longer.
func kills() int {
	if os.Getenv("SOAK") != "" {
		return 400
	}
	return 12
}

// record is what the server has acknowledged, kept by the clients alone.
type record struct {
	mu        sync.Mutex // guards the fields below
	signedUp  []string   // numbers
	confirmed []string   // numbers
	refresh   []string   // refresh tokens
	used      []spentAnswer
}

// spentAnswer is an answer that gave tokens, so that it may never again.
type spentAnswer struct{ number, session, code string }

func (r *record) add(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn()
}

// TestKill_AtRandomMoments_NothingAcknowledgedIsLostAndNothingWorksTwice kills
// the server under sign-ups and sign-ins and compares what it knows afterwards
// with what its clients were told.
func TestKill_AtRandomMoments_NothingAcknowledgedIsLostAndNothingWorksTwice(t *testing.T) {
	s := newSite(t, "BELLHOP_LIMITS=off")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	rec := &record{}
	for range kills() {
		s.start()
		ctx, cancel := context.WithCancel(bounded(t, time.Minute))
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() {
				sdk := s.sdk()
				for ctx.Err() == nil && liveALittle(ctx, s, sdk, rec) == nil {
				}
			})
		}
		<-time.After(time.Duration(50+chance.IntN(400)) * time.Millisecond) // the moment of the kill
		s.kill()
		cancel()
		clients.Wait()
	}
	s.start()
	check(t, s, rec)
	checkTrail(t, s, rec)
	s.stop()
	if len(rec.refresh) < kills() {
		t.Errorf("only %d sign-ins were acknowledged: too few to say anything", len(rec.refresh))
	}
	t.Logf("%d kills: %d sign-ups, %d confirmations, %d sign-ins acknowledged", kills(), len(rec.signedUp), len(rec.confirmed), len(rec.refresh))
}

// liveALittle is one person's sign-up and two sign-ins. What is acknowledged is
// recorded at once; the first error ends it.
func liveALittle(ctx context.Context, s *site, sdk *cip.Client, rec *record) error {
	number := newNumber()
	if _, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number}); err != nil {
		return err
	}
	rec.add(func() { rec.signedUp = append(rec.signedUp, number) })
	code, err := s.codeOf(ctx, number, 1)
	if err != nil {
		return err
	}
	confirmed, err := sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &number, ConfirmationCode: &code})
	if err != nil {
		return err
	}
	rec.add(func() { rec.confirmed = append(rec.confirmed, number) })
	first, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{
		ClientId: &s.client, AuthFlow: types.AuthFlowTypeUserAuth, Session: confirmed.Session,
		AuthParameters: map[string]string{"USERNAME": number},
	})
	if err != nil {
		return err
	}
	rec.add(func() { rec.refresh = append(rec.refresh, *first.AuthenticationResult.RefreshToken) })
	started, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{
		ClientId: &s.client, AuthFlow: types.AuthFlowTypeCustomAuth, AuthParameters: map[string]string{"USERNAME": number},
	})
	if err != nil {
		return err
	}
	if code, err = s.codeOf(ctx, number, 2); err != nil {
		return err
	}
	answer := spentAnswer{number, *started.Session, code}
	second, err := answer.give(ctx, s, sdk)
	if err != nil {
		return err
	}
	rec.add(func() {
		rec.refresh = append(rec.refresh, *second.AuthenticationResult.RefreshToken)
		rec.used = append(rec.used, answer)
	})
	return nil
}

func (a spentAnswer) give(ctx context.Context, s *site, sdk *cip.Client) (*cip.RespondToAuthChallengeOutput, error) {
	return sdk.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
		ClientId: &s.client, ChallengeName: types.ChallengeNameTypeCustomChallenge, Session: aws.String(a.session),
		ChallengeResponses: map[string]string{"USERNAME": a.number, "ANSWER": a.code},
	})
}

// check asks the server about everything that it acknowledged.
func check(t *testing.T, s *site, rec *record) {
	t.Helper()
	ctx, sdk := bounded(t, 20*time.Minute), s.sdk()
	status := func(number string) types.UserStatusType {
		u, err := sdk.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &s.pool, Username: &number})
		if err != nil {
			t.Errorf("an acknowledged sign-up is lost: %v", err)
			return ""
		}
		return u.UserStatus
	}
	for _, number := range rec.signedUp {
		status(number)
	}
	for _, number := range rec.confirmed {
		if got := status(number); got != types.UserStatusTypeConfirmed {
			t.Errorf("an acknowledged confirmation is lost: the user is %s", got)
		}
	}
	for _, token := range rec.refresh {
		if _, err := sdk.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &s.client, RefreshToken: &token}); err != nil {
			t.Errorf("an acknowledged sign-in is lost: %v", err)
		}
	}
	for _, answer := range rec.used {
		_, err := answer.give(ctx, s, sdk)
		if _, ok := errors.AsType[*types.NotAuthorizedException](err); !ok {
			t.Errorf("a used code was answered with %v", err)
		}
	}
}
