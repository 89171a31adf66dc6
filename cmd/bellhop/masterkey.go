package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func masterKeyFileHelp() string { return config.Help(nil, toolSettings) }
func masterKeyPromoteHelp() string {
	return "  bellhop master-key promote [KEY]   the last key of the file where none is named\n\n" + config.Help(nil, toolSettings)
}
func masterKeyStatusHelp() string {
	return config.Help([]config.Flag{jsonFlag(new(bool))}, toolSettings)
}

// masterKeyCreate makes the file of a new installation, for servers that share a
// database and so its key.
func masterKeyCreate(_ context.Context, in invocation) error {
	cfg, err := loadTool(in)
	if err != nil {
		return err
	}
	switch _, err := os.Stat(cfg.MasterKeyFile); {
	case err == nil:
		return fmt.Errorf("%s exists and stays as it is", cfg.MasterKeyFile)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(cfg.MasterKeyFile), 0o700); err != nil {
		return err
	}
	if err := makeMasterKey(cfg.MasterKeyFile); err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, "The master key is in %s. Keep a copy where the backups of the database are not,\nand give the same file to every server of the database.\n", cfg.MasterKeyFile)
	return err
}

// masterKeyRotate puts a new key above the others. Where one server runs it is
// all that a rotation needs, but for the restart.
func masterKeyRotate(_ context.Context, in invocation) error {
	id, err := newMasterKey(in, true)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, `The new master key %s is the current one of the file. Keep a copy of the file.
Restart the server: it then seals everything anew in the background.
`, id)
	return err
}

// masterKeyAdd puts a new key below the others, for nodes that must all know it
// before one of them seals under it.
func masterKeyAdd(_ context.Context, in invocation) error {
	id, err := newMasterKey(in, false)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, `The new master key %s is in the file and seals nothing yet. Keep a copy of the file.
When every node has the file and was restarted: bellhop master-key promote %s
`, id, id)
	return err
}

func newMasterKey(in invocation, current bool) (id string, err error) {
	cfg, err := loadTool(in)
	if err != nil {
		return "", err
	}
	err = editMasterKey(cfg.MasterKeyFile, func(text []byte) (edited []byte, err error) {
		edited, id, err = seal.AddKey(text, current)
		return edited, err
	})
	return id, err
}

// masterKeyPromote makes a key that is in the file the current one.
func masterKeyPromote(_ context.Context, in invocation) error {
	id := argument(&in)
	cfg, err := loadTool(in)
	if err != nil {
		return err
	}
	err = editMasterKey(cfg.MasterKeyFile, func(text []byte) ([]byte, error) {
		ring, err := seal.ParseRing(text)
		if err != nil {
			return nil, err
		}
		if ids := ring.IDs(); id == "" {
			id = ids[len(ids)-1]
		}
		if id == ring.Current().ID() {
			return nil, fmt.Errorf("the key %s is the current one already", id)
		}
		return seal.PromoteKey(text, id)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, `The master key %s is the current one of the file.
Restart the server, of several one after the other: it then seals everything anew in the background.
`, id)
	return err
}

// progressEvery is how many sealed values lie between two lines of progress.
const progressEvery = 10_000

// masterKeyReseal does in the foreground what a server does in the background.
func masterKeyReseal(ctx context.Context, in invocation) error {
	cfg, err := loadTool(in)
	if err != nil {
		return err
	}
	if err := mustExist(cfg); err != nil {
		return err
	}
	v, err := vaultForReseal(ctx, cfg)
	if err != nil {
		return err
	}
	t, err := newTool(ctx, in, cfg, v)
	if err != nil {
		return err
	}
	defer t.close()
	work, err := t.service.Reseal(ctx)
	if err != nil {
		return err
	}
	for more, told := true, 0; more; {
		if more, err = work.Next(ctx); err != nil {
			return err
		}
		if work.Seen-told >= progressEvery {
			told = work.Seen
			fmt.Fprintf(in.stdout, "%d values seen, %d sealed anew\n", work.Seen, work.Resealed)
		}
	}
	fmt.Fprintf(in.stdout, "%d values seen, %d sealed anew under the master key %s\n", work.Seen, work.Resealed, v.ring.Current().ID())
	if work.Broken > 0 {
		return fmt.Errorf("%d values cannot be opened by any key of %s and were left as they are", work.Broken, cfg.MasterKeyFile)
	}
	return nil
}

// vaultForReseal opens the data folder so that the file's first key seals: that
// of a running server only if the server has read it.
func vaultForReseal(ctx context.Context, cfg *config.Config) (*vault, error) {
	v, err := openVault(ctx, cfg, true)
	if !errors.Is(err, sqlstore.ErrServed) {
		return v, err
	}
	if v, err = openVault(ctx, cfg, false); err != nil {
		return nil, err
	}
	if v.ring.Current().ID() != v.file.Current().ID() {
		return nil, errors.Join(
			errors.New("the running server has not read the new master key yet, and could not open what is sealed under it; restart the server, which then seals everything anew itself"),
			v.store.Close())
	}
	return v, nil
}

// masterKeyRow is a master key as status prints it.
type masterKeyRow struct {
	ID           string    `json:"id"`
	Place        string    `json:"place"`
	Sealed       int       `json:"sealedValues"`
	FirstCurrent time.Time `json:"firstCurrent,omitzero"`
	LastCurrent  time.Time `json:"lastCurrent,omitzero"`
	NeededUntil  time.Time `json:"neededUntil,omitzero"`
	Removable    bool      `json:"removable"`
	Why          string    `json:"why"`
}

func masterKeyRows(keys []userpool.MasterKeyView, at time.Time) []masterKeyRow {
	rows := make([]masterKeyRow, len(keys))
	for i, k := range keys {
		rows[i] = masterKeyRow{k.ID, placeOf(k), k.Sealed, k.FirstUsed, k.LastUsed, k.NeededUntil, k.Useless(at), whyKept(k, at)}
	}
	return rows
}

func placeOf(k userpool.MasterKeyView) string {
	switch {
	case k.Missing:
		return "missing"
	case k.Current:
		return "current"
	}
	return "opens"
}

// whyKept says what a key is needed for.
func whyKept(k userpool.MasterKeyView, at time.Time) string {
	switch {
	case k.Missing:
		return "the file lacks it, so that these values cannot be opened"
	case k.Current && k.FirstUsed.IsZero():
		return "no server has read it yet: restart the server"
	case k.Current:
		return "it seals"
	case k.Staged():
		return "it was never current: bellhop master-key promote makes it so, or remove its line by hand"
	}
	var why []string
	if k.Sealed > 0 {
		why = append(why, "values are sealed under it: restart the server or run bellhop master-key reseal")
	}
	if at.Before(k.NeededUntil) {
		why = append(why, "codes and refresh tokens that were made with it may live until "+moment(k.NeededUntil, ""))
	}
	if len(why) == 0 {
		return "nothing needs it: bellhop master-key prune removes it"
	}
	return strings.Join(why, "; ")
}

// masterKeyStatus prints what each master key is needed for.
func masterKeyStatus(ctx context.Context, in invocation) error {
	var asJSON bool
	cfg, err := loadTool(in, jsonFlag(&asJSON))
	if err != nil {
		return err
	}
	keys, err := masterKeysOf(ctx, in, cfg)
	if err != nil {
		return err
	}
	rows := masterKeyRows(keys, time.Now())
	if asJSON {
		return printJSON(in.stdout, rows)
	}
	var table [][]string
	for _, r := range rows {
		table = append(table, []string{
			r.ID, r.Place, fmt.Sprint(r.Sealed), moment(r.FirstCurrent, "never"), moment(r.LastCurrent, "never"), r.Why,
		})
	}
	return printTable(in.stdout, []string{"KEY", "PLACE", "SEALED VALUES", "FIRST CURRENT", "LAST CURRENT", "WHY IT STAYS"}, table)
}

func masterKeysOf(ctx context.Context, in invocation, cfg *config.Config) ([]userpool.MasterKeyView, error) {
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return nil, err
	}
	defer t.close()
	return t.service.MasterKeys(ctx, t.file)
}

// masterKeyPrune removes the keys that nothing needs, and refuses where there
// are old ones and all are needed.
func masterKeyPrune(ctx context.Context, in invocation) error {
	cfg, err := loadTool(in)
	if err != nil {
		return err
	}
	keys, err := masterKeysOf(ctx, in, cfg)
	if err != nil {
		return err
	}
	var gone, kept []string
	at := time.Now()
	for _, k := range keys {
		switch {
		case k.Useless(at):
			gone = append(gone, k.ID)
		case !k.Current && !k.Missing:
			kept = append(kept, fmt.Sprintf("the master key %s stays: %s", k.ID, whyKept(k, at)))
		}
	}
	if len(gone) == 0 && len(kept) > 0 {
		return errors.New(strings.Join(kept, "\n"))
	}
	if len(gone) == 0 {
		_, err := fmt.Fprintln(in.stdout, "The file holds the current master key alone.")
		return err
	}
	if err := editMasterKey(cfg.MasterKeyFile, func(text []byte) ([]byte, error) { return seal.RemoveKeys(text, gone) }); err != nil {
		return err
	}
	for _, id := range gone {
		fmt.Fprintf(in.stdout, "the master key %s is removed: nothing needs it any more\n", id)
	}
	for _, line := range kept {
		fmt.Fprintln(in.stdout, line)
	}
	return nil
}
