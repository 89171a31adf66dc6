package poolcopy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// operationImport is what the copy's users are called in the audit trail.
const operationImport = "ImportUsers"

// users brings the users over, page by page. What is in the store is noted in the
// progress after each page, so whoever is interrupted does at most one page again,
// whose users are then there already.
func (c *copying) users(ctx context.Context) error {
	switch {
	case c.state.Finished: // and interrupted when all that was left was to say so
		return nil
	case c.DryRun:
		return c.allUsers(ctx)
	}
	return c.Audited(ctx, operationImport, c.allUsers)
}

func (c *copying) allUsers(ctx context.Context) error {
	err := c.usersFrom(ctx, c.state.Token)
	if c.state.Token == "" || !isPageToken(err) {
		return err
	}
	// The place in the list is not known to the source any more: from the beginning,
	// past those who have come.
	c.state.again()
	if err := c.save(); err != nil {
		return err
	}
	return c.usersFrom(ctx, "")
}

func (c *copying) usersFrom(ctx context.Context, token string) error {
	ctx, cancel := context.WithCancel(ctx)
	pages := c.source.pages(ctx, token)
	defer func() {
		cancel()
		for range pages { // until who reads has ended
		}
	}()
	for p := range pages {
		if p.err != nil {
			return unreadable("the users", p.err)
		}
		if err := c.takePage(ctx, p); err != nil {
			return err
		}
		if c.Tell != nil {
			c.Tell(c.report())
		}
	}
	return ctx.Err()
}

// takePage brings the users of a page over and notes that they are.
func (c *copying) takePage(ctx context.Context, p page) error {
	preferences, err := c.preferences(ctx, p.users)
	if err != nil {
		return err
	}
	arrivals := make([]userpool.Arrival, len(p.users))
	for i, u := range p.users {
		arrivals[i] = c.arrival(u, preferences[i])
	}
	outcomes, err := c.arrive(ctx, arrivals)
	if err != nil {
		return err
	}
	for i, outcome := range outcomes {
		c.state.came(arrivals[i].ID, outcome)
	}
	c.state.Token, c.state.Finished = p.next, p.next == ""
	return c.save()
}

func (c *copying) arrive(ctx context.Context, users []userpool.Arrival) ([]error, error) {
	if c.DryRun {
		return c.Target.Foresee(ctx, c.pool, users)
	}
	return c.Target.Arrive(ctx, c.Pool, users)
}

// arrival is a user of the source as one who comes. What of him cannot come is noted.
func (c *copying) arrival(u types.UserType, preference userpool.MFAPreference) userpool.Arrival {
	sub := subOf(u)
	a := userpool.Arrival{
		ID: userpool.UserID(sub), Username: value(u.Username), Attributes: make(map[string]string),
		Status: userpool.UserStatus(u.UserStatus), Enabled: u.Enabled,
		CreatedAt: value(u.UserCreateDate), ModifiedAt: value(u.UserLastModifiedDate),
		MFA: preference, Renew: c.Update,
	}
	for _, attr := range u.Attributes {
		switch name := value(attr.Name); {
		case name == userpool.AttrSub:
		case name == "identities":
			c.state.lost(a.ID, "links to identity providers (the attribute identities)")
		case strings.HasPrefix(name, "dev:"):
			c.state.lost(a.ID, "attributes of developers alone (dev:)")
		default:
			a.Attributes[name] = value(attr.Value)
		}
	}
	if id, err := uuid.Parse(sub); err == nil {
		a.Groups = c.members.groupsOf(id)
	}
	for _, o := range u.MFAOptions { // an older way to ask for texts
		a.MFA.SMS = a.MFA.SMS || o.DeliveryMedium == types.DeliveryMediumTypeSms
	}
	if a.MFA.SoftwareToken {
		c.state.lost(a.ID, "authenticator apps (Cognito gives no TOTP secrets): they are set up anew")
		a.MFA.SoftwareToken = false
		if a.MFA.Preferred == "SOFTWARE_TOKEN_MFA" {
			a.MFA.Preferred = ""
		}
	}
	return a
}

// together is how many users are asked about at once.
const together = 8

// preferences are what each user has chosen of the second factors, where that is
// wanted: lists of users do not say.
func (c *copying) preferences(ctx context.Context, users []types.UserType) ([]userpool.MFAPreference, error) {
	preferences := make([]userpool.MFAPreference, len(users))
	if !c.WithMFA {
		return preferences, nil
	}
	errs := make([]error, together)
	var readers sync.WaitGroup
	for n := range together {
		readers.Go(func() {
			for i := n; i < len(users) && errs[n] == nil; i += together {
				preferences[i], errs[n] = c.source.preference(ctx, value(users[i].Username))
			}
		})
	}
	readers.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, unreadable("what a user prefers of the second factors", err)
	}
	return preferences, nil
}

// Kinds of reasons that are kept apart, and of users that are named for each.
const (
	maxReasons  = 100
	maxExamples = 10
)

// Reason is why users could not come, or what of them could not.
type Reason struct {
	Reason   string            `json:"reason"`
	Users    int               `json:"users"`
	Examples []userpool.UserID `json:"examples"` // a few of them, by sub
}

func noted(reasons []Reason, id userpool.UserID, why string) []Reason {
	i := slices.IndexFunc(reasons, func(r Reason) bool { return r.Reason == why })
	if i < 0 && len(reasons) >= maxReasons {
		i = maxReasons - 1
		reasons[i].Reason = "other reasons"
	}
	if i < 0 {
		reasons, i = append(reasons, Reason{Reason: why}), len(reasons)
	}
	r := &reasons[i]
	r.Users++
	if len(r.Examples) < maxExamples {
		r.Examples = append(r.Examples, id)
	}
	return reasons
}

// came notes what became of a user.
func (p *progress) came(id userpool.UserID, outcome error) {
	p.Users.Seen++
	switch {
	case outcome == nil:
		p.Users.Came++
	case errors.Is(outcome, userpool.ErrSkipped):
		p.Users.Already++
	default:
		p.Users.Refused++
		p.Refused = noted(p.Refused, id, strings.TrimSpace(outcome.Error()))
	}
}

// lost notes what of a user cannot come.
func (p *progress) lost(id userpool.UserID, what string) { p.Lost = noted(p.Lost, id, what) }

// again begins with the first user, of those who came: they will be there already.
func (p *progress) again() {
	p.Token, p.Relisted = "", true
	p.Users = Count{Came: p.Users.Came, Already: -p.Users.Came}
	p.Refused, p.Lost = nil, nil
}

// preference asks for one user.
func (s source) preference(ctx context.Context, username string) (userpool.MFAPreference, error) {
	out, err := s.user(ctx, username)
	if _, gone := errors.AsType[*types.UserNotFoundException](err); gone {
		return userpool.MFAPreference{}, nil // deleted since the page was read
	}
	if err != nil {
		return userpool.MFAPreference{}, fmt.Errorf("AdminGetUser: %w", err)
	}
	on := func(factor string) bool { return slices.Contains(out.UserMFASettingList, factor) }
	return userpool.MFAPreference{
		SMS: on("SMS_MFA"), SoftwareToken: on("SOFTWARE_TOKEN_MFA"), Email: on("EMAIL_OTP"),
		Preferred: value(out.PreferredMfaSetting),
	}, nil
}
