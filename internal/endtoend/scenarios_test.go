package endtoend

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/srptest"
)

// scenario is something that people do who sign in by a texted code, and what it
// comes to, whoever sends the code and checks it.
type scenario struct {
	name  string
	where func(*cast) string // the pool; nil is the one without PreSignUp
	play  func(*play)
	want  []string
	needs func(*kind) bool // nil is nothing
}

// What answers come to, beside refusals.
const (
	asked     = "asked for a code"
	in        = "in"
	confirmed = "confirmed"

	wrongCredentials = "NotAuthorizedException: Incorrect username or password."
	noSession        = "NotAuthorizedException: Invalid session for the user."
	usedSession      = "NotAuthorizedException: Invalid session for the user, session can only be used once."
	expiredSession   = "NotAuthorizedException: Invalid session for the user, session is expired."
)

var scenarios = []scenario{{
	name: "the right code at once",
	play: func(p *play) {
		somebody := p.member()
		p.answer(p.begin(somebody), somebody, p.code(somebody, 1))
		p.texts(somebody)
	},
	want: []string{asked, in, "1 text"},
}, {
	name: "wrong, wrong, right",
	play: func(p *play) {
		somebody := p.member()
		asked := p.begin(somebody)
		code := p.code(somebody, 1)
		asked = p.answer(asked, somebody, wrongCode(code, 1))
		asked = p.answer(asked, somebody, wrongCode(code, 2))
		p.answer(asked, somebody, code)
		p.texts(somebody)
	},
	want: []string{asked, asked, asked, in, "1 text"},
}, {
	name: "three wrong answers end it, for the right one too",
	play: func(p *play) {
		somebody := p.member()
		first := p.begin(somebody)
		code := p.code(somebody, 1)
		second := p.answer(first, somebody, wrongCode(code, 1))
		third := p.answer(second, somebody, wrongCode(code, 2))
		p.answer(third, somebody, wrongCode(code, 3))
		p.answer(third, somebody, code)
		p.texts(somebody)
	},
	want: []string{asked, asked, asked, wrongCredentials, usedSession, "1 text"},
}, {
	name: "a used code does not sign in again",
	play: func(p *play) {
		somebody := p.member()
		code := ""
		for n := 1; ; n++ { // until two codes differ: nearly always the first two
			asked := p.begin(somebody)
			next := p.code(somebody, n)
			if code != "" && next != code {
				asked = p.answer(asked, somebody, code)
				p.answer(asked, somebody, next)
				return
			}
			code = next
			p.answer(asked, somebody, code)
			if n > 1 {
				p.said = p.said[:2]
			}
		}
	},
	want: []string{asked, in, asked, asked, in},
}, {
	name: "who asks again has a code that works",
	play: func(p *play) {
		somebody := p.member()
		p.begin(somebody)
		p.code(somebody, 1)
		again := p.begin(somebody)
		p.answer(again, somebody, p.sink.LastCode(somebody))
	},
	want: []string{asked, asked, in},
}, {
	name: "each answer is lost once on its way, and asked for again",
	play: func(p *play) {
		somebody := p.member()
		p.sdk = p.onABadLine()
		asked := p.begin(somebody)
		code := p.code(somebody, 1)
		asked = p.answer(asked, somebody, wrongCode(code, 1))
		p.answer(asked, somebody, code)
		p.texts(somebody)
	},
	want: []string{asked, asked, in, "1 text"},
}, {
	name: "a Session and a code are of one user",
	play: func(p *play) {
		ours, theirs := p.member(), p.member()
		our, their := p.begin(ours), p.begin(theirs)
		code := p.code(theirs, 1)
		guess := code
		if p.code(ours, 1) == guess { // one chance in a million
			guess = wrongCode(guess, 1)
		}
		p.answer(our, theirs, guess)  // our Session with their name
		p.answer(our, ours, guess)    // and with their code
		p.answer(their, theirs, code) // which is theirs still
	},
	want: []string{asked, asked, noSession, asked, in},
}, {
	name: "an unknown user looks like any other, and never gets in",
	play: func(p *play) {
		known, unknown := p.member(), newNumber()
		guess := func(number string) (seen []string) {
			from := len(p.said)
			asked := p.begin(number)
			seen = append(seen, looks(asked))
			for n := range 3 {
				asked = p.answer(asked, number, fmt.Sprint("not a code ", n))
				seen = append(seen, looks(asked))
			}
			return append(seen, p.said[from:]...)
		}
		if one, other := guess(known), guess(unknown); !slices.Equal(one, other) {
			p.t.Errorf("a known user sees\n%q\nand an unknown one\n%q", one, other)
		}
		p.code(known, 1)
		p.texts(unknown)
	},
	want: []string{asked, asked, asked, wrongCredentials, asked, asked, asked, wrongCredentials, "0 texts"},
}, {
	name: "an unknown user of an app client that tells",
	play: func(p *play) {
		p.client = p.telling
		unknown := newNumber()
		p.begin(unknown)
		p.texts(unknown)
	},
	want: []string{"UserNotFoundException: User does not exist.", "0 texts"},
}, {
	name:  "a sign-up that nobody confirmed",
	where: func(c *cast) string { return c.exact },
	play: func(p *play) {
		somebody := newNumber()
		p.signUp(somebody)
		p.code(somebody, 1)
		p.begin(somebody)
		p.texts(somebody)
	},
	want: []string{"not confirmed", "UserNotConfirmedException: User is not confirmed.", "1 text"},
}, {
	name:  "a disabled user",
	where: func(c *cast) string { return c.exact },
	play: func(p *play) {
		somebody := p.member()
		asked := p.begin(somebody)
		code := p.code(somebody, 1)
		if _, err := p.sdk.AdminDisableUser(p.ctx, &cip.AdminDisableUserInput{UserPoolId: &p.pool, Username: &somebody}); err != nil {
			p.t.Fatal(err)
		}
		p.begin(somebody)
		p.answer(asked, somebody, code)
		p.texts(somebody)
	},
	want: []string{asked, "NotAuthorizedException: User is disabled.", noSession, "1 text"},
}, {
	name:  "a sign-up that PreSignUp confirms, and its first sign-in",
	where: func(c *cast) string { return c.open },
	play: func(p *play) {
		somebody := newNumber()
		p.signUp(somebody)
		p.answer(p.begin(somebody), somebody, p.code(somebody, 1))
		p.texts(somebody)
	},
	want: []string{confirmed, asked, in, "1 text"},
}, {
	name: "a Session that has expired",
	play: func(p *play) {
		somebody := p.member()
		asked := p.begin(somebody)
		code := p.code(somebody, 1)
		asked = p.answer(asked, somebody, wrongCode(code, 1)) // who is asked again has a Session in the database
		p.expire(somebody)
		p.answer(asked, somebody, code)
	},
	want: []string{asked, asked, expiredSession},
}, {
	name: "of two right answers at once one gets in",
	play: func(p *play) {
		somebody := p.member()
		asked := p.begin(somebody)
		code := p.code(somebody, 1)
		var both [2]answered
		var all sync.WaitGroup
		for i := range both {
			all.Go(func() { both[i] = p.give(asked, somebody, code) })
		}
		all.Wait()
		words := []string{both[0].String(), both[1].String()}
		slices.Sort(words)
		p.said = append(p.said, words...)
	},
	want: []string{asked, usedSession, in},
}, {
	name: "a refresh, and the end of all tokens",
	play: func(p *play) {
		somebody := p.member()
		got := p.answer(p.begin(somebody), somebody, p.code(somebody, 1))
		if got.tokens == nil {
			return
		}
		p.refresh(got.tokens)
		if _, err := p.sdk.GlobalSignOut(p.ctx, &cip.GlobalSignOutInput{AccessToken: got.tokens.AccessToken}); err != nil {
			p.t.Fatal(err)
		}
		p.refresh(got.tokens)
	},
	want: []string{asked, in, in, "NotAuthorizedException: Refresh Token has been revoked"},
}, {
	name: "a password first, and then a code",
	play: func(p *play) {
		somebody := p.member()
		p.answer(p.prove(somebody, password), somebody, p.code(somebody, 1))
		p.texts(somebody)
		p.prove(somebody, "Not-The-Password-1")
		p.texts(somebody)
	},
	want:  []string{"asked for a password", asked, in, "1 text", "asked for a password", wrongCredentials, "1 text"},
	needs: func(k *kind) bool { return k.afterPassword == asked },
}, {
	name: "a password in place of a code",
	play: func(p *play) {
		somebody := p.member()
		p.prove(somebody, password)
		p.prove(somebody, "Not-The-Password-1")
		p.answer(p.begin(somebody), somebody, p.code(somebody, 1))
		p.texts(somebody)
	},
	want:  []string{"asked for a password", in, "asked for a password", wrongCredentials, asked, in, "1 text"},
	needs: func(k *kind) bool { return k.afterPassword == in },
}}

// play is one scenario as it goes.
type play struct {
	*stage
	sdk                   *cip.Client // the stage's, but for scenarios about clients
	t                     *testing.T
	ctx                   context.Context
	pool, client, telling string
	said                  []string // what came of everything, in order
}

// TestScenarios_TextedCodes_WhoeverMakesThem plays every scenario with every kind
// of functions, on one server.
func TestScenarios_TextedCodes_WhoeverMakesThem(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	t.Run("kinds", func(t *testing.T) {
		for _, k := range kinds() {
			t.Run(k.name, func(t *testing.T) {
				t.Parallel()
				s.playAll(t, k)
			})
		}
	})
	s.keepsQuiet(t)
}

func (s *stage) playAll(t *testing.T, k *kind) {
	c := s.cast(t, k)
	for _, sc := range scenarios {
		if sc.needs != nil && !sc.needs(k) {
			continue
		}
		t.Run(sc.name, func(t *testing.T) {
			pool := c.plain
			if sc.where != nil {
				pool = sc.where(c)
			}
			p := &play{stage: s, sdk: s.sdk, t: t, ctx: bounded(t, time.Minute), pool: pool, client: c.clients[pool], telling: c.tellers[pool]}
			sc.play(p)
			if !slices.Equal(p.said, sc.want) {
				t.Errorf("came to\n%s\nwant\n%s", strings.Join(p.said, "\n"), strings.Join(sc.want, "\n"))
			}
		})
	}
}

var (
	pids  = regexp.MustCompile(`"pid":\d+`)
	codes = regexp.MustCompile(`\b\d{6}\b`)
)

// keepsQuiet looks for codes where none may be: in the log, and, with the note that
// the tutorial's functions make of them, in the database.
func (s *stage) keepsQuiet(t *testing.T) {
	t.Helper()
	sent := map[string]bool{}
	for _, text := range s.sink.Texts() {
		sent[smstest.CodeIn(text.Body)] = true
	}
	for _, number := range codes.FindAllString(pids.ReplaceAllString(s.log.String(), ""), -1) {
		if sent[number] {
			t.Error("a code is in the log")
		}
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "bellhop.db*"))
	if err != nil || len(files) == 0 || len(sent) == 0 {
		t.Fatalf("%d files, %d codes, %v", len(files), len(sent), err)
	}
	for _, file := range files {
		kept, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(kept, []byte("CODE-")) {
			t.Errorf("what a function keeps with a challenge is in %s in the clear", filepath.Base(file))
		}
	}
}

// answered is what the server made of a step.
type answered struct {
	challenge  types.ChallengeNameType
	session    string
	parameters map[string]string
	tokens     *types.AuthenticationResultType
	err        error
}

// String is what it comes to.
func (a answered) String() string {
	switch refused := smithy.APIError(nil); {
	case errors.As(a.err, &refused):
		return refused.ErrorCode() + ": " + refused.ErrorMessage()
	case a.err != nil:
		return a.err.Error()
	case a.tokens != nil:
		return in
	case a.challenge == types.ChallengeNameTypeCustomChallenge:
		return asked
	case a.challenge == types.ChallengeNameTypePasswordVerifier:
		return "asked for a password"
	}
	return "asked for " + string(a.challenge)
}

var plainSession = regexp.MustCompile(`^\w*$`)

// looks is what an app is shown with a challenge, without what is each user's own.
func looks(a answered) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(a.parameters)) {
		all = append(all, name+"="+digits.ReplaceAllString(steady(a.parameters[name]), "#"))
	}
	return strings.Join(all, " ")
}

var digits = regexp.MustCompile(`\d`)

// note notes what it came to. A Session is to be good for a command line, too: no
// flag begins like it.
func (p *play) note(a answered) answered {
	p.said = append(p.said, a.String())
	if !plainSession.MatchString(a.session) {
		p.t.Errorf("the Session is %q", a.session)
	}
	return a
}

const password = "Correct-Horse-7-Battery"

// member is the number of somebody who is a confirmed user.
func (p *play) member() string {
	p.t.Helper()
	number := newNumber()
	_, err := p.sdk.AdminCreateUser(p.ctx, &cip.AdminCreateUserInput{
		UserPoolId: &p.pool, Username: &number, MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: []types.AttributeType{
			{Name: aws.String("phone_number"), Value: &number}, {Name: aws.String("phone_number_verified"), Value: aws.String("true")},
		},
	})
	if err == nil {
		_, err = p.sdk.AdminSetUserPassword(p.ctx, &cip.AdminSetUserPasswordInput{
			UserPoolId: &p.pool, Username: &number, Password: aws.String(password), Permanent: true,
		})
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return number
}

func (p *play) signUp(number string) {
	out, err := p.sdk.SignUp(p.ctx, &cip.SignUpInput{
		ClientId: &p.client, Username: &number, Password: aws.String(password),
		UserAttributes: []types.AttributeType{{Name: aws.String("phone_number"), Value: &number}},
	})
	switch {
	case err != nil:
		p.note(answered{err: err})
	case out.UserConfirmed:
		p.said = append(p.said, confirmed)
	default:
		p.said = append(p.said, "not confirmed")
	}
}

func (p *play) begin(number string) answered {
	return p.note(p.initiate(map[string]string{"USERNAME": number}))
}

func (p *play) initiate(parameters map[string]string) answered {
	out, err := p.sdk.InitiateAuth(p.ctx, &cip.InitiateAuthInput{
		ClientId: &p.client, AuthFlow: types.AuthFlowTypeCustomAuth, AuthParameters: parameters,
	})
	if err != nil {
		return answered{err: err}
	}
	return answered{out.ChallengeName, aws.ToString(out.Session), out.ChallengeParameters, out.AuthenticationResult, nil}
}

func (p *play) answer(to answered, number, code string) answered {
	return p.note(p.give(to, number, code))
}

func (p *play) give(to answered, number, code string) answered {
	return p.respond(to, types.ChallengeNameTypeCustomChallenge, map[string]string{"USERNAME": number, "ANSWER": code})
}

func (p *play) respond(to answered, challenge types.ChallengeNameType, responses map[string]string) answered {
	if to.session == "" {
		return answered{err: errors.New("there is no Session to answer")}
	}
	out, err := p.sdk.RespondToAuthChallenge(p.ctx, &cip.RespondToAuthChallengeInput{
		ClientId: &p.client, ChallengeName: challenge, Session: &to.session, ChallengeResponses: responses,
	})
	if err != nil {
		return answered{err: err}
	}
	return answered{out.ChallengeName, aws.ToString(out.Session), out.ChallengeParameters, out.AuthenticationResult, nil}
}

// prove begins with a password and goes on to what is asked after it.
func (p *play) prove(number, password string) answered {
	p.t.Helper()
	claim := srptest.New(p.t)
	asked := p.note(p.initiate(map[string]string{"USERNAME": number, "SRP_A": claim.A(), "CHALLENGE_NAME": "SRP_A"}))
	if asked.challenge != types.ChallengeNameTypePasswordVerifier {
		p.t.Fatalf("a password is answered with %v", asked)
	}
	return p.note(p.respond(asked, types.ChallengeNameTypePasswordVerifier, claim.Respond(p.t, p.pool, password, asked.parameters)))
}

// onABadLine is a client none of whose requests is answered at its first try,
// though the server has done what was asked. It repeats them as SDKs do.
func (p *play) onABadLine() *cip.Client {
	o := p.sdk.Options()
	o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.Backoff = retry.NewExponentialJitterBackoff(time.Millisecond) })
	o.HTTPClient = sdkhttp.Whole(&http.Client{Transport: &badLine{lost: map[string]bool{}}})
	return cip.New(o)
}

type badLine struct {
	mu   sync.Mutex // guards lost
	lost map[string]bool
}

// RoundTrip implements http.RoundTripper.
func (l *badLine) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	id := r.Header.Get("Amz-Sdk-Invocation-Id")
	if err != nil || l.lost[id] {
		return answer, err
	}
	l.lost[id] = true
	answer.Body.Close()
	return nil, io.ErrUnexpectedEOF
}

func (p *play) refresh(tokens *types.AuthenticationResultType) {
	out, err := p.sdk.GetTokensFromRefreshToken(p.ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &p.client, RefreshToken: tokens.RefreshToken})
	if err != nil {
		p.note(answered{err: err})
		return
	}
	p.note(answered{tokens: out.AuthenticationResult})
}

// code is the one of the nth text to the number, waited for.
func (p *play) code(number string, n int) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience*20*time.Second)
	defer cancel()
	code, err := p.codeOf(ctx, number, n)
	if err != nil {
		p.t.Fatalf("text %d does not come: %v; so far it came to %q, and of the pool's triggers the log says %q",
			n, err, p.said, failures(p.log.String(), p.pool, ""))
	}
	return code
}

// texts notes how many there were to the number. Whoever calls it has waited for
// the last that is to come.
func (p *play) texts(number string) {
	switch n := len(distinct(p.sink.TextsTo(number))); n {
	case 1:
		p.said = append(p.said, "1 text")
	default:
		p.said = append(p.said, fmt.Sprint(n, " texts"))
	}
}

// expire makes all Sessions of the user ones that ended a moment ago, as if their
// three minutes had gone by.
func (p *play) expire(number string) {
	p.t.Helper()
	user, err := p.sdk.AdminGetUser(p.ctx, &cip.AdminGetUserInput{UserPoolId: &p.pool, Username: &number})
	if err != nil {
		p.t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.dir, "bellhop.db")+"?_pragma=busy_timeout(20000)")
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	done, err := db.ExecContext(p.ctx, "update sessions set expires_at = ? where subject = ?",
		time.Now().Add(-time.Second).UnixMilli(), aws.ToString(user.Username))
	if err != nil {
		p.t.Fatal(err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		p.t.Fatalf("%d Sessions were changed, %v", n, err)
	}
}

// wrongCode is a code that is not the given one, nor that for another n.
func wrongCode(code string, n int) string {
	digits := []byte(code)
	digits[len(digits)-1] = '0' + (digits[len(digits)-1]-'0'+byte(n))%10
	return string(digits)
}
