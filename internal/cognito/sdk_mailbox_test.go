package cognito_test

import (
	"context"
	"slices"
	"sync"
	"testing/synctest"

	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// mailbox is everybody's: a sender of e-mails that keeps what it is given.
type mailbox struct {
	mu   sync.Mutex // guards the one below
	sent []mail.Message
}

func (b *mailbox) Send(_ context.Context, m mail.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, m)
	return nil
}

func (b *mailbox) all() []mail.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sent)
}

// sent says how many texts and e-mails were sent so far, to anybody.
func (w *world) sent() int { return w.texts() + len(w.mail.all()) }

// codeAt reads the newest code at a number or an address.
func (w *world) codeAt(contact string) string {
	w.t.Helper()
	if contact[0] == '+' {
		return w.code(contact)
	}
	synctest.Wait()
	for _, m := range slices.Backward(w.mail.all()) {
		if m.To.Text() == contact {
			return smstest.CodeIn(m.Body)
		}
	}
	w.t.Fatalf("no e-mail to %s", contact)
	return ""
}
