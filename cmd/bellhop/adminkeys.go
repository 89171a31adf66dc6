package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// adminKeyOptions are what the commands on admin keys ask for.
type adminKeyOptions struct {
	wanted userpool.NewAccessKey
	asJSON bool
}

func (o *adminKeyOptions) listFlags() []config.Flag { return []config.Flag{jsonFlag(&o.asJSON)} }

func (o *adminKeyOptions) createFlags() []config.Flag {
	return append([]config.Flag{
		textFlag("name", "NAME", "whose key it is, or what for", &o.wanted.Name),
		{Name: "expires", Arg: "TIME", Set: o.setExpires, Help: "how long it serves, such as 90d or 12h (default without end)"},
		{Name: "operations", Arg: "LIST", Set: o.setOperations,
			Help: "what it may call, separated by commas: names, beginnings with a star such as AdminGet*, or read-only (default everything)"},
		{Name: "pools", Arg: "IDS", Set: o.setPools,
			Help: "the pools that it may touch, separated by commas (default all, and operations that belong to none)"},
	}, o.listFlags()...)
}

func (o *adminKeyOptions) setExpires(v string) (err error) {
	o.wanted.Lifetime, err = config.ParseSpan(v)
	if err == nil && o.wanted.Lifetime == 0 {
		return errors.New("must be more than 0; without it the key serves until it is deleted")
	}
	return err
}

func (o *adminKeyOptions) setOperations(v string) (err error) {
	o.wanted.Operations, err = cognito.ParseOperations(items(v))
	if err != nil {
		return err
	}
	if len(o.wanted.Operations) == 0 {
		return errors.New("names no operation")
	}
	return nil
}

func (o *adminKeyOptions) setPools(v string) error {
	for _, id := range items(v) {
		o.wanted.Pools = append(o.wanted.Pools, userpool.PoolID(id))
	}
	if len(o.wanted.Pools) == 0 {
		return errors.New("names no pool")
	}
	return nil
}

// items splits a list at its commas.
func items(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func adminKeysCreateHelp() string {
	return config.Help(new(adminKeyOptions).createFlags(), toolSettings)
}
func adminKeysListHelp() string { return config.Help(new(adminKeyOptions).listFlags(), toolSettings) }
func adminKeysDeleteHelp() string {
	return "  bellhop admin-keys delete ID\n\n" + config.Help(nil, toolSettings)
}

// adminKeyRow is an admin key as the commands print it. An empty list is all.
type adminKeyRow struct {
	ID         string    `json:"accessKeyId"`
	Secret     string    `json:"secretAccessKey,omitempty"` // where it was just made
	Name       string    `json:"name"`
	Operations []string  `json:"operations"`
	Pools      []string  `json:"pools"`
	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires,omitzero"`
	LastUsed   time.Time `json:"lastUsed,omitzero"`
}

func rowOf(k userpool.AccessKey) adminKeyRow {
	row := adminKeyRow{
		ID: k.ID, Name: k.Name, Operations: append([]string{}, k.Operations...), Pools: []string{},
		Created: k.CreatedAt, Expires: k.ExpiresAt, LastUsed: k.LastUsedAt,
	}
	for _, id := range k.Pools {
		row.Pools = append(row.Pools, string(id))
	}
	return row
}

// orAll is a list for a reader.
func orAll(list []string) string {
	if len(list) == 0 {
		return "all"
	}
	return strings.Join(list, ",")
}

// adminKeysCreate makes a key in the data folder, whether or not a server runs
// on it, and tells its secret this once.
func adminKeysCreate(ctx context.Context, in invocation) error {
	var o adminKeyOptions
	cfg, err := loadTool(in, o.createFlags()...)
	if err != nil {
		return err
	}
	if o.wanted.Name == "" {
		return usageError("--name is missing: say whose key it is, or what for")
	}
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	var key userpool.AccessKey
	var secret string
	err = audited(ctx, t.service, "CreateAdminKey", func(ctx context.Context) (err error) {
		key, secret, err = t.service.CreateAccessKey(ctx, o.wanted)
		return err
	})
	if err != nil {
		return fmt.Errorf("the admin key cannot be made: %w", err)
	}
	row := rowOf(key)
	row.Secret = secret
	return row.print(in.stdout, o.asJSON)
}

func (r adminKeyRow) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, r)
	}
	_, err := fmt.Fprintf(w, `# %s; operations: %s; pools: %s; expires: %s
# The secret is shown this once. The lines below are a shared credentials file.
[default]
aws_access_key_id = %s
aws_secret_access_key = %s
`, r.Name, orAll(r.Operations), orAll(r.Pools), moment(r.Expires, "never"), r.ID, r.Secret)
	return err
}

// adminKeysList prints the keys in the data folder, without their secrets.
func adminKeysList(ctx context.Context, in invocation) error {
	var o adminKeyOptions
	cfg, err := loadTool(in, o.listFlags()...)
	if err != nil {
		return err
	}
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	keys, err := t.service.AccessKeys(ctx)
	if err != nil {
		return err
	}
	rows := make([]adminKeyRow, len(keys))
	for i, k := range keys {
		rows[i] = rowOf(k)
	}
	if o.asJSON {
		return printJSON(in.stdout, rows)
	}
	var table [][]string
	for _, r := range rows {
		table = append(table, []string{
			r.ID, r.Name, orAll(r.Operations), orAll(r.Pools),
			moment(r.Created, ""), moment(r.Expires, "never"), moment(r.LastUsed, "never"),
		})
	}
	return printTable(in.stdout, []string{"ID", "NAME", "OPERATIONS", "POOLS", "CREATED", "EXPIRES", "LAST USED"}, table)
}

// adminKeysDelete ends a key; a running server refuses it from then on.
func adminKeysDelete(ctx context.Context, in invocation) error {
	id := argument(&in)
	if id == "" {
		return usageError("say which, before any flag: bellhop admin-keys delete ID; bellhop admin-keys list shows the ids")
	}
	cfg, err := loadTool(in)
	if err != nil {
		return err
	}
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	err = audited(ctx, t.service, "DeleteAdminKey", func(ctx context.Context) error {
		userpool.Note(ctx, "key", id)
		return t.service.DeleteAccessKey(ctx, id)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, "%s is deleted: requests signed with it are refused from now on.\n", id)
	return err
}
