package userpool

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// The audit trail has one row for each call of an operation: who, what, when,
// from where, and how it ended. A face begins the call's entry, which travels in
// the context; the store's wrapper (witness.go) sees what the call finds and
// does, and writes the row in the transaction of the change itself. What changed
// nothing, or was rolled back, is written a moment later (trail.go). So an
// operation does nothing to be audited.

// ActorKind says what an actor has proved.
type ActorKind string

// The kinds of actors.
const (
	ActorAnonymous ActorKind = "anonymous" // nothing; an access key beside it is a mere claim
	ActorUser      ActorKind = "user"      // to hold a token, or to have just earned one
	ActorAdmin     ActorKind = "admin"     // an access key, by a signature
	ActorOperator  ActorKind = "operator"  // to run commands on the server's data
	ActorSystem    ActorKind = "system"    // the server itself
)

// Outcome is how a call ended.
type Outcome string

// The outcomes: refused is the caller's doing, failed the server's.
const (
	OutcomeSuccess Outcome = "success"
	OutcomeRefused Outcome = "refused"
	OutcomeFailed  Outcome = "failed"
)

// AuditID is a row's id, a UUID of version 7: ids are in the order of time.
type AuditID string

// AuditRow is a row of the audit trail. Its texts are printable and on one line,
// and hold no code, no secret, and no whole number or address.
type AuditRow struct {
	ID        AuditID
	At        time.Time // when the call began
	Operation string
	ActorKind ActorKind
	Actor     string // user id, access key id, login of the operator
	PoolID    PoolID
	ClientID  ClientID
	UserID    UserID // of whom the call speaks, if there is such a user
	NameHash  string // keyed hash of the sign-in name; see AuditFilter.Name
	Masked    string // the sign-in name, masked
	Address   string // of IPv6 the /64
	Device    string // what the caller says he uses, "Chrome 126, Windows 10"; of calls of AuthEventTypes alone
	RequestID string
	Outcome   Outcome
	Reason    string // why not success
	Detail    string // a JSON object, or ""
	// Feedback is what an administrator said of the event afterwards, JSON; see
	// AdminUpdateAuthEventFeedback. What replaces a row leaves it as it is.
	Feedback string
}

// Call is a call of an operation, as its caller's face knows it.
type Call struct {
	Operation string
	Kind      ActorKind // ActorUser where the operation wants an access token
	Actor     string
	Address   netip.Addr
	Device    string // see AuditRow.Device
	RequestID string
}

// entry is a call's row while the call runs. One goroutine at a time has it: the
// caller's, or the store's while that runs the caller's function.
type entry struct {
	id   AuditID
	at   time.Time
	call Call
	name string // the sign-in name as the request gave it, "" for none

	read     spelling // of the name that was last read; see spell
	isNumber string   // a name that is its user's number, as he was read; see saw

	crowd bool // it is about many users, none of whom is named

	found

	// What was done, which a rollback undoes.
	done done

	stored    bool    // a row may be in the store
	committed bool    // one is
	told      Outcome // by that row

	forged   string       // the key of an address whose proof was none, "" for none
	decision *guard.Entry // of the guard, where it is no text; a rollback does not undo it

	inStore time.Duration // spent in transactions so far
	reason  string        // of the row, once the call has ended
}

// found is of whom a call speaks. It stays true when a transaction is rolled back,
// unless that is run again, for then it may find something else.
type found struct {
	pool      PoolID
	client    ClientID
	user      UserID
	usersName string // a sign-in name of the user's
	bearer    bool   // a family of tokens was found or begun: the caller's own
}

// done is what a transaction has done so far.
type done struct {
	detail  map[string]any
	reason  string // why the call is refused although it commits
	queued  []Purpose
	answers []Answer
	guarded []Guarded
	used    []UsedCode // to be credited when it is committed
	forgets bool       // the user is deleted, and with him his masked name
}

func (d done) clone() done {
	d.detail = maps.Clone(d.detail)
	d.queued, d.answers, d.guarded = slices.Clip(d.queued), slices.Clip(d.answers), slices.Clip(d.guarded) // to append makes a copy
	d.used = slices.Clip(d.used)
	return d
}

type entryKey struct{}

// Begin begins a call's entry in the audit trail. Whatever the Service does
// under the context that it returns belongs to that call; End ends it.
func (s *Service) Begin(ctx context.Context, c Call) context.Context {
	if c.Kind == "" {
		c.Kind = ActorAnonymous
	}
	at := s.now()
	return context.WithValue(ctx, entryKey{}, &entry{id: s.newAuditID(at), at: at, call: c})
}

// End ends the entry with the operation's error. If no row was committed with a
// change, one is written a moment later; a read by a user that succeeded gets
// none.
func (s *Service) End(ctx context.Context, err error) {
	e := entryOf(ctx)
	if e == nil {
		return
	}
	if e.decision != nil { // the rule alone: a prefix beside a masked number is too much of it
		e.note("guard", string(e.decision.Rule))
	}
	outcome, reason := e.ending(err)
	e.reason = reason
	for _, o := range s.observers {
		o.CallEnded(ctx, e.report(outcome, reason))
	}
	if !e.wantsRow(outcome) {
		return
	}
	row := s.auditRow(e)
	row.Outcome, row.Reason = outcome, reason
	s.trail.put(lateRow{row: row, amends: e.committed, decision: e.decision, forged: e.forged})
}

// ending is how the call ends that the operation ended with err.
func (e *entry) ending(err error) (Outcome, string) {
	reason := e.done.reason
	switch {
	case err != nil && reason == "":
		return outcomeOf(err), reasonOf(err)
	case err != nil:
		return outcomeOf(err), reason
	case reason != "":
		return OutcomeRefused, reason
	}
	return OutcomeSuccess, ""
}

// wantsRow says whether a row is to be written after the call, since none was with a
// change, or one that tells another outcome.
func (e *entry) wantsRow(outcome Outcome) bool {
	switch {
	case e.decision != nil, e.forged != "":
		return true
	case e.committed:
		return outcome != e.told
	}
	return e.call.Kind != ActorUser || outcome != OutcomeSuccess
}

// By tells the entry who the caller has turned out to be.
func By(ctx context.Context, kind ActorKind, actor string) {
	if e := entryOf(ctx); e != nil {
		e.call.Kind, e.call.Actor = kind, actor
	}
}

// Named tells the entry the sign-in name that the request gives, in any
// spelling. Of a sub, which is no name, nothing is kept.
func Named(ctx context.Context, name string) {
	if e := entryOf(ctx); e != nil && !uuidText.MatchString(name) {
		e.name = name
	}
}

// For tells the entry whom a backend speaks for: the address, if it is valid, and
// the device, if there is one, are its user's.
func For(ctx context.Context, address netip.Addr, device string) {
	e := entryOf(ctx)
	if e == nil {
		return
	}
	if address.IsValid() {
		e.note(noteFor, addressOf(address))
	}
	if device != "" {
		e.call.Device = device
	}
}

// noteFor is the detail of a call that a backend makes for the user at an address.
const noteFor = "for"

// Note adds to what the entry tells in detail: the name of a thing, never a
// value that a user gave.
func Note(ctx context.Context, key string, value any) {
	if e := entryOf(ctx); e != nil {
		e.note(key, value)
	}
}

func (e *entry) note(key string, value any) {
	if e.done.detail == nil {
		e.done.detail = make(map[string]any, 4)
	}
	e.done.detail[key] = value
}

// refuse says, inside the transaction, that what commits is no success: a wrong
// try that counts. The first reason stands, as it is the nearest.
func refuse(ctx context.Context, reason string) {
	if e := entryOf(ctx); e != nil && e.done.reason == "" {
		e.done.reason = reason
	}
}

func entryOf(ctx context.Context) *entry {
	e, _ := ctx.Value(entryKey{}).(*entry)
	return e
}

// apart is the context of work that is none of the call's own, whose commit must
// not write the call's row.
func apart(ctx context.Context) context.Context {
	return context.WithValue(ctx, entryKey{}, (*entry)(nil))
}

// auditRow is the entry's row as things stand.
func (s *Service) auditRow(e *entry) AuditRow {
	name := e.name
	if name == "" {
		name = e.usersName
	}
	spelled := e.spell(name)
	row := AuditRow{
		ID: e.id, At: e.at, Operation: e.call.Operation,
		PoolID: e.pool, ClientID: e.client, UserID: e.user,
		NameHash: s.spelledHash(spelled), Masked: spelled.masked(),
		Address: addressOf(e.call.Address), Device: printable(e.call.Device), RequestID: e.call.RequestID,
		Detail: detailText(e.done.detail),
	}
	row.ActorKind, row.Actor = e.actor()
	row.Outcome, row.Reason = e.ending(nil)
	if e.done.forgets {
		row.Masked = ""
	}
	return row
}

func (e *entry) actor() (ActorKind, string) {
	tokenHolder := e.call.Kind == ActorUser || (e.call.Kind == ActorAnonymous && e.bearer)
	switch {
	case tokenHolder && e.user != "":
		return ActorUser, string(e.user)
	case e.call.Kind == ActorUser:
		return ActorAnonymous, ""
	}
	return e.call.Kind, printable(e.call.Actor)
}

func addressOf(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return Caller{Address: a}.requester()
}

// spelling is a sign-in name as the trail reads it: a number, if it is one.
type spelling struct {
	name   string
	number phone.Number // zero for none
}

func spell(name string) spelling {
	n, _ := phone.Parse(name)
	return spelling{name, n}
}

// spell reads a name once a call: to read a number takes longer than to write it.
func (e *entry) spell(name string) spelling {
	switch {
	case e.read.name == name:
	case e.isNumber == name:
		e.read = spelling{name, phone.FromCanonical(name)}
	default:
		e.read = spell(name)
	}
	return e.read
}

// spelt tells the entry what contact a name is, which it need not read again.
func spelt(ctx context.Context, name string, c Contact) {
	if e := entryOf(ctx); e != nil && !c.Number.IsZero() {
		e.read = spelling{name, c.Number}
	}
}

// nameHash is what the trail keeps of a sign-in name: the same for each spelling
// of a number, and for either case of letters.
func (s *Service) nameHash(name string) string { return s.spelledHash(spell(name)) }

func (s *Service) spelledHash(l spelling) string {
	if l.name == "" {
		return ""
	}
	text := strings.ToLower(l.name)
	if !l.number.IsZero() {
		text = l.number.E164()
	}
	return base64.RawURLEncoding.EncodeToString(s.stable(stableAudit, text)[:18])
}

// masked masks a sign-in name: a number and an e-mail address as in
// CodeDeliveryDetails, of any other text the first character.
func (l spelling) masked() string {
	if l.name == "" {
		return ""
	}
	if !l.number.IsZero() {
		return l.number.Masked()
	}
	if a, err := email.Parse(l.name); err == nil {
		return printable(a.Masked())
	}
	_, n := utf8.DecodeRuneInString(l.name)
	return printable(l.name[:n]) + "***"
}

// maxAuditText is how many bytes of one text a row keeps.
const maxAuditText = 256

// printable keeps a text to one line of bounded length that moves no terminal's
// cursor.
func printable(s string) string {
	if len(s) > maxAuditText {
		s = s[:maxAuditText]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// Reasons that are more precise than the kind of the fault.
const (
	reasonWrongPassword    = "WrongPassword"
	reasonLockedOut        = "LockedOut"
	reasonWrongCredentials = "WrongCredentials"
	reasonWrongPasskey     = "WrongPasskey"
	reasonWrongDevice      = "WrongDevice"
	reasonStalePasskey     = "PasskeyCountedBack"
)

// reasons are those of faults whose kind says too little.
var reasons = []struct {
	err    error
	reason string
}{
	{errLocked, reasonLockedOut},
	{errCredentials, reasonWrongCredentials},
	{errDisabled, "UserDisabled"},
	{errSession, "InvalidSession"},
	{errSessionExpired, "SessionExpired"},
	{errSessionUsed, "SessionUsed"},
	{errInvalidAccess, "InvalidToken"},
	{errRevokedAccess, "TokenRevoked"},
	{errInvalidRefresh, "InvalidToken"},
	{errExpiredRefresh, "TokenExpired"},
	{errRevokedRefresh, "TokenRevoked"},
}

// reasoned is an error of a face that names its own reason.
type reasoned interface {
	error
	AuditReason() string
}

func reasonOf(err error) string {
	if e, ok := errors.AsType[reasoned](err); ok {
		return e.AuditReason()
	}
	for _, known := range reasons {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return kindOf(err).String()
}

func outcomeOf(err error) Outcome {
	if _, ok := errors.AsType[reasoned](err); ok {
		return OutcomeRefused
	}
	switch kindOf(err) {
	case fault.Internal, fault.Unavailable:
		return OutcomeFailed
	}
	return OutcomeRefused
}

// kindOf takes a caller who has gone for an unavailable server, as the faces do.
func kindOf(err error) fault.Kind {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.Unavailable
	}
	return fault.KindOf(err)
}

// newAuditID is a UUID of version 7 (RFC 9562, section 5.7) whose twelve bits
// after the version count up, so that the calls of a millisecond are in order.
func (s *Service) newAuditID(at time.Time) AuditID {
	u := uuid.New()
	putMillis(&u, at)
	binary.BigEndian.PutUint16(u[6:], 0x7000|uint16(s.trail.count.Add(1))&0x0fff)
	return AuditID(u.String())
}

// firstAuditID is below every id of the millisecond, and above those before it.
func firstAuditID(at time.Time) AuditID {
	var u uuid.UUID
	putMillis(&u, at)
	return AuditID(u.String())
}

func putMillis(u *uuid.UUID, at time.Time) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(max(at.UnixMilli(), 0)))
	copy(u[:6], b[2:])
}

// putSystem writes the row of something that the server did by itself, in the
// transaction that does it.
func (s *Service) putSystem(ctx context.Context, tx Tx, operation string, pool PoolID, detail map[string]any, at time.Time) error {
	return tx.PutAudit(ctx, AuditRow{
		ID: s.newAuditID(at), At: at, Operation: operation, ActorKind: ActorSystem, PoolID: pool,
		Outcome: OutcomeSuccess, Detail: detailText(detail),
	})
}
