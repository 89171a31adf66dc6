package crowd

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/bellhop-auth/bellhop/internal/srpclient"
)

// Config says whom the crowd signs in to.
type Config struct {
	Address      string // host:port of the server
	Pool, Client string
	Desk         *Desk

	// Spread gives each person an address of their own, for a server that believes
	// X-Forwarded-For: its guard would take a crowd behind one for an attack.
	Spread bool
}

// Crowd is people who are ready to begin.
type Crowd struct {
	address      string
	pool, client string
	desk         *Desk
	spread       bool
	free         chan *person
	fresh        Numbers
}

// person is somebody with a phone.
type person struct {
	number          string
	address         string // where they seem to come from
	access, refresh string
	proof           *srpclient.Client
}

// Users is what makes people known to the server.
type Users interface {
	// Create makes a user of a number.
	Create(ctx context.Context, number string) error
	// SetPassword gives the user a password.
	SetPassword(ctx context.Context, number, password string) error
}

// Numbers gives out numbers that nobody had before.
type Numbers interface{ Next() string }

// New is a crowd without people.
func New(cfg Config, numbers Numbers) *Crowd {
	return &Crowd{address: cfg.Address, pool: cfg.Pool, client: cfg.Client, desk: cfg.Desk, spread: cfg.Spread, fresh: numbers}
}

// Move has people go to where the server is now.
func (c *Crowd) Move(address string) { c.address = address }

// atOnce is how many people are made at once.
const atOnce = 8

// Gather makes so many people ready for the flow, in the place of those that were.
func (c *Crowd) Gather(ctx context.Context, f Flow, people int, users Users) error {
	c.free = make(chan *person, people)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	turns := make(chan struct{}, people)
	for range people {
		turns <- struct{}{}
	}
	close(turns)
	for range atOnce {
		all.Go(func() {
			to := &conn{address: c.address}
			defer to.close()
			for range turns {
				p, err := c.ready(ctx, f, to, users)
				if err != nil {
					cancel(fmt.Errorf("people for %s: %w", f.Name, err))
					return
				}
				c.free <- p
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// ready makes one person who can begin.
func (c *Crowd) ready(ctx context.Context, f Flow, to *conn, users Users) (*person, error) {
	p := c.somebody()
	if f.Needs == NeedsNothing {
		return p, nil
	}
	if err := users.Create(ctx, p.number); err != nil {
		return nil, err
	}
	switch f.Needs {
	case NeedsPassword:
		if err := users.SetPassword(ctx, p.number, Password); err != nil {
			return nil, err
		}
		proof, err := srpclient.New()
		p.proof = proof
		return p, err
	case NeedsTokens:
		to.forwarded = p.address
		return p, texted(ctx, c, p, to)
	}
	return p, nil
}

// somebody is a person with a number that is new.
func (c *Crowd) somebody() *person {
	p := &person{number: c.fresh.Next()}
	if c.spread {
		n := p.number[len(p.number)-6:]
		p.address = fmt.Sprintf("100.%d.%d.%d", 64+number(n[:2])%64, number(n[2:4]), 1+number(n[4:]))
	}
	return p
}

// number is two digits.
func number(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

// errUsedUp says that everybody has had their turn where each may have one only.
var errUsedUp = errors.New("the crowd is used up")

// turn lets one person do the flow once.
func (c *Crowd) turn(ctx context.Context, f Flow, to *conn, once bool) error {
	p := c.next(f, once)
	if p == nil {
		return errUsedUp
	}
	if !once && f.Needs != NeedsNothing {
		defer func() { c.free <- p }()
	}
	to.forwarded = p.address
	return f.do(ctx, c, p, to)
}

// next is the person whose turn it is. A sign-up is always somebody new.
func (c *Crowd) next(f Flow, once bool) *person {
	if f.Needs == NeedsNothing && !once {
		return c.somebody()
	}
	if !once {
		return <-c.free
	}
	select {
	case p := <-c.free:
		return p
	default:
		return nil
	}
}
