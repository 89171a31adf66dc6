package userpool

import (
	"context"
	"html"
	netmail "net/mail"

	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// post renders an e-mail and hands it to the mailer.
func (s *Service) post(ctx context.Context, m Message, secret string) error {
	var p Pool
	err := s.store.View(ctx, func(tx Tx) (err error) {
		p, err = tx.Pool(ctx, m.PoolID)
		return err
	})
	if err != nil {
		return &sms.SendError{Outcome: sms.NotYet, Cause: err}
	}
	letter := renderMail(m, secret)
	letter.From, letter.ReplyTo = correspondent(p.Settings.Letterhead.From), correspondent(p.Settings.Letterhead.ReplyTo)
	return s.mailer.Send(ctx, letter)
}

// correspondent reads what a Letterhead holds; the zero address for nobody.
func correspondent(text string) netmail.Address {
	address, err := netmail.ParseAddress(text)
	if err != nil {
		return netmail.Address{}
	}
	return *address
}

// renderMail makes the e-mail. In HTML a password or a user name, which whoever
// signs up may choose, must not become markup.
func renderMail(m Message, secret string) mail.Message {
	subject, isHTML := m.fill(m.Headline, secret), mail.IsHTML(m.Template)
	if isHTML {
		m.Username, secret = html.EscapeString(m.Username), html.EscapeString(secret)
	}
	return mail.Message{
		ID: string(m.ID), To: m.To.Email, Subject: subject, Body: m.fill(m.Template, secret), HTML: isHTML,
		Purpose: string(m.Purpose.plain()), PoolID: string(m.PoolID), ClientID: string(m.ClientID), ExpiresAt: m.ExpiresAt,
	}
}
