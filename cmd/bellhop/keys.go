package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// keysOptions are what the commands on signing keys ask for.
type keysOptions struct {
	pool           string
	asJSON         bool
	now, revokeOld bool
}

func (o *keysOptions) poolFlag() config.Flag {
	return textFlag("pool", "ID", "one pool (default all)", &o.pool)
}

func (o *keysOptions) listFlags() []config.Flag {
	return []config.Flag{o.poolFlag(), jsonFlag(&o.asJSON)}
}

func (o *keysOptions) rotateFlags() []config.Flag {
	return []config.Flag{
		o.poolFlag(),
		switchFlag("now", "let the new keys sign at once, for keys that have become known; verifiers must fetch the key set again", &o.now),
		switchFlag("revoke-old", "with --now: take all older keys out of the key set, which makes the tokens that they signed invalid", &o.revokeOld),
	}
}

func keysListHelp() string   { return config.Help(new(keysOptions).listFlags(), toolSettings) }
func keysRotateHelp() string { return config.Help(new(keysOptions).rotateFlags(), toolSettings) }

// keysRotate begins a rotation in the data folder, whether or not a server runs
// on it.
func keysRotate(ctx context.Context, in invocation) error {
	var o keysOptions
	cfg, err := loadTool(in, o.rotateFlags()...)
	if err != nil {
		return err
	}
	if o.revokeOld && !o.now {
		return usageError("--revoke-old needs --now: without keys that sign at once there would be no valid token")
	}
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	var rotated []userpool.RotatedKeys
	err = audited(ctx, t.service, "RotateSigningKeys", func(ctx context.Context) (err error) {
		userpool.Note(ctx, "at_once", o.now)
		userpool.Note(ctx, "old_revoked", o.revokeOld)
		rotated, err = t.service.RotateKeys(ctx, userpool.PoolID(o.pool), userpool.KeyRotation{AtOnce: o.now, RevokeOld: o.revokeOld})
		return err
	})
	for _, r := range rotated { // also those before an error
		fmt.Fprintf(in.stdout, "%s: %s\n", r.Pool, o.outcome(r))
	}
	if err == nil && len(rotated) == 0 {
		fmt.Fprintln(in.stdout, "There are no pools.")
	}
	return err
}

func (o keysOptions) outcome(r userpool.RotatedKeys) string {
	from := moment(r.SignsFrom, "")
	switch {
	case r.Made == 0:
		return "a rotation is under way; its keys are published and sign from " + from + " on"
	case o.revokeOld:
		return "new keys sign from now on; the old ones are out of the key set, and all tokens that they signed are invalid"
	case o.now:
		return "new keys sign from now on; the old ones stay published for 25 hours, until their tokens have expired"
	}
	return "new keys are published and sign from " + from + " on; until then the old ones do"
}

// keyRow is a signing key as keys list prints it.
type keyRow struct {
	Pool           string    `json:"pool"`
	Kid            string    `json:"kid"`
	Use            string    `json:"use"`
	Alg            string    `json:"alg"`
	State          string    `json:"state"`
	Created        time.Time `json:"created"`
	SignsFrom      time.Time `json:"signsFrom"`
	Retired        time.Time `json:"retired,omitzero"`
	PublishedUntil time.Time `json:"publishedUntil,omitzero"`
}

// keysList prints the signing keys in the data folder.
func keysList(ctx context.Context, in invocation) error {
	var o keysOptions
	cfg, err := loadTool(in, o.listFlags()...)
	if err != nil {
		return err
	}
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	views, err := t.service.SigningKeys(ctx, userpool.PoolID(o.pool))
	if err != nil {
		return err
	}
	rows := make([]keyRow, len(views))
	for i, v := range views {
		rows[i] = keyRow{
			string(v.Pool), v.ID, v.Use, v.Alg, string(v.State),
			v.CreatedAt, v.ActiveAt, v.RetiredAt, v.PublishedUntil,
		}
	}
	return printKeys(in.stdout, rows, o.asJSON)
}

func printKeys(w io.Writer, rows []keyRow, asJSON bool) error {
	if asJSON {
		return printJSON(w, rows)
	}
	var table [][]string
	for _, r := range rows {
		table = append(table, []string{
			r.Pool, r.Kid, r.Use, r.Alg, r.State,
			moment(r.Created, ""), moment(r.SignsFrom, ""), moment(r.Retired, "-"), moment(r.PublishedUntil, "-"),
		})
	}
	return printTable(w, []string{"POOL", "KID", "USE", "ALG", "STATE", "CREATED", "SIGNS FROM", "RETIRED", "PUBLISHED UNTIL"}, table)
}
