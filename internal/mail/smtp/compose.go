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
	g.FromMailAddress(&s.cfg.From)
	g.ToMailAddress(&netmail.Address{Address: m.To.Text()})
	g.Subject(oneLine(m.Subject))
	g.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no vacation notices, please
	g.SetBodyString(gomail.ContentType(m.ContentType()), m.Body)
	var b bytes.Buffer
	if _, err := g.WriteTo(&b); err != nil {
		return nil, errors.New("smtp: the message cannot be composed")
	}
	return b.Bytes(), nil
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
