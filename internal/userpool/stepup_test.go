package userpool_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

// judge judges captchas as it is told to.
type judge struct {
	asked int
	err   error
	aside bool // the request stands aside
}

func (j *judge) Verify(context.Context, stepup.Evidence) error {
	if !j.aside {
		return stepup.ErrWrong
	}
	j.asked++
	return j.err
}

// stand has a request stand aside.
func (j *judge) stand(context.Context) (back func()) {
	j.aside = true
	return func() { j.aside = false }
}

// inWaryWorld is inWorld where strangers have spent so much that each text to one of
// them wants more proof.
func inWaryWorld(t *testing.T, j *judge, test func(w *world)) {
	t.Helper()
	inbound, err := phone.Parse("+447700900123")
	if err != nil {
		t.Fatal(err)
	}
	s := worldtest.Roomy()
	price := s.Prices.Price(asha)
	s.Budgets = guard.Budgets{Server: guard.Budget{Day: 1000 * price}}
	s.Tuning.Soft = 0.0025 // two texts and a half
	bothCodes := func(s *userpool.PoolSettings) { s.AutoVerified = []string{"phone_number", "email"} }
	o := options{guard: &s, design: bothCodes, aside: j.stand, stepUp: &userpool.StepUp{
		Settings: stepup.Settings{
			Ways: []stepup.Kind{stepup.TextUs, stepup.Turnstile, stepup.Work}, Work: stepup.Bounds{Least: 6, Most: 8}, Number: inbound,
			Captchas: map[stepup.Kind]stepup.Captcha{stepup.Turnstile: {SiteKey: "site", Secret: "secret"}},
		},
		Verifiers: map[stepup.Kind]stepup.Verifier{stepup.Turnstile: j},
	}}
	inWorld(t, o, func(w *world) {
		w.signUp(caller("192.0.2.1"), "+919811111112", "")
		w.signUp(caller("192.0.2.1"), "+919811111113", "")
		test(w)
	})
}

// demand is what a client reads of a refusal.
type demand struct {
	Demand string
	Ways   []struct {
		Kind stepup.Kind
		Text string
		Bits int
	}
}

// demanded reads the demand that a refusal must be.
func (w *world) demanded(err error) demand {
	w.t.Helper()
	if !fault.Is(err, fault.StepUpRequired) {
		w.t.Fatalf("%v is no demand", err)
	}
	var d demand
	if err := json.Unmarshal([]byte(strings.TrimPrefix(err.Error(), stepup.Prefix)), &d); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// signUpDemand is the demand that a sign-up without a proof is refused by.
func (w *world) signUpDemand(c userpool.Caller, number string) demand {
	w.t.Helper()
	err := w.signsUp(c, number)
	return w.demanded(err)
}

func (d demand) bits() int { return d.Ways[len(d.Ways)-1].Bits }

// work is the counter that meets the demand.
func (d demand) work() string {
	for n := 0; ; n++ {
		counter := fmt.Sprint(n)
		sum := sha256.Sum256([]byte(d.Demand + ":" + counter))
		if sum[0]>>(8-d.bits()) == 0 {
			return counter
		}
	}
}

// with is the caller who sends a proof of the kind.
func (d demand) with(c userpool.Caller, kind stepup.Kind, answer string) userpool.Caller {
	raw, _ := json.Marshal(map[string]string{"demand": d.Demand, "kind": string(kind), "answer": answer})
	c.Told = map[string]string{"step-up": string(raw)}
	return c
}

func TestStepUp_AProof_SendsItsNumberOneText(t *testing.T) {
	inWaryWorld(t, &judge{}, func(w *world) {
		d := w.signUpDemand(home, asha)
		if w.texts(asha) != 0 {
			t.Error("a text was sent without a proof")
		}
		proved := d.with(home, stepup.Work, d.work())
		w.demanded(w.signsUp(proved, ravi)) // it was made of another number
		w.must(w.signsUp(proved, asha))
		w.demanded(w.signsUp(proved, asha)) // replayed
		if n := w.texts(asha) + w.texts(ravi); n != 1 {
			t.Errorf("%d texts", n)
		}
		_, err := w.confirm(home, asha, w.code(asha), "")
		w.must(err)
		d = w.demanded(w.begin(home, asha))
		w.must(w.begin(d.with(home, stepup.Work, d.work()), asha))
	})
}

// Who has signed in is known, and is not asked. Nobody is, either: that would tell
// one from the other.
func TestStepUp_KnownNumbers_AndThoseOfNobody_AreNotAsked(t *testing.T) {
	inWaryWorld(t, &judge{}, func(w *world) {
		d := w.signUpDemand(home, asha)
		w.must(w.signsUp(d.with(home, stepup.Work, d.work()), asha))
		session, err := w.confirm(home, asha, w.code(asha), "")
		w.must(err)
		r, err := w.initiate(home, "USER_AUTH", session, "USERNAME", asha)
		w.must(err)
		w.tokens(r)
		w.must(w.begin(stranger, asha))
		w.must(w.begin(stranger, "+919811111111"))
		if w.texts(asha) != 2 || w.texts("+919811111111") != 0 {
			t.Error("the texts are others")
		}
	})
}

func TestStepUp_WhatAMeantProofIsNot_CountsAgainstItsAddress(t *testing.T) {
	inWaryWorld(t, &judge{}, func(w *world) {
		d := w.signUpDemand(home, asha)
		proof, tries := d.with(home, stepup.Work, d.work()), 0
		for {
			forged := d
			forged.Demand = strings.Repeat("A", 80)
			err := w.signsUp(forged.with(home, stepup.Work, "1"), asha)
			if fault.Is(err, fault.TooManyRequests) {
				break
			}
			w.demanded(err)
			if tries++; tries > 50 {
				t.Fatal("forged proofs are judged without end")
			}
		}
		w.want(w.signsUp(proof, asha), fault.TooManyRequests, "")
		theirs := w.signUpDemand(stranger, ravi)
		w.must(w.signsUp(theirs.with(stranger, stepup.Work, theirs.work()), ravi)) // others are not held to it
		w.pass(time.Hour)
		again := w.signUpDemand(home, asha)
		w.must(w.signsUp(again.with(home, stepup.Work, again.work()), asha))
	})
}

// A replay is found out inside the transaction, which is rolled back.
func TestStepUp_ReplaysAndOtherNumbers_AreCountedThoughTheirTransactionIsNot(t *testing.T) {
	inWaryWorld(t, &judge{}, func(w *world) {
		d := w.signUpDemand(home, asha)
		proof := d.with(home, stepup.Work, d.work())
		w.must(w.signsUp(proof, asha))
		for i := range 50 {
			number := []string{asha, ravi}[i%2]
			err := w.signsUp(proof, number)
			w.pass(time.Second) // until it is written down
			if fault.Is(err, fault.TooManyRequests) {
				return
			}
			w.demanded(err)
		}
		t.Error("they are not counted")
	})
}

func TestStepUp_PatienceAndBadLuck_CountAgainstNobody(t *testing.T) {
	j := &judge{}
	inWaryWorld(t, j, func(w *world) {
		for range 4 { // of three each, more than are forgiven
			d := w.signUpDemand(home, asha)
			w.demanded(w.signsUp(d.with(home, stepup.TextUs, ""), asha)) // not yet
			elsewhere := mobile
			w.demanded(w.signsUp(d.with(elsewhere, stepup.Work, d.work()), asha))
			w.pass(stepup.Life)
			w.demanded(w.signsUp(d.with(home, stepup.Work, d.work()), asha)) // too late
			j.err = context.DeadlineExceeded
			d = w.signUpDemand(home, asha)
			w.demanded(w.signsUp(d.with(home, stepup.Turnstile, "token"), asha))
			w.pass(time.Minute)
		}
		j.err = nil
		d := w.signUpDemand(home, asha)
		w.must(w.signsUp(d.with(home, stepup.Turnstile, "token"), asha))
		if w.texts(asha) != 1 || j.asked != 5 {
			t.Errorf("%d texts, the judge was asked %d times", w.texts(asha), j.asked)
		}
		if n := strings.Count(w.log.String(), "level=WARN"); n != 4 {
			t.Errorf("the operator was warned %d times of a judge that was down:\n%s", n, w.log)
		}
	})
}

func TestStepUp_ATextToUs_IsAProofForItsNumber(t *testing.T) {
	inWaryWorld(t, &judge{}, func(w *world) {
		d := w.signUpDemand(home, asha)
		proof := d.with(home, stepup.TextUs, "")
		for id, from := range []string{ravi, asha} {
			w.demanded(w.signsUp(proof, asha))
			w.textIn(fmt.Sprint(id), from, strings.ToLower(d.Ways[0].Text))
		}
		w.pass(9 * time.Minute)
		w.must(w.signsUp(proof, asha))
		w.demanded(w.signsUp(proof, asha))
	})
}

// The more demands an address has had, the more work is asked for.
func TestStepUp_Work_GrowsWithTheDemands(t *testing.T) {
	inWaryWorld(t, &judge{}, func(w *world) {
		first := w.signUpDemand(home, asha).bits()
		for range 20 {
			w.signUpDemand(home, asha)
			w.pass(time.Second)
		}
		if last := w.signUpDemand(home, asha).bits(); first != 6 || last != 8 {
			t.Errorf("from %d bits to %d", first, last)
		}
		if other := w.signUpDemand(stranger, asha).bits(); other != 6 {
			t.Errorf("another address is asked for %d", other)
		}
		w.pass(time.Hour)
		if later := w.signUpDemand(home, asha).bits(); later != 6 {
			t.Errorf("an hour later %d bits", later)
		}
	})
}

// signsUp signs a number up, as a call of the API does, and waits until what it leaves
// behind is written.
func (w *world) signsUp(c userpool.Caller, number string) error {
	defer w.settle()
	return w.audited("SignUp", func(ctx context.Context) error {
		_, err := w.s.SignUp(ctx, userpool.SignUpRequest{Caller: c, ClientID: w.client, Username: number})
		return err
	})
}

// begin asks for a code to sign in with.
func (w *world) begin(c userpool.Caller, number string) error {
	_, err := w.initiate(c, "CUSTOM_AUTH", "", "USERNAME", number)
	return err
}
