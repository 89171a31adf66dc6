package main

import (
	"context"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/poolfile"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// localPools are those of a database, whether or not a server runs on it.
type localPools struct {
	*tool
	api *cognito.API
}

func newLocal(ctx context.Context, in invocation, cfg *config.Config, plan bool) (*localPools, error) {
	if plan { // which is no reason to make a database
		if err := mustExist(cfg); err != nil {
			return nil, err
		}
	}
	v, err := openVault(ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	t, err := newTool(ctx, in, cfg, v)
	if err != nil {
		return nil, err
	}
	api, err := cognito.New(cognito.Config{Service: t.service, Keys: t.service.Credential})
	if err != nil {
		t.close()
		return nil, err
	}
	return &localPools{tool: t, api: api}, nil
}

// call serves the request as a server would. What changes something is in the audit
// trail as the operator's.
func (l *localPools) call(ctx context.Context, operation string, members poolfile.Tree) (out poolfile.Tree, err error) {
	run := func(ctx context.Context) error {
		text, err := l.api.Run(ctx, operation, members.JSON())
		if err != nil {
			return err
		}
		out, err = parseTree(text)
		return err
	}
	if reads(operation) {
		return out, run(ctx)
	}
	err = audited(ctx, l.service, operation, run)
	return out, err
}

func reads(operation string) bool {
	return strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "List") || strings.HasPrefix(operation, "Get")
}

func (l *localPools) keeps() bool { return true }

func (l *localPools) keep(ctx context.Context, c poolfile.Call) error {
	return audited(ctx, l.service, c.Operation, func(ctx context.Context) error {
		if c.Operation == "CreateUserPool" {
			p, err := cognito.PoolOf(userpool.PoolID(c.KeepID), c.Members.JSON())
			if err == nil {
				_, err = l.service.CreateUserPool(ctx, p)
			}
			return err
		}
		client, err := cognito.ClientOf(userpool.ClientID(c.KeepID), c.Members.JSON())
		if err == nil {
			_, err = l.service.CreateUserPoolClient(ctx, client)
		}
		return err
	})
}
