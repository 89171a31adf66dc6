// Package pgcluster runs private PostgreSQL clusters, for tests and measurements,
// of the binaries that Debian installs: in a temporary folder, on the loopback, for
// as long as they are wanted. It owns their processes and files; what is in the
// databases is for others to say.
package pgcluster

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Superuser owns every cluster and needs no password.
const Superuser = "bellhop"

// Options say what a cluster is to be. The zero value is a small cluster that
// keeps what it has acknowledged.
type Options struct {
	MaxConnections int               // 100 where it is 0
	Unsafe         bool              // no fsync: for tests in which no machine dies
	Settings       map[string]string // more lines of postgresql.conf
	DataDir        string            // where the data is to be; a folder of its own where it is ""
	WALDir         string            // where the write-ahead log is to be; inside of the data where it is ""
}

// Cluster is one PostgreSQL server with its data. Its address stays the same
// over restarts.
type Cluster struct {
	Port int

	bin    string   // folder of the programs
	home   string   // holds the socket, the server's log, and the data if nothing else was said
	data   string   // postgresql.conf and all that
	run    *process // nil while stopped
	fenced bool
	down   []string // folders to remove in the end
}

// New makes a cluster and starts it. Remove ends it.
func New(o Options) (*Cluster, error) {
	c, err := prepare(o.DataDir)
	if err != nil {
		return nil, err
	}
	args := []string{"--pgdata", c.data, "--username", Superuser, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"}
	if o.WALDir != "" {
		if err := own(o.WALDir); err != nil {
			return nil, err
		}
		args = append(args, "--waldir", o.WALDir)
	}
	if _, err := os.Stat(filepath.Join(c.data, "PG_VERSION")); err != nil { // else it goes on with what is there
		if _, err := c.Tool("initdb", args...); err != nil {
			return nil, err
		}
	}
	if err := c.configure(o); err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		c.Remove()
		return nil, err
	}
	return c, nil
}

// prepare makes the folders of a cluster and chooses its port.
func prepare(data string) (*Cluster, error) {
	bin, err := newest()
	if err != nil {
		return nil, err
	}
	// No folder of the test's: those are closed to the user that runs PostgreSQL.
	home, err := os.MkdirTemp("", "bellhop-pg-")
	if err != nil {
		return nil, err
	}
	if data == "" {
		data = filepath.Join(home, "data")
		if err := os.Mkdir(data, 0o700); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{home, data} {
		if err := own(dir); err != nil {
			return nil, err
		}
	}
	port, err := freePort()
	return &Cluster{Port: port, bin: bin, home: home, data: data, down: []string{home}}, err
}

// newest is the folder of the newest PostgreSQL of this machine.
func newest() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL is not installed in /usr/lib/postgresql; scripts/need.sh installs it (%v)", err)
	}
	version := func(bin string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
		return n
	}
	return slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }), nil
}

// freePort finds a port that nobody listens on, below those that the kernel
// gives to outgoing connections, so that it is still free after a restart.
func freePort() (int, error) {
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(12000))
		if err != nil {
			return 0, err
		}
		port := 20000 + int(n.Int64())
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port on the loopback in a hundred tries")
}

// configure writes what differs from PostgreSQL's own settings.
func (c *Cluster) configure(o Options) error {
	if o.MaxConnections == 0 {
		o.MaxConnections = 100
	}
	settings := map[string]string{
		"listen_addresses":               "127.0.0.1",
		"port":                           strconv.Itoa(c.Port),
		"unix_socket_directories":        c.home,
		"max_connections":                strconv.Itoa(o.MaxConnections),
		"shared_buffers":                 "32MB",
		"max_wal_size":                   "256MB",
		"min_wal_size":                   "32MB",
		"max_parallel_workers":           "2",
		"autovacuum_max_workers":         "1",
		"logging_collector":              "off",
		"log_timezone":                   "UTC",
		"timezone":                       "UTC",
		"dynamic_shared_memory_type":     "mmap", // in the data folder: nothing outlives a kill
		"restart_after_crash":            "on",
		"max_replication_slots":          "8",
		"max_wal_senders":                "8",
		"wal_keep_size":                  "0",
		"log_min_messages":               "warning",
		"log_line_prefix":                "%m [%p] ",
		"deadlock_timeout":               "1s",
		"jit":                            "off",
		"superuser_reserved_connections": "3",
	}
	if o.Unsafe {
		settings["fsync"], settings["full_page_writes"], settings["synchronous_commit"] = "off", "off", "off"
	}
	for name, value := range o.Settings {
		settings[name] = value
	}
	return c.append("postgresql.conf", settings)
}

// append adds settings to a file of the data folder; the last of a name counts.
func (c *Cluster) append(file string, settings map[string]string) error {
	f, err := os.OpenFile(filepath.Join(c.data, file), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for name, value := range settings {
		if _, err := fmt.Fprintf(f, "%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''")); err != nil {
			return err
		}
	}
	return f.Close()
}

// Tool runs one of PostgreSQL's programs to its end, as the user that owns the
// cluster, and returns what it printed.
func (c *Cluster) Tool(name string, args ...string) (string, error) {
	cmd, err := c.Command(name, args...)
	if err != nil {
		return "", err
	}
	return finish(name, cmd)
}

func finish(name string, cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", name, err, &stderr)
	}
	return stdout.String(), nil
}

// Command is one of PostgreSQL's programs, to be run as the user that owns the
// cluster.
func (c *Cluster) Command(name string, args ...string) (*exec.Cmd, error) {
	attr, err := asOwner()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = c.home, c.env(), attr
	return cmd, nil
}

// Console is psql on a database of the cluster, with more arguments.
func (c *Cluster) Console(database string, args ...string) (*exec.Cmd, error) {
	return c.Command("psql", append([]string{"-h", c.home, "-p", strconv.Itoa(c.Port), "-U", Superuser, "-d", database, "-X", "-q", "-A", "-t"}, args...)...)
}

func (c *Cluster) env() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.home, "LC_ALL=C", "PGCONNECT_TIMEOUT=10"}
}

// Start starts the server, a new one or one that was stopped or killed, and waits
// until it takes connections.
func (c *Cluster) Start() error {
	if c.fenced {
		return fmt.Errorf("this cluster is fenced and may not start again")
	}
	log, err := os.OpenFile(c.logFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, err := c.Command("postgres", "-D", c.data)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if c.run, err = launch(cmd); err != nil {
		return err
	}
	deadline := time.After(time.Minute)
	for {
		if _, err := c.Query("postgres", "select 1"); err == nil {
			return nil
		}
		select {
		case <-c.run.ended:
			c.run = nil
			return fmt.Errorf("PostgreSQL ended as it started:\n%s", c.Log())
		case <-deadline:
			return fmt.Errorf("PostgreSQL takes no connections after a minute:\n%s", c.Log())
		case <-time.After(20 * time.Millisecond): // psql may have failed at once
		}
	}
}

func (c *Cluster) logFile() string { return filepath.Join(c.home, "server.log") }

// Log is what the server has said so far.
func (c *Cluster) Log() string {
	text, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Stop stops the server as an operator does who does not wait for clients.
func (c *Cluster) Stop() error { return c.signal(syscall.SIGINT) }

// Kill ends every process of the server at once, as a power cut would.
func (c *Cluster) Kill() error {
	if c.run == nil {
		return errors.New("this cluster does not run")
	}
	if err := c.run.killTree(); err != nil {
		return err
	}
	c.run = nil
	return nil
}

// Ended reports whether the server ended by itself; then Start starts it again.
func (c *Cluster) Ended() bool {
	if c.run == nil {
		return true
	}
	select {
	case <-c.run.ended:
		c.run = nil
		return true
	default:
		return false
	}
}

// signal asks the server to end and waits until it has.
func (c *Cluster) signal(sig syscall.Signal) error {
	if c.run == nil {
		return nil
	}
	if err := c.run.signal(sig); err != nil {
		return err
	}
	select {
	case <-c.run.ended:
	case <-time.After(time.Minute):
		return fmt.Errorf("PostgreSQL does not end:\n%s", c.Log())
	}
	c.run = nil
	return nil
}

// Remove ends the server, whatever it does, and removes its files.
func (c *Cluster) Remove() {
	if c.run != nil {
		c.run.killTree() // nothing of it is wanted any more
		c.run = nil
	}
	for _, dir := range c.down {
		os.RemoveAll(dir)
	}
}

// DSN is the address of a database of this cluster.
func (c *Cluster) DSN(database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.User(Superuser), Host: fmt.Sprintf("127.0.0.1:%d", c.Port), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}).String()
}

// Query runs statements in a database and returns the rows, one a line, columns
// parted by a bar.
func (c *Cluster) Query(database, text string) (string, error) {
	cmd, err := c.Console(database, "-v", "ON_ERROR_STOP=1", "-c", text)
	if err != nil {
		return "", err
	}
	out, err := finish("psql", cmd)
	return strings.TrimSpace(out), err
}
