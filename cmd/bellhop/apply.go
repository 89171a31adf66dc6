package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/poolfile"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// applyOptions are what `bellhop apply` asks for.
type applyOptions struct {
	endpoint         string
	plan, prune, yes bool
}

func (o *applyOptions) flags() []config.Flag {
	return []config.Flag{
		switchFlag("plan", "print what would be done, do nothing, and exit with 2 if that is anything", &o.plan),
		switchFlag("dry-run", "the same as --plan", &o.plan),
		textFlag("endpoint", "URL", "the server to talk to, with an admin key: BELLHOP_ADMIN_ACCESS_KEY_ID and BELLHOP_ADMIN_SECRET_ACCESS_KEY, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the file AWS_SHARED_CREDENTIALS_FILE (default none: the database itself, whether or not a server runs on it)", &o.endpoint),
		switchFlag("prune", "delete app clients and groups that are not in the file, where it names any; never a pool", &o.prune),
		switchFlag("yes", "delete without asking further; without it a plan that deletes is refused", &o.yes),
	}
}

// applySettings are the settings that matter to the command.
var applySettings = []string{"data", "database", "auto-migrate", "master-key-file", "public-url", "region", "triggers", "config"}

func applyHelp() string {
	return `  bellhop apply FILE [flags]

FILE is YAML or JSON in Cognito's own field names: the members of CreateUserPool and
SetUserPoolMfaConfig, with Clients (CreateUserPoolClient's) and Groups (CreateGroup's),
or what aws cognito-idp describe-user-pool printed; several pools stand under UserPools.
A member that is left out has its default. An Id or ClientId that is not there yet is
kept, which needs the database itself. Applying a file twice changes nothing more.

` + config.Help(new(applyOptions).flags(), applySettings)
}

// errDiffers is the end of a plan that has something to do.
var errDiffers = errors.New("there is something to do")

// apply brings pools, clients and groups to what a file says. Its exit codes are those
// of `terraform plan -detailed-exitcode`: 2 is a difference and nothing else, so a bad
// file or flag is 1.
func apply(ctx context.Context, in invocation) error {
	err := applyFile(ctx, in)
	if errors.As(err, new(config.Problems)) || errors.As(err, new(usageError)) {
		return errors.New(err.Error())
	}
	return err
}

func applyFile(ctx context.Context, in invocation) error {
	var o applyOptions
	path := argument(&in)
	if path == "" {
		return usageError("say which file, before any flag: bellhop apply FILE")
	}
	cfg, err := loadTool(in, o.flags()...)
	if err != nil {
		return err
	}
	pools, err := poolfile.Read(path)
	if err != nil {
		return err
	}
	server, err := reach(ctx, in, cfg, o)
	if err != nil {
		return err
	}
	defer server.close()
	plans, err := planAll(ctx, server, pools)
	if err != nil {
		return err
	}
	for _, p := range plans {
		if err := p.Print(in.stdout, o.prune); err != nil {
			return err
		}
	}
	steps := 0
	for i := range plans {
		if o.prune {
			if len(plans[i].Spare) > 0 && !o.yes && !o.plan {
				return errors.New("the plan deletes something; nothing was done: say --yes if that is meant")
			}
			plans[i].Steps = append(plans[i].Steps, plans[i].Spare...)
		}
		steps += len(plans[i].Steps)
	}
	switch {
	case o.plan && steps > 0:
		return errDiffers
	case o.plan:
		return nil
	}
	for _, p := range plans {
		if err := carryOut(ctx, in.stdout, server, p); err != nil {
			return err
		}
	}
	return nil
}

// poolServer is where pools are: a server, or a database.
type poolServer interface {
	// call sends a request.
	call(ctx context.Context, operation string, members poolfile.Tree) (poolfile.Tree, error)
	// keep makes a pool or a client under an id, where keeps says that it can.
	keep(ctx context.Context, c poolfile.Call) error
	keeps() bool
	close()
}

func reach(ctx context.Context, in invocation, cfg *config.Config, o applyOptions) (poolServer, error) {
	if o.endpoint != "" {
		return newRemote(ctx, in, cfg, o.endpoint)
	}
	return newLocal(ctx, in, cfg, o.plan)
}

// planAll plans every pool before anything is done, and tells all that cannot be.
func planAll(ctx context.Context, server poolServer, pools []poolfile.Pool) ([]poolfile.Plan, error) {
	var plans []poolfile.Plan
	var problems config.Problems
	ids, err := poolsByName(ctx, server, pools)
	if err != nil {
		return nil, err
	}
	for _, want := range pools {
		plan, err := planOne(ctx, server, want, ids)
		if some, ok := errors.AsType[config.Problems](err); ok {
			problems = append(problems, some...)
			continue
		}
		if err != nil {
			return nil, err
		}
		problems = append(problems, unkeepable(server, plan)...)
		plans = append(plans, plan)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return plans, nil
}

// unkeepable are the ids that a server will not make anything under.
func unkeepable(server poolServer, plan poolfile.Plan) (all config.Problems) {
	for _, s := range plan.Steps {
		if s.Op == poolfile.Create && s.ID != "" && !server.keeps() {
			all = append(all, config.Problem{Where: plan.Pool.Where, What: fmt.Sprintf(
				"has the %s %s, which the server does not have: the API makes no id of one's own. Leave --endpoint out, where the database is, or leave the id out", s.Kind, s.ID)})
		}
	}
	return all
}

func planOne(ctx context.Context, server poolServer, want poolfile.Pool, ids map[string][]string) (poolfile.Plan, error) {
	if found := ids[want.Name()]; want.ID == "" && len(found) > 1 {
		return poolfile.Plan{}, config.Problems{{Where: want.Where, What: fmt.Sprintf(
			"is one of %d pools named %s: say which, by its Id", len(found), want.Name())}}
	}
	id := want.ID
	if found := ids[want.Name()]; id == "" && len(found) == 1 {
		id = found[0]
	}
	have, err := stateOf(ctx, server, want, id)
	if err != nil {
		return poolfile.Plan{}, err
	}
	shown, err := shownOf(want, have)
	if err != nil {
		return poolfile.Plan{}, err
	}
	return poolfile.Compare(want, shown, have)
}

// poolsByName are the ids of all pools under their names, where the file names one by
// its name alone.
func poolsByName(ctx context.Context, server poolServer, pools []poolfile.Pool) (map[string][]string, error) {
	ids := map[string][]string{}
	for _, p := range pools {
		if p.ID != "" {
			continue
		}
		list, err := all(ctx, server, "ListUserPools", "UserPools", poolfile.Tree{"MaxResults": 60})
		for _, one := range list {
			name, _ := one["Name"].(string)
			id, _ := one["Id"].(string)
			ids[name] = append(ids[name], id)
		}
		return ids, err
	}
	return ids, nil
}

// all reads a list page by page.
func all(ctx context.Context, server poolServer, operation, member string, in poolfile.Tree) ([]poolfile.Tree, error) {
	var list []poolfile.Tree
	for {
		out, err := server.call(ctx, operation, in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", operation, err)
		}
		page, _ := out[member].([]any)
		for _, one := range page {
			tree, _ := one.(map[string]any)
			list = append(list, tree)
		}
		next, _ := out["NextToken"].(string)
		if next == "" {
			return list, nil
		}
		in["NextToken"] = next
	}
}

// stateOf reads what the file speaks of. An empty id, or one that is not there, is a
// pool yet to be made.
func stateOf(ctx context.Context, server poolServer, want poolfile.Pool, id string) (have poolfile.State, err error) {
	if id == "" {
		return have, nil
	}
	of := func(more ...string) poolfile.Tree {
		in := poolfile.Tree{"UserPoolId": id}
		for i := 0; i < len(more); i += 2 {
			in[more[i]] = more[i+1]
		}
		return in
	}
	out, err := server.call(ctx, "DescribeUserPool", of())
	if fault.Is(err, fault.ResourceNotFound) {
		return have, nil
	}
	if err != nil {
		return have, fmt.Errorf("DescribeUserPool: %w", err)
	}
	have.ID = id
	have.Pool, _ = out["UserPool"].(map[string]any)
	if have.MFA, err = server.call(ctx, "GetUserPoolMfaConfig", of()); err != nil {
		return have, fmt.Errorf("GetUserPoolMfaConfig: %w", err)
	}
	if want.SaysClients {
		list, err := all(ctx, server, "ListUserPoolClients", "UserPoolClients", poolfile.Tree{"UserPoolId": id, "MaxResults": 60})
		if err != nil {
			return have, err
		}
		for _, one := range list {
			client, _ := one["ClientId"].(string)
			out, err := server.call(ctx, "DescribeUserPoolClient", of("ClientId", client))
			if err != nil {
				return have, fmt.Errorf("DescribeUserPoolClient: %w", err)
			}
			shown, _ := out["UserPoolClient"].(map[string]any)
			have.Clients = append(have.Clients, shown)
		}
	}
	if want.SaysGroups {
		have.Groups, err = all(ctx, server, "ListGroups", "Groups", poolfile.Tree{"UserPoolId": id, "Limit": 60})
	}
	return have, err
}

// anyPool stands for the id of a pool yet to be made.
const anyPool = "us-east-1_new"

// shownOf is what the server would show of the pool if all was as the file says, by
// the rules of the server of this build. What it would refuse is a problem of the file.
func shownOf(want poolfile.Pool, have poolfile.State) (shown poolfile.Shown, err error) {
	refused := func(where string, err error) error {
		return config.Problems{{Where: where, What: "would be refused: " + err.Error()}}
	}
	pool, tree, err := shownPool(want.Whole(have))
	if err != nil {
		return shown, refused(want.Where, err)
	}
	shown.Pool = tree
	state, _ := want.MFA["MfaConfiguration"].(string)
	_, sms := want.MFA["SmsMfaConfiguration"]
	_, mail := want.MFA["EmailMfaConfiguration"]
	pool.Settings.MFA = userpool.MFASettings{Configuration: userpool.Configured(state), SMS: sms, Email: mail, SoftwareToken: want.MFA["SoftwareTokenMfaConfiguration"] != nil}
	if err := pool.Check(); err != nil {
		return shown, refused(want.Where, err)
	}
	if _, shown.PlainPool, err = shownPool(poolfile.Tree{"PoolName": want.Name()}); err != nil {
		return shown, refused(want.Where, err)
	}
	for _, c := range want.Clients {
		tree, err := shownClient(c.Members, pool.Settings)
		if err != nil {
			return shown, refused(c.Where, err)
		}
		shown.Clients = append(shown.Clients, tree)
	}
	shown.PlainClient, err = shownClient(poolfile.Tree{"ClientName": "plain"}, pool.Settings)
	return shown, err
}

func shownPool(members poolfile.Tree) (userpool.NewPool, poolfile.Tree, error) {
	p, err := cognito.PoolOf("", members.JSON())
	if err != nil {
		return p, nil, err
	}
	text, err := cognito.ShownPool(p)
	if err != nil {
		return p, nil, err
	}
	tree, err := parseTree(text)
	return p, tree, err
}

func shownClient(members poolfile.Tree, pool userpool.PoolSettings) (poolfile.Tree, error) {
	members = members.With("UserPoolId", anyPool)
	c, err := cognito.ClientOf("", members.JSON())
	if err != nil {
		return nil, err
	}
	if err := c.CheckIn(pool); err != nil {
		return nil, err
	}
	text, err := cognito.ShownClient(c)
	if err != nil {
		return nil, err
	}
	return parseTree(text)
}

func parseTree(text []byte) (tree poolfile.Tree, err error) {
	if len(text) > 0 {
		err = json.Unmarshal(text, &tree)
	}
	return tree, err
}

// carryOut does what one plan says, and tells each step when it is done.
func carryOut(ctx context.Context, w io.Writer, server poolServer, plan poolfile.Plan) error {
	id := plan.ID
	for _, s := range plan.Steps {
		for _, c := range s.Calls {
			made, err := carryOutCall(ctx, server, c, id)
			if err != nil {
				return fmt.Errorf("%s %s: %s: %w\nwhat was done before stays; the file can be applied again", s.Kind, s.Name, c.Operation, err)
			}
			switch c.Operation {
			case "CreateUserPool":
				id, s.ID = made, made
			case "CreateUserPoolClient":
				s.ID = made
			}
		}
		if _, err := fmt.Fprintln(w, s.Done()); err != nil {
			return err
		}
	}
	return nil
}

// carryOutCall sends one request of a plan for the pool, and returns the id of what it
// made.
func carryOutCall(ctx context.Context, server poolServer, c poolfile.Call, pool string) (string, error) {
	if c.Operation != "CreateUserPool" {
		c.Members = c.Members.With("UserPoolId", pool)
	}
	if c.KeepID != "" {
		return c.KeepID, server.keep(ctx, c)
	}
	out, err := server.call(ctx, c.Operation, c.Members)
	for member, id := range map[string]string{"UserPool": "Id", "UserPoolClient": "ClientId"} {
		if made, ok := out[member].(map[string]any); ok {
			text, _ := made[id].(string)
			return text, err
		}
	}
	return "", err
}
