package poolcopy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/poolfile"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// ofPool is what losses of the pool's own settings are of.
const ofPool = "user pool"

// designMembers say what users of a pool are named by, for its whole life. A pool
// without them would be another one.
var designMembers = []string{"PoolName", "UsernameAttributes", "AliasAttributes", "UsernameConfiguration"}

// settings makes the pool, unless it is there: then its settings are its operator's.
func (c *copying) settings(ctx context.Context) error {
	described, err := c.source.describe(ctx)
	if err != nil {
		return unreadable("the user pool", err)
	}
	c.state.Estimate = int(described.EstimatedNumberOfUsers)
	members := poolfile.Creation(poolfile.TreeOf(described))
	delete(members, "MfaConfiguration") // which says less than secondFactors asks for
	want, losses, err := c.newPool(members)
	if err != nil {
		return fmt.Errorf("the pool cannot be made: %w", err)
	}
	there, err := c.Target.DescribeUserPool(ctx, c.Pool)
	switch {
	case err == nil:
		return c.poolThere(ctx, there, want)
	case !fault.Is(err, fault.ResourceNotFound):
		return err
	}
	for _, name := range []*string{described.Domain, described.CustomDomain} {
		if value(name) != "" {
			losses = append(losses, Loss{Of: ofPool, Member: "domain " + *name, Reason: "There are no pages of the hosted login here."})
		}
	}
	c.state.Settings = append(losses, c.neighbours(ctx)...)
	c.pool = userpool.Pool{ID: want.ID, Name: want.Name, Settings: want.Settings}
	c.state.PoolMade = true
	if c.DryRun {
		return nil
	}
	if err := c.save(); err != nil { // whoever is interrupted from here on goes on with his own pool
		return err
	}
	err = c.Audited(ctx, "CreateUserPool", func(ctx context.Context) error {
		c.pool, err = c.Target.CreateUserPool(ctx, want)
		return err
	})
	if err != nil {
		return err
	}
	return c.secondFactors(ctx)
}

// secondFactors gives the new pool the second factors of the source. A pool that
// cannot have them lets people in with less than they had to show, which its
// operator must be told.
func (c *copying) secondFactors(ctx context.Context) error {
	shown, err := c.source.mfaConfig(ctx)
	c.state.FactorsSet = true
	if isRefused(err) {
		return nil
	}
	if err != nil {
		return unreadable("the second factors of the pool", err)
	}
	members := poolfile.TreeOf(shown)
	if on := members["MfaConfiguration"]; (on == nil || on == "OFF") && members["WebAuthnConfiguration"] == nil {
		return nil
	}
	members["UserPoolId"] = string(c.Pool)
	err = c.Audited(ctx, "SetUserPoolMfaConfig", func(ctx context.Context) error {
		mfa, err := cognito.MFAOf(members.JSON())
		if err != nil {
			return err
		}
		p, err := c.Target.SetUserPoolMFA(ctx, mfa)
		if err == nil {
			c.pool = p
		}
		return err
	})
	if fault.KindOf(err) == fault.InvalidParameter {
		c.lose(Loss{Of: ofPool, Member: "MfaConfiguration and its factors", Reason: err.Error()})
		return nil
	}
	return err
}

// newPool is the pool to make, and what of it cannot be.
func (c *copying) newPool(members poolfile.Tree) (made userpool.NewPool, losses []Loss, err error) {
	if _, given := members["LambdaConfig"]; given && c.WithoutTriggers {
		losses = append(losses, Loss{Of: ofPool, Member: "LambdaConfig", Reason: "It was not wanted (--without-triggers)."})
		delete(members, "LambdaConfig")
	}
	base := poolfile.Tree{}
	for _, name := range designMembers {
		if v, ok := members[name]; ok {
			base[name] = v
		}
	}
	fitting, left, err := fit(members, base, func(t poolfile.Tree) error {
		p, err := cognito.PoolOf(c.Pool, t.JSON())
		if err != nil {
			return err
		}
		return c.Target.CheckNewPool(p)
	})
	if err != nil {
		return made, nil, err
	}
	made, err = cognito.PoolOf(c.Pool, fitting.JSON())
	return made, append(losses, of(ofPool, left)...), err
}

func of(what string, losses []Loss) []Loss {
	for i := range losses {
		losses[i].Of = what
	}
	return losses
}

// poolThere goes on with a pool that is there. It must name its users as the source
// does, and gets the attributes that it lacks.
func (c *copying) poolThere(ctx context.Context, there userpool.Pool, want userpool.NewPool) error {
	c.pool = there
	a, b := there.Settings, want.Settings
	same := func(a, b []string) bool {
		return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
	}
	if !same(a.UsernameAttributes, b.UsernameAttributes) || !same(a.AliasAttributes, b.AliasAttributes) || a.CaseSensitive != b.CaseSensitive {
		return fmt.Errorf("there is a pool %s already, whose users have other kinds of names (UsernameAttributes, AliasAttributes, UsernameConfiguration); delete it, and the import makes it as it is", c.Pool)
	}
	var lacking []userpool.CustomAttribute
	for _, attr := range b.Custom {
		if !slices.ContainsFunc(a.Custom, func(has userpool.CustomAttribute) bool { return has.Name == attr.Name }) {
			lacking = append(lacking, attr)
		}
	}
	if len(lacking) == 0 || c.DryRun {
		c.pool.Settings.Custom = append(slices.Clone(a.Custom), lacking...)
		if c.state.PoolMade && !c.state.FactorsSet && !c.DryRun {
			return c.secondFactors(ctx)
		}
		return nil
	}
	return c.Audited(ctx, "AddCustomAttributes", func(ctx context.Context) (err error) {
		if err = c.Target.AddCustomAttributes(ctx, c.Pool, lacking); err != nil {
			return err
		}
		c.pool, err = c.Target.DescribeUserPool(ctx, c.Pool)
		return err
	})
}

// neighbours are what belongs to a pool on Cognito and has no place here. Not every
// server has it, and not everybody may read it.
func (c *copying) neighbours(ctx context.Context) (losses []Loss) {
	for _, kind := range []struct {
		what, why string
		names     func(context.Context) ([]string, error)
	}{
		{"identity provider", "Sign-in by other providers is not served here.", c.source.identityProviders},
		{"resource server", "OAuth scopes of one's own are not served here.", c.source.resourceServers},
	} {
		names, err := kind.names(ctx)
		if err != nil && !isRefused(err) {
			losses = append(losses, Loss{Of: ofPool, Member: kind.what + "s", Reason: "They could not be read: " + failure(err)})
		}
		for _, name := range names {
			losses = append(losses, Loss{Of: ofPool, Member: kind.what + " " + name, Reason: kind.why})
		}
	}
	return losses
}

// clients makes the app clients, with their ids and secrets.
func (c *copying) clients(ctx context.Context) error {
	described, err := c.source.clients(ctx)
	if err != nil {
		return unreadable("the app clients", err)
	}
	c.state.Clients = Count{}
	for _, d := range described {
		id := userpool.ClientID(value(d.ClientId))
		members := poolfile.ClientCreation(poolfile.TreeOf(d))
		members["UserPoolId"] = string(c.Pool)
		base := poolfile.Tree{"UserPoolId": members["UserPoolId"], "ClientName": members["ClientName"]}
		if secret, ok := members["ClientSecret"]; ok {
			base["ClientSecret"] = secret // without it the client would be a public one
		}
		fitting, losses, err := fit(members, base, func(t poolfile.Tree) error {
			_, err := c.newClient(id, t)
			return err
		})
		if err != nil {
			c.state.Clients.Seen++
			c.state.Clients.Refused++
			c.lose(Loss{Of: "app client " + string(id), Member: "all of it", Reason: err.Error()})
			continue
		}
		client, err := c.newClient(id, fitting)
		if err != nil {
			return err
		}
		already := c.state.Clients.Already
		err = c.make(ctx, &c.state.Clients, "CreateUserPoolClient", func(ctx context.Context) error {
			_, err := c.Target.CreateUserPoolClient(ctx, client)
			return err
		})
		if err != nil {
			return fmt.Errorf("the app client %s cannot be made: %w", id, err)
		}
		if c.state.Clients.Already == already {
			c.lose(of("app client "+string(id), losses)...)
		}
	}
	return nil
}

// newClient reads members into a client of the pool.
func (c *copying) newClient(id userpool.ClientID, members poolfile.Tree) (userpool.NewClient, error) {
	client, err := cognito.ClientOf(id, members.JSON())
	if err != nil {
		return client, err
	}
	return client, client.CheckIn(c.pool.Settings)
}

// lose notes losses, each once.
func (c *copying) lose(losses ...Loss) {
	for _, l := range losses {
		if !slices.Contains(c.state.Settings, l) {
			c.state.Settings = append(c.state.Settings, l)
		}
	}
}

// groups makes the groups.
func (c *copying) groups(ctx context.Context) error {
	groups, err := c.source.groups(ctx)
	if err != nil {
		return unreadable("the groups", err)
	}
	c.state.Groups = Count{}
	for _, g := range groups {
		name := value(g.GroupName)
		c.members.names = append(c.members.names, name)
		err := c.make(ctx, &c.state.Groups, "CreateGroup", func(ctx context.Context) error {
			_, err := c.Target.CreateGroup(ctx, userpool.NewGroup{PoolID: c.Pool, Name: name, Description: g.Description, RoleARN: g.RoleArn, Precedence: g.Precedence})
			return err
		})
		if err != nil {
			return fmt.Errorf("the group %s cannot be made: %w", strings.TrimSpace(name), err)
		}
	}
	return nil
}
