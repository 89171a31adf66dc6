package userpool_test

import (
	"context"
	"slices"
	"sync"

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

// to returns the e-mails to an address, oldest first.
func (b *mailbox) to(address string) []mail.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.sent), func(m mail.Message) bool { return m.To.Text() != address })
}

// mailed reads the newest code that was sent to an address.
func (w *world) mailed(address string) string {
	w.t.Helper()
	w.settle()
	all := w.mail.to(address)
	if len(all) == 0 {
		w.t.Fatalf("no e-mail to %s", address)
	}
	code := smstest.CodeIn(all[len(all)-1].Body)
	if code == "" {
		w.t.Fatalf("the newest e-mail to %s has no code", address)
	}
	return code
}
