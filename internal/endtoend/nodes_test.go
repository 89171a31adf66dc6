package endtoend

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

// onPostgres is an installation on a PostgreSQL database.
func onPostgres(tb testing.TB, dsn string, env ...string) *site {
	tb.Helper()
	s := prepareSite(tb, append([]string{"BELLHOP_DATABASE=" + dsn}, env...)...)
	s.env = append(s.env, "BELLHOP_MASTER_KEY_FILE="+filepath.Join(s.dir, "master.key"))
	s.run("master-key", "create")
	return s
}

// more adds nodes, each with a data folder of its own, and returns all.
func (s *site) more(n int) []*node {
	s.tb.Helper()
	nodes := []*node{s.node}
	for range n {
		nodes = append(nodes, s.another("BELLHOP_DATA="+filepath.Join(s.tb.TempDir(), "data")))
	}
	return nodes
}

// TestNodes_StartedAtOnceOnAnEmptyDatabase_MakeItOnce lets the nodes find the
// database empty together.
func TestNodes_StartedAtOnceOnAnEmptyDatabase_MakeItOnce(t *testing.T) {
	t.Parallel()
	c := pgtest.Shared(t)
	for range often(1, 20) {
		s := onPostgres(t, c.NewDatabase(t))
		nodes := s.more(often(2, 10) - 1)
		var all sync.WaitGroup
		for _, n := range nodes {
			all.Go(func() {
				if err := n.launch(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
		s.makePool()
		for _, n := range nodes {
			signUpAll(t, s, s.hasty(newBalancer(t, n)), 1)
			n.stop()
		}
	}
}

// TestNodes_ASignIn_WandersOverThem needs of no node what another has.
func TestNodes_ASignIn_WandersOverThem(t *testing.T) {
	t.Parallel()
	s := onPostgres(t, pgtest.Shared(t).NewDatabase(t), "BELLHOP_LIMITS=off")
	s.makePool()
	nodes := s.more(2)
	var on [3]*cip.Client
	for i, n := range nodes {
		n.start()
		on[i] = s.hasty(newBalancer(t, n))
	}
	ctx, number := bounded(t, time.Minute), newNumber()
	s.rotating(ctx, on[0])
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := on[0].SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number})
	must(err)
	_, err = on[1].ResendConfirmationCode(ctx, &cip.ResendConfirmationCodeInput{ClientId: &s.client, Username: &number})
	must(err)
	code, err := s.codeOf(ctx, number, 2) // the resent one has come: it must not be taken for the sign-in's
	must(err)
	_, err = on[2].ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &number, ConfirmationCode: &code})
	must(err)
	before := len(distinct(s.sink.TextsTo(number)))

	answer, err := start(ctx, s, on[0], number, before+1)
	must(err)
	wrong := answer
	wrong.code = otherThan(answer.code)
	again, err := wrong.give(ctx, s, on[1])
	must(err)
	if again.AuthenticationResult != nil || again.Session == nil {
		t.Fatal("a wrong code on another node does not ask again")
	}
	answer.session = *again.Session
	in, err := answer.give(ctx, s, on[2])
	must(err)
	for _, sdk := range on { // dead at once, wherever
		if _, err := answer.give(ctx, s, sdk); !refused(err) {
			t.Errorf("a used code was answered with %v", err)
		}
	}
	token := *in.AuthenticationResult.RefreshToken
	for i := range 6 {
		fresh, err := on[i%3].GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &s.client, RefreshToken: &token})
		must(err)
		token = *fresh.AuthenticationResult.RefreshToken
		if _, err := on[(i+1)%3].GetUser(ctx, &cip.GetUserInput{AccessToken: fresh.AuthenticationResult.AccessToken}); err != nil {
			t.Errorf("a token of one node is refused by another: %v", err)
		}
	}
	if _, err := on[1].RevokeToken(ctx, &cip.RevokeTokenInput{ClientId: &s.client, Token: &token}); err != nil {
		t.Error(err)
	}
	if _, err := on[0].GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &s.client, RefreshToken: &token}); !refused(err) {
		t.Errorf("a token that another node revoked is answered with %v", err)
	}
	for _, n := range nodes {
		n.stop()
	}
}

// TestNodes_ThreeServeACrowd_EachTextIsSentOnce has three outboxes at work on one
// database, without a fault.
func TestNodes_ThreeServeACrowd_EachTextIsSentOnce(t *testing.T) {
	t.Parallel()
	s := onPostgres(t, pgtest.Shared(t).NewDatabase(t), "BELLHOP_LIMITS=off")
	s.makePool()
	nodes := s.more(2)
	for _, n := range nodes {
		n.start()
	}
	rec, b := &record{}, newBalancer(t, nodes...)
	ctx := bounded(t, time.Hour)
	s.rotating(ctx, s.patient(b))
	people := populate(ctx, s, b, rec, 16)
	for lives := often(30, 3000); rec.lives() < lives; {
		select {
		case <-rec.next():
		case <-ctx.Done():
			t.Fatalf("only %d lives in an hour", rec.lives())
		}
	}
	people.disperse()
	check(t, s, b, rec)
	seen := map[string]bool{}
	for _, m := range s.sink.Texts() {
		if seen[m.ID] {
			t.Errorf("text %s was sent twice", m.ID)
		}
		seen[m.ID] = true
	}
	for _, n := range nodes {
		n.stop()
	}
	t.Logf("%d lives on three nodes, %d texts, each once", rec.lives(), len(seen))
}

// refused says whether the error is a definite no.
func refused(err error) bool { return err != nil && !unknown(err) }

// otherThan is a code that is not this one.
func otherThan(code string) string {
	other := []byte(code)
	other[0] = '0' + (other[0]-'0'+1)%10
	return string(other)
}

// racers is how many race at once.
const racers = 64

// race runs fn as all racers at once, spread over the nodes, and says how many
// succeeded. Each is a person of his own with a patient client.
func race(ctx context.Context, sdks []*cip.Client, fn func(*cip.Client) error) (won int, lost []error) {
	var all sync.WaitGroup
	var wins atomic.Int64
	gate, errs := make(chan struct{}), make([]error, racers)
	for i := range racers {
		all.Go(func() {
			<-gate
			if errs[i] = fn(sdks[i%len(sdks)]); errs[i] == nil {
				wins.Add(1)
			}
		})
	}
	close(gate)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			lost = append(lost, err)
		}
	}
	return int(wins.Load()), lost
}

// TestNodes_Raced_HaveOneWinner lets everything be raced for that may be had
// once, on three nodes.
func TestNodes_Raced_HaveOneWinner(t *testing.T) {
	t.Parallel()
	s := onPostgres(t, pgtest.Shared(t).NewDatabase(t), "BELLHOP_LIMITS=off")
	s.makePool()
	var sdks []*cip.Client
	nodes := s.more(2)
	for _, n := range nodes {
		n.start()
		sdks = append(sdks, s.patient(newBalancer(t, n)))
	}
	ctx := bounded(t, 2*time.Hour)
	s.rotating(ctx, sdks[0])
	rounds, raced := often(2, 150), 0
	for range rounds {
		for _, r := range []func(context.Context, *testing.T, *site, []*cip.Client){
			raceAnswers, raceConfirmations, raceRefreshes, raceRefreshesWithin, raceWrongAnswers, raceWrongConfirmations,
		} {
			r(ctx, t, s, sdks)
			raced++
		}
		if t.Failed() {
			break
		}
	}
	for _, n := range nodes {
		n.stop()
	}
	t.Logf("%d races of %d requests on three nodes", raced, racers)
}

// signedUp is a new number with the code of its sign-up.
func signedUp(ctx context.Context, t *testing.T, s *site, sdk *cip.Client) (number, code string) {
	t.Helper()
	number = newNumber()
	if _, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number}); err != nil {
		t.Fatal(err)
	}
	code, err := s.codeOf(ctx, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	return number, code
}

// begun is a sign-in of somebody new, with the answer that will end it.
func begun(ctx context.Context, t *testing.T, s *site, sdk *cip.Client) spentAnswer {
	t.Helper()
	number := newNumber()
	if _, err := sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{UserPoolId: &s.pool, Username: &number, MessageAction: types.MessageActionTypeSuppress}); err != nil {
		t.Fatal(err)
	}
	answer, err := start(ctx, s, sdk, number, 1)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// allRefused checks that the losers of a race were told no.
func allRefused(t *testing.T, lost []error) {
	t.Helper()
	for _, err := range lost {
		if !refused(err) {
			t.Errorf("the loser of a race got %v", err)
		}
	}
}

func raceAnswers(ctx context.Context, t *testing.T, s *site, sdks []*cip.Client) {
	t.Helper()
	answer := begun(ctx, t, s, sdks[0])
	won, lost := race(ctx, sdks, func(sdk *cip.Client) error {
		_, err := answer.give(ctx, s, sdk)
		return err
	})
	if won != 1 {
		t.Errorf("the right code, %d times at once, gave tokens %d times", racers, won)
	}
	allRefused(t, lost)
}

// raceConfirmations races the right code of a sign-up against resends.
func raceConfirmations(ctx context.Context, t *testing.T, s *site, sdks []*cip.Client) {
	t.Helper()
	number, code := signedUp(ctx, t, s, sdks[1])
	var sessions, turn atomic.Int64
	_, lost := race(ctx, sdks, func(sdk *cip.Client) error {
		if turn.Add(1)%2 == 0 {
			_, err := sdk.ResendConfirmationCode(ctx, &cip.ResendConfirmationCodeInput{ClientId: &s.client, Username: &number})
			return err
		}
		_, err := sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &number, ConfirmationCode: &code})
		if err == nil {
			sessions.Add(1)
		}
		return err
	})
	if n := sessions.Load(); n != 1 {
		t.Errorf("the right code of a sign-up confirmed it %d times", n)
	}
	allRefused(t, lost)
	codes := map[string]bool{}
	for _, m := range s.sink.TextsTo(number) {
		codes[m.Body] = true
	}
	if len(codes) != 1 {
		t.Errorf("resends that raced with the confirmation made %d different codes", len(codes))
	}
}

// raceRefreshes uses a token at once that is good for once: one at most gets its
// successor, and since the others look like thieves, the family is dead then.
func raceRefreshes(ctx context.Context, t *testing.T, s *site, sdks []*cip.Client) {
	t.Helper()
	successors, lost := exchanged(ctx, t, s, sdks)
	if len(successors) > 1 || len(lost) < racers-1 {
		t.Errorf("a refresh token, used %d times at once, was exchanged %d times", racers, racers-len(lost))
	}
	allRefused(t, lost)
	for token := range successors {
		if err := refresh(ctx, s, sdks[1], token); !refused(err) {
			t.Errorf("the family of a token that was used again is answered with %v", err)
		}
	}
}

// raceRefreshesWithin does so within the grace: all get the same successor.
func raceRefreshesWithin(ctx context.Context, t *testing.T, s *site, sdks []*cip.Client) {
	t.Helper()
	gracious := *s
	gracious.client = s.gracious
	successors, lost := exchanged(ctx, t, &gracious, sdks)
	if len(successors) != 1 || len(lost) > 0 {
		t.Errorf("within the grace a refresh token has %d successors and is refused %d times: %v", len(successors), len(lost), lost)
	}
	for token := range successors {
		if err := refresh(ctx, &gracious, sdks[2], token); err != nil {
			t.Errorf("the successor that all got is answered with %v", err)
		}
	}
}

func refresh(ctx context.Context, s *site, sdk *cip.Client, token string) error {
	_, err := sdk.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &s.client, RefreshToken: &token})
	return err
}

// exchanged lets all racers exchange one refresh token.
func exchanged(ctx context.Context, t *testing.T, s *site, sdks []*cip.Client) (successors map[string]bool, lost []error) {
	t.Helper()
	in, err := begun(ctx, t, s, sdks[2]).give(ctx, s, sdks[0])
	if err != nil {
		t.Fatal(err)
	}
	token := in.AuthenticationResult.RefreshToken
	var mu sync.Mutex // guards successors
	successors = make(map[string]bool)
	_, lost = race(ctx, sdks, func(sdk *cip.Client) error {
		out, err := sdk.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &s.client, RefreshToken: token})
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			successors[*out.AuthenticationResult.RefreshToken] = true
		}
		return err
	})
	return successors, lost
}

// raceWrongAnswers guesses at a Session that lasts for five tries.
func raceWrongAnswers(ctx context.Context, t *testing.T, s *site, sdks []*cip.Client) {
	t.Helper()
	first := begun(ctx, t, s, sdks[1])
	started, err := sdks[1].InitiateAuth(ctx, &cip.InitiateAuthInput{
		ClientId: &s.client, AuthFlow: types.AuthFlowTypeUserAuth,
		AuthParameters: map[string]string{"USERNAME": first.number, "PREFERRED_CHALLENGE": "SMS_OTP"},
	})
	if err != nil {
		t.Fatal(err)
	}
	code, err := s.codeOf(ctx, first.number, 2)
	if err != nil {
		t.Fatal(err)
	}
	guess := func(sdk *cip.Client, code string) error {
		_, err := sdk.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
			ClientId: &s.client, ChallengeName: types.ChallengeNameTypeSmsOtp, Session: started.Session,
			ChallengeResponses: map[string]string{"USERNAME": first.number, "SMS_OTP_CODE": code},
		})
		return err
	}
	checkGuesses(t, "a Session", 5, func() (int, []error) {
		return race(ctx, sdks, func(sdk *cip.Client) error { return guess(sdk, otherThan(code)) })
	}, func() error { return guess(sdks[0], code) })
}

func raceWrongConfirmations(ctx context.Context, t *testing.T, s *site, sdks []*cip.Client) {
	t.Helper()
	number, code := signedUp(ctx, t, s, sdks[1])
	guess := func(sdk *cip.Client, code string) error {
		_, err := sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &number, ConfirmationCode: &code})
		return err
	}
	checkGuesses(t, "a sign-up", 5, func() (int, []error) {
		return race(ctx, sdks, func(sdk *cip.Client) error { return guess(sdk, otherThan(code)) })
	}, func() error { return guess(sdks[2], code) })
}

// checkGuesses counts the guesses that were looked at: as many as there are
// tries, after which the right code is of no use.
func checkGuesses(t *testing.T, what string, tries int, guesses func() (int, []error), right func() error) {
	t.Helper()
	won, lost := guesses()
	if won != 0 {
		t.Fatalf("a wrong code of %s succeeded", what)
	}
	looked := 0
	for _, err := range lost {
		if _, ok := errors.AsType[*types.CodeMismatchException](err); ok {
			looked++
		}
	}
	allRefused(t, lost)
	if looked > tries || looked == 0 {
		t.Errorf("%d of %d guesses at %s were looked at, not %d", looked, racers, what, tries)
	}
	if err := right(); !refused(err) {
		t.Errorf("after %d wrong guesses the right code of %s was answered with %v", racers, what, fmt.Sprint(err))
	}
}
