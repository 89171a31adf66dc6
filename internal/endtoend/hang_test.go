package endtoend

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite" // another program at the same file
)

// TestHungDatabase_IsRefusedAndSoonServesAgain holds the database's write lock, as
// a program that should not be there may: requests end as refusals that SDKs send
// again, none is held for ever, and nothing is left of it afterwards.
func TestHungDatabase_IsRefusedAndSoonServesAgain(t *testing.T) {
	c := newCrowd(t, 8)
	ctx := bounded(t, 2*time.Minute)
	other, err := sql.Open("sqlite", "file:"+filepath.Join(c.s.dir, "bellhop.db")+"?_pragma=busy_timeout(20000)")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, "begin immediate"); err != nil {
		t.Fatal(err)
	}
	number := <-c.free
	a, err := c.begin(ctx, number)
	if err != nil || a.status != http.StatusServiceUnavailable || a.after == 0 {
		t.Errorf("with a hung database: %d, come again after %s, %v", a.status, a.after, err)
	}
	t.Logf("refused after %s", a.took.Round(time.Millisecond))
	if _, err := conn.ExecContext(ctx, "rollback"); err != nil {
		t.Fatal(err)
	}
	c.free <- number
	for range 10 {
		if err := c.signIn(ctx); err != nil {
			t.Fatalf("afterwards: %v", err)
		}
	}
	c.s.stop()
}
