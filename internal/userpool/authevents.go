package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// An authentication event is a row of the audit trail that tells how somebody
// signed up or in, in the words of Cognito's AuthEventType. Each call is an event
// of its own: a sign-in by a texted code is one that is under way and one that has
// passed. Nothing is kept for events beside the trail, so they go when it is swept.

// The types of events.
const (
	EventSignIn         = "SignIn"
	EventSignUp         = "SignUp"
	EventForgotPassword = "ForgotPassword"
	EventPasswordChange = "PasswordChange"
	EventResendCode     = "ResendCode"
)

// How events ended.
const (
	EventPass       = "Pass"
	EventFail       = "Fail"
	EventInProgress = "InProgress" // something is left to be answered
)

// What was thought of the risk. Cognito's AccountTakeover is never said: nothing
// here judges whether it is the user who signs in.
const (
	RiskNone  = "NoRisk" // the guard was asked, and let a text go
	RiskBlock = "Block"  // the guard or the password lock refused
)

// The challenges that an event tells of.
const (
	EventPassword = "Password"
	EventMfa      = "Mfa" // a second factor
)

// eventTypes are the operations whose calls are events.
var eventTypes = map[string]string{
	"InitiateAuth":                EventSignIn,
	"AdminInitiateAuth":           EventSignIn,
	"RespondToAuthChallenge":      EventSignIn,
	"AdminRespondToAuthChallenge": EventSignIn,
	"SignUp":                      EventSignUp,
	"ConfirmSignUp":               EventSignUp,
	"ForgotPassword":              EventForgotPassword,
	"ConfirmForgotPassword":       EventForgotPassword,
	"ChangePassword":              EventPasswordChange,
	"ResendConfirmationCode":      EventResendCode,
}

// AuthEventType is the type of event that a call of the operation is, "" if it is
// none.
func AuthEventType(operation string) string { return eventTypes[operation] }

// AuthEvent is a row as an event.
type AuthEvent struct {
	Row      AuditRow
	Type     string
	Response string
	Risk     string // "" where nothing was asked
	Answers  []AuthAnswer
	Address  string         // of whom a backend speaks for, if it says so
	Feedback *EventFeedback // nil for none
}

// AuthAnswer is an answer to a challenge.
type AuthAnswer struct {
	Challenge string // EventPassword or EventMfa
	Right     bool
}

// EventFeedback is what somebody said of an event afterwards.
type EventFeedback struct {
	Value    string    `json:"value"` // Valid or Invalid
	Provider string    `json:"by"`
	At       time.Time `json:"at"`
}

// eventDetail is what an event needs of a row's detail.
type eventDetail struct {
	Flow      string `json:"flow"`
	SignedIn  bool   `json:"signed_in"`
	User      string `json:"user"`
	Sent      string `json:"sent"`
	Guard     string `json:"guard"`
	Password  string `json:"tried_password"`
	Factor    string `json:"tried_mfa"`
	Repeat    bool   `json:"repeat"`
	SpokenFor string `json:"for"`
}

// authEventOf reads a row as an event; false if it is none: another operation, a
// refresh, or a repeat that was given the first answer again.
func authEventOf(r AuditRow) (AuthEvent, bool) {
	e := AuthEvent{Row: r, Type: AuthEventType(r.Operation), Address: r.Address}
	if e.Type == "" {
		return AuthEvent{}, false
	}
	var d eventDetail
	if r.Detail != "" && json.Unmarshal([]byte(r.Detail), &d) != nil {
		d = eventDetail{} // of another version: what the columns say still holds
	}
	if d.Repeat || d.Flow == flowRefresh || d.Flow == flowRefreshOlder {
		return AuthEvent{}, false
	}
	e.Response, e.Risk, e.Answers = d.response(r, e.Type), d.risk(r), d.answers()
	if d.SpokenFor != "" {
		e.Address = d.SpokenFor
	}
	e.Feedback = feedbackOf(r)
	return e, true
}

func (d eventDetail) response(r AuditRow, eventType string) string {
	switch {
	case r.Outcome != OutcomeSuccess:
		return EventFail
	case eventType == EventSignIn && !d.SignedIn,
		r.Operation == "SignUp" && d.User != noteCreated,
		r.Operation == "ForgotPassword":
		return EventInProgress
	}
	return EventPass
}

// risk is that of calls in which somebody was asked. Mail is not the guard's.
func (d eventDetail) risk(r AuditRow) string {
	switch {
	case d.Guard != "" || r.Reason == reasonLockedOut:
		return RiskBlock
	case d.Sent != "" && Purpose(d.Sent).plain() == Purpose(d.Sent):
		return RiskNone
	}
	return ""
}

func (d eventDetail) answers() (all []AuthAnswer) {
	if d.Password != "" {
		all = append(all, AuthAnswer{EventPassword, d.Password == AnswerRight})
	}
	if d.Factor != "" {
		all = append(all, AuthAnswer{EventMfa, d.Factor == AnswerRight})
	}
	return all
}

func feedbackOf(r AuditRow) *EventFeedback {
	var f EventFeedback
	if r.Feedback == "" || json.Unmarshal([]byte(r.Feedback), &f) != nil {
		return nil
	}
	return &f
}

// AuthEventPage is one page of a user's events. Next is "" on the last.
type AuthEventPage struct {
	Events []AuthEvent
	Next   string
}

// The most rows that one page of events looks at, and how many at a time: the
// trail has other rows of a user too.
const (
	eventRows  = 2000
	eventChunk = 250
)

// AdminListUserAuthEvents returns a page of the events of a user, or of who has
// only signed up, newest first. A page may be short, or empty, and still have one
// after it.
func (s *Service) AdminListUserAuthEvents(ctx context.Context, pool PoolID, username string, limit int, token string) (page AuthEventPage, err error) {
	at := s.now()
	limit = pageLimit(limit)
	err = s.store.View(ctx, func(tx Tx) error {
		user, err := eventsOf(ctx, tx, pool, username, at)
		if err != nil {
			return err
		}
		list := []string{string(pool), string(user)}
		below, err := s.openPage(listEvents, token, list...)
		if err != nil {
			return err
		}
		page.Events, below, err = walkEvents(ctx, tx, pool, user, AuditID(below), limit)
		if page.Next = ""; below != "" {
			page.Next = s.sealPage(listEvents, below, list...)
		}
		return err
	})
	return page, err
}

// eventsOf finds whose events are asked for.
func eventsOf(ctx context.Context, tx Tx, pool PoolID, username string, at time.Time) (UserID, error) {
	t, err := findTarget(ctx, tx, pool, username, at)
	if err != nil {
		return "", err
	}
	if !t.known {
		return t.newest.Sub, nil
	}
	return t.user.ID, nil
}

// walkEvents reads back from a row of the trail, and says where the next page goes
// on, "" where there is nothing more.
func walkEvents(ctx context.Context, tx Tx, pool PoolID, user UserID, below AuditID, limit int) (events []AuthEvent, next string, err error) {
	for range eventRows / eventChunk {
		rows, err := tx.Audit(ctx, AuditPage{User: user, Below: below, Newest: true, Limit: eventChunk})
		if err != nil {
			return nil, "", err
		}
		for i, r := range rows {
			below = r.ID
			if e, ok := authEventOf(r); ok && r.PoolID == pool {
				events = append(events, e)
			}
			if last := i == len(rows)-1 && len(rows) < eventChunk; len(events) == limit && !last {
				return events, string(below), nil
			}
		}
		if len(rows) < eventChunk {
			return events, "", nil
		}
	}
	return events, string(below), nil
}

// feedbackByAdmin is the provider of an administrator's feedback, as in Cognito's
// console.
const feedbackByAdmin = "Admin"

var errNoEvent = fault.New(fault.ResourceNotFound, "The user has no event of that id. Events are kept as long as the audit trail.")

// AdminUpdateAuthEventFeedback notes what an administrator says of an event of the
// user, in the place of what was said before. It changes nothing of how the user
// signs in.
func (s *Service) AdminUpdateAuthEventFeedback(ctx context.Context, pool PoolID, username string, id AuditID, value string) error {
	at := s.now()
	said, err := json.Marshal(EventFeedback{Value: value, Provider: feedbackByAdmin, At: at})
	if err != nil {
		return fmt.Errorf("feedback: %w", err)
	}
	return s.store.Update(ctx, func(tx Tx) error {
		user, err := eventsOf(ctx, tx, pool, username, at)
		if err != nil {
			return err
		}
		row, err := tx.AuditRow(ctx, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if _, isEvent := authEventOf(row); !isEvent || row.PoolID != pool || row.UserID != user {
			return errNoEvent
		}
		there, err := tx.SayOfAudit(ctx, id, string(said))
		if err == nil && !there {
			return errNoEvent
		}
		Note(ctx, "event", string(id))
		Note(ctx, "feedback", value)
		return err
	})
}
