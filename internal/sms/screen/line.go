package screen

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Line is a provider that texts the phone, and that fails while it is taken down.
type Line struct {
	Name   string
	screen *Screen
	down   atomic.Bool
}

// Line returns a provider of that name.
func (s *Screen) Line(name string) *Line { return &Line{Name: name, screen: s} }

// Take takes the line down, or up again.
func (l *Line) Take(down bool) { l.down.Store(down) }

// Down says whether it is down.
func (l *Line) Down() bool { return l.down.Load() }

// Back shows that the phone texts back from a number, by this line, and what take has
// to say to it.
func (l *Line) Back(ctx context.Context, from phone.Number, body string, take func(context.Context, sms.Event) (reply string, err error)) error {
	id := rand.Text()
	l.screen.show(Text{ID: id, To: from.E164(), Body: body, Provider: l.Name, Mine: true})
	reply, err := take(ctx, sms.Event{Kind: sms.Incoming, ProviderID: id, At: time.Now(), From: from, Body: body})
	if err != nil || reply == "" {
		return err
	}
	l.screen.show(Text{ID: "re " + id, To: from.E164(), Body: reply, Purpose: "reply", Provider: l.Name})
	return nil
}

// errDown is what a provider says that takes nothing for the moment.
var errDown = errors.New("screen: it was taken down")

// Send implements sms.Sender.
func (l *Line) Send(_ context.Context, m sms.Message) (sms.Receipt, error) {
	if l.Down() {
		return sms.Receipt{}, &sms.SendError{Outcome: sms.NotYet, Code: "503", Cause: errDown}
	}
	l.screen.show(Text{ID: m.ID, To: m.To.E164(), Body: m.Body, Purpose: m.Purpose, Provider: l.Name})
	return sms.Receipt{ProviderID: m.ID}, nil
}
