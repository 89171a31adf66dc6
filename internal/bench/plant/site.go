//go:build linux

// Package plant is the server that is measured, and what it spends: it starts the
// program on a database of its own, in a temporary folder, on the loopback, reads
// its processes' clocks and memory, and ends what it started.
package plant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgcluster"
)

// The databases.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Config says what to start.
type Config struct {
	Binary   string // the bellhop to measure
	Database string // SQLite or Postgres
	Enforce  bool   // the limits that count requests and money
	Texts    string // the URL that texts are posted to
	Env      []string
}

// Site is one installation with one server.
type Site struct {
	cfg     Config
	dir     string
	env     []string
	cluster *pgcluster.Cluster // nil on SQLite

	Pool, Client string
	Address      string        // host:port while the server runs
	Started      time.Duration // from the start of the process to its first answer

	cmd   *exec.Cmd
	ended chan error // gets the outcome of the process
	log   *log
}

// New makes an installation with a pool and a client. Close removes it.
func New(ctx context.Context, cfg Config) (*Site, error) {
	s := &Site{cfg: cfg, log: &log{}}
	if err := s.prepare(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Site) prepare(ctx context.Context) (err error) {
	if s.dir, err = os.MkdirTemp("", "bellhop-bench-"); err != nil {
		return err
	}
	s.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "BELLHOP_DATA=" + filepath.Join(s.dir, "data"),
		"BELLHOP_LISTEN=127.0.0.1:0", "BELLHOP_PUBLIC_URL=http://bellhop.test", "BELLHOP_SMS=webhook:" + s.cfg.Texts,
		"BELLHOP_SMS_WEBHOOK_SECRET=whsec_dGhlIHNlY3JldCBvZiBhIHRlc3QsIG5vdCBvZiBhbnlib2R5",
		"BELLHOP_TRUSTED_PROXIES=127.0.0.0/8", // people can have addresses of their own
	}, s.cfg.Env...)
	if !s.cfg.Enforce {
		s.env = append(s.env, "BELLHOP_LIMITS=off")
	}
	if s.cfg.Database == Postgres {
		if err := s.openCluster(ctx); err != nil {
			return err
		}
	}
	out, err := s.run(ctx, "pool", "create", "--json")
	if err != nil {
		return err
	}
	var made struct {
		PoolID   string `json:"userPoolId"`
		ClientID string `json:"userPoolClientId"`
	}
	if err := json.Unmarshal(out, &made); err != nil || made.PoolID == "" || made.ClientID == "" {
		return fmt.Errorf("bellhop pool create printed %q: %w", out, err)
	}
	s.Pool, s.Client = made.PoolID, made.ClientID
	return nil
}

// database is the name of the database on PostgreSQL.
const database = "bellhop_bench"

func (s *Site) openCluster(ctx context.Context) (err error) {
	if s.cluster, err = pgcluster.New(pgcluster.Options{}); err != nil {
		return err
	}
	if _, err := s.cluster.Query("postgres", "create database "+database); err != nil {
		return err
	}
	s.env = append(s.env, "BELLHOP_DATABASE="+s.cluster.DSN(database), "BELLHOP_MASTER_KEY_FILE="+filepath.Join(s.dir, "master.key"))
	_, err = s.run(ctx, "master-key", "create")
	return err
}

// Settle has the database count its rows, as autovacuum does within a minute of a table's
// first ones (postgresql.org, "The Autovacuum Daemon"): what is measured is a database that
// has been there for longer.
func (s *Site) Settle() error {
	if s.cluster == nil {
		return nil
	}
	_, err := s.cluster.Query(database, "analyze")
	return err
}

// run runs a command of the program to its end and returns what it printed.
func (s *Site) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.cfg.Binary, args...)
	cmd.Env = s.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("bellhop %s: %w\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out, nil
}

// Start starts the server, under a command that becomes it if there is one, and
// waits until it answers.
func (s *Site) Start(ctx context.Context, under ...string) error {
	argv := append(under, s.cfg.Binary, "serve")
	began := time.Now()
	s.cmd = exec.Command(argv[0], argv[1:]...)
	s.cmd.Env = s.env
	s.cmd.Stderr = s.log
	said := &announcement{at: make(chan string, 1)}
	s.cmd.Stdout = said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // a Ctrl-C is ours to pass on
	if err := s.cmd.Start(); err != nil {
		return err
	}
	cmd, ended := s.cmd, make(chan error, 1)
	s.ended = ended
	go func() { ended <- cmd.Wait() }()
	select {
	case s.Address = <-said.at:
	case err := <-ended:
		s.cmd = nil
		return fmt.Errorf("the server ended before it listened: %w\n%s", err, s.log)
	case <-time.After(time.Minute):
		return fmt.Errorf("the server does not listen after a minute\n%s", s.log)
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.answers(); err != nil {
		return err
	}
	s.Started = time.Since(began)
	return nil
}

// answers has the server answer something, by whatever it says.
func (s *Site) answers() error {
	c, err := net.DialTimeout("tcp", s.Address, 10*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AWSCognitoIdentityProviderService.SignUp\r\nContent-Length: 38\r\nConnection: close\r\n\r\n"+
		`{"ClientId":"nobody","Username":"one"}`, s.Address); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

// Stop ends the server as an operator does.
func (s *Site) Stop() error {
	if s.cmd == nil {
		return nil
	}
	defer func() { s.cmd = nil }()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-s.ended:
		if err != nil {
			return fmt.Errorf("the server ended with: %w\n%s", err, s.log)
		}
		return nil
	case <-time.After(30 * time.Second):
		s.cmd.Process.Kill()
		<-s.ended
		return errors.New("the server did not end within 30 seconds, and was killed")
	}
}

// Close ends everything and removes the installation.
func (s *Site) Close() error {
	err := s.Stop()
	if s.cluster != nil {
		s.cluster.Remove()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// Says is what the server has written to its log.
func (s *Site) Says() string { return s.log.String() }

// announcement is the standard output of a server, whose first line says where it
// listens.
type announcement struct {
	at    chan string
	first []byte // until the line was found
	found bool
}

func (a *announcement) Write(p []byte) (int, error) {
	if a.found {
		return len(p), nil
	}
	a.first = append(a.first, p...)
	if _, rest, ok := bytes.Cut(a.first, []byte("http://")); ok {
		if line, _, whole := bytes.Cut(rest, []byte("\n")); whole {
			a.found = true
			a.at <- string(bytes.TrimSpace(line))
		}
	}
	return len(p), nil
}

// log is what a server wrote, but for what is too much.
type log struct {
	mu   sync.Mutex // guards text
	text []byte
}

const longest = 1 << 20

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p[:min(len(p), longest-len(l.text))]...)
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// Numbers gives out Indian mobile numbers, each once. They lie apart: to a server that
// enforces limits many texts to neighbours look as if somebody were paid for them.
type Numbers struct{ last atomic.Int64 }

// Next is a number that nobody had before.
func (n *Numbers) Next() string {
	const all, apart = 100_000_000, 61_803_399 // no common factor
	return fmt.Sprintf("+9198%08d", n.last.Add(1)*apart%all)
}
