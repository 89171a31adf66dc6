package sqlstore

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

func TestServerTime_IsTheServersOwn(t *testing.T) {
	db := &DB{openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), repeatableRead)}
	before := time.Now().Truncate(time.Millisecond)
	said, took, shared, err := db.ServerTime(t.Context())
	if err != nil || !shared || took <= 0 {
		t.Fatalf("%v, shared %v, took %s", err, shared, took)
	}
	if said.Before(before) || said.After(time.Now()) { // one machine, one clock
		t.Errorf("said %s, asked at %s", said, before)
	}
	if _, _, shared, err := openTemp(t, Options{}).ServerTime(t.Context()); shared || err != nil {
		t.Errorf("SQLite has a server's clock: %v", err)
	}
}
