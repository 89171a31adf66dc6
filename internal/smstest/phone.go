// Package smstest is a phone that tests can read codes from, as a person would,
// and an HTTP service that takes texts from the webhook sender. Tests only.
package smstest

import (
	"context"
	"regexp"
	"slices"
	"sync"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Phone is every phone of a test: a sender that keeps what it is given. The
// zero value is ready, and it is safe for concurrent use.
type Phone struct {
	mu    sync.Mutex // guards the fields below
	texts []sms.Message
	fail  error
	news  chan struct{} // closed at the next text; nil until somebody waits
}

// Send implements sms.Sender.
func (p *Phone) Send(_ context.Context, m sms.Message) (sms.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return sms.Receipt{}, p.fail
	}
	p.texts = append(p.texts, m)
	if p.news != nil {
		close(p.news)
		p.news = nil
	}
	return sms.Receipt{ProviderID: "test-" + m.ID}, nil
}

// Fail makes every later Send return err and keep nothing; nil ends that.
func (p *Phone) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

// Texts returns all texts, oldest first.
func (p *Phone) Texts() []sms.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.texts)
}

// TextsTo returns the texts to a number in E.164, oldest first.
func (p *Phone) TextsTo(e164 string) []sms.Message {
	return slices.DeleteFunc(p.Texts(), func(m sms.Message) bool { return m.To.E164() != e164 })
}

// LastCode returns the code in the newest text to a number in E.164, or "" if
// there is no text, or none with a code.
func (p *Phone) LastCode(e164 string) string {
	texts := p.TextsTo(e164)
	if len(texts) == 0 {
		return ""
	}
	return CodeIn(texts[len(texts)-1].Body)
}

// Nth waits for the nth text to a number, from 1, and returns it. It is for
// tests across a real network; in a synctest bubble, synctest.Wait and TextsTo
// say more.
func (p *Phone) Nth(ctx context.Context, e164 string, n int) (sms.Message, error) {
	for {
		news := p.next()
		if texts := p.TextsTo(e164); len(texts) >= n {
			return texts[n-1], nil
		}
		select {
		case <-ctx.Done():
			return sms.Message{}, ctx.Err()
		case <-news:
		}
	}
}

// Await waits until there are n texts in all.
func (p *Phone) Await(ctx context.Context, n int) error {
	for {
		news := p.next()
		if len(p.Texts()) >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-news:
		}
	}
}

func (p *Phone) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.news == nil {
		p.news = make(chan struct{})
	}
	return p.news
}

var code = regexp.MustCompile(`\b\d{6,8}\b`)

// CodeIn returns the code in a text: the first run of six to eight digits, or "".
func CodeIn(body string) string { return code.FindString(body) }
