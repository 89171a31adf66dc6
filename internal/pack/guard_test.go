package pack_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// stranger signs up by the number: what Cognito asks until it texts.
func (w *world) stranger(number, proof string) error {
	metadata := trigger.Texts{}
	if proof != "" {
		metadata[stepup.Metadata] = proof
	}
	who := person{name: "user of " + number, attrs: trigger.Attributes{"phone_number": number, "cognito:user_status": "UNCONFIRMED"}}
	_, err := call[trigger.PreSignUpRequest, trigger.PreSignUpResponse](w, trigger.PreSignUpSignUp, person{name: who.name}, trigger.PreSignUpRequest{
		UserAttributes: trigger.Attributes{"phone_number": number}, ClientMetadata: metadata,
	})
	if err != nil {
		return err
	}
	return w.cognitoTexts(trigger.CustomMessageSignUp, who, metadata)
}

func (w *world) cognitoTexts(source trigger.Source, who person, metadata trigger.Texts) error {
	_, err := call[trigger.CustomMessageRequest, trigger.CustomMessageResponse](w, source, who, trigger.CustomMessageRequest{
		UserAttributes: who.attrs, CodeParameter: "{####}", LinkParameter: "{##Click Here##}", ClientMetadata: metadata,
	})
	return err
}

// confirms gives the code of the sign-up.
func (w *world) confirms(number string) {
	w.t.Helper()
	who := owner(number)
	who.name = "user of " + number
	_, err := call[trigger.PostConfirmationRequest, trigger.None](w, trigger.PostConfirmationConfirmSignUp, who, trigger.PostConfirmationRequest{UserAttributes: who.attrs})
	if err != nil {
		w.t.Fatal(err)
	}
}

// spent is what strangers' texts have cost and nobody has answered, in this hour.
func (w *world) spent() guard.Money {
	w.t.Helper()
	n, err := w.store.Count(w.ctx, "money/strangers/server/hour", w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return guard.Money(n)
}

func (w *world) cell(key guard.Key) (cell guard.Cell) {
	w.t.Helper()
	err := w.store.Update(w.ctx, w.now, func(tx pack.Tx) error {
		cells, err := tx.Cells(w.ctx, []guard.Key{key})
		if err == nil {
			cell = cells[0]
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return cell
}

// demanded is what the refusal asks for.
func demanded(t *testing.T, err error) (demand string, bits int) {
	t.Helper()
	text, ok := strings.CutPrefix(err.Error(), stepup.Prefix)
	var asked struct {
		Demand string
		Ways   []struct {
			Kind string
			Bits int
		}
	}
	if !ok || json.Unmarshal([]byte(text), &asked) != nil || len(asked.Ways) != 1 || asked.Ways[0].Kind != "proof-of-work" {
		t.Fatalf("%v asks for no proof of work", err)
	}
	return asked.Demand, asked.Ways[0].Bits
}

// held says that the text was refused, or more proof asked for.
func held(err error) bool {
	return err != nil && (strings.HasPrefix(err.Error(), stepup.Prefix) || strings.HasPrefix(err.Error(), "TooManyRequests: "))
}

// solved is the proof that meets the demand.
func solved(demand string, want int) string {
	for n := 0; ; n++ {
		counter := strconv.Itoa(n)
		sum := sha256.Sum256([]byte(demand + ":" + counter))
		if bits.LeadingZeros64(binary.BigEndian.Uint64(sum[:])) >= want {
			return fmt.Sprintf(`{"demand":%q,"kind":"proof-of-work","answer":%q}`, demand, counter)
		}
	}
}

// A pump over one range of numbers gets a handful of texts, with proofs a few more; who
// is known there is texted as ever.
func TestPump_OverOneRange_EndsWithinTexts_KnownNumbersGoOn(t *testing.T) {
	w := newWorld(t)
	sent, blocked := 0, 0
	var last error
	for i := range 40 {
		switch err := w.stranger(fmt.Sprintf("+9198765%05d", i*7), ""); {
		case err == nil:
			sent++
		case strings.HasPrefix(err.Error(), stepup.Prefix):
			blocked, last = blocked+1, err
		default:
			t.Fatal(err)
		}
		w.now = w.now.Add(200 * time.Millisecond)
	}
	if sent < 2 || sent > 15 || blocked != 40-sent {
		t.Errorf("of 40 texts %d went out, and %d were to step up", sent, blocked)
	}
	if spent := w.spent(); spent != guard.Money(sent)*w.price("+919876500000") {
		t.Errorf("%d texts have cost %v", sent, spent)
	}
	if log := w.log.String(); !strings.Contains(log, `"msg":"step-up asked for","limit":"prefix-window","of":"+9198765`) {
		t.Error("the log does not tell which prefix it is")
	}

	t.Run("a proof is good for one text", func(t *testing.T) {
		number := fmt.Sprintf("+9198765%05d", 39*7)
		demand, bits := demanded(t, last)
		proof := solved(demand, bits)
		for name, wrong := range map[string]string{
			"forged":  strings.Replace(proof, demand, demand[:20]+"A"+demand[21:], 1),
			"no JSON": "yes",
		} {
			err := w.stranger(number, wrong)
			if demanded(t, err); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
		if err := w.stranger("+919876500001", proof); err == nil {
			t.Error("taken for another number")
		}
		if err := w.stranger(number, proof); err != nil {
			t.Fatal(err)
		}
		again := person{name: "user of " + number, attrs: trigger.Attributes{"phone_number": number}}
		for _, err := range []error{w.cognitoTexts(trigger.CustomMessageResendCode, again, nil), w.stranger(number, proof)} {
			if !held(err) {
				t.Errorf("another text for the same proof: %v", err)
			}
		}
	})
	for name, who := range map[string]person{"by the pool's word": owner("+919876500002")} {
		if _, err := w.create(who); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.cognitoTexts(trigger.CustomMessageAuthentication, who, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// The event of a change has the new number beside what is true of the old one.
		who = owner("+919876500003")
		if err := w.cognitoTexts(trigger.CustomMessageUpdateUserAttribute, who, nil); !held(err) {
			t.Errorf("%s, who moves to another number there: %v", name, err)
		}
	}
	if _, err := w.create(nobody("+919876500004")); err != nil {
		t.Error("nobody is told something else than an owner:", err)
	}
	// Whoever has an account that is not proved cannot step up where he signs in.
	unproved := owner("+919876500005")
	unproved.attrs["phone_number_verified"] = "false"
	_, err := w.create(unproved)
	refusedWith(t, err, "TooManyRequests: ")
}

func (w *world) price(number string) guard.Money {
	return settings(w.t).Prices.Price(number)
}

// A number that gave its code once is known without the pool's word.
func TestKnownNumber_SignsUpAnewInAClosedRange(t *testing.T) {
	w := newWorld(t)
	const number = "+919876512345"
	if err := w.stranger(number, ""); err != nil {
		t.Fatal(err)
	}
	w.confirms(number)
	refused := 0
	for i := range 16 {
		if w.stranger(fmt.Sprintf("+91987651%04d", i), "") != nil {
			refused++
		}
	}
	if err := w.stranger(number, ""); err != nil || refused == 0 {
		t.Errorf("%d strangers were refused, and he is told %v", refused, err)
	}
}

func TestStepUpOff_IsARefusal(t *testing.T) {
	w := newWorld(t, "BELLHOP_STEP_UP=off")
	var err error
	for i := 0; err == nil && i < 20; i++ {
		err = w.stranger(fmt.Sprintf("+91987651%04d", i), "")
	}
	refusedWith(t, err, "TooManyRequests: Too many requests; try again in 600 seconds")
}

// Way B: the proof of the sign-up serves the text of the sign-in that follows.
func TestStepUp_AutoConfirm_ServesTheFirstSignIn(t *testing.T) {
	w := newWorld(t, "BELLHOP_SIGN_UP=auto-confirm")
	w.pool.clients = []pack.Client{onlyCustom(clientID)}
	signUp := func(number, proof string) error {
		_, err := call[trigger.PreSignUpRequest, trigger.PreSignUpResponse](w, trigger.PreSignUpSignUp, person{name: "user of " + number}, trigger.PreSignUpRequest{
			UserAttributes: trigger.Attributes{"phone_number": number}, ClientMetadata: trigger.Texts{stepup.Metadata: proof},
		})
		return err
	}
	signIn := func(number string) error {
		_, err := w.create(person{name: "user of " + number, attrs: trigger.Attributes{"phone_number": number, "cognito:user_status": "CONFIRMED"}})
		return err
	}
	var asked error
	number := ""
	for i := 0; asked == nil && i < 20; i++ {
		number = fmt.Sprintf("+91987651%04d", i)
		if asked = signUp(number, ""); asked == nil {
			if err := signIn(number); err != nil {
				t.Fatal(err)
			}
		}
	}
	refusedWith(t, signIn(number), "TooManyRequests: ")
	if err := errors.Join(signUp(number, solved(demanded(t, asked))), signIn(number)); err != nil {
		t.Error(err)
	}
	w.now = w.now.Add(time.Minute)
	refusedWith(t, signIn(number), "TooManyRequests: ")
}

func TestBudget_OfMoney_BoundsWhatStrangersCost(t *testing.T) {
	w := newWorld(t, "BELLHOP_BUDGET_HOUR=0.30", "BELLHOP_BUDGET_DAY=off", "BELLHOP_BUDGET_MONTH=off", "BELLHOP_PRICES=+49=0.10, +1=0.01", "BELLHOP_STEP_UP=off")
	sent := 0
	for i := range 6 { // each of another area
		if err := w.stranger(fmt.Sprintf("+4915%d10000001", i), ""); err == nil {
			sent++
		}
	}
	if spent := w.spent(); sent < 2 || sent > 3 || spent > guard.Dollars(0.30) {
		t.Errorf("%d texts went out for %v", sent, spent)
	}
	// Known numbers have a purse of their own.
	w.begin(owner("+4915110000009"))
}

func TestPostConfirmation_Retried_CreditsOnce(t *testing.T) {
	w := newWorld(t)
	for i := range 4 {
		if err := w.stranger(fmt.Sprintf("+4915%d10000001", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	price := w.price("+4915110000001")
	for range 3 {
		w.confirms("+4915110000001")
		if spent := w.spent(); spent != 2*price { // its own, and as much again for others
			t.Errorf("four texts of %v less one that is answered are %v", price, spent)
		}
	}
}

func TestCustomMessage_ThatFails_CountsNothing(t *testing.T) {
	w := newWorld(t)
	who := owner(number)
	delete(who.attrs, "phone_number_verified")
	_, err := call[trigger.CustomMessageRequest, trigger.CustomMessageResponse](w, trigger.CustomMessageSignUp, who, trigger.CustomMessageRequest{UserAttributes: who.attrs})
	refusedWith(t, err, "Unavailable: ")
	if spent := w.spent(); spent != 0 {
		t.Errorf("it has cost %v", spent)
	}
}

// What came of a country's texts is scored by whoever asks for one later.
func TestCountry_OutcomesAreScoredByTheNextTexts(t *testing.T) {
	w := newWorld(t)
	const texts, answered = 12, 8
	number := func(i int) string { return fmt.Sprintf("+9170%02d000001", i) }
	for i := range texts {
		if err := w.stranger(number(i), ""); err != nil {
			t.Fatal(err)
		}
		if i < answered {
			w.confirms(number(i))
		}
		w.now = w.now.Add(time.Second)
	}
	if c := w.cell(guard.CountryKey("IN")); c.Sends != 0 {
		t.Errorf("%v texts are scored at once", c.Sends)
	}
	w.now = w.now.Add(guard.MatureAfter)
	w.confirms(number(answered)) // too late for the statistics
	if err := w.stranger(number(50), ""); err != nil {
		t.Fatal(err)
	}
	c := w.cell(guard.CountryKey("IN"))
	if near(c.Sends, texts) || near(c.Uses, answered) {
		t.Errorf("%v texts are scored and %v of them used; want %d and %d", c.Sends, c.Uses, texts, answered)
	}
	w.now = w.now.Add(time.Minute)
	if err := w.stranger(number(51), ""); err != nil {
		t.Fatal(err)
	}
	if again := w.cell(guard.CountryKey("IN")); near(again.Sends, texts) {
		t.Errorf("scored again they are %v", again.Sends)
	}
}

// near says that the sum, of which a little fades, is not n.
func near(sum float32, n int) bool { return sum < float32(n)-0.1 || sum > float32(n) }

// halfDown is a store whose guard does not answer.
type halfDown struct {
	pack.Store
	down bool
}

func (h *halfDown) Update(ctx context.Context, now time.Time, fn func(pack.Tx) error) error {
	if h.down {
		return errors.New("table: read: throttled")
	}
	return h.Store.Update(ctx, now, fn)
}

func TestStoreDown_StrangersWait_KnownNumbersGoOnWithinABound(t *testing.T) {
	w := newWorld(t)
	store := &halfDown{Store: w.store, down: true}
	w.store = store
	w = w.under(t)
	refusedWith(t, w.stranger("+919876500001", ""), "Unavailable: Texts cannot be counted now; try again in 30 seconds")
	known := func(i int) error {
		return w.cognitoTexts(trigger.CustomMessageAuthentication, owner(fmt.Sprintf("+4917600000%03d", i)), nil)
	}
	w.begin(owner(number)) // by our own code
	w.sent(1)
	for i := range 12 { // nobody is told what an owner is, and takes nothing from them
		w.begin(nobody(fmt.Sprintf("+4917699999%03d", i)))
	}
	for i := range 9 {
		if err := known(i); err != nil {
			t.Fatal(i, err)
		}
	}
	refusedWith(t, known(9), "Unavailable: ")
	w.now = w.now.Add(-time.Hour) // a clock that steps back brings nothing
	refusedWith(t, known(9), "Unavailable: ")
	w.now = w.now.Add(time.Hour + 2*time.Minute)
	refusedWith(t, known(8), "Unavailable: ") // not one number again and again
	if err := known(9); err != nil {
		t.Error(err)
	}
	if log := w.log.String(); !strings.Contains(log, `"msg":"text without the guard"`) {
		t.Error("the log does not tell of it")
	}
	store.down = false
	if err := known(10); err != nil {
		t.Error(err)
	}
}
