package endtoend

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

// untilUnknown asks for sign-ups until one is answered by a 5xx, and does
// something before each.
func untilUnknown(t *testing.T, s *site, before func()) {
	t.Helper()
	ctx, b := bounded(t, time.Minute), newBalancer(t, s.node)
	for sdk := s.hasty(b); ; {
		before()
		number := newNumber()
		_, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number})
		if ctx.Err() != nil {
			t.Fatal("a minute of scarcity, and every sign-up is acknowledged")
		}
		s.alive()
		if refused(err) {
			t.Fatalf("what is the server's trouble is called the caller's: %v", err)
		}
		if err != nil {
			hinted(t, err)
			return
		}
	}
}

// hinted checks that a 503 says when to come again.
func hinted(t *testing.T, err error) {
	t.Helper()
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if ok && answer.HTTPStatusCode() == http.StatusServiceUnavailable && answer.Response.Header.Get("Retry-After") == "" {
		t.Errorf("a 503 does not say when to come again: %v", err)
	}
}

// readable checks that the keys which tokens are verified by can be had.
func readable(t *testing.T, s *site) {
	t.Helper()
	r, err := http.NewRequestWithContext(bounded(t, time.Minute), http.MethodGet, s.base()+"/"+s.pool+"/.well-known/jwks.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("while nothing can be written the keys cannot be read: %s", answer.Status)
	}
}

// starve lets people live while something is scarce, from time to time, and
// checks that nothing but their patience was lost.
func starve(t *testing.T, s *site, times int, take, give func()) {
	t.Helper()
	chance, rec, b := chanceOf(t), &record{}, newBalancer(t, s.node)
	ctx := bounded(t, time.Hour)
	s.rotating(ctx, s.patient(b))
	people := populate(ctx, s, b, rec, 8)
	var back []time.Duration
	for range times {
		<-time.After(time.Duration(100+chance.IntN(400)) * time.Millisecond) // of plenty
		take()
		<-time.After(time.Duration(100+chance.IntN(400)) * time.Millisecond) // of scarcity
		s.alive()
		give()
		given := time.Now()
		firstGoodWithin(t, s, b, rec)
		back = append(back, time.Since(given))
	}
	<-rec.next()
	people.disperse()
	s.alive()
	check(t, s, b, rec)
	s.stop()
	median, worst := spread(back)
	t.Logf("%d times: %d sign-ups, %d sign-ins acknowledged, none lost; good answers after its end after %v, at worst %v",
		times, len(rec.signedUp), rec.signIns(), median, worst)
}

func TestDiskFull_OnSQLite(t *testing.T) {
	t.Parallel()
	disk := pgtest.NewDisk(t, 24)
	s := newSite(t, "BELLHOP_LIMITS=off", "BELLHOP_DATABASE="+filepath.Join(disk.Dir, "bellhop.db"))
	s.start()
	starve(t, s, often(2, 50), func() {
		untilUnknown(t, s, func() { disk.Fill(t) })
		readable(t, s)
	}, func() { disk.Free(t) })
}

func TestDiskFull_OfPostgresData(t *testing.T) {
	t.Parallel()
	disk := pgtest.NewDisk(t, 96)
	data := filepath.Join(disk.Dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	wal, err := os.MkdirTemp("", "bellhop-wal-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(wal) })
	c := pgtest.Start(t, pgtest.Options{DataDir: data, WALDir: wal})
	s := onPostgres(t, c.NewDatabase(t), "BELLHOP_LIMITS=off")
	s.makePool()
	s.start()
	starve(t, s, often(1, 20), func() {
		untilUnknown(t, s, func() { disk.Fill(t) })
		readable(t, s)
	}, func() {
		disk.Free(t)
		revive(t, c)
	})
}

// TestDiskFull_OfPostgresLog fills the disk of the write-ahead log, on which
// PostgreSQL gives up; its supervisor starts it again.
func TestDiskFull_OfPostgresLog(t *testing.T) {
	t.Parallel()
	disk := pgtest.NewDisk(t, 96)
	wal := filepath.Join(disk.Dir, "wal")
	if err := os.Mkdir(wal, 0o700); err != nil {
		t.Fatal(err)
	}
	c := pgtest.Start(t, pgtest.Options{WALDir: wal, Settings: map[string]string{"max_wal_size": "32MB", "min_wal_size": "32MB"}})
	dsn := c.NewDatabase(t)
	s := onPostgres(t, dsn, "BELLHOP_LIMITS=off")
	s.makePool()
	s.start()
	starve(t, s, often(1, 20), func() {
		untilUnknown(t, s, func() {
			disk.Fill(t)
			c.TrySQL("postgres", "select pg_switch_wal()") // fails once there is no next file
		})
	}, func() {
		disk.Free(t)
		revive(t, c)
	})
}

// revive is PostgreSQL's supervisor: it starts it again as often as it ends,
// until it serves. One that panicked tries by itself first, and may give up only
// when there is space again.
func revive(t *testing.T, c *pgtest.Cluster) {
	t.Helper()
	for patience := time.Now().Add(time.Minute); time.Now().Before(patience); {
		if c.Ended() {
			c.Start(t)
		}
		if c.TrySQL("postgres", "select pg_switch_wal()") == nil { // it writes
			return
		}
	}
	t.Fatalf("PostgreSQL does not come back\n%s", c.Log())
}

func TestConnectionsExhausted_OfPostgres(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, pgtest.Options{MaxConnections: 30})
	s := onPostgres(t, c.NewDatabase(t), "BELLHOP_LIMITS=off")
	s.makePool()
	s.start()
	var free func()
	starve(t, s, often(1, 20), func() {
		free = c.Occupy(t)
		untilUnknown(t, s, func() {
			c.TrySQL("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'bellhop%'")
		})
	}, func() { free() })
}

// TestDescriptorsExhausted opens more connections than the server has
// descriptors for.
func TestDescriptorsExhausted(t *testing.T) {
	t.Parallel()
	s := newSite(t, "BELLHOP_LIMITS=off")
	s.under = []string{"sh", "-c", `ulimit -n 80 && exec "$0" "$@"`}
	s.start()
	var held []net.Conn
	starve(t, s, often(2, 50), func() {
		for opened := 0; takesConnections(s); opened++ {
			if opened == 1000 {
				t.Fatal("the server takes all connections there are: the test proves nothing")
			}
			held = append(held, dial(t, s))
		}
	}, func() {
		for _, conn := range held {
			conn.Close()
		}
		held = nil
	})
}

// dial opens a connection to the server, which may not have accepted it yet.
func dial(t *testing.T, s *site) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.base(), "http://"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// takesConnections says whether a new connection is served.
func takesConnections(s *site) bool {
	fresh := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := fresh.Get(s.base() + "/healthz")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return true
}
