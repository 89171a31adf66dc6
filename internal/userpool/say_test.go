package userpool_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstext"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

// speaking is the caller whose app tells the language.
func speaking(language string, c userpool.Caller) userpool.Caller {
	c.Told = map[string]string{"language": language}
	return c
}

// newest is the newest text to the number.
func (w *world) newest(number string) sms.Message {
	w.t.Helper()
	w.settle()
	all := w.phone.TextsTo(number)
	if len(all) == 0 {
		w.t.Fatalf("no text to %s", number)
	}
	return all[len(all)-1]
}

// wantWords checks the newest text to the number; CODE in want is its code.
func (w *world) wantWords(number, want, name, language string) {
	w.t.Helper()
	m := w.newest(number)
	if got := strings.ReplaceAll(m.Body, m.Code, "CODE"); m.Code == "" || got != want {
		w.t.Errorf("the text is %q, want %q", got, want)
	}
	if m.Wording != name || m.Language != language {
		w.t.Errorf("the words are %q in %q, want %q in %q", m.Wording, m.Language, name, language)
	}
}

// As the request tells it, as the profile has it, as the pool does; what is no
// language is passed over, and nobody's sign-in fails of it.
func TestText_Language_IsThatOfWhoReadsIt(t *testing.T) {
	tags := map[string]string{"bellhop:app-name": "Acme", "bellhop:language": "de"}
	inWorld(t, options{tags: tags}, func(w *world) {
		w.signUp(speaking("hi_IN", home), asha, password, attr("locale", "pt_BR"))
		w.wantWords(asha, "CODE Acme नए खाते का कोड। किसी को न दें।", "sign-up-hi", "hi")
		_, err := w.confirm(home, asha, w.code(asha), "")
		w.must(err)
		for _, c := range []struct{ told, want, name, language string }{
			{"", "Use CODE para trocar sua senha de Acme. Nunca compartilhe com ninguém.", "reset-pt-BR", "pt-BR"},
			{"no language; drop table", "Use CODE para trocar sua senha de Acme. Nunca compartilhe com ninguém.", "reset-pt-BR", "pt-BR"},
			{"en-GB", "CODE is your code to reset your Acme password. Never share it with anyone.", "reset-en", "en"},
		} {
			w.pass(time.Hour)
			_, err := w.forgot(speaking(c.told, home), asha)
			w.must(err)
			w.wantWords(asha, c.want, c.name, c.language)
		}
		w.signUp(home, ravi, "")
		w.wantWords(ravi, "CODE ist Ihr Code für ein neues Konto bei Acme. Geben Sie ihn an niemanden weiter.", "sign-up-de", "de")
	})
}

func TestText_LinesForMachines_AreReadByBoth(t *testing.T) {
	const hash = "FA+9qCX9VSu"
	tags := map[string]string{"bellhop:app-name": "Acme", "bellhop:app-host": "app.example.com", "bellhop:android-hash": hash}
	inWorld(t, options{tags: tags}, func(w *world) {
		w.signUp(home, asha, "")
		m := w.newest(asha)
		bound, ok := smstext.ReadBound(m.Body)
		if want := (smstext.Bound{Host: "app.example.com", Code: m.Code}); !ok || bound != want {
			t.Errorf("browsers read %+v, %t, want %+v", bound, ok, want)
		}
		if !strings.Contains(m.Body, "\n"+hash+"\n") || len(m.Body) > smstext.RetrieverBytes {
			t.Errorf("an Android app is not given %d bytes: %q", len(m.Body), m.Body)
		}
	})
}

// To words that a register has nothing is added: carriers drop what differs.
func TestText_RegisteredWords_AreSentAsTheyAre(t *testing.T) {
	tags := map[string]string{"bellhop:app-host": "app.example.com", "bellhop:android-hash": "FA+9qCX9VSu"}
	messages := []wording.Entry{{Name: "dlt", Countries: []string{"IN"}, Body: "{####} is your code. -ACME", Registered: "{#numeric#} is your code. -ACME"}}
	inWorld(t, options{tags: tags, messages: messages}, func(w *world) {
		w.signUp(home, asha, "")
		w.wantWords(asha, "CODE is your code. -ACME", "dlt", "")
		w.signUp(home, "+14155550123", "")
		w.wantWords("+14155550123", "Your verification code is CODE.\nFA+9qCX9VSu\n\n@app.example.com #CODE", "", "")
	})
}

func TestText_ExactPool_HasItsTemplateAndCognitosWordsAlone(t *testing.T) {
	tags := map[string]string{"bellhop:app-name": "Acme", "bellhop:language": "de", "bellhop:android-hash": "FA+9qCX9VSu"}
	messages := []wording.Entry{{Name: "mine", Body: "Mine: {####}"}}
	inWorld(t, options{behaviour: userpool.CognitoExact, tags: tags, messages: messages}, func(w *world) {
		w.signUp(speaking("hi", home), asha, password)
		w.wantWords(asha, "Your verification code is CODE.", "", "")
	})
}

func TestText_OperatorsWords_GoBeforeThePoolsAndBehindTheFunctions(t *testing.T) {
	f := newFunctions(trigger.CustomMessage)
	messages := []wording.Entry{
		{Name: "india", Countries: []string{"IN"}, Purposes: []string{"sign_up"}, Language: "en", Body: "{####} for {app}. - ACME"},
		{Name: "india-hi", Countries: []string{"IN"}, Purposes: []string{"sign_up"}, Language: "hi", Body: "{app} कोड {####}"},
		{Name: "welcome", Purposes: []string{"invitation"}, Body: "{app}: {username}, {####}"},
	}
	design := func(s *userpool.PoolSettings) {
		s.VerificationText, s.AuthenticationText = "Own: {####}", "Own, to sign in: {####}"
	}
	inWorld(t, options{functions: f, messages: messages, design: design}, func(w *world) {
		f.on(trigger.CustomMessage, func(e event) (map[string]any, error) {
			if e.TriggerSource == trigger.CustomMessageResendCode {
				return map[string]any{"smsMessage": "The function's: {####}"}, nil
			}
			return nil, nil
		})
		w.signUp(speaking("en", home), asha, password)
		w.wantWords(asha, "CODE for riders. - ACME", "india", "en")
		w.pass(31 * time.Second)
		w.must(w.resend(speaking("hi", home), asha))
		w.wantWords(asha, "The function's: CODE", "", "")
		w.signUp(speaking("hi", home), ravi, password)
		w.wantWords(ravi, "riders कोड CODE", "india-hi", "hi")
		_, err := w.confirm(home, ravi, w.code(ravi), "")
		w.must(err)
		w.pass(time.Hour)
		_, err = w.forgot(speaking("hi", home), ravi)
		w.must(err)
		w.wantWords(ravi, "Own: CODE", "", "") // nobody has words of the operator's for it
		_, err = w.s.AdminCreateUser(w.ctx, userpool.NewUser{Caller: home, PoolID: w.pool, Username: "+14155550123", TemporaryPassword: "Temp-Pass-99"})
		w.must(err)
		if m := w.newest("+14155550123"); m.Body != "riders: +14155550123, Temp-Pass-99" || m.Wording != "welcome" || m.Code != "" {
			t.Errorf("the invitation is %q by %q, with the code %q", m.Body, m.Wording, m.Code)
		}
	})
}

// The price that is asked for is of as many segments as the text takes in the language
// that the request or the pool has, so that it does not tell who has a profile. What it
// costs more is charged when it is sent.
func TestText_Segments_ArePaidFor(t *testing.T) {
	messages := []wording.Entry{
		{Name: "short", Language: "en", Body: "{####}"},
		{Name: "long", Language: "hi", Body: strings.Repeat("लंबा ", 20) + "{####}"},
	}
	inWorld(t, options{messages: messages, tags: map[string]string{"bellhop:language": "en"}}, func(w *world) {
		explained := func(number string) userpool.Explanation {
			w.settle()
			n, err := phone.Parse(number)
			w.must(err)
			x, err := w.s.Explain(w.ctx, n)
			w.must(err)
			return x
		}
		budget := func() float64 {
			x := explained(asha)
			for _, l := range x.Now.Levels {
				if l.Of == "server/hour" {
					return l.Have / x.Price.Float()
				}
			}
			t.Fatalf("no budget among %+v", x.Now.Levels)
			return 0
		}
		for _, c := range []struct {
			number, told, locale, words string
			asked                       guard.Money
			paid                        float64
		}{
			{asha, "", "hi-IN", "long", 1, 2},
			{ravi, "hi", "", "long", 2, 2},
			{"+919876500001", "", "", "short", 1, 1},
		} {
			had := budget()
			w.signUp(speaking(c.told, home), c.number, password, attr("locale", c.locale))
			x := explained(c.number)
			if got := w.newest(c.number).Wording; got != c.words || x.Log[0].Ask.Price != c.asked*x.Price {
				t.Errorf("%s: the guard was asked for %v of the words %q, want %d times %v of %q", c.number, x.Log[0].Ask.Price, got, c.asked, x.Price, c.words)
			}
			w.pass(time.Second)
			if paid := had - budget(); math.Abs(paid-c.paid) > 0.1 {
				t.Errorf("%s: %.2f texts are paid for, want %v", c.number, paid, c.paid)
			}
		}
	})
}

func TestTags_OfTexts_AreChecked(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		for key, values := range map[string]struct{ good, bad []string }{
			"bellhop:app-name": {
				[]string{"Acme", "Wonderful Marketplace of Lagos", strings.Repeat("न", 30), "A"},
				[]string{"", " Acme", "Acme\n", strings.Repeat("a", 31), strings.Repeat("😀", 16), "{####}", "A\u202eB", "a\x00b"},
			},
			"bellhop:language":     {[]string{"hi", "pt-BR", "zh-Hant"}, []string{"", "nothing", "hi;DROP", strings.Repeat("a", 99)}},
			"bellhop:android-hash": {[]string{"FA+9qCX9VSu"}, []string{"", "FA+9qCX9VS", "FA+9qCX9VSuu", "FA+9qCX9VS=", "FA+9 CX9VSu"}},
		} {
			for _, v := range values.good {
				w.must(w.s.TagPool(w.ctx, w.pool, map[string]string{key: v}))
			}
			for _, v := range values.bad {
				if err := w.s.TagPool(w.ctx, w.pool, map[string]string{key: v}); !fault.Is(err, fault.InvalidParameter) {
					t.Errorf("%s = %q: %v", key, v, err)
				}
			}
		}
	})
}
