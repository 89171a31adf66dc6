package endtoend

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// tries counts the posts by message, whatever was answered.
func (s *site) tries() map[string]int {
	n := map[string]int{}
	for _, p := range s.sink.Posts() {
		n[p.Header.Get("Idempotency-Key")]++
	}
	return n
}

// awaitPosts waits until the provider has had so many posts.
func awaitPosts(t *testing.T, s *site, n int) {
	t.Helper()
	if err := s.sink.AwaitPosts(bounded(t, time.Minute), n); err != nil {
		t.Fatalf("%d posts, waiting for %d: %v\n%s", len(s.sink.Posts()), n, err, s.log)
	}
}

// confirmAll ends the sign-ups with the codes that came.
func confirmAll(t *testing.T, s *site, sdk *cip.Client, numbers []string) {
	t.Helper()
	ctx := bounded(t, 2*time.Minute)
	for _, number := range numbers {
		code, err := s.codeOf(ctx, number, 1)
		if err != nil {
			t.Fatalf("the text never came: %v\n%s", err, s.log)
		}
		if _, err := sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &number, ConfirmationCode: &code}); err != nil {
			t.Errorf("the code of the first text is refused: %v", err)
		}
		if texts := distinct(s.sink.TextsTo(number)); len(texts) != 1 {
			t.Errorf("%d different texts for one sign-up", len(texts))
		}
	}
}

// signUpAll signs new numbers up, all at once.
func signUpAll(t *testing.T, s *site, sdk *cip.Client, n int) []string {
	t.Helper()
	ctx := bounded(t, time.Minute)
	numbers := make([]string, n)
	var all sync.WaitGroup
	for i := range numbers {
		numbers[i] = newNumber()
		all.Go(func() {
			if _, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &numbers[i]}); err != nil {
				t.Errorf("a sign-up fails with its provider: %v", err)
			}
		})
	}
	all.Wait()
	return numbers
}

func TestSender_Down_TextsWaitAndItsTriesAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, "BELLHOP_LIMITS=off")
	s.start()
	s.sink.Answer(http.StatusServiceUnavailable)
	numbers := signUpAll(t, s, s.patient(newBalancer(t, s.node)), 10)
	awaitPosts(t, s, 2*len(numbers))
	s.sink.Answer(http.StatusOK)
	confirmAll(t, s, s.patient(newBalancer(t, s.node)), numbers)
	s.stop()
	for id, n := range s.tries() {
		if n > 5 { // after 2, 4 and 8 seconds; the wait above is shorter than that
			t.Errorf("message %s was tried %d times", id, n)
		}
	}
}

// TestSender_Slow_AnswersDoNotWaitForIt holds more posts than there are workers:
// every sign-up is answered before the provider has answered any.
func TestSender_Slow_AnswersDoNotWaitForIt(t *testing.T) {
	t.Parallel()
	s := newSite(t, "BELLHOP_LIMITS=off")
	s.start()
	release := s.sink.Hold()
	sdk := s.patient(newBalancer(t, s.node)) // where other tests keep the machine busy it is told to come again
	numbers := signUpAll(t, s, sdk, 80)
	awaitPosts(t, s, 32)
	if n := len(s.sink.Texts()); n > 0 {
		t.Errorf("%d texts were accepted by a provider that holds them all", n)
	}
	if u, err := sdk.AdminGetUser(bounded(t, time.Minute), &cip.AdminGetUserInput{UserPoolId: &s.pool, Username: &numbers[79]}); err != nil || u.UserStatus != types.UserStatusTypeUnconfirmed {
		t.Errorf("the last sign-up is not there while texts wait: %v", err)
	}
	release()
	confirmAll(t, s, sdk, numbers)
	s.stop()
}

// TestSender_AcceptsAndFails takes every text and says that it did not: the
// repeats carry the same code, which is the only one that lives.
func TestSender_AcceptsAndFails_TheRepeatsHaveTheSameCode(t *testing.T) {
	t.Parallel()
	s := newSite(t, "BELLHOP_LIMITS=off")
	s.start()
	s.sink.AcceptAndFail(true)
	numbers := signUpAll(t, s, s.patient(newBalancer(t, s.node)), 10)
	awaitPosts(t, s, 2*len(numbers))
	s.sink.AcceptAndFail(false)
	for _, number := range numbers {
		texts := s.sink.TextsTo(number)
		for _, m := range texts {
			if m.ID != texts[0].ID || m.Body != texts[0].Body {
				t.Errorf("a repeat is another text: %s after %s", m.ID, texts[0].ID)
			}
		}
	}
	confirmAll(t, s, s.patient(newBalancer(t, s.node)), numbers)
	s.stop()
}

// TestSender_Refuses_TheBudgetIsNotLost has more texts refused than a number may
// have, and then one accepted.
func TestSender_Refuses_TheBudgetIsNotLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	ctx, sdk, number := bounded(t, time.Minute), s.sdk(), newNumber()
	if _, err := sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{UserPoolId: &s.pool, Username: &number, MessageAction: types.MessageActionTypeSuppress}); err != nil {
		t.Fatal(err)
	}
	begin := func() string {
		started, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{
			ClientId: &s.client, AuthFlow: types.AuthFlowTypeCustomAuth, AuthParameters: map[string]string{"USERNAME": number},
		})
		if err != nil {
			t.Fatalf("a sign-in after %d refused texts: %v", len(s.sink.Posts()), err)
		}
		return *started.Session
	}
	s.sink.Answer(http.StatusUnprocessableEntity)
	const refused = 12 // a number has ten a day
	for len(s.sink.Posts()) < refused {
		begin() // before the refusal is written down it is a resend, without a text
	}
	s.sink.Answer(http.StatusOK)
	session := ""
	for len(s.sink.TextsTo(number)) == 0 {
		session = begin()
	}
	answer := spentAnswer{number, session, s.sink.LastCode(number)}
	if in, err := answer.give(ctx, s, sdk); err != nil || in.AuthenticationResult == nil {
		t.Errorf("the one text that came is of no use: %v", err)
	}
	s.stop()
}

// TestSender_CrashBetweenAcceptanceAndRecord_OneMoreTextWithTheSameCode kills the
// server when the provider has taken a text and not yet said so.
func TestSender_CrashBetweenAcceptanceAndRecord_OneMoreTextWithTheSameCode(t *testing.T) {
	t.Parallel()
	s := newSite(t, "BELLHOP_LIMITS=off")
	s.start()
	s.sink.AcceptAndHang(true)
	numbers := signUpAll(t, s, s.patient(newBalancer(t, s.node)), 10)
	awaitTexts(t, s, len(numbers))
	s.kill()
	s.sink.AcceptAndHang(false)
	s.start()
	awaitTexts(t, s, 2*len(numbers)) // the claims of the dead are free after half a minute
	for _, number := range numbers {
		if texts := s.sink.TextsTo(number); len(texts) != 2 || texts[0].ID != texts[1].ID || texts[0].Body != texts[1].Body {
			t.Errorf("%d texts to one number, the same twice was expected", len(texts))
		}
	}
	confirmAll(t, s, s.patient(newBalancer(t, s.node)), numbers)
	s.stop()
}

func awaitTexts(t *testing.T, s *site, n int) {
	t.Helper()
	if err := s.sink.Await(bounded(t, time.Minute), n); err != nil {
		t.Fatalf("%d texts, waiting for %d: %v\n%s", len(s.sink.Texts()), n, err, s.log)
	}
}

// unknown says whether the error leaves open what happened: a 5xx, or no answer.
func unknown(err error) bool {
	if err == nil {
		return false
	}
	status, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err)
	return !ok || status.HTTPStatusCode() >= 500 || status.HTTPStatusCode() == 0
}
