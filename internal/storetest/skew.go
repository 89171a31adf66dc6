package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/challenge"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// rounds is how often two are raced who each read what the other writes.
const rounds = 12

// ending is what ends what a user has begun, in the transaction that says why.
type ending struct {
	name  string
	begin func(e *env, tx userpool.Tx, id string, sub userpool.UserID) error
	end   func(e *env, tx userpool.Tx, sub userpool.UserID) error
	alive func(e *env, tx userpool.Tx, id string) bool
}

// sessions are Sessions that are of the same kind as the one given.
func sessions(name string, kind userpool.Session) ending {
	return ending{
		name,
		func(e *env, tx userpool.Tx, id string, sub userpool.UserID) error {
			s := kind
			s.Hash, s.PoolID, s.ClientID, s.Subject = id, e.pool, e.client, string(sub)
			s.CreatedAt, s.ExpiresAt = e.now, e.in(time.Hour)
			return tx.InsertSession(e.ctx, s)
		},
		func(e *env, tx userpool.Tx, sub userpool.UserID) error {
			return tx.DeleteSessions(e.ctx, e.pool, string(sub))
		},
		func(e *env, tx userpool.Tx, id string) bool {
			_, err := tx.Session(e.ctx, id)
			return err == nil
		},
	}
}

var endings = []ending{
	{
		"families",
		func(e *env, tx userpool.Tx, id string, sub userpool.UserID) error {
			u, err := tx.User(e.ctx, e.pool, sub)
			if err != nil {
				return err
			}
			f := e.newFamily(userpool.FamilyID(id), sub)
			f.SignOuts = u.SignOuts
			return tx.InsertFamily(e.ctx, f)
		},
		func(e *env, tx userpool.Tx, sub userpool.UserID) error {
			u, err := tx.User(e.ctx, e.pool, sub)
			if err != nil {
				return err
			}
			u.SignOuts++
			return tx.UpdateUser(e.ctx, u)
		},
		func(e *env, tx userpool.Tx, id string) bool {
			f, err := tx.Family(e.ctx, userpool.FamilyID(id))
			if err != nil {
				return false
			}
			u, err := tx.User(e.ctx, e.pool, f.UserID)
			return err == nil && f.SignOuts == u.SignOuts
		},
	},
	{
		"devices",
		func(e *env, tx userpool.Tx, id string, sub userpool.UserID) error {
			return tx.InsertDevice(e.ctx, e.newDevice(id, sub))
		},
		func(e *env, tx userpool.Tx, sub userpool.UserID) error {
			return tx.DeleteDevices(e.ctx, e.pool, sub)
		},
		func(e *env, tx userpool.Tx, id string) bool {
			sub, _, _ := strings.Cut(id, "-")
			_, err := tx.Device(e.ctx, e.pool, userpool.UserID(sub), id)
			return err == nil
		},
	},
	{
		"forgotten devices",
		func(e *env, tx userpool.Tx, id string, sub userpool.UserID) error {
			f, err := tx.ForgottenDevices(e.ctx, e.pool, sub)
			if err != nil || slices.Contains(f.Keys, id) {
				return err
			}
			return tx.InsertDevice(e.ctx, e.newDevice(id, sub))
		},
		func(e *env, tx userpool.Tx, sub userpool.UserID) error {
			var f userpool.ForgottenDevices
			for i := range 8 {
				id := fmt.Sprint(sub, "-", i)
				f.Keys = append(f.Keys, id)
				if _, err := tx.DeleteDevice(e.ctx, e.pool, sub, id); err != nil {
					return err
				}
			}
			return tx.PutForgottenDevices(e.ctx, e.pool, sub, f)
		},
		func(e *env, tx userpool.Tx, id string) bool {
			sub, _, _ := strings.Cut(id, "-")
			_, err := tx.Device(e.ctx, e.pool, userpool.UserID(sub), id)
			return err == nil
		},
	},
	{
		"passkeys",
		func(e *env, tx userpool.Tx, id string, sub userpool.UserID) error {
			_, err := tx.InsertPasskey(e.ctx, e.newPasskey(id, sub), 20)
			return err
		},
		func(e *env, tx userpool.Tx, sub userpool.UserID) error {
			return tx.DeletePasskeys(e.ctx, e.pool, sub)
		},
		func(e *env, tx userpool.Tx, id string) bool {
			sub, _, _ := strings.Cut(id, "-")
			all, err := tx.Passkeys(e.ctx, e.pool, userpool.UserID(sub))
			return err == nil && slices.ContainsFunc(all, func(k userpool.Passkey) bool { return string(k.ID) == id })
		},
	},
	sessions("sessions", userpool.Session{History: []challenge.Entry{{}}}),
	sessions("sessions for a new password", userpool.Session{Step: "NEW_PASSWORD_REQUIRED"}),
	sessions("sessions after a sign-up", userpool.Session{Step: userpool.StepReturned}),
	{
		"challenges",
		func(e *env, tx userpool.Tx, id string, sub userpool.UserID) error {
			c := e.newChallenge(userpool.ChallengeID(id), string(sub))
			c.Requester = id
			_, _, err := tx.OpenChallenge(e.ctx, c, e.now)
			return err
		},
		func(e *env, tx userpool.Tx, sub userpool.UserID) error {
			return tx.DeleteChallenges(e.ctx, e.pool, string(sub))
		},
		func(e *env, tx userpool.Tx, id string) bool {
			_, err := tx.Challenge(e.ctx, userpool.ChallengeID(id))
			return err == nil
		},
	},
}

var skewCases = func() (all []testCase) {
	for _, c := range endings {
		all = append(all, testCase{"Update/which ends a user's " + c.name + " ends those that begin meanwhile too", func(e *env) {
			for round := range rounds {
				sub := userpool.UserID(fmt.Sprint("sub", round))
				e.insertUser(e.newUser(sub))
				race(e, 8, func(tx userpool.Tx, i int) (bool, error) {
					u, err := tx.User(e.ctx, e.pool, sub)
					if err != nil || !u.Enabled {
						return false, err
					}
					if i%4 == 0 {
						if err := c.end(e, tx, sub); err != nil {
							return false, err
						}
						if u, err = tx.User(e.ctx, e.pool, sub); err != nil {
							return false, err
						}
						u.Enabled = false
						return true, tx.UpdateUser(e.ctx, u)
					}
					return true, c.begin(e, tx, fmt.Sprint(sub, "-", i), sub)
				})
				for i := range 8 {
					if read(e, func(tx userpool.Tx) (bool, error) { return c.alive(e, tx, fmt.Sprint(sub, "-", i)), nil }) {
						e.Fatalf("round %d: of a user who was disabled, number %d lives", round, i)
					}
				}
			}
		}})
	}
	return append(all,
		testCase{"DeleteRegistration/ends the challenges that open meanwhile too", func(e *env) {
			for round := range rounds {
				reg := userpool.RegistrationID(fmt.Sprint("registration", round))
				e.do(func(tx userpool.Tx) error { return tx.InsertRegistration(e.ctx, e.newRegistration(reg, string(reg))) })
				id := func(i int) userpool.ChallengeID { return userpool.ChallengeID(fmt.Sprint(reg, "-", i)) }
				race(e, 8, func(tx userpool.Tx, i int) (bool, error) {
					_, err := tx.Registration(e.ctx, reg)
					switch {
					case errors.Is(err, userpool.ErrNotFound):
						return false, nil
					case err != nil:
						return false, err
					case i%4 == 0:
						return true, tx.DeleteRegistration(e.ctx, reg)
					}
					c := e.newChallenge(id(i), string(reg))
					c.Registration, c.Requester = reg, fmt.Sprint(i)
					_, isNew, err := tx.OpenChallenge(e.ctx, c, e.now)
					return isNew, err
				})
				for i := range 8 {
					absent(e, "a challenge of a sign-up that is over", func(tx userpool.Tx) (userpool.Challenge, error) {
						return tx.Challenge(e.ctx, id(i))
					})
				}
			}
		}},
		testCase{"DeletePool/leaves no family to a pool of the same id", func(e *env) {
			for round := range rounds {
				pool, sub := userpool.PoolID(fmt.Sprint("us-east-1_Gone", round)), userpool.UserID(fmt.Sprint("sub", round))
				u := e.newUser(sub)
				u.PoolID = pool
				begin := func(tx userpool.Tx) error {
					return errors.Join(tx.InsertPool(e.ctx, e.newPool(pool)), tx.InsertUser(e.ctx, u))
				}
				e.do(begin)
				id := func(i int) userpool.FamilyID { return userpool.FamilyID(fmt.Sprint(sub, "-", i)) }
				race(e, 8, func(tx userpool.Tx, i int) (bool, error) {
					_, err := tx.User(e.ctx, pool, sub)
					switch {
					case errors.Is(err, userpool.ErrNotFound):
						return false, nil
					case err != nil:
						return false, err
					case i == 4:
						return true, tx.DeletePool(e.ctx, pool)
					}
					f := e.newFamily(id(i), sub)
					f.PoolID = pool
					return true, tx.InsertFamily(e.ctx, f)
				})
				e.do(begin)
				for i := range 8 {
					absent(e, "a family of the pool before", func(tx userpool.Tx) (userpool.Family, error) {
						return tx.Family(e.ctx, id(i))
					})
				}
			}
		}},
		testCase{"DeleteGroup/leaves no members to a group of the same name", func(e *env) {
			for round := range rounds {
				name, sub := fmt.Sprint("group", round), userpool.UserID(fmt.Sprint("sub", round))
				e.insertUser(e.newUser(sub))
				e.insertGroup(e.newGroup(name))
				race(e, 6, func(tx userpool.Tx, i int) (bool, error) {
					if i == 0 {
						return true, tx.DeleteGroup(e.ctx, e.pool, name)
					}
					return tx.JoinGroup(e.ctx, userpool.Membership{PoolID: e.pool, Group: name, User: sub, AddedAt: e.now}, 10)
				})
				e.insertGroup(e.newGroup(name))
				groups := read(e, func(tx userpool.Tx) ([]userpool.Group, error) { return tx.GroupsOf(e.ctx, e.pool, sub) })
				equal(e, "groups of who joined the one before", len(groups), 0)
			}
		}},
		testCase{"InsertRegistration/by many who found room leaves no more than there is room for", func(e *env) {
			const most = 3
			for round := range rounds {
				name := fmt.Sprint("name", round)
				race(e, 8, func(tx userpool.Tx, i int) (bool, error) {
					all, err := tx.Registrations(e.ctx, e.pool, name, e.now)
					if err != nil || len(all) >= most {
						return false, err
					}
					r := e.newRegistration(userpool.RegistrationID(fmt.Sprint("reg", round, "-", i)), name)
					return true, tx.InsertRegistration(e.ctx, r)
				})
				all := read(e, func(tx userpool.Tx) ([]userpool.Registration, error) {
					return tx.Registrations(e.ctx, e.pool, name, e.now)
				})
				equal(e, "sign-ups of one name", len(all), most)
			}
		}},
		testCase{"InsertKey/by many who found none is done once", func(e *env) {
			for round := range rounds {
				use := fmt.Sprint("use", round)
				race(e, 6, func(tx userpool.Tx, i int) (bool, error) {
					keys, err := tx.Keys(e.ctx, e.pool)
					if err != nil || len(keys) > round {
						return false, err
					}
					k := e.newKey(fmt.Sprint("kid", round, "-", i), e.pool)
					k.Use = use
					return true, tx.InsertKey(e.ctx, k)
				})
				equal(e, "keys", len(e.keys(e.pool)), round+1)
			}
		}})
}()
