package userpool_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func TestMail_HTMLTemplate_IsSentAsHTMLWithWhatIsFilledInEscaped(t *testing.T) {
	const name = `<b>eve&co`
	shape := func(s *userpool.PoolSettings) {
		aliasNames(s)
		s.Letterhead = userpool.Letterhead{From: "Shop <shop@bellhop.example>", ReplyTo: "help@bellhop.example"}
		s.Mail.Invitation, s.Mail.InvitationSubject = "<p>{username}: {####}</p>", "For {username}"
	}
	inWorld(t, options{design: shape}, func(w *world) {
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{
			PoolID: w.pool, Username: name, TemporaryPassword: "Temp<i>&1",
			DesiredMediums: []string{"EMAIL"}, Attributes: []userpool.Attribute{attr("email", ashaMail)},
		})
		w.must(err)
		w.settle()
		all := w.mail.to(ashaMail)
		if len(all) != 1 {
			t.Fatalf("%d e-mails", len(all))
		}
		if m := all[0]; !m.HTML || m.Body != "<p>&lt;b&gt;eve&amp;co: Temp&lt;i&gt;&amp;1</p>" || m.Subject != "For "+name {
			t.Errorf("html %v, subject %q, body %q", m.HTML, m.Subject, m.Body)
		}
		if m := all[0]; m.From.Name != "Shop" || m.From.Address != "shop@bellhop.example" || m.ReplyTo.Address != "help@bellhop.example" {
			t.Errorf("from %v, answers to %v", m.From, m.ReplyTo)
		}
	})
}

func TestMail_CodeOfASignUp_HasNoWordsOfWhoeverSignsUp(t *testing.T) {
	shape := func(s *userpool.PoolSettings) {
		aliasNames(s)
		s.AutoVerified, s.Mail.Verification, s.Mail.VerificationSubject = []string{"email"}, "Hello {username}: {####}", "For {username}"
	}
	inWorld(t, options{design: shape}, func(w *world) {
		_, err := w.s.SignUp(w.ctx, userpool.SignUpRequest{Caller: home, ClientID: w.client, Username: "go-to-evil.example", Password: "Correct-Horse-77",
			Attributes: []userpool.Attribute{attr("email", ashaMail)}})
		w.must(err)
		w.settle()
		all := w.mail.to(ashaMail)
		if len(all) != 1 {
			t.Fatalf("%d e-mails", len(all))
		}
		if all[0].Subject != "For " || !strings.HasPrefix(all[0].Body, "Hello : ") || strings.Contains(all[0].Body, "evil") {
			t.Errorf("subject %q, body %q", all[0].Subject, all[0].Body)
		}
	})
}

func TestMail_PlainTemplate_IsPlainWhateverIsFilledIn(t *testing.T) {
	inWorld(t, options{design: aliasNames}, func(w *world) {
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{
			PoolID: w.pool, Username: "eve", TemporaryPassword: "Temp<i>&1x",
			DesiredMediums: []string{"EMAIL"}, Attributes: []userpool.Attribute{attr("email", ashaMail)},
		})
		w.must(err)
		w.settle()
		if m := w.mail.to(ashaMail)[0]; m.HTML || !strings.Contains(m.Body, "Temp<i>&1x") {
			t.Errorf("html %v, body %q", m.HTML, m.Body)
		}
	})
}

func TestOutbox_NotYetSent_IsTriedAgain(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.phone.Fail(&sms.SendError{Outcome: sms.NotYet})
		w.signUp(home, asha, "")
		w.pass(5 * time.Second)
		w.phone.Fail(nil)
		w.pass(time.Minute)
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts after the provider came back", n)
		}
	})
}
