package smtp

import (
	"bytes"
	"errors"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/bellhop-auth/bellhop/internal/mail"
)

// compose writes the letter as it goes over the wire. Its Message-ID is made of
// the message's id, so that two tries of one message can be told to be that.
func (s *Sender) compose(m mail.Message, now time.Time) ([]byte, error) {
	_, domain, _ := strings.Cut(s.cfg.From.Address, "@")
	g := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	g.SetDateWithValue(now)
	g.SetMessageIDWithValue(m.ID + "@" + domain)
	from := s.author(m)
	g.FromMailAddress(&from)
	g.ToMailAddress(&netmail.Address{Address: m.To.Text()})
	if m.ReplyTo.Address != "" {
		if err := g.ReplyTo(m.ReplyTo.String()); err != nil {
			return nil, errors.New("smtp: the address for answers is none")
		}
	}
	g.Subject(oneLine(m.Subject))
	g.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no vacation notices, please
	body(g, m)
	var b bytes.Buffer
	if _, err := g.WriteTo(&b); err != nil {
		return nil, errors.New("smtp: the message cannot be composed")
	}
	return b.Bytes(), nil
}

// author is whom the letter is from. A pool may choose within the domain that the
// operator writes from, since for that one the server may send: of another, SPF,
// DKIM and DMARC (RFC 7489 section 3.1) would say that the letter is forged.
func (s *Sender) author(m mail.Message) netmail.Address {
	_, own, _ := strings.Cut(s.cfg.From.Address, "@")
	_, wanted, _ := strings.Cut(m.From.Address, "@")
	if strings.EqualFold(own, wanted) {
		return m.From
	}
	return s.cfg.From
}

// body puts HTML behind the plain text that says the same (RFC 2046 section 5.1.4).
func body(g *gomail.Msg, m mail.Message) {
	plain := m.PlainText()
	if m.HTML && plain != "" {
		g.SetBodyString(gomail.TypeTextPlain, plain)
		g.AddAlternativeString(gomail.TypeTextHTML, m.Body)
		return
	}
	g.SetBodyString(gomail.ContentType(m.ContentType()), m.Body)
}

// oneLine makes blanks of line breaks and other control characters: a subject
// must not become a further header.
func oneLine(subject string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, subject)
}
