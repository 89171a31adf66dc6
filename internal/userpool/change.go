package userpool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// A phone number or e-mail address that the pool verifies, or that users sign in
// with, changes when the new one has answered its code. Until then the old one
// stays, and the new one waits in User.Pending: who has got hold of a session
// for a moment cannot take the account along, and nobody learns whose a number
// is before he has shown that it is his own. A pool that is exact changes at once,
// as Cognito does, but for AttributesRequireVerificationBeforeUpdate.

// change is a wish to change attributes, and what has become of the user so far.
type change struct {
	pool    Pool
	client  Client // none for an administrator's
	wording *wording
	byAdmin bool
	was     User
	user    User
	codes   []Contact // wait for a code each
	at      time.Time
}

func newChange(p Pool, u User, w *wording, at time.Time) *change {
	return &change{pool: p, wording: w, was: u, user: u.apart(), at: at}
}

// apart is the user with attributes of his own to be changed.
func (u User) apart() User {
	attrs, pending := map[string]string{}, map[string]string{}
	maps.Copy(attrs, u.Attributes)
	maps.Copy(pending, u.Pending)
	u.Attributes, u.Pending = attrs, pending
	return u
}

// verifiesFirst says whether a new value of the attribute waits for its code.
func (k *change) verifiesFirst(attr string) bool {
	s := k.pool.Settings
	if k.byAdmin || s.exact() {
		return slices.Contains(s.VerifyFirst, attr)
	}
	return s.verifies(attr) || s.signsInBy(attr)
}

// apply makes the wish come true, as far as it can without a code.
func (k *change) apply(attrs map[string]string) error {
	for _, attr := range contactAttributes {
		if err := k.applyContact(attr, attrs); err != nil {
			return err
		}
	}
	for name, value := range attrs {
		switch {
		case name == AttrPhone, name == AttrEmail, name == AttrPhoneVerified, name == AttrEmailVerified:
		case value == "":
			if err := k.mayGo(name); err != nil {
				return err
			}
			delete(k.user.Attributes, name)
		default:
			k.user.Attributes[name] = value
		}
	}
	return nil
}

// mayGo says that the attribute can be deleted.
func (k *change) mayGo(attr string) error {
	if slices.Contains(k.pool.Settings.Required, attr) {
		return schema("%s: The attribute is required\n", attr)
	}
	return nil
}

// applyContact changes the phone number or the e-mail address, and whether it is
// verified where an administrator says so.
func (k *change) applyContact(attr string, attrs map[string]string) error {
	has := k.user.contact(attr)
	value, given := attrs[attr]
	to := attributeContact(attrs, attr)
	flag, flagged := attrs[verifiedName(attr)]
	if k.byAdmin && (given || flagged) {
		delete(k.user.Pending, attr)
	}
	switch {
	case given && value == "":
		return k.remove(attr)
	case given && to != has && flag != "true" && k.verifiesFirst(attr):
		k.user.Pending[attr] = value
		k.codes = append(k.codes, to)
		return nil
	case given && to != has:
		k.replace(attr, to, flag == "true")
		return nil
	case given:
		delete(k.user.Pending, attr)
	}
	if !flagged {
		return nil
	}
	if has.IsZero() {
		return fault.New(fault.InvalidParameter, "%s: The user has no %s.", verifiedName(attr), attr)
	}
	k.user.Attributes[has.verified()] = orElse(flag, "false")
	return nil
}

// verifiedName is the attribute that says whether a contact is verified.
func verifiedName(attr string) string { return attr + "_verified" }

// replace puts a new contact in the place of the old one. In a pool that is named
// by contacts it is a name at once where the old one was, and on Cognito anyway.
func (k *change) replace(attr string, to Contact, verified bool) {
	s := k.pool.Settings
	old := k.user.contact(attr)
	named := !old.IsZero() && slices.Contains(k.user.Names, s.nameOfContact(old))
	if s.namesBy(attr) && (named || s.exact()) {
		k.user.Names = append(slices.Clone(k.user.Names), s.nameOfContact(to))
	}
	k.user.Attributes[attr], k.user.Attributes[to.verified()] = to.Text(), "false"
	if verified {
		k.user.Attributes[to.verified()] = "true"
	} else if s.verifies(attr) {
		k.codes = append(k.codes, to)
	}
	delete(k.user.Pending, attr)
}

// remove deletes a contact, and what waits to take its place. What names the
// user stays; an administrator may take one name of two.
func (k *change) remove(attr string) error {
	if err := k.mayGo(attr); err != nil {
		return err
	}
	delete(k.user.Pending, attr)
	old := k.user.contact(attr)
	if old.IsZero() {
		return nil
	}
	name := k.pool.Settings.nameOfContact(old)
	if k.pool.Settings.namesBy(attr) && slices.Contains(k.user.Names, name) {
		if !k.byAdmin || len(k.user.Names) == 1 {
			return fault.New(fault.InvalidParameter, "%s: The user signs in with it, so it cannot be deleted.", attr)
		}
		k.user.Names = slices.DeleteFunc(slices.Clone(k.user.Names), func(n string) bool { return n == name })
	}
	delete(k.user.Attributes, attr)
	delete(k.user.Attributes, old.verified())
	return nil
}

// made stores the user and does what follows from the change: names that are
// somebody else's refuse it, codes that are over end, and new ones are sent.
func (s *Service) made(ctx context.Context, tx Tx, k *change) ([]Delivery, error) {
	u := k.user
	u.ModifiedAt, u.Names = k.at, signInNames(k.pool, u)
	if err := s.namesFree(ctx, tx, k, u); err != nil {
		return nil, err
	}
	if err := tx.UpdateUser(ctx, u); err != nil {
		return nil, fmt.Errorf("change attributes: %w", nameTaken(err, errAliasExists(attrPreferred)))
	}
	if err := s.follow(ctx, tx, k.pool, k.was, u, !k.byAdmin, k.at); err != nil {
		return nil, err
	}
	sent := make([]Delivery, 0, len(k.codes))
	caller, way := k.wording.caller, ""
	for _, to := range provesFirst(s, caller, k.client, k.codes, func(c Contact) Contact { return c }) {
		d, err := s.sendVerification(ctx, tx, codeRequest{
			pool: k.pool, client: k.client, subject: string(u.ID), to: to, caller: caller, at: k.at, way: &way,
			wording: k.wording, source: trigger.CustomMessageUpdateUserAttribute, user: u, byAdmin: k.byAdmin,
		})
		if err != nil {
			return nil, err
		}
		sent, caller.proved = append(sent, d), way
	}
	return sent, nil
}

// sendVerification sends the code that shows that a contact is the user's.
func (s *Service) sendVerification(ctx context.Context, tx Tx, want codeRequest) (Delivery, error) {
	want.purpose = PurposeVerify
	if err := s.canSend(ctx, &want); err != nil {
		return Delivery{}, err
	}
	_, err := s.textCode(ctx, tx, &want)
	return want.delivery(), err
}

// namesFree says that nobody else has what the user is to be called by. An
// administrator, and a pool that is exact, are told so of a contact as well that
// is not yet a name; anybody else only when he has shown that it is his.
func (s *Service) namesFree(ctx context.Context, tx Tx, k *change, u User) error {
	for _, name := range u.Names {
		if err := s.nameFree(ctx, tx, k, name, u.attributeOf(k.pool, name)); err != nil {
			return err
		}
	}
	if !k.byAdmin && !k.pool.Settings.exact() {
		return nil
	}
	for _, attr := range contactAttributes {
		wanted := attributeContact(u.Pending, attr)
		if wanted.IsZero() {
			wanted = u.contact(attr)
		}
		if wanted.IsZero() || wanted == k.was.contact(attr) || !k.pool.Settings.signsInBy(attr) {
			continue
		}
		if err := s.nameFree(ctx, tx, k, k.pool.Settings.nameOfContact(wanted), attr); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) nameFree(ctx context.Context, tx Tx, k *change, name, attr string) error {
	if slices.Contains(k.was.Names, name) {
		return nil
	}
	switch other, err := tx.UserByName(ctx, k.pool.ID, name); {
	case err == nil && other.ID != k.user.ID:
		return errAliasExists(attr)
	case err != nil && !errors.Is(err, ErrNotFound):
		return err
	case !k.pool.Settings.exact() || !k.pool.Settings.namedByContact():
		return nil
	}
	waiting, err := tx.Registrations(ctx, k.pool.ID, name, k.at) // on Cognito they hold the name
	if err == nil && len(waiting) > 0 {
		return errAliasExists(attr)
	}
	return err
}

// follow does what follows from a change of what a user can be reached by and
// signs in with: sign-ups and sign-ins of names that changed hands end, codes to
// what he has no more end, and what was proved to be his is told.
func (s *Service) follow(ctx context.Context, tx Tx, p Pool, was, u User, tell bool, at time.Time) error {
	if err := s.moveNames(ctx, tx, p, was, u); err != nil {
		return err
	}
	for _, attr := range contactAttributes {
		old := was.contact(attr)
		over := []Purpose{PurposeVerify}
		left := !old.IsZero() && u.contact(attr) != old
		switch {
		case left, was.proved(p, old) && !u.proved(p, old):
			over = []Purpose{PurposeVerify, PurposeReset, PurposeSignIn, PurposeOTP, PurposeFactor}
		case was.Pending[attr] == u.Pending[attr]:
			continue
		}
		if err := endCodes(ctx, tx, u, attr, at, over...); err != nil {
			return err
		}
		if !left || !tell || !was.proved(p, old) || p.Settings.exact() {
			continue
		}
		if err := s.notify(ctx, tx, p, old, noticeContactChanged, at, whatIs(attr)); err != nil {
			return err
		}
	}
	return nil
}

// moveNames ends the sign-ups and sign-ins of names that the user has got or
// lost: a code to a number that was his must not lead to him any more.
func (s *Service) moveNames(ctx context.Context, tx Tx, p Pool, was, u User) error {
	gained := func(n string) bool { return !slices.Contains(was.Names, n) }
	lost := func(n string) bool { return !slices.Contains(u.Names, n) }
	for _, name := range slices.Concat(was.Names, u.Names) {
		if !gained(name) && !lost(name) {
			continue
		}
		if p.Settings.namedByContact() {
			if err := tx.DeleteRegistrations(ctx, p.ID, name); err != nil {
				return fmt.Errorf("end sign-ups: %w", err)
			}
		}
		if !gained(name) {
			continue
		}
		if err := s.endStandIn(ctx, tx, p.ID, name); err != nil {
			return err
		}
	}
	return nil
}

// endCodes ends the user's codes of the purposes that were sent to the attribute.
func endCodes(ctx context.Context, tx Tx, u User, attr string, at time.Time, purposes ...Purpose) error {
	for _, purpose := range purposes {
		live, err := tx.Challenges(ctx, u.PoolID, string(u.ID), purpose.by(attr), at)
		if err != nil {
			return fmt.Errorf("end codes: %w", err)
		}
		for _, ch := range live {
			if _, err := tx.ConsumeChallenge(ctx, ch.ID, at); err != nil {
				return fmt.Errorf("end codes: %w", err)
			}
		}
	}
	return nil
}

// whatIs names a contact attribute in a sentence.
func whatIs(attr string) string {
	if attr == AttrEmail {
		return "e-mail address"
	}
	return "phone number"
}
