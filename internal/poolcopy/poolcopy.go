// Package poolcopy brings a user pool of Amazon Cognito, or of another Bellhop, into
// a service's store: its settings, app clients, groups and users, under the ids that
// they have. It reads by the AWS SDK and changes nothing there. It owns the order of
// the work, where it stood when it was interrupted, and the report of what could not
// come; how a user comes is userpool's to say.
package poolcopy

import (
	"context"
	"errors"
	"fmt"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Config is what a copy is made of.
type Config struct {
	Source *cip.Client
	From   string // what the source is called in the report
	Pool   userpool.PoolID
	Target *userpool.Service
	// Progress is the file that says how far the copy has come. One that is there is
	// gone on with.
	Progress string

	WithMFA         bool // ask for each user which second factors he prefers
	WithoutTriggers bool // leave LambdaConfig out
	Update          bool // users who are there already are brought up to date
	DryRun          bool // read and report, and change nothing
	Rate            int  // requests a second, 0 for as many as the source takes

	// Audited runs a change as a call of the operation.
	Audited func(ctx context.Context, operation string, change func(context.Context) error) error
	// Tell is told how far the copy is, after each page.
	Tell func(Report)
}

// copying is a copy under way.
type copying struct {
	Config
	source  source
	pool    userpool.Pool // as it is in the target, or would be
	members memberships
	state   progress
	began   time.Time // this run
	before  int       // users seen by earlier runs
	resumed bool      // there were earlier runs
}

// Run makes the copy, or goes on with it, and reports what came of it. An error
// leaves it to be gone on with; the report is of what was done until then, and empty
// where the pool was not even read.
func Run(ctx context.Context, cfg Config) (Report, error) {
	state, err := readProgress(cfg.Progress, cfg.Pool, cfg.From)
	if err != nil {
		return Report{}, err
	}
	if cfg.DryRun {
		state = progress{} // it is about all of it
	}
	c := &copying{Config: cfg, source: source{api: cfg.Source, pool: string(cfg.Pool), pace: newPace(cfg.Rate)}, state: state, began: time.Now()}
	c.before, c.resumed = c.state.Users.Seen, !c.state.Started.IsZero()
	if !c.resumed {
		c.state.Pool, c.state.From, c.state.Started = cfg.Pool, cfg.From, c.began.UTC()
	}
	if err := c.run(ctx); err != nil {
		if c.pool.ID == "" && c.before == 0 {
			return Report{}, err // nothing was begun, so there is nothing to tell
		}
		return c.report(), err
	}
	report := c.report()
	if cfg.DryRun {
		return report, nil
	}
	return report, c.state.remove(cfg.Progress)
}

func (c *copying) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.settings, c.clients, c.groups, c.memberships, c.users} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := c.save(); err != nil {
			return err
		}
	}
	return nil
}

func (c *copying) save() error {
	if c.DryRun {
		return nil
	}
	return c.state.write(c.Progress)
}

// make makes something in the target, unless it is there already or this is a dry
// run, and counts it.
func (c *copying) make(ctx context.Context, n *Count, operation string, change func(context.Context) error) error {
	n.Seen++
	if c.DryRun {
		n.Came++
		return nil
	}
	err := c.Audited(ctx, operation, change)
	switch {
	case err == nil:
		n.Came++
	case fault.Is(err, fault.Conflict), fault.Is(err, fault.GroupExists):
		n.Already++
	default:
		return err
	}
	return nil
}

// unreadable says which read of the source failed. What it says is the service's own
// words, which name no user.
func unreadable(what string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s cannot be read: %w", what, err)
}
