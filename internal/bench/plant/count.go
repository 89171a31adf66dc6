//go:build linux

package plant

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Counts are how many transactions that write have been committed, and how often
// something was made durable, since the server began. Fsyncs is below 0 where
// nothing can tell.
type Counts struct{ Commits, Fsyncs float64 }

// Counting is a server under observation: one that says what it commits, and whose
// fsyncs are counted. It is slower for that, so nothing else of it is measured.
type Counting struct {
	site    *Site
	metrics string // host:port of its metrics
	trace   string // the file that strace writes to, "" for none
	before  int    // fsyncs of PostgreSQL until it started
}

// Count starts the server to be observed. Until End nothing else may start it.
func (s *Site) Count(ctx context.Context) (*Counting, error) {
	at, err := freeAddress()
	if err != nil {
		return nil, err
	}
	c := &Counting{site: s, metrics: at}
	env := s.env
	defer func() { s.env = env }()
	s.env = append(s.env[:len(env):len(env)], "BELLHOP_METRICS_LISTEN="+at)
	if s.cluster != nil {
		if c.before, err = s.syncs(); err != nil {
			return nil, err
		}
		return c, s.Start(ctx)
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		return c, s.Start(ctx)
	}
	c.trace = filepath.Join(s.dir, "fsyncs")
	// As a grandchild, so that the server is ours; stopped at these two calls alone.
	return c, s.Start(ctx, strace, "-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", c.trace)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Read is what was counted so far. Of PostgreSQL's fsyncs only End can tell, for its
// processes say late what they did.
func (c *Counting) Read(ctx context.Context) (n Counts, err error) {
	if n.Commits, err = c.commits(ctx); err != nil {
		return n, err
	}
	n.Fsyncs = -1
	if c.trace != "" {
		n.Fsyncs, err = c.traced()
	}
	return n, err
}

// End stops the server. On PostgreSQL it says how many fsyncs there were since its
// start; otherwise that is below 0.
func (c *Counting) End() (fsyncs float64, err error) {
	if err := c.site.Stop(); err != nil {
		return 0, err
	}
	if c.site.cluster == nil {
		return -1, nil
	}
	after, err := c.site.syncs()
	return float64(after - c.before), err
}

// commits asks the server's metrics.
func (c *Counting) commits(ctx context.Context) (float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.metrics+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), `bellhop_store_duration_seconds_count{call="update"} `); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, errors.New("the metrics do not tell of the store's transactions")
}

// traced is how many fsyncs strace has written down.
func (c *Counting) traced() (float64, error) {
	text, err := os.ReadFile(c.trace)
	if err != nil {
		return 0, err
	}
	n := 0
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte("sync(")) { // and no "resumed" of the same one
			n++
		}
	}
	return float64(n), nil
}

// syncs is how often PostgreSQL's log was made durable.
func (s *Site) syncs() (int, error) {
	query := "select wal_sync from pg_stat_wal"
	if version, err := s.cluster.Query("postgres", "show server_version_num"); err != nil {
		return 0, err
	} else if version >= "180000" {
		query = "select sum(fsyncs) from pg_stat_io where object = 'wal'"
	}
	out, err := s.cluster.Query("postgres", query)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(out)
	if err != nil {
		return 0, fmt.Errorf("PostgreSQL has synced %q times: %w", out, err)
	}
	return n, nil
}
