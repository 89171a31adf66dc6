package userpool_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

// shipped are the guard's own settings.
func shipped() *guard.Settings {
	s := guard.Default()
	return &s
}

// neighbour is a number of asha's block of ten thousand.
func neighbour(i int) string { return fmt.Sprintf("%s%04d", asha[:len(asha)-4], i) }

// from is somebody at an address of his own.
func from(i int) userpool.Caller { return caller(fmt.Sprintf("192.0.%d.%d", i/200, 1+i%200)) }

// closeBlock has strangers ask for texts until asha's block has no credit.
func (w *world) closeBlock() {
	w.t.Helper()
	for i := range 60 {
		if _, err := w.trySignUp(from(i), neighbour(i), ""); err != nil {
			w.want(err, fault.StepUpRequired, stepup.Prefix)
			return
		}
	}
	w.t.Fatal("a block is sent sixty texts that nobody answers")
}

// proofOf meets a demand of proof of work, as the error of a request has it.
func (w *world) proofOf(err error) map[string]string {
	w.t.Helper()
	w.want(err, fault.StepUpRequired, stepup.Prefix)
	var asked struct {
		Demand string
		Ways   []struct {
			Kind string
			Bits int
		}
	}
	w.must(json.Unmarshal([]byte(strings.TrimPrefix(err.Error(), stepup.Prefix)), &asked))
	for i := 0; ; i++ {
		sum := sha256.Sum256([]byte(asked.Demand + ":" + strconv.Itoa(i)))
		if zeros := bits.LeadingZeros32(uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])); zeros >= asked.Ways[0].Bits {
			proof, err := json.Marshal(map[string]string{"demand": asked.Demand, "kind": asked.Ways[0].Kind, "answer": strconv.Itoa(i)})
			w.must(err)
			return map[string]string{"step-up": string(proof)}
		}
	}
}

func telling(c userpool.Caller, told map[string]string) userpool.Caller {
	c.Told = told
	return c
}

func TestGuard_ClosedPrefix_HoldsUpStrangersAlone(t *testing.T) {
	inWorld(t, options{guard: shipped()}, func(w *world) {
		tokens := w.member(home, asha, "")
		device := w.newDevice(tokens)
		w.closeBlock()
		before := w.texts(asha)
		w.custom(stranger, asha) // a known number, whoever asks
		if n := w.texts(asha) - before; n != 1 {
			t.Errorf("%d texts to a number that has signed in", n)
		}
		on := home
		on.Device = device
		w.custom(on, asha)
		if n := w.texts(asha) - before; n != 2 {
			t.Errorf("%d texts when its device asks too", n)
		}
		_, err := w.trySignUp(from(99), neighbour(99), "")
		proof := w.proofOf(err)
		w.want(second(w.trySignUp(telling(from(99), proof), neighbour(98), "")), fault.StepUpRequired, "") // another number's
		w.must(second(w.trySignUp(telling(from(99), proof), neighbour(99), "")))
		if n := w.texts(neighbour(99)); n != 1 {
			t.Errorf("%d texts after a step-up", n)
		}
		w.pass(2 * time.Minute)
		w.want(second(w.trySignUp(telling(from(99), proof), neighbour(99), "")), fault.StepUpRequired, "") // replayed, and late
	})
}

func second[T any](_ T, err error) error { return err }

func TestGuard_ForgedProofs_CountAgainstTheirSender(t *testing.T) {
	inWorld(t, options{guard: shipped()}, func(w *world) {
		w.closeBlock()
		forged := map[string]string{"step-up": `{"demand":"AAAA","kind":"proof-of-work","answer":"1"}`}
		var err error
		n := 0
		for ; n < 80; n++ {
			if _, err = w.trySignUp(telling(from(98), forged), neighbour(100+n), ""); fault.Is(err, fault.TooManyRequests) {
				break
			}
		}
		if n != 30 {
			t.Errorf("%d forged proofs are looked at, then %v", n, err)
		}
		w.must(second(w.trySignUp(from(97), ravi, ""))) // somebody else is not held up
	})
}

// A replay is found inside the transaction, which rolls back: it counts all the same.
func TestGuard_ReplayedProof_CountsAgainstItsSender(t *testing.T) {
	inWorld(t, options{guard: shipped()}, func(w *world) {
		w.closeBlock()
		_, err := w.trySignUp(from(90), neighbour(90), "")
		proof := w.proofOf(err)
		again := func(number string) error {
			return w.audited("SignUp", func(ctx context.Context) error {
				_, err := w.s.SignUp(ctx, userpool.SignUpRequest{Caller: telling(from(90), proof), ClientID: w.client, Username: number})
				return err
			})
		}
		w.must(again(neighbour(90)))
		w.pass(31 * time.Second) // past the resend gap, within the demand's life
		w.want(again(neighbour(90)), fault.StepUpRequired, "")
		n := 1
		for ; n < 80; n++ {
			w.settle()
			w.pass(100 * time.Millisecond) // it is counted a moment later
			if err = again(neighbour(100 + n)); fault.Is(err, fault.TooManyRequests) {
				break
			}
		}
		if n != 30 {
			t.Errorf("%d proofs of others are looked at, then %v", n, err)
		}
	})
}

func TestGuard_DecisionLog_TellsWhatBecameOfATextAndOfWhom(t *testing.T) {
	inWorld(t, options{guard: shipped()}, func(w *world) {
		log := func(number string) []guard.Entry {
			x, err := w.s.Explain(w.ctx, phone.FromCanonical(number))
			w.must(err)
			return x.Log
		}
		w.must(w.auditedSignUp(asha))
		w.settle()
		if l := log(asha); len(l) != 1 || l[0].Verdict != guard.Send || !l[0].UsedAt.IsZero() || l[0].Operation != "SignUp" || l[0].Ask.Price <= 0 {
			t.Fatalf("after a sign-up: %+v", l)
		}
		w.must(second(w.confirm(home, asha, w.code(asha), "")))
		if l := log(asha); l[0].UsedAt.IsZero() || strings.Contains(l[0].Ask.Party.Address, ".") {
			t.Errorf("after its code: %+v", l)
		}
		w.phone.Fail(&sms.SendError{Outcome: sms.SurelyNotSent})
		w.must(w.auditedSignUp(ravi))
		w.settle()
		w.pass(time.Second)
		if l := log(ravi); len(l) != 1 || !l[0].Unsent {
			t.Errorf("of a text that surely was not sent: %+v", l)
		}
		w.phone.Fail(nil)
		w.closeBlock()
		w.must(errOf(w.auditedSignUp(neighbour(77)), fault.StepUpRequired))
		w.pass(time.Second) // it is written a moment later
		if l := log(neighbour(77)); len(l) != 1 || l[0].Verdict != guard.StepUp || l[0].Rule != guard.RuleBlock || len(l[0].Levels) == 0 || l[0].Until.IsZero() {
			t.Errorf("of a refusal: %+v", l)
		}
		for _, row := range w.trail(userpool.AuditFilter{Operation: "SignUp", Outcome: userpool.OutcomeRefused}) {
			if !strings.Contains(row.Detail, `"guard":"prefix-window"`) {
				t.Errorf("the audit trail does not name the rule: %s", row.Detail)
			}
		}
	})
}

// errOf is nil if the error is of the kind.
func errOf(err error, kind fault.Kind) error {
	if fault.Is(err, kind) {
		return nil
	}
	return errors.Join(errors.New("not refused as it should be"), err)
}

func TestGuard_UsedAndUnsentTexts_AreGivenBackInMoney(t *testing.T) {
	inWorld(t, options{guard: shipped()}, func(w *world) {
		spent := func() (all float64) {
			st, err := w.s.GuardStatus(w.ctx)
			w.must(err)
			for _, b := range st.Budgets {
				if b.Of == "server/hour" {
					return b.Have
				}
			}
			return -1
		}
		if n := spent(); n != 0 {
			t.Fatalf("$%f at first", n)
		}
		w.signUp(home, asha, "")
		if n := spent(); n <= 0 {
			t.Errorf("$%f after a text", n)
		}
		w.must(second(w.confirm(home, asha, w.code(asha), "")))
		if n := spent(); n != 0 {
			t.Errorf("$%f after its code", n)
		}
		w.phone.Fail(&sms.SendError{Outcome: sms.SurelyNotSent})
		w.signUp(home, ravi, "")
		w.settle()
		w.pass(time.Second)
		if n := spent(); n != 0 {
			t.Errorf("$%f after a text that surely was not sent", n)
		}
	})
}

func TestGuard_DeniedCountry_IsToldBeforeAnybodyIsLookedUp(t *testing.T) {
	settings := shipped()
	settings.Countries.Allow = []string{"US"}
	inWorld(t, options{guard: settings}, func(w *world) {
		for name, ask := range map[string]func() error{
			"SignUp":         func() error { return second(w.trySignUp(home, asha, "")) },
			"CUSTOM_AUTH":    func() error { return second(w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha)) },
			"ForgotPassword": func() error { return second(w.forgot(home, asha)) },
		} {
			if err := ask(); !fault.Is(err, fault.CodeDeliveryFailure) {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.must(second(w.trySignUp(home, "+14155550123", "")))
		w.must(errOf(w.auditedSignUp(asha), fault.CodeDeliveryFailure))
		w.pass(time.Second) // it is written a moment later
		x, err := w.s.Explain(w.ctx, phone.FromCanonical(asha))
		w.must(err)
		if l := x.Log; len(l) != 1 || l[0].Verdict != guard.Refuse || l[0].Rule != guard.RuleCountry || l[0].Of != "IN" || l[0].RequestID != "SignUp" {
			t.Errorf("the decision log has %+v", l)
		}
	})
}

func TestTestNumber_HasItsCodeAndIsSentNothing(t *testing.T) {
	settings := shipped()
	settings.Tests = []guard.TestNumber{{Number: phone.FromCanonical("+14155550123"), Code: fixedCode(t, "314159"), Until: time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)}}
	inWorld(t, options{guard: settings}, func(w *world) {
		const number = "+14155550123"
		for i := range 30 { // no limit of texts
			w.must(second(w.trySignUp(from(i), number, "")))
			w.pass(time.Minute)
		}
		w.settle()
		if n := w.texts(number); n != 0 {
			t.Errorf("%d texts to a test number", n)
		}
		w.want(second(w.confirm(from(29), number, "314158", "")), fault.CodeMismatch, "")
		w.must(second(w.confirm(from(29), number, "314159", "")))
		r, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", number)
		w.must(err)
		done, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", number, "ANSWER", "314159")
		w.must(err)
		w.tokens(done)
		w.pass(24 * time.Hour)
		r, err = w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", number)
		w.must(err)
		w.settle()
		if n := w.texts(number); n != 1 {
			t.Errorf("%d texts after its last day", n)
		}
		if r, err = w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", number, "ANSWER", "314159"); err == nil && r.Tokens != nil {
			t.Error("its code serves after its last day")
		}
	})
}

// Wrong answers over all numbers of a pool are bounded, and an owner's device is not
// held up by them.
func TestGuard_Spray_IsBoundedByThePool(t *testing.T) {
	settings := worldtest.Roomy()
	settings.Tuning.Guesses = guard.Default().Tuning.Guesses
	settings.Tuning.Guesses.PerDay, settings.Tuning.Guesses.Alarm = 60, 20
	inWorld(t, options{guard: &settings}, func(w *world) {
		device := w.newDevice(w.member(home, asha, ""))
		compared, asked := 0, 0
		var err error
		for i := range 40 {
			w.signUp(from(i), neighbour(i), "")
			for range 3 {
				if _, err = w.confirm(from(i), neighbour(i), wrongCode(w.code(neighbour(i))), ""); fault.Is(err, fault.CodeMismatch) {
					compared++
				} else if fault.Is(err, fault.StepUpRequired) {
					asked++
				}
			}
		}
		if compared < 20 || compared > 24 || asked == 0 {
			t.Errorf("%d wrong answers are compared, %d asked for more proof, of 120", compared, asked)
		}
		on := home
		on.Device = device
		r := w.custom(on, asha)
		done, err := w.answer(on, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.must(err)
		w.tokens(done)
		if w.pass(15 * time.Second); !strings.Contains(w.log.String(), "somebody guesses codes") {
			t.Error("no alarm in the log")
		}
	})
}

// The users of a store that is older than the log of numbers are filled in.
func TestKnown_UsersOfBefore_AreFilledIn(t *testing.T) {
	inWorld(t, options{guard: shipped()}, func(w *world) {
		w.stop()
		now := time.Now().UTC()
		for i := range 450 {
			active := now.Add(-time.Duration(i%2*200) * 24 * time.Hour)
			w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error {
				if err := tx.PutMeta(w.ctx, "known numbers", ""); err != nil {
					return err
				}
				number := neighbour(i)
				return tx.InsertUser(w.ctx, userpool.User{
					PoolID: w.pool, ID: userpool.UserID(fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)), Username: number, Names: []string{number},
					Status: userpool.StatusConfirmed, Enabled: true,
					Attributes: map[string]string{"phone_number": number, "phone_number_verified": "true"},
					CreatedAt:  active, ModifiedAt: active, SignedInAt: active, ActiveAt: active,
				})
			}))
		}
		w.start()
		w.settle()
		w.pass(time.Minute)
		for i, want := range map[int]bool{0: true, 1: false, 448: true, 449: false, 450: false} {
			x, err := w.s.Explain(w.ctx, phone.FromCanonical(neighbour(i)))
			w.must(err)
			if x.Known != want {
				t.Errorf("number %d is known: %t", i, x.Known)
			}
		}
	})
}

func fixedCode(t *testing.T, digits string) otp.Code {
	t.Helper()
	code, ok := otp.Fixed(digits)
	if !ok {
		t.Fatalf("%s is no code", digits)
	}
	return code
}

// An invitation is a text as well.
func TestTestNumber_IsNotInvitedByText(t *testing.T) {
	const number = "+14155550123"
	settings := shipped()
	settings.Tests = []guard.TestNumber{{Number: phone.FromCanonical(number), Code: fixedCode(t, "314159"), Until: time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)}}
	inWorld(t, options{guard: settings}, func(w *world) {
		for _, name := range []string{number, asha} {
			w.must(second(w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: name, TemporaryPassword: "Temp-Pass-12"})))
		}
		w.settle()
		if test, other := w.texts(number), w.texts(asha); test != 0 || other != 1 {
			t.Errorf("%d texts to a test number that is invited, %d to another", test, other)
		}
	})
}

// Codes that are sent to nobody are used by nobody, which says nothing of the server
// or of a carrier: else whoever tries names would have the guard think that no text
// arrives, and be held less to account.
func TestGuard_NamesWithoutAUser_AreNoTextsThatDoNotArrive(t *testing.T) {
	settings := shipped()
	settings.Tuning.Feedback.All, settings.Tuning.Feedback.Known = 5, 5
	inWorld(t, options{guard: settings}, func(w *world) {
		for i := range 12 {
			w.must(second(w.initiate(from(i), "CUSTOM_AUTH", "", "USERNAME", neighbour(i))))
		}
		w.pass(3 * time.Minute)
		st, err := w.s.GuardStatus(w.ctx)
		w.must(err)
		if len(st.Standings) > 0 {
			t.Errorf("after sign-ins of nobody: %+v", st.Standings)
		}
	})
}

// A device is known to the numbers that its user has signed in by. One that he wants
// to have is anybody's, and he may want one after the other.
func TestGuard_NumbersToMoveTo_AreStrangersOnAKnownDeviceToo(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.CognitoExact} {
		t.Run(string(behaviour), func(t *testing.T) {
			set := func(s *userpool.PoolSettings) { s.Devices = &userpool.DeviceSettings{} }
			inWorld(t, options{behaviour: behaviour, guard: shipped(), design: set}, func(w *world) {
				tokens := w.member(home, asha, "")
				on := home
				on.Device = w.newDevice(tokens)
				sent := 0
				for i := range 30 {
					_, err := w.s.UpdateUserAttributes(w.ctx, on, tokens.Access, []userpool.Attribute{attr("phone_number", neighbour(100+i))}, nil)
					if err == nil {
						sent++
					}
					w.pass(time.Second)
				}
				if sent > 15 {
					t.Errorf("%d of a block's numbers are texted", sent)
				}
			})
		})
	}
}
