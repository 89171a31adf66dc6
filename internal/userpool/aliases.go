package userpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// recentOwner is how long after his last sign-in an owner keeps his alias in a
// strict pool, whoever proves to have the number now: numbers change hands, but
// not overnight.
const recentOwner = 90 * 24 * time.Hour

// freeAliases sees to it that the names of a user who is about to be written are
// nobody else's. A name that somebody else holds is AliasExists; with force it
// is taken from him, since the newcomer proved in this very call that it is his
// (ConfirmSignUp and AdminCreateUser, ForceAliasCreation).
func (s *Service) freeAliases(ctx context.Context, tx Tx, p Pool, u User, force bool, at time.Time) error {
	if p.Settings.namedByContact() {
		return nil // names are what was proved; a taken one is told by the insert
	}
	for _, name := range u.Names {
		old, err := tx.UserByName(ctx, p.ID, name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		attr := old.attributeOf(p, name)
		switch {
		case old.ID == u.ID:
			continue
		case !force || attr == "", p.Settings.Behaviour() == Strict && at.Before(old.ActiveAt.Add(recentOwner)):
			return errAliasExists(u.attributeOf(p, name))
		}
		if err := s.takeAlias(ctx, tx, p, old, attr, at); err != nil {
			return err
		}
	}
	return nil
}

// attributeOf is the contact attribute that makes the name, "" if none does.
func (u User) attributeOf(p Pool, name string) string {
	for _, attr := range contactAttributes {
		if c := u.contact(attr); !c.IsZero() && p.Settings.nameOfContact(c) == name {
			return attr
		}
	}
	if u.Attributes[attrPreferred] != "" && p.Settings.nameOf(attrPreferred, u.Attributes[attrPreferred]) == name {
		return attrPreferred
	}
	return ""
}

// takeAlias takes a contact from its owner: he keeps the value, unverified, and
// signs in with it no more; what he began with it ends, and his other verified
// contact gets a notice.
func (s *Service) takeAlias(ctx context.Context, tx Tx, p Pool, old User, attr string, at time.Time) error {
	lost := old.contact(attr)
	if lost.IsZero() {
		return errAliasExists(attr)
	}
	old.Attributes[lost.verified()] = "false"
	old.Names, old.ModifiedAt = signInNames(p, old), at
	if err := tx.UpdateUser(ctx, old); err != nil {
		return fmt.Errorf("take alias: %w", err)
	}
	if err := endPending(ctx, tx, old); err != nil {
		return err
	}
	i := slices.IndexFunc(contactAttributes, func(a string) bool {
		return a != attr && old.proved(p, old.contact(a))
	})
	if i < 0 || p.Settings.exact() {
		return nil
	}
	return s.notify(ctx, tx, p, old.contact(contactAttributes[i]), noticeAliasMoved, at)
}

// notice is a message without a code, to the owner of an account.
type notice struct{ text, headline string }

// The notices. They name no number and no address, and hold no link.
var (
	noticeAliasMoved = notice{
		"Your %s account can no longer be signed in to with your other contact: somebody else has proved to have it.",
		"Your account",
	}
	noticeContactChanged = notice{
		"The %s of your %s account was changed. If it was not you, get in touch with those who run it.",
		"Your account was changed",
	}
	noticePasskeyAdded = notice{
		"Your %s account can now be signed in to with a new passkey. If it was not you, get in touch with those who run it.",
		"Your account was changed",
	}
	noticePasswordMade = notice{
		"Your %s account now has a password. If it was not you, get in touch with those who run it.",
		"Your account was changed",
	}
)

// notify puts a notice in the outbox. It is no reason to fail what it tells of,
// so one that cannot be sent is not written.
func (s *Service) notify(ctx context.Context, tx Tx, p Pool, to Contact, n notice, at time.Time, words ...any) error {
	if s.sendable(&codeRequest{pool: p, purpose: PurposeNotice, to: to, at: at}) != nil {
		return nil
	}
	return tx.InsertMessage(ctx, Message{
		ID: MessageID(newOrderedID(at)), PoolID: p.ID, Purpose: PurposeNotice, To: to, Headline: n.headline,
		Template:  fmt.Sprintf(n.text, append(words, p.Name)...),
		CreatedAt: at, NextAt: at, ExpiresAt: at.Add(time.Hour),
	})
}
