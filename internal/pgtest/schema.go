package pgtest

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// NewSchema makes an empty schema in the database of a URL and returns a URL
// that leads there: it is quicker to have than a database of its own.
func NewSchema(tb testing.TB, database string) string {
	tb.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close(ctx)
	name := "s" + strings.ToLower(rand.Text())
	if _, err := c.Exec(ctx, "create schema "+name); err != nil {
		tb.Fatal(err)
	}
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", name)
	query.Set("pool_min_conns", "0") // a test has few at once
	u.RawQuery = query.Encode()
	return u.String()
}
