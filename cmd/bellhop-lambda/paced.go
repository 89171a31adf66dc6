package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// paced is a sender that remembers how long it takes, so that it can seem to send:
// a sign-in of nobody must not be answered sooner than one that was texted.
type paced struct {
	sms.Sender

	mu   sync.Mutex      // guards took
	took []time.Duration // the last sends that went well, at most remembered
}

const remembered = 16

// usual is how long a text takes as long as none was sent.
const usual = 150 * time.Millisecond

func newPaced(s sms.Sender) *paced { return &paced{Sender: s} }

// Send implements sms.Sender.
func (p *paced) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	began := time.Now()
	receipt, err := p.Sender.Send(ctx, m)
	if err == nil {
		p.remember(time.Since(began))
	}
	return receipt, err
}

func (p *paced) remember(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = append(p.took, d)
	if len(p.took) > remembered {
		p.took = p.took[1:]
	}
}

// Pretend implements pack.Texter: it takes as long as one of the last sends.
func (p *paced) Pretend(ctx context.Context) {
	wait := time.NewTimer(p.drawn())
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

func (p *paced) drawn() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.took) == 0 {
		return usual
	}
	return p.took[rand.IntN(len(p.took))]
}
