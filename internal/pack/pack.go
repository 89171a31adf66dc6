// Package pack is bellhop-lambda: the texted-code challenge, the limits and the
// sign-ups of Bellhop as the triggers of a user pool that stays on Amazon Cognito.
// It decides and does no I/O: the table, the senders and the user pool are ports
// (dynamo, texts, directory), and now comes with each call. Codes are keyed
// functions, so that no session, log or table holds one.
package pack

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// MinKey is the least length of the key, in bytes.
const MinKey = 32

// Config is what a Pack is made of.
type Config struct {
	Settings  Settings
	Key       []byte // secret, random, at least MinKey bytes
	Store     Store
	Texter    Texter
	Directory Directory
	Log       *slog.Logger
	// DecisionTime bounds what the guard asks of the store for one decision.
	DecisionTime time.Duration
}

// Pack answers the events of every trigger. It is safe for concurrent use.
type Pack struct {
	settings  Settings
	codes     []byte // key of the codes
	names     []byte // key of what the table's keys are made of
	store     Store
	texter    Texter
	directory Directory
	log       *slog.Logger
	guard     *guard.Engine
	desk      *stepup.Desk
	checked   checked
	scored    scored
	uncounted uncounted

	decisionTime time.Duration
}

// New returns a Pack. It panics if the key is too short, which whoever read it
// has checked.
func New(c Config) *Pack {
	if len(c.Key) < MinKey {
		panic("pack: the key is shorter than 32 bytes")
	}
	return &Pack{
		settings: c.Settings, codes: derive(c.Key, "codes"), names: derive(c.Key, "names"),
		store: c.Store, texter: c.Texter, directory: c.Directory, log: c.Log, decisionTime: c.DecisionTime,
		guard: guard.NewEngine(c.Settings.guard()),
		desk:  stepup.NewDesk(c.Settings.stepUp(), stepup.Keys{derive(c.Key, "step-ups")}, nil),
	}
}

func derive(key []byte, label string) []byte {
	out, err := hkdf.Key(sha256.New, key, nil, "bellhop-lambda "+label+" v1", sha256.Size)
	if err != nil {
		panic("pack: hkdf: " + err.Error()) // impossible for this length and hash
	}
	return out
}

// hidden is a name that tells nothing of the fields it is made of, and is the same
// for the same ones.
func (p *Pack) hidden(fields ...string) string {
	mac := hmac.New(sha256.New, p.names)
	for _, field := range fields {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field))))
		mac.Write([]byte(field))
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// event is what all triggers' events have, for dispatch and for the log.
type event struct {
	TriggerSource trigger.Source        `json:"triggerSource"`
	UserPoolID    string                `json:"userPoolId"`
	CallerContext trigger.CallerContext `json:"callerContext"`
}

// Handle answers one event: it returns the event with its response, or an error
// whose text Cognito shows to the app. What went wrong inside goes to the log.
func (p *Pack) Handle(ctx context.Context, payload []byte, now time.Time) ([]byte, error) {
	var e event
	if err := readEvent(payload, &e); err != nil || e.TriggerSource == "" {
		return nil, p.told(ctx, e, errors.New("this is no event of a Cognito trigger"))
	}
	answer, err := p.dispatch(ctx, e, payload, now)
	if err != nil {
		return nil, p.told(ctx, e, err)
	}
	return answer, nil
}

func (p *Pack) dispatch(ctx context.Context, e event, payload []byte, now time.Time) ([]byte, error) {
	switch e.TriggerSource.Trigger() {
	case trigger.DefineAuthChallenge:
		return answer(ctx, payload, now, p.define)
	case trigger.CreateAuthChallenge:
		return answer(ctx, payload, now, p.create)
	case trigger.VerifyAuthChallenge:
		return answer(ctx, payload, now, p.verify)
	case trigger.PreSignUp:
		if e.TriggerSource != trigger.PreSignUpSignUp { // by an administrator, or from another provider
			return payload, nil
		}
		return answer(ctx, payload, now, p.preSignUp)
	case trigger.CustomMessage:
		return answer(ctx, payload, now, p.customMessage)
	case trigger.PostConfirmation:
		return answer(ctx, payload, now, p.postConfirmation)
	case trigger.PreAuthentication:
		return answer(ctx, payload, now, p.preAuthentication)
	case trigger.PostAuthentication:
		return answer(ctx, payload, now, p.postAuthentication)
	case trigger.PreTokenGeneration:
		return payload, nil
	case trigger.UserMigration:
		return nil, fault.New(fault.UserNotFound, "User not found")
	}
	return nil, fmt.Errorf("the trigger source %.60q is not served", e.TriggerSource)
}

// Refused is an error as the app is shown it: a word that stays the same, a colon
// and a sentence without its full stop, which Cognito adds.
type Refused struct{ text string }

func (r Refused) Error() string { return r.text }

// told logs what went wrong and returns what may be said of it.
func (p *Pack) told(ctx context.Context, e event, err error) error {
	log := p.log.With("source", string(e.TriggerSource), "pool", e.UserPoolID, "client", e.CallerContext.ClientID)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		log.ErrorContext(ctx, "trigger failed", "error", err)
		return Refused{"Unavailable: The service cannot answer now; try again later"}
	}
	if f.Kind == fault.StepUpRequired { // says itself what it is, for whoever reads the rest
		return Refused{f.Message}
	}
	text := f.Kind.String() + ": " + strings.TrimSuffix(f.Message, ".")
	if f.RetryAfter > 0 {
		text += fmt.Sprintf("; try again in %d seconds", (f.RetryAfter+time.Second-1)/time.Second)
	}
	if f.Cause != nil {
		log.ErrorContext(ctx, "trigger failed", "told", text, "error", f.Cause)
	} else {
		log.InfoContext(ctx, "trigger refused", "told", text)
	}
	return Refused{text}
}
