package pack

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/challenge"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// CodeLife is a code's: NIST SP 800-63B-4, section 3.1.3.2, allows no more.
const CodeLife = 10 * time.Minute

// The rest is as of Bellhop's own challenge.
const (
	codeDigits = 6
	maxTries   = 3
	purpose    = "sign-in"
)

// What the private and the public parameters are called, and the metadata of every
// challenge.
const (
	paramChallenge   = "challengeId"
	paramMedium      = "CODE_DELIVERY_DELIVERY_MEDIUM"
	paramDestination = "CODE_DELIVERY_DESTINATION"
	metadata         = "CODE"
)

type (
	defineEvent = trigger.Event[trigger.DefineRequest, trigger.DefineResponse]
	createEvent = trigger.Event[trigger.CreateRequest, trigger.CreateResponse]
	verifyEvent = trigger.Event[trigger.VerifyRequest, trigger.VerifyResponse]
)

// define is Define Auth Challenge. Nobody's sign-in looks like anybody's, but it
// never ends in tokens.
func (p *Pack) define(_ context.Context, e defineEvent, _ time.Time) (trigger.DefineResponse, error) {
	d := challenge.Define(history(e.Request.Session), maxTries)
	byPassword := len(e.Request.Session) > 0 && e.Request.Session[0].ChallengeName == string(challenge.SRPA)
	if (byPassword && !p.settings.SRP) || (d.Tokens && e.Request.UserNotFound) {
		d = challenge.Decision{Fail: true}
	}
	response := trigger.DefineResponse{IssueTokens: &d.Tokens, FailAuthentication: &d.Fail}
	if d.Next != "" {
		next := string(d.Next)
		response.ChallengeName = &next
	}
	return response, nil
}

func history(session []trigger.Step) []challenge.Entry {
	entries := make([]challenge.Entry, len(session))
	for i, step := range session {
		entries[i] = challenge.Entry{Name: challenge.Name(step.ChallengeName), Result: step.ChallengeResult}
	}
	return entries
}

// target is whose code it is and where it goes.
type target struct {
	pool, client string
	number       phone.Number
	decoy        bool // nothing is sent, and no answer is right
	typed        bool // the number is one that somebody gave, not made up
	proved       bool // the pool says that the user has signed in by it
	user         string
	slot         string
}

// target finds out for whom a sign-in is. Where there is no user, or one without a
// number, there is still a number for which all the work is done.
func (p *Pack) target(e event, name string, attrs trigger.Attributes, unknown bool) target {
	t := target{pool: e.UserPoolID, client: e.CallerContext.ClientID, user: name, typed: true, proved: proved(attrs)}
	given, err := phone.Parse(attrs["phone_number"])
	if t.decoy = unknown || err != nil; t.decoy {
		if given, err = phone.Parse(name); err != nil {
			given, t.typed = p.madeUp(name), false
		}
	}
	t.number = given
	t.slot = p.hidden("slot", t.pool, t.client, name, given.E164())
	return t
}

// proved says whether the user has given a code to his number before. An administrator
// may have said so in his place.
func proved(attrs trigger.Attributes) bool {
	return attrs["phone_number_verified"] == "true" && attrs["cognito:user_status"] == "CONFIRMED"
}

// madeUp is a number for a name that has none, the same at each call.
func (p *Pack) madeUp(name string) phone.Number {
	var seed [8]byte
	copy(seed[:], p.hidden("made up", name))
	return phone.FromCanonical(fmt.Sprintf("+1%010d", binary.BigEndian.Uint64(seed[:])%1e10))
}

// stars stand for what is hidden of a number. How long it is would tell a made-up
// one from others.
const stars = "+*******"

// destination is where the code went, as the app is shown it. An event of an
// unknown user need not carry what was typed, so that last digits can tell who
// has an account: they are shown only if the settings say so.
func (p *Pack) destination(n phone.Number) string {
	if !p.settings.ShowLastFour {
		return stars
	}
	e164 := n.E164()
	return stars + e164[max(len(e164)-4, 0):]
}

// create is Create Auth Challenge: at the first round it finds or opens the
// challenge and texts its code if that is due; later rounds go on with it.
func (p *Pack) create(ctx context.Context, e createEvent, now time.Time) (trigger.CreateResponse, error) {
	if e.Request.ChallengeName != string(challenge.Custom) {
		return trigger.CreateResponse{}, fmt.Errorf("the challenge %.60q is not served", e.Request.ChallengeName)
	}
	who := p.target(eventOf(e), e.UserName, e.Request.UserAttributes, e.Request.UserNotFound)
	c, err := p.challenge(ctx, who, e.Request.Session, now)
	if err != nil {
		return trigger.CreateResponse{}, err
	}
	note := metadata
	return trigger.CreateResponse{
		PublicChallengeParameters:  trigger.Texts{paramMedium: "SMS", paramDestination: p.destination(who.number)},
		PrivateChallengeParameters: trigger.Texts{paramChallenge: c.ID},
		ChallengeMetadata:          &note,
	}, nil
}

func eventOf[Q, A any](e trigger.Event[Q, A]) event {
	return event{TriggerSource: e.TriggerSource, UserPoolID: e.UserPoolID, CallerContext: e.CallerContext}
}

func (p *Pack) challenge(ctx context.Context, who target, session []trigger.Step, now time.Time) (Challenge, error) {
	later := slices.ContainsFunc(session, func(s trigger.Step) bool { return s.ChallengeName == string(challenge.Custom) })
	if later { // dead or alive: who has used it up is to find that out by his answer
		return p.store.Challenge(ctx, who.slot)
	}
	if err := p.mayText(who); err != nil {
		return Challenge{}, err
	}
	c, err := p.store.Open(ctx, who.slot, Challenge{ID: rand.Text(), ExpiresAt: now.Add(CodeLife), MaxTries: maxTries}, now)
	if err != nil {
		return Challenge{}, err
	}
	if c.Sends > 0 && now.Before(c.SentAt.Add(guard.ResendGap(c.Sends))) {
		return c, nil
	}
	return c, p.text(ctx, who, c, now)
}

// code derives the challenge's code.
func (p *Pack) code(id string, number phone.Number) otp.Code {
	return otp.Derive(p.codes, id, purpose, number.E164(), codeDigits)
}

// verify is Verify Auth Challenge Response. The try is counted before it is
// compared, and of racing right answers one uses the code up.
func (p *Pack) verify(ctx context.Context, e verifyEvent, now time.Time) (trigger.VerifyResponse, error) {
	who := p.target(eventOf(e), e.UserName, e.Request.UserAttributes, e.Request.UserNotFound)
	id := e.Request.PrivateChallengeParameters[paramChallenge]
	if err := p.spendTry(ctx, who, now); err != nil {
		return trigger.VerifyResponse{}, err
	}
	c, alive, err := p.store.Try(ctx, who.slot, id, now)
	if err != nil {
		return trigger.VerifyResponse{}, err
	}
	right := p.code(id, who.number).Matches(e.Request.ChallengeAnswer)
	if !right || !alive || who.decoy {
		return verdict(false), nil
	}
	if err := p.prove(ctx, e); err != nil {
		return trigger.VerifyResponse{}, err
	}
	used, err := p.store.Use(ctx, who.slot, c.ID, now)
	if err != nil || !used {
		return verdict(false), err
	}
	p.settle(ctx, who, c, now)
	return verdict(true), nil
}

// spendTry counts an answer before it is compared, against its number, and against the
// pool if it is to an owner's code: nobody's is not compared with anything.
func (p *Pack) spendTry(ctx context.Context, who target, now time.Time) error {
	try := func(stepped bool) (d guard.Decision, err error) {
		err = p.store.Update(ctx, now, func(tx Tx) error {
			if err := guard.SpendTry(ctx, tx, p.party(who.number), now); err != nil || who.decoy {
				return err
			}
			var err error
			if d, err = p.guard.Guess(ctx, tx, who.pool, false, stepped, now); err != nil || d.Verdict == guard.Send {
				return err
			}
			return errors.Join(d.Fault)
		})
		return d, err
	}
	d, err := try(false)
	if d.Verdict == guard.StepUp { // which cannot be asked for here
		p.log.WarnContext(ctx, "wrong answers", "pool", who.pool)
		d, err = try(true)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		if f == d.Fault {
			p.log.WarnContext(ctx, "answer refused", "limit", string(d.Rule), "pool", who.pool)
		}
		return f
	}
	return err
}

func verdict(right bool) trigger.VerifyResponse { return trigger.VerifyResponse{AnswerCorrect: &right} }

// prove makes an account that was confirmed without proof its number's holder's:
// whatever password the sign-up gave is overwritten by one that nobody knows, and
// then the number is verified, which says that all of it is done.
func (p *Pack) prove(ctx context.Context, e verifyEvent) error {
	if p.settings.SignUp != AutoConfirm || e.Request.UserAttributes["phone_number_verified"] == "true" {
		return nil
	}
	if err := p.overwritePassword(ctx, e.UserPoolID, e.UserName); err != nil {
		return err
	}
	if err := p.directory.VerifyPhone(ctx, e.UserPoolID, e.UserName); err != nil {
		return fault.Wrap(fault.Unavailable, err, "The account cannot be completed now")
	}
	return nil
}
