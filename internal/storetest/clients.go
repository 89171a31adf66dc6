package storetest

import (
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) clientIDs(pool userpool.PoolID, after userpool.ClientID, limit int) []userpool.ClientID {
	e.Helper()
	ids := []userpool.ClientID{}
	for _, c := range read(e, func(tx userpool.Tx) ([]userpool.Client, error) { return tx.Clients(e.ctx, pool, after, limit) }) {
		ids = append(ids, c.ID)
	}
	return ids
}

// begun is one of everything that is begun through a client.
type begun struct {
	id string
}

// begin puts one of everything into the home pool, through the client. What is
// of the sign-up but came through another client is there as well.
func (e *env) begin(client, other userpool.ClientID, id string) begun {
	e.Helper()
	e.do(func(tx userpool.Tx) error {
		reg := e.newRegistration(userpool.RegistrationID(id), "name "+id)
		reg.ClientID = client
		own, resent := e.newChallenge(userpool.ChallengeID(id), id), e.newChallenge(userpool.ChallengeID(id+" resent"), id)
		own.ClientID, resent.ClientID = client, other
		own.Registration, resent.Registration = "", reg.ID
		session, signUp := e.newSession(id, "user"), e.newSession(id+" sign-up", id)
		session.ClientID, signUp.ClientID = client, other
		family := e.newFamily(userpool.FamilyID(id), "user")
		family.ClientID = client
		notice, code := e.newMessage(userpool.MessageID(id)), e.newMessage(userpool.MessageID(id+" resent"))
		notice.ClientID, code.ClientID = client, other
		code.Challenge = resent.ID
		for _, step := range []func() error{
			func() error { return tx.InsertRegistration(e.ctx, reg) },
			func() error { _, _, err := tx.OpenChallenge(e.ctx, own, e.now); return err },
			func() error { _, _, err := tx.OpenChallenge(e.ctx, resent, e.now); return err },
			func() error { return tx.InsertSession(e.ctx, session) },
			func() error { return tx.InsertSession(e.ctx, signUp) },
			func() error { return tx.InsertFamily(e.ctx, family) },
			func() error { return tx.InsertMessage(e.ctx, notice) },
			func() error { return tx.InsertMessage(e.ctx, code) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	return begun{id}
}

// things is how many things begin puts in.
const things = 8

// left says how many of them are still there. Messages are claimed by looking.
func (b begun) left(e *env) int {
	e.Helper()
	return write(e, func(tx userpool.Tx) (n int, err error) {
		messages, err := tx.ClaimMessages(e.ctx, e.now, e.now, 100)
		if err != nil {
			return 0, err
		}
		for _, m := range messages {
			if m.ID == userpool.MessageID(b.id) || m.ID == userpool.MessageID(b.id+" resent") {
				n++
			}
		}
		_, reg := tx.Registration(e.ctx, userpool.RegistrationID(b.id))
		_, own := tx.Challenge(e.ctx, userpool.ChallengeID(b.id))
		_, resent := tx.Challenge(e.ctx, userpool.ChallengeID(b.id+" resent"))
		_, session := tx.Session(e.ctx, b.id)
		_, signUp := tx.Session(e.ctx, b.id+" sign-up")
		_, family := tx.Family(e.ctx, userpool.FamilyID(b.id))
		for _, err := range []error{reg, own, resent, session, signUp, family} {
			if err == nil {
				n++
			}
		}
		return n, nil
	})
}

var clientCases = []testCase{
	{"Clients/lists a pool's own in order, pages, obeys its limit", func(e *env) {
		e.do(func(tx userpool.Tx) error {
			if err := tx.InsertPool(e.ctx, e.newPool("us-east-1_Other")); err != nil {
				return err
			}
			if err := tx.InsertClient(e.ctx, e.newClient("elsewhere", "us-east-1_Other")); err != nil {
				return err
			}
			for _, id := range []userpool.ClientID{"c", "a", "b", "1"} {
				if err := tx.InsertClient(e.ctx, e.newClient(id, e.pool)); err != nil {
					return err
				}
			}
			return nil
		})
		equal(e, "all", e.clientIDs(e.pool, "", 100), []userpool.ClientID{"1", "a", "b", "c", e.client})
		equal(e, "page 1", e.clientIDs(e.pool, "", 2), []userpool.ClientID{"1", "a"})
		equal(e, "page 2", e.clientIDs(e.pool, "a", 2), []userpool.ClientID{"b", "c"})
		equal(e, "after the last", e.clientIDs(e.pool, e.client, 2), []userpool.ClientID{})
		equal(e, "no pool", e.clientIDs("us-east-1_None", "", 2), []userpool.ClientID{})
		got := read(e, func(tx userpool.Tx) ([]userpool.Client, error) { return tx.Clients(e.ctx, e.pool, "c", 1) })
		equal(e, "whole", got, []userpool.Client{e.newClient(e.client, e.pool)})
	}},
	{"UpdateClient/replaces name, secrets and settings", func(e *env) {
		c := e.newClient(e.client, e.pool)
		c.Name, c.Settings, c.ModifiedAt = "renamed", userpool.ClientSettings{PreventExistence: true}, e.in(48*time.Hour)
		c.Secrets = append(c.Secrets, userpool.ClientSecret{ID: "home-client--2", Sealed: "sealed too", CreatedAt: e.in(time.Minute)})
		e.do(func(tx userpool.Tx) error { return tx.UpdateClient(e.ctx, c) })
		equal(e, "Client", read(e, func(tx userpool.Tx) (userpool.Client, error) { return tx.Client(e.ctx, c.ID) }), c)
		e.try(userpool.ErrNotFound, func(tx userpool.Tx) error { return tx.UpdateClient(e.ctx, e.newClient("nobody", e.pool)) })
	}},
	{"DeleteClient/takes what was begun through it and nothing else", func(e *env) {
		e.do(func(tx userpool.Tx) error { return tx.InsertClient(e.ctx, e.newClient("gone", e.pool)) })
		gone, kept := e.begin("gone", e.client, "g"), e.begin(e.client, "third", "k")
		equal(e, "before", gone.left(e), things)
		e.do(func(tx userpool.Tx) error { return tx.DeleteClient(e.ctx, "us-east-1_None", "gone") })
		equal(e, "after another pool's", gone.left(e), things)
		e.do(func(tx userpool.Tx) error { return tx.DeleteClient(e.ctx, e.pool, "gone") })
		equal(e, "left of the deleted client", gone.left(e), 0)
		equal(e, "left of the other", kept.left(e), things)
		absent(e, "Client", func(tx userpool.Tx) (userpool.Client, error) { return tx.Client(e.ctx, "gone") })
		equal(e, "clients", e.clientIDs(e.pool, "", 10), []userpool.ClientID{e.client})
		e.do(func(tx userpool.Tx) error { return tx.DeleteClient(e.ctx, e.pool, "gone") })
	}},
}
