package crowd

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

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

// How many people are made at once. Where limits are in force a new installation has some
// sixteen texts for strangers of a country whose codes are not used yet.
const (
	atOnce       = 8
	atOnceSpread = 2
)

// tokensEach is how many access tokens somebody has for flows that use one up.
const tokensEach = 32

// Gather makes so many people ready for the flow, in the place of those that were.
func (c *Crowd) Gather(ctx context.Context, f Flow, people int, users Users) error {
	each := 1
	if f.Once {
		each = tokensEach
	}
	c.free = make(chan *person, people*each)
	all, ctx := errgroup.WithContext(ctx)
	var made atomic.Int64
	workers := atOnce
	if c.spread {
		workers = atOnceSpread
	}
	for range workers {
		all.Go(func() error {
			to := &conn{address: c.address}
			defer to.close()
			for int(made.Add(1)) <= people {
				p, err := c.ready(ctx, f, to, users)
				if err != nil {
					return fmt.Errorf("people for %s: %w", f.Name, err)
				}
				if err := c.enlist(ctx, p, to, each); err != nil {
					return fmt.Errorf("tokens for %s: %w", f.Name, err)
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// enlist lets somebody wait for their turn, or for several, each with tokens that are
// new.
func (c *Crowd) enlist(ctx context.Context, p *person, to *conn, times int) error {
	c.free <- p
	for range times - 1 {
		out, err := c.renewed(ctx, p, to)
		if err != nil {
			return err
		}
		other := *p
		other.access = out.AuthenticationResult.AccessToken
		c.free <- &other
	}
	return nil
}

// ready makes one person who can begin. Everybody who will get texts has had one:
// the crowd are people who come back, of whom a server knows more than of strangers.
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
	case NeedsUser, NeedsTokens:
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

// Wake has a server that was started anew serve for a while, by one of those who wait for
// each worker, whom it uses up: a server that has just begun does more for each request.
func (c *Crowd) Wake(ctx context.Context, f Flow, workers int, d time.Duration) error {
	all, ctx := errgroup.WithContext(ctx)
	end := time.Now().Add(d)
	for range workers {
		all.Go(func() error {
			p, err := c.next(f)
			to := &conn{address: c.address}
			defer to.close()
			for err == nil && time.Now().Before(end) {
				err = f.do(ctx, c, p, to)
			}
			return err
		})
	}
	return all.Wait()
}

// errUsedUp says that nobody is left who can do the flow.
var errUsedUp = errors.New("the crowd is used up")

// turn lets one person do the flow once.
func (c *Crowd) turn(ctx context.Context, f Flow, to *conn) error {
	p, err := c.next(f)
	if err != nil {
		return err
	}
	if !f.Once && f.Needs != NeedsNothing {
		defer func() { c.free <- p }()
	}
	to.forwarded = p.address
	return f.do(ctx, c, p, to)
}

// next is the person whose turn it is. A sign-up is always somebody new.
func (c *Crowd) next(f Flow) (*person, error) {
	switch {
	case f.Needs == NeedsNothing:
		return c.somebody(), nil
	case !f.Once:
		return <-c.free, nil
	}
	select {
	case p := <-c.free:
		return p, nil
	default:
		return nil, errUsedUp
	}
}
