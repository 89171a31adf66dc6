package userpool

import (
	"strings"

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
}

// toldLanguage is the key under which ClientMetadata tells the reader's language,
// without its "bellhop:".
const toldLanguage = "language"

// say is what the message says. Its error is that a function has yet to be asked.
func (s *Service) say(r codeRequest) (script, error) {
	return s.sayIn(r, r.languages(r.user.Attributes["locale"]))
}

// languages are those of the reader, the likeliest first: as the request tells it, as
// the user's profile has it, as the pool does. One that is none is passed over, since
// no sign-in should fail of it.
func (r codeRequest) languages(locale string) []string {
	return []string{r.caller.Told[toldLanguage], locale, r.pool.Settings.Tags[tagLanguage]}
}

func (s *Service) sayIn(r codeRequest, languages []string) (script, error) {
	byFunction, err := r.words()
	if err != nil {
		return script{}, err
	}
	own, cognitos, headline := r.templates()
	switch {
	case !r.to.Email.IsZero():
		return script{text: orElse(byFunction.mail, orElse(own, cognitos)), headline: orElse(byFunction.subject, headline)}, nil
	case byFunction.sms != "":
		return script{text: r.hashed(byFunction.sms)}, nil
	case r.pool.Settings.exact():
		return script{text: orElse(own, cognitos)}, nil
	}
	app := r.pool.Settings.Tags[tagAppName]
	t := s.words.Choose(texts.Query{
		Pool: string(r.pool.ID), Purpose: string(r.purpose), Country: r.to.Number.Region(),
		Languages: languages, App: orElse(app, r.pool.Name), Shipped: app != "", Own: own,
	})
	return script{text: r.hashed(orElse(t.Body, cognitos)), wording: t.Name, language: t.Language}, nil
}

// templates are the pool's own words, "" for none, those that Cognito has for such a
// pool, and an e-mail's headline.
func (r codeRequest) templates() (own, cognitos, headline string) {
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

// hashed is the text with the line by which an Android app is given it (SMS
// Retriever). An invitation holds no code for an app.
func (r codeRequest) hashed(text string) string {
	if r.purpose == PurposeInvite || r.pool.Settings.exact() {
		return text
	}
	return text + smstext.Lines{Hash: r.pool.Settings.Tags[tagAndroidHash]}.After("")
}

// size is what a text of the request takes, for its price. The user's profile has no
// part in it: in another language a text may take more, and what a limit lets through
// must not tell whether there is a user. What the text that is sent takes has
// Message.Segments. Of one that a function of the pool's sends nothing is known.
func (s *Service) size(r codeRequest) smstext.Size {
	if r.to.Number.IsZero() || r.source == "" {
		return smstext.Size{}
	}
	t, err := s.sayIn(r, r.languages(""))
	if err != nil { // the function is asked where the guard lets the text through, and then the guard once more
		r.wording = nil
		t, _ = s.sayIn(r, r.languages(""))
	}
	return r.sized(t, strings.Repeat("0", r.digits()), "")
}

// sized is what the text takes with the secret and the name filled in.
func (r codeRequest) sized(t script, secret, username string) smstext.Size {
	m := Message{Template: t.text, Username: username, AppHost: r.pool.Settings.AppHost()}
	if r.purpose != PurposeInvite {
		m.Challenge = "of a code"
	}
	return smstext.Count(renderText(m, secret).Body)
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
