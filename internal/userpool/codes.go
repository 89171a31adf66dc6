package userpool

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// codeTTL is a texted code's life. NIST SP 800-63B-4 section 3.1.3.2 allows no
// more than ten minutes.
const codeTTL = 10 * time.Minute

// codeDigits is a code's length; Cognito's SMS_OTP has eight.
const codeDigits, exactOTPDigits = 6, 8

// Tries per challenge: Cognito's custom flows end after three wrong answers by
// custom, one-time codes have five.
const customTries, codeTries = 3, 5

// Cognito's default texts.
const (
	defaultVerification   = "Your verification code is {####}."
	defaultAuthentication = "Your authentication code is {####}."
	defaultInvitation     = "Your username is {username} and temporary password is {####}."

	defaultVerificationSubject   = "Your verification code"
	defaultAuthenticationSubject = "Your authentication code"
	defaultInvitationSubject     = "Your temporary password"
)

// codeRequest is what a code is wanted for.
type codeRequest struct {
	pool         Pool
	client       Client
	subject      string
	registration RegistrationID
	existing     UserID // of a sign-up that signs a user in, "" else
	purpose      Purpose
	to           Contact
	caller       Caller
	device       string // known to have signed in as the subject; see guard.Ask
	decoy        bool
	invented     bool // the destination was made up, and nobody typed it
	byAdmin      bool // an administrator asks for it by name, nobody through him
	hideMask     bool // how the destination is shown, see veiled
	evenMask     bool
	way          *string // where the way of the proof that was taken is left, nil for nowhere
	at           time.Time

	// Of a message that the pool's CustomMessage function may word: the words, what
	// sets the function off, and whom it is told of. Without words it is not asked.
	wording *wording
	source  trigger.Source
	user    User
}

// owner is the user whose device may ask for the code, if he is one.
func (r *codeRequest) owner() UserID { return orElse(r.existing, UserID(r.subject)) }

// tries and digits follow from the purpose and the pool's behaviour.
func (r *codeRequest) tries() int {
	if r.purpose == PurposeSignIn {
		return customTries
	}
	return codeTries
}

func (r *codeRequest) digits() int {
	if r.purpose == PurposeOTP && r.pool.Settings.exact() {
		return exactOTPDigits
	}
	return codeDigits
}

// ofNobody is the request for nobody. What stands for a contact that nobody typed is
// no number, and must not be told from one by where it leads.
func (r codeRequest) ofNobody(u subject) codeRequest {
	r.decoy, r.invented = true, r.to.Text() != u.contact.Text()
	return r
}

// signsIn says whether the code is one to sign in with; the others verify.
func (r *codeRequest) signsIn() bool {
	return r.purpose == PurposeSignIn || r.purpose == PurposeOTP || r.purpose == PurposeFactor
}

// destination is what the sender is asked about before anything is written.
func (r *codeRequest) destination() sms.Destination {
	return sms.Destination{
		To: r.to.Number, Purpose: string(r.purpose),
		PoolID: string(r.pool.ID), ClientID: string(r.client.ID),
	}
}

func (r *codeRequest) delivery() Delivery {
	return Delivery{Destination: r.masked(), Medium: r.to.medium(), Attribute: r.to.attribute()}
}

// masked is the destination as the caller is shown it.
func (r *codeRequest) masked() string {
	switch {
	case r.hideMask && !r.to.Email.IsZero():
		return hiddenMail
	case r.evenMask && !r.to.Number.IsZero():
		shown := r.to.Masked()
		return evenStars + shown[strings.LastIndex(shown, "*")+1:]
	}
	return r.to.Masked()
}

// hiddenMail stands for an address of which nothing is shown.
const hiddenMail = "***@***"

// evenStars stand for what is hidden of a number where its length must not show.
const evenStars = "+*******"

// veiled is the request with its destination shown so that a client that must not
// learn who has an account does not. Who gives the sub of a user would see the
// mask of his address, and of a name without a user only something made up, so
// it is hidden. A number that was not typed shows its last digits and not its
// length, since one that is made up has the length of no country's but one.
func (r codeRequest) veiled(c Client, u subject) codeRequest {
	if !c.Settings.PreventExistence {
		return r
	}
	typed := u.contact
	if u.byID && !r.pool.Settings.namedByContact() {
		typed = Contact{}
	}
	r.hideMask = u.byID
	r.evenMask = !r.pool.Settings.exact() && r.to.Text() != typed.Text()
	return r
}

// Media that a code may be asked to go by.
const (
	anyMedium = ""
	bySMS     = "SMS"
	byEmail   = "EMAIL"
)

func (c Contact) fits(medium string) bool {
	return !c.IsZero() && (medium == anyMedium || medium == c.medium())
}

// destination is where a code for the subject goes by the medium: to what he
// signs in with, else to his number, else to his address, if he may be signed in
// by it (see takesCodes). It is false where that
// is nobody's: a made-up contact, so that all looks alike. A sign-up that waits
// is reached only where the code also proves the name.
func (s *Service) destination(p Pool, u subject, requester, medium string) (Contact, bool) {
	reachable := !u.decoy()
	if u.contact.fits(medium) {
		if u.known && u.user.has(p, u.contact) {
			return u.user.contact(u.contact.attribute()), reachable
		}
		return u.contact, reachable
	}
	attrs := map[string]string{}
	if u.known {
		attrs = u.user.Attributes
	} else if reg, ok := u.registration(requester); ok && u.pending && !p.Settings.namedByContact() {
		attrs = reg.Attributes
	}
	for _, attr := range contactAttributes {
		c := attributeContact(attrs, attr)
		if c.fits(medium) && (!u.known || u.user.takesCodes(p, c)) {
			return c, reachable
		}
	}
	return s.madeUp(p, u, medium), false
}

// takesCodes says whether codes to sign in with may go to a contact of the user
// that he did not sign in by. One that he himself put in the place of another,
// or that was taken from him, does not until it is verified: who has got hold of
// a session for a moment must not be able to stay.
func (u User) takesCodes(p Pool, c Contact) bool {
	return u.Attributes[c.verified()] != "false" || u.Unproved || p.Settings.exact()
}

// madeUp is a contact for whom there is none, the same at each call. Nothing is
// ever sent there.
func (s *Service) madeUp(p Pool, u subject, medium string) Contact {
	h := s.stable(stableDecoy, "number", string(u.id))
	if medium == anyMedium {
		medium = s.likelyMedium(p, u, []string{bySMS, byEmail})
	}
	if medium == byEmail {
		local := string(rune('a'+h[0]%26)) + hex.EncodeToString(h[8:]) // of its own, with limits of its own
		return Contact{Email: email.FromCanonical(local + "@" + string(rune('a'+h[1]%26)) + ".invalid")}
	}
	n := binary.BigEndian.Uint64(h)
	return Contact{Number: phone.FromCanonical(fmt.Sprintf("+1%010d", n%1e10))}
}

// canSend is sendable where its fault is the call's answer: what the guard's lists
// refuse is in the decision log then.
func (s *Service) canSend(ctx context.Context, r *codeRequest) error {
	err := s.sendable(r)
	if err != nil && r.to.Email.IsZero() && s.guard.Admits(r.to.Number) != nil {
		s.notAdmitted(ctx, r)
	}
	return err
}

// sendable says, before anything is looked up or written, whether a text could
// be handed over at all.
func (s *Service) sendable(r *codeRequest) error {
	switch {
	case !r.pool.sentByFunction(r.purpose, r.to):
	case s.encrypter == nil:
		return errNoEncrypter
	default:
		return nil
	}
	if !r.to.Email.IsZero() {
		return mail.Check(s.mailer)
	}
	if _, test := s.testCode(r.to, r.at); test {
		return nil
	}
	if err := s.guard.Admits(r.to.Number); err != nil {
		return err
	}
	return sms.Check(s.sender, r.at, r.destination())
}

// textCode opens the requester's challenge, or finds the one that lives, and
// puts a text in the outbox if one is due: for a new challenge at once, for a
// living one after the resend gap. Inside the gap nothing is sent, and the
// caller goes on with the code that was. In a pool that is exact each request is
// sent a code of its own, and the ones before live on. A spent budget is an error, which must
// roll the transaction back.
func (s *Service) textCode(ctx context.Context, tx Tx, r *codeRequest) (Challenge, error) {
	requester, err := s.requesterOf(ctx, tx, r.pool.ID, r.owner(), r.caller, r.at)
	if err != nil {
		return Challenge{}, err
	}
	fresh := Challenge{
		ID: ChallengeID(newOrderedID(r.at)), PoolID: r.pool.ID, ClientID: r.client.ID,
		Subject: r.subject, Purpose: r.purpose.of(r.to), Requester: requester,
		Registration: r.registration, To: r.to, KeyID: s.ring.Current().ID(),
		Digits: r.digits(), MaxTries: r.tries(), CreatedAt: r.at, ExpiresAt: s.after(r.at, codeTTL),
		Sends: 1, SentAt: r.at, // if it is new, it is sent at once
	}
	if r.pool.Settings.exact() { // each request has a code of its own
		if err := tx.LeaveSlot(ctx, fresh); err != nil {
			return Challenge{}, fmt.Errorf("leave slot: %w", err)
		}
	}
	tx.Ahead(ctx, func(tx Tx) {
		s.stopped(ctx, tx, r, requester)
		s.aheadOfPermit(ctx, tx, r, requester)
	})
	c, isNew, err := tx.OpenChallenge(ctx, fresh, r.at)
	if err != nil {
		return Challenge{}, fmt.Errorf("open challenge: %w", err)
	}
	if !isNew {
		if !s.limitsOff && r.at.Before(c.SentAt.Add(guard.ResendGap(c.Sends))) {
			return c, nil
		}
		marked, err := tx.MarkSent(ctx, c.ID, c.Sends, r.at)
		if err != nil || !marked {
			return c, err
		}
		c.Sends++
	}
	if _, test := s.testCode(r.to, r.at); test {
		Note(ctx, "test_number", true)
		return c, nil // its code is known: nothing is sent, and nothing spent
	}
	switch stopped, err := s.stopped(ctx, tx, r, c.Requester); {
	case err != nil:
		return Challenge{}, err
	case stopped && (r.hideMask || r.evenMask): // who did not type the number does not learn of it
		decoy := *r
		decoy.decoy = true
		r = &decoy
	case stopped:
		s.refusedBy(ctx, r, guard.RuleStopped, "")
		return Challenge{}, errStopped
	}
	known := false
	if !s.limitsOff {
		if known, err = s.permit(ctx, tx, r, c); err != nil {
			return Challenge{}, err
		}
	}
	words, err := s.say(r)
	if err != nil {
		return Challenge{}, err
	}
	m, err := s.sealLetter(Message{
		ID: MessageID(newOrderedID(r.at)), PoolID: r.pool.ID, ClientID: r.client.ID,
		Purpose: c.Purpose, Challenge: c.ID, KeyID: c.KeyID, Digits: c.Digits,
		Template: words.text, Headline: words.headline, AppHost: words.host, To: c.To,
		Country: s.countryOf(c.To), Known: known, Nth: c.Sends, Requester: c.Requester, Decoy: r.decoy,
		Wording: words.wording, Language: words.language,
		CreatedAt: r.at, ExpiresAt: c.ExpiresAt, NextAt: r.at,
	}, r.pool, r.source, r.user, r.metadata())
	if err != nil {
		return Challenge{}, err
	}
	return c, tx.InsertMessage(ctx, m)
}

// party is whom texts and tries of the number count against.
func (s *Service) party(to Contact, requester string) guard.Party {
	return guard.Party{
		Number:  hex.EncodeToString(s.stable(stableNumber, strings.ToLower(to.Text()))[:16]),
		Address: s.addressKey(requester),
	}
}

// trying is whom an answer, or what begins, counts against: as party, but what a
// known device gets wrong is no stranger's, and an IPv6 address has a network.
func (s *Service) trying(to Contact, requester string, c Caller) guard.Party {
	p := s.party(to, requester)
	switch {
	case c.Backend:
	case requester != c.requester():
		p.Device = p.Address
	case c.Address.Is6() && !c.Address.Is4In6():
		p.Network = s.addressKey(c.network())
	}
	return p
}

// addressKey is what a requester's address, or device, goes by in counters and logs, "" for
// one that is counted against nobody's.
func (s *Service) addressKey(requester string) string {
	if requester == backend {
		return ""
	}
	return hex.EncodeToString(s.stable(stableAddress, lane(requester))[:16])
}

// code derives the challenge's code. It is nowhere kept.
func (s *Service) code(id ChallengeID, purpose Purpose, to Contact, keyID string, digits int) (otp.Code, error) {
	key, ok := s.ring.ByID(keyID)
	if !ok {
		return otp.Code{}, fmt.Errorf("code: master key %s is not in the ring", keyID)
	}
	return otp.Derive(key.Derive(keyCodes), string(id), string(purpose), to.Text(), digits), nil
}

// matches compares an answer with the challenge's code, or with the fixed one of a
// test number.
func (s *Service) matches(ctx context.Context, ch Challenge, answer string, at time.Time) (bool, error) {
	if fixed, test := s.testCode(ch.To, at); test {
		Note(ctx, "test_number", true)
		return fixed.Matches(answer), nil
	}
	code, err := s.code(ch.ID, ch.Purpose, ch.To, ch.KeyID, ch.Digits)
	return err == nil && code.Matches(answer), err
}

// verdict is what an answer to a challenge was worth.
type verdict uint8

const (
	wrong verdict = iota
	right
	dead // used, expired or out of tries: the answer was not compared
)

// try counts one answer and compares it. The count stands even if the answer is
// wrong, so the caller must commit; a spent budget is an error instead, and
// must roll back. A decoy's answer is always wrong.
func (s *Service) try(ctx context.Context, tx Tx, session Session, answer string, c Caller, at time.Time) (Challenge, verdict, error) {
	id, decoy := session.Challenge, session.Decoy
	ch, ok, err := s.codeOf(ctx, tx, session, at)
	if err != nil {
		return Challenge{}, dead, fmt.Errorf("find challenge: %w", err)
	}
	if !ok {
		if ch.ID == "" {
			return Challenge{}, dead, errSession // ended, and its Session with it
		}
		refuse(ctx, fault.ExpiredCode.String())
		return Challenge{}, dead, nil
	}
	spelt(ctx, ch.To.Text(), ch.To)
	party, _, err := s.countTry(ctx, tx, ch, c, at)
	if err != nil {
		return Challenge{}, dead, err
	}
	match, err := s.matches(ctx, ch, answer, at)
	if err != nil {
		return Challenge{}, dead, err
	}
	if !match || decoy {
		_, ok, err = tx.ClaimAttempt(ctx, id, at)
	} else {
		ok, err = tx.ConsumeAttempt(ctx, id, at)
	}
	switch {
	case err != nil:
		return Challenge{}, dead, fmt.Errorf("claim attempt: %w", err)
	case !ok: // somebody had the last try meanwhile
		refuse(ctx, fault.ExpiredCode.String())
		return Challenge{}, dead, nil
	case !match || decoy:
		refuse(ctx, fault.CodeMismatch.String())
		return ch, wrong, nil
	}
	return ch, right, s.settled(ctx, tx, ch, party, at)
}

// spendStart counts a request that leaves something in the store, or that asks
// whether a number is taken, against the address that makes it.
func (s *Service) spendStart(ctx context.Context, tx Tx, c Caller, at time.Time) error {
	if s.limitsOff || c.Backend || c.counted {
		return nil
	}
	return guard.SpendStart(ctx, tx, s.trying(Contact{}, c.requester(), c), at)
}

// returnStart gives back what spendStart counted, to the address that ends the
// sign-in with tokens.
func (s *Service) returnStart(ctx context.Context, tx Tx, c Caller, at time.Time) error {
	if s.limitsOff || c.Backend {
		return nil
	}
	return guard.ReturnStart(ctx, tx, s.trying(Contact{}, c.requester(), c), at)
}

// returnIfDone is returnStart where the step does not ask for a second factor, which
// gives the start back when it is right.
func (s *Service) returnIfDone(ctx context.Context, tx Tx, c Caller, next step, at time.Time) error {
	if next.asksFactor() {
		return nil
	}
	return s.returnStart(ctx, tx, c, at)
}

// countTry counts a try of the challenge's number, and of the known device or the
// address that makes it, and says against whom, and the way of the proof that was taken.
func (s *Service) countTry(ctx context.Context, tx Tx, ch Challenge, c Caller, at time.Time) (guard.Party, string, error) {
	requester, err := s.requesterOf(ctx, tx, ch.PoolID, UserID(ch.Subject), c, at)
	if err != nil {
		return guard.Party{}, "", err
	}
	p := s.trying(ch.To, requester, c)
	if s.limitsOff {
		return p, "", nil
	}
	way, err := s.permitTry(ctx, tx, answering{ch.PoolID, ch.ClientID, c, p, requester != c.requester(), at})
	if err != nil {
		return p, "", err
	}
	return p, way, guard.SpendTry(ctx, tx, p, at)
}

// settle ends a challenge whose code was given: it is used up, its texts and
// the try are given back.
func (s *Service) settle(ctx context.Context, tx Tx, ch Challenge, tried guard.Party, at time.Time) error {
	used, err := tx.ConsumeChallenge(ctx, ch.ID, at)
	if err != nil {
		return fmt.Errorf("consume challenge: %w", err)
	}
	if !used {
		return errSessionUsed
	}
	return s.settled(ctx, tx, ch, tried, at)
}

// settled gives back what a code took that has been used up.
func (s *Service) settled(ctx context.Context, tx Tx, ch Challenge, tried guard.Party, at time.Time) error {
	if !s.limitsOff {
		if err := s.rightTry(ctx, tx, ch.PoolID, ch.ClientID, tried, at); err != nil {
			return err
		}
	}
	return s.credit(ctx, tx, ch.ID, at)
}

// rightTry tells the guard that the answer just counted was right.
func (s *Service) rightTry(ctx context.Context, tx Tx, pool PoolID, client ClientID, p guard.Party, at time.Time) error {
	if err := s.guard.Right(ctx, tx, string(pool), at); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	if err := s.guard.ReturnAnswer(ctx, tx, string(pool), string(client), at); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return guard.RightTry(ctx, tx, p, at)
}

// wake tells the outbox that a text may wait.
func (s *Service) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}
