package userpool_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func TestExistence_LoginByTheIDThatWasTold_TellsNothing(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		look := func(number string) (seen []string) {
			r := w.custom(stranger, number)
			id := r.Parameters["USERNAME"]
			for i := range 4 {
				from := caller(fmt.Sprintf("198.51.100.%d", 100+i))
				byID, err := w.initiate(from, "CUSTOM_AUTH", "", "USERNAME", id)
				seen = append(seen, fmt.Sprint(byID.Parameters["CODE_DELIVERY_DESTINATION"] == r.Parameters["CODE_DELIVERY_DESTINATION"],
					byID.Parameters["USERNAME"] == id, err))
			}
			return seen
		}
		if known, unknown := look(asha), look(ravi); fmt.Sprint(known) != fmt.Sprint(unknown) {
			t.Errorf("known %v, unknown %v", known, unknown)
		}
	})
}

func TestExistence_EveryFactorIsOfferedToEverybody(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		known, err := w.initiate(stranger, "USER_AUTH", "", "USERNAME", asha)
		w.must(err)
		unknown, err := w.initiate(stranger, "USER_AUTH", "", "USERNAME", ravi)
		w.must(err)
		if shape(known, nil) != shape(unknown, nil) {
			t.Errorf("known %q, unknown %q", shape(known, nil), shape(unknown, nil))
		}
	})
}

func TestExistence_StrictSignUpThenItsPassword_TellsNothing(t *testing.T) {
	inWorld(t, options{behaviour: userpool.Strict}, func(w *world) {
		w.member(home, asha, password)
		look := func(number string) string {
			r := w.signUp(stranger, number, intruders)
			_, err := w.passwordOf(stranger, number, intruders)
			s, srpErr := w.initiate(stranger, "USER_SRP_AUTH", "", "USERNAME", number, "SRP_A", "2")
			w.must(srpErr)
			byNumber, bySub := w.custom(stranger, number), w.custom(stranger, string(r.Sub))
			return fmt.Sprint(err, s.Parameters["USER_ID_FOR_SRP"] == string(r.Sub),
				byNumber.Parameters["USERNAME"] == bySub.Parameters["USERNAME"],
				s.Parameters["USER_ID_FOR_SRP"] == bySub.Parameters["USERNAME"])
		}
		if known, unknown := look(asha), look(ravi); known != unknown {
			t.Errorf("known %s, unknown %s", known, unknown)
		}
	})
}

// indian is a provider that takes texts to India alone.
type indian struct{ *smstest.Phone }

func (indian) Check(_ time.Time, d sms.Destination) error {
	if !strings.HasPrefix(d.To.E164(), "+91") {
		return fault.New(fault.CodeDeliveryFailure, "No texts to there.")
	}
	return nil
}

func TestExistence_NamesWhoseTextsTheProviderRefuses_TellNothing(t *testing.T) {
	inWorld(t, options{design: aliasNames}, func(w *world) {
		w.create("asha", attr("phone_number", asha), attr("phone_number_verified", "true"))
		w.create("miguel", attr("phone_number", "+525512345678"), attr("phone_number_verified", "true"))
		w.through(indian{w.phone})
		for _, name := range []string{"asha", "miguel", "nobody"} {
			r, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", name)
			w.must(err)
			_, err = w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", name, "ANSWER", "000000")
			w.must(err)
			_, err = w.initiate(home, "USER_AUTH", "", "USERNAME", name, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
			w.must(w.resend(mobile, name))
		}
		w.settle()
		if n := len(w.phone.Texts()); w.texts(asha) != 2 || n != 2 {
			t.Errorf("%d texts, %d of them to the one who can get any", n, w.texts(asha))
		}
		_, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", "+525512345678")
		w.want(err, fault.CodeDeliveryFailure, "") // what was typed may be told
	})
}

func TestExistence_UserNames_TheMediumTellsNothing(t *testing.T) {
	inWorld(t, options{design: aliasNames, limitsOff: true}, func(w *world) {
		media := map[string]int{}
		for i := range 40 {
			name := fmt.Sprint("nobody", i)
			reset, err := w.forgot(home, name)
			w.must(err)
			r, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", name)
			w.must(err)
			told := r.Parameters
			if told["CODE_DELIVERY_DELIVERY_MEDIUM"] != reset.Medium || told["CODE_DELIVERY_DESTINATION"] != reset.Destination {
				t.Fatalf("%s is reached at %v, and by a reset at %+v", name, told, reset)
			}
			media[reset.Medium]++
		}
		if media["SMS"] == 0 || media["EMAIL"] == 0 {
			t.Errorf("a medium tells that there is a user: %v", media)
		}
	})
}

func TestExistence_StrictWithAliases_NamesOfOnesOwnTellNothing(t *testing.T) {
	inWorld(t, options{behaviour: userpool.Strict, design: aliasNames}, func(w *world) {
		access := w.aliased("asha", asha, ashaMail)
		_, err := w.update(access, attr("preferred_username", "ash"))
		w.must(err)
		for _, name := range []string{"asha", "ash", "nobody", "no"} {
			r, err := w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", name, "SRP_A", "2")
			w.must(err)
			srp := r.Parameters["USER_ID_FOR_SRP"]
			told := w.custom(home, name).Parameters["USERNAME"]
			if len(srp) != 36 || told != srp {
				t.Errorf("%s is told %s, and %s by SRP", name, told, srp)
			}
		}
	})
}

// saidAhead notes what transactions say that they are going to read.
type saidAhead struct {
	userpool.Store
	said []string
}

type foretelling struct {
	userpool.Tx
	s *saidAhead
}

func (s *saidAhead) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	return s.Store.Update(ctx, func(tx userpool.Tx) error { return fn(foretelling{tx, s}) })
}

func (tx foretelling) Ahead(ctx context.Context, read func(userpool.Tx)) { read(reading(tx)) }

type reading struct {
	userpool.Tx
	s *saidAhead
}

func (r reading) User(ctx context.Context, pool userpool.PoolID, id userpool.UserID) (userpool.User, error) {
	r.s.said = append(r.s.said, "user")
	return r.Tx.User(ctx, pool, id)
}

func (r reading) GroupsOf(ctx context.Context, pool userpool.PoolID, id userpool.UserID) ([]userpool.Group, error) {
	r.s.said = append(r.s.said, "groups")
	return r.Tx.GroupsOf(ctx, pool, id)
}

// A wrong code costs the database the same, whether or not there is somebody.
func TestExistence_WhatIsReadAheadOfAWrongCode_TellsNothing(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.pass(time.Minute)
		store := &saidAhead{Store: w.store}
		w.on(store)
		var said [2]string
		for i, number := range []string{asha, ravi} {
			r := w.custom(stranger, number)
			store.said = nil
			_, err := w.s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{
				Caller: stranger, ClientID: w.client, Challenge: "CUSTOM_CHALLENGE", Session: r.Session,
				Responses: map[string]string{"USERNAME": number, "ANSWER": "000000x"},
			})
			w.must(err)
			said[i] = strings.Join(store.said, " ")
		}
		if said[0] != said[1] || said[0] == "" {
			t.Errorf("known %q, unknown %q", said[0], said[1])
		}
	})
}
