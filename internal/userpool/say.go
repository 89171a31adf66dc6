package userpool

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstext"
	texts "github.com/bellhop-auth/bellhop/internal/wording"
)

// What a message says is settled when it is put in the outbox; the code alone is
// filled in when it is sent. First is what the pool's CustomMessage function says,
// then for texts the operator's file, the pool's own template, and where the pool
// says what its app is called the words that come with Bellhop; then Cognito's. A
// pool that is exact has its template and Cognito's words alone.

// script is what a message says.
type script struct {
	text     string // with {####} and {username}
	headline string // of an e-mail
	wording  string // name of a text's words, "" for the pool's own, Cognito's and a function's
	language string // of a text's words, BCP 47, "" where it is not known
	host     string // of a text's last line, "" for none
}

// toldLanguage is the key under which ClientMetadata tells the reader's language,
// without its "bellhop:".
const toldLanguage = "language"

// say is what the message says. Its error is that a function has yet to be asked.
func (s *Service) say(r *codeRequest) (script, error) {
	return s.sayIn(r, r.languages(r.user.Attributes["locale"]))
}

// languages are those of the reader, the likeliest first: as the request tells it, as
// the user's profile has it, as the pool does. One that is none is passed over, since
// no sign-in should fail of it.
func (r *codeRequest) languages(locale string) []string {
	return []string{r.caller.Told[toldLanguage], locale, r.pool.Settings.Tags[tagLanguage]}
}

func (s *Service) sayIn(r *codeRequest, languages []string) (script, error) {
	byFunction, err := r.words()
	if err != nil {
		return script{}, err
	}
	own, cognitos, headline := r.templates()
	switch {
	case !r.to.Email.IsZero():
		return script{text: orElse(byFunction.mail, orElse(own, cognitos)), headline: orElse(byFunction.subject, headline)}, nil
	case byFunction.sms != "":
		return r.lined(script{text: byFunction.sms}), nil
	}
	return r.texted(s.words, s.countryOf(r.to), languages), nil
}

// texted are the words of a text to somebody in the country (ISO 3166), where no
// function of the pool's has them.
func (r *codeRequest) texted(book *texts.Book, country string, languages []string) script {
	own, cognitos, _ := r.templates()
	set := r.pool.Settings
	if set.exact() {
		return r.lined(script{text: orElse(own, cognitos)})
	}
	t := book.Choose(texts.Query{
		Pool: string(r.pool.ID), Purpose: string(r.purpose), Country: country, Languages: languages,
		App: orElse(set.AppName(), r.pool.Name), Shipped: set.AppName() != "", Own: own,
	})
	said := script{text: orElse(t.Body, cognitos), wording: t.Name, language: t.Language}
	if t.Registered {
		return said // carriers drop what is not letter for letter so
	}
	return r.lined(said)
}

// templates are the pool's own words, "" for none, those that Cognito has for such a
// pool, and an e-mail's headline.
func (r *codeRequest) templates() (own, cognitos, headline string) {
	set := r.pool.Settings
	byMail := !r.to.Email.IsZero()
	switch {
	case r.purpose == PurposeInvite && byMail:
		return set.Mail.Invitation, defaultInvitation, orElse(set.Mail.InvitationSubject, defaultInvitationSubject)
	case r.purpose == PurposeInvite:
		return set.InvitationText, defaultInvitation, ""
	case byMail && r.signsIn():
		return set.Mail.Authentication, defaultAuthentication, orElse(set.Mail.AuthenticationSubject, defaultAuthenticationSubject)
	case byMail:
		return set.Mail.Verification, defaultVerification, orElse(set.Mail.VerificationSubject, defaultVerificationSubject)
	case r.signsIn():
		return set.AuthenticationText, defaultAuthentication, ""
	}
	return set.VerificationText, defaultVerification, ""
}

// lined are the words with the lines by which a browser and an Android app are given
// the code. An invitation holds none.
func (r *codeRequest) lined(t script) script {
	set := r.pool.Settings
	if r.purpose == PurposeInvite {
		return t
	}
	t.host = set.AppHost()
	if !set.exact() {
		t.text += smstext.Lines{Hash: set.AndroidHash()}.After("")
	}
	return t
}

// size is what a text of the request takes, for its price. The user's profile has no
// part in it: in another language a text may take more, and what a limit lets through
// must not tell whether there is a user; what that is more is charged when the text is
// sent. Of one that a function of the pool's sends nothing is known.
func (s *Service) size(r *codeRequest) smstext.Size {
	if r.to.Number.IsZero() || r.source == "" {
		return smstext.Size{}
	}
	t, err := s.sayIn(r, r.languages(""))
	if err != nil { // the function is asked where the guard lets the text through, and then the guard once more
		unworded := *r
		unworded.wording = nil
		t, _ = s.sayIn(&unworded, r.languages(""))
	}
	return r.sized(t, strings.Repeat("0", r.digits()), "")
}

// chargeLong takes the price of the segments that a text has beyond those that the
// guard was asked for, as often as it may have been sent just now. Most have one, or
// none that depends on who reads it.
func (s *Service) chargeLong(ctx context.Context, tx Tx, r sent, at time.Time) error {
	m := r.message
	maySent := r.err == nil && !r.receipt.DryRun || r.err != nil && sms.OutcomeOf(r.err) == sms.MaybeSent
	if r.segments < 2 || m.Language == "" || m.Challenge == "" || s.limitsOff || !maySent {
		return nil
	}
	let, err := tx.SentFor(ctx, m.Challenge)
	if err != nil || len(let) == 0 {
		return err
	}
	more := let[len(let)-1].Receipt
	more.Price = s.guard.Line(m.To.Number).Price*guard.Money(r.segments) - more.Price
	for range 1 + r.receipt.Doubled {
		if err := s.guard.Charge(ctx, tx, more, at); err != nil {
			return fmt.Errorf("guard: %w", err)
		}
	}
	return nil
}

// sized is what the text takes with the secret and the name filled in.
func (r *codeRequest) sized(t script, secret, username string) smstext.Size {
	return smstext.Count(r.rendered(t, secret, username).Body)
}

func (r *codeRequest) rendered(t script, secret, username string) sms.Message {
	m := Message{Template: t.text, Username: username, AppHost: t.host}
	if r.purpose != PurposeInvite {
		m.Challenge = "of a code"
	}
	return renderText(m, secret)
}

// Saying is what a text says, with a made-up code.
type Saying struct {
	Purpose  Purpose
	Wording  string // name of the words, "" for the pool's own and Cognito's
	Language string // BCP 47, "" where it is not known
	Text     string
	Size     smstext.Size
	Function bool // the pool's CustomMessage function may say something else, or its custom sender does
}

// saidCode and saidPassword stand for a code and a temporary password.
const saidCode, saidPassword = "123456", "Temp-Pass-99"

// Sayings is what the pool's texts say to somebody in the country (ISO 3166, "" for
// none) who reads the languages, the likeliest first.
func (s *Service) Sayings(ctx context.Context, pool PoolID, country string, languages []string) ([]Saying, error) {
	p, err := s.viewPool(ctx, pool)
	if err != nil {
		return nil, err
	}
	languages = append(slices.Clone(languages), p.Settings.Tags[tagLanguage])
	var all []Saying
	for _, purpose := range []Purpose{PurposeSignUp, PurposeSignIn, PurposeOTP, PurposeFactor, PurposeReset, PurposeVerify, PurposeInvite} {
		r := codeRequest{pool: p, purpose: purpose}
		t := r.texted(s.words, country, languages)
		secret, username := saidCode, ""
		switch {
		case purpose == PurposeInvite:
			secret, username = saidPassword, "+14155550123"
		case r.digits() == exactOTPDigits:
			secret += "78"
		}
		text := r.rendered(t, secret, username).Body
		all = append(all, Saying{
			Purpose: purpose, Wording: t.wording, Language: t.language, Text: text, Size: smstext.Count(text),
			Function: p.wordedByFunction(purpose, Contact{}) || p.sentByFunction(purpose, Contact{}),
		})
	}
	return all, nil
}

// renderText makes the text. The last line binds the code to the app's host, so that
// a browser fills it in there alone.
func renderText(m Message, secret string) sms.Message {
	text := sms.Message{
		ID: string(m.ID), To: m.To.Number, Body: m.fill(m.Template, secret), Purpose: string(m.Purpose.plain()),
		PoolID: string(m.PoolID), ClientID: string(m.ClientID), ExpiresAt: m.ExpiresAt,
		Wording: m.Wording, Language: m.Language,
	}
	if m.Challenge != "" {
		text.Body += smstext.Lines{Host: m.AppHost}.After(secret)
		text.Code = secret
	}
	return text
}
