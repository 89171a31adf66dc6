package userpool_test

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

// inSprayedWorld is inWorld where one wrong answer is enough for answers to want more
// proof; the test has it given whenever it likes.
func inSprayedWorld(t *testing.T, o options, test func(w *world, spray func())) {
	t.Helper()
	settings := worldtest.Roomy()
	settings.Tuning.Guesses = guard.Guesses{PerDay: 1000, Alarm: 1}
	o.guard, o.design = &settings, plainNames
	inWorld(t, o, func(w *world) {
		n := 0
		test(w, func() {
			n++
			w.signUp(from(n), "eve"+string(rune('a'+n)), password, attr("phone_number", neighbour(n)))
			w.want(second(w.confirm(from(n), "eve"+string(rune('a'+n)), wrongCode(w.code(neighbour(n))), "")), fault.CodeMismatch, "")
		})
	})
}

// What answers a demand is taken by whatever can carry it, and nothing is asked of
// what cannot.
func TestStepUp_OfAnAnswer_CanBeMet(t *testing.T) {
	inSprayedWorld(t, options{}, func(w *world, spray func()) {
		// A stranger has signed up by the same name, with a number of his own.
		w.signUp(home, "Asha", password, attr("phone_number", asha))
		w.pass(time.Minute)
		w.signUp(stranger, "Asha", intruders, attr("phone_number", ravi))
		spray()
		_, err := w.confirm(home, "Asha", w.code(asha), "")
		_, err = w.confirm(telling(home, w.proofOf(err)), "Asha", w.code(asha), "")
		w.must(err)

		// An administrator asked for the code, by no app client.
		w.must(w.s.AdminResetUserPassword(w.ctx, home, w.pool, "Asha", nil))
		spray()
		err = w.reset(home, "Asha", w.code(asha), password+"!")
		w.must(w.reset(telling(home, w.proofOf(err)), "Asha", w.code(asha), password+"!"))

		// Cognito's operation has no ClientMetadata.
		auth, err := w.byPassword("Asha", password+"!")
		w.must(err)
		access := w.tokens(auth).Access
		w.must(second(w.update(access, attr("phone_number", neighbour(99)))))
		spray()
		w.must(w.verify(access, "phone_number", w.code(neighbour(99))))
	})
}

// Where nothing is offered, one who guesses must not keep everybody else out.
func TestStepUp_WhereNoneIsOffered_WrongAnswersHoldUpNobodyElse(t *testing.T) {
	inSprayedWorld(t, options{stepUp: &userpool.StepUp{}}, func(w *world, spray func()) {
		w.signUp(home, "Asha", password, attr("phone_number", asha))
		spray()
		w.must(second(w.confirm(home, "Asha", w.code(asha), "")))
	})
}

// A change of number and address at once is two codes and one proof.
func TestStepUp_OfTwoContactsAtOnce_TakesOneProof(t *testing.T) {
	inWaryWorld(t, &judge{}, func(w *world) {
		d := w.signUpDemand(home, asha)
		w.must(w.signsUp(d.with(home, stepup.Work, d.work()), asha))
		session, err := w.confirm(home, asha, w.code(asha), "")
		w.must(err)
		auth, err := w.initiate(home, "USER_AUTH", session, "USERNAME", asha)
		w.must(err)
		change := func(c userpool.Caller) error {
			_, err := w.s.UpdateUserAttributes(w.ctx, c, w.tokens(auth).Access,
				[]userpool.Attribute{attr("email", raviMail), attr("phone_number", "+919811111199")}, nil)
			return err
		}
		d = w.demanded(change(home))
		w.must(change(d.with(home, stepup.Work, d.work())))
		if n := w.texts("+919811111199"); n != 1 {
			t.Errorf("%d texts to the new number", n)
		}
	})
}

// A refusal for a proof that is none is explained like any other.
func TestStepUp_AProofThatIsNone_IsInTheDecisionLog(t *testing.T) {
	inWaryWorld(t, &judge{}, func(w *world) {
		d := w.signUpDemand(home, asha)
		proof := d.with(home, stepup.Work, d.work())
		w.must(w.signsUp(proof, asha))
		w.pass(time.Minute)
		w.demanded(w.signsUp(proof, ravi))
		w.pass(time.Second)
		x, err := w.s.Explain(w.ctx, phone.FromCanonical(ravi))
		w.must(err)
		if len(x.Log) != 1 || x.Log[0].Rule != guard.RuleStepUp || x.Log[0].Verdict != guard.StepUp {
			t.Errorf("%+v", x.Log)
		}
	})
}
