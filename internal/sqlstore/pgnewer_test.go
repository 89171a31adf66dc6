package sqlstore

import (
	"context"
	"errors"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// nextStep is a step that no program has yet.
var nextStep = migration{version: int(lastVersion) + 1, name: "next", text: "create table next (id text)"}

// A server that takes it that a pool's configuration is as it was asks for no version
// of the schema. It notices a newer one all the same.
func TestPostgres_WhoseSchemaIsNewerNow_SaysSoOfPoolsThatItKnows(t *testing.T) {
	ctx := t.Context()
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	db := openURL(t, url, repeatableRead)
	pool := userpool.Pool{ID: "us-east-1_One", Name: "one", Settings: userpool.DefaultPoolSettings()}
	find := func(tx userpool.Tx) error {
		_, err := tx.Pool(ctx, pool.ID)
		return err
	}
	write := func(tx userpool.Tx) error { return errors.Join(find(tx), tx.PutMeta(ctx, "named", "it")) }
	err := errors.Join(
		db.Update(ctx, func(tx userpool.Tx) error { return tx.InsertPool(ctx, pool) }),
		db.View(ctx, find), // which keeps it
		db.Update(ctx, write))
	if err != nil {
		t.Fatal(err)
	}
	newer := beside(t, url)
	if err := inTx(newer, func() error { return step(ctx, newer, nextStep) }); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"a View":                db.View(ctx, find),
		"an Update that writes": db.Update(ctx, write),
		"an operation": func() error {
			_, err := userpool.Relying(ctx, db, func(ctx context.Context) (struct{}, error) { return struct{}{}, db.View(ctx, find) })
			return err
		}(),
	} {
		if !errors.Is(err, errNewerSchema) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A pool that is being made while a step runs has another version afterwards, so that no
// server goes by the one that it was made with.
func TestPostgres_StepMeetsAPoolThatIsBeingMade_WaitsForIt(t *testing.T) {
	ctx := t.Context()
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	openURL(t, url, repeatableRead)
	maker, newer, onlooker := beside(t, url), beside(t, url), beside(t, url)
	if _, err := maker.exec("begin"); err != nil {
		t.Fatal(err)
	}
	if _, err := maker.exec(sqlInsertPool, "us-east-1_One", "one", "{}", 0, 0, 7); err != nil {
		t.Fatal(err)
	}
	stepped := make(chan error, 1)
	go func() { stepped <- inTx(newer, func() error { return step(ctx, newer, nextStep) }) }()
	if err := awaitLockWait(onlooker, stepped); err != nil {
		t.Fatal(err)
	}
	_, err := maker.exec("commit")
	if err := errors.Join(err, <-stepped); err != nil {
		t.Fatal(err)
	}
	if version, err := number(onlooker, sqlConfigVersion, "us-east-1_One"); err != nil || version == 7 {
		t.Errorf("the pool has version %d, %v", version, err)
	}
}
