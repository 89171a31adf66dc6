// Package pgtest runs private PostgreSQL clusters for as long as a test, as
// pgcluster runs them, and with faults. What is in the databases is the test's own.
package pgtest

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgcluster"
)

// Options say what a cluster is to be.
type Options = pgcluster.Options

// Cluster is a cluster whose failures are the test's.
type Cluster struct{ *pgcluster.Cluster }

// Start starts a cluster that lives as long as the test.
func Start(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	c, err := begin(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Remove)
	return c
}

func begin(o Options) (*Cluster, error) {
	c, err := pgcluster.New(o)
	if err != nil {
		return nil, err
	}
	return &Cluster{c}, nil
}

// Start starts a cluster that was stopped or killed, as its supervisor would.
func (c *Cluster) Start(tb testing.TB) {
	tb.Helper()
	if err := c.Cluster.Start(); err != nil {
		tb.Fatal(err)
	}
}

// Stop stops the server as an operator does who does not wait for clients.
func (c *Cluster) Stop(tb testing.TB) {
	tb.Helper()
	if err := c.Cluster.Stop(); err != nil {
		tb.Fatal(err)
	}
}

// Restart stops the server and starts it again.
func (c *Cluster) Restart(tb testing.TB) {
	tb.Helper()
	c.Stop(tb)
	c.Start(tb)
}

// Kill ends every process of the server at once, as a power cut would.
func (c *Cluster) Kill(tb testing.TB) {
	tb.Helper()
	if err := c.Cluster.Kill(); err != nil {
		tb.Fatal(err)
	}
}

// NewDatabase creates an empty database and returns its address.
func (c *Cluster) NewDatabase(tb testing.TB) string {
	tb.Helper()
	name := "t_" + strings.ToLower(rand.Text())
	c.SQL(tb, "postgres", "create database "+name)
	return c.DSN(name)
}

// Dump is a database as pg_dump writes it, as text.
func (c *Cluster) Dump(tb testing.TB, database string) string {
	tb.Helper()
	out, err := c.Tool("pg_dump", "--dbname", c.DSN(database))
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// SQL runs statements in a database and returns the rows, one a line, columns
// parted by a bar.
func (c *Cluster) SQL(tb testing.TB, database, text string) string {
	tb.Helper()
	out, err := c.Query(database, text)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// CPU is what the cluster's processes have used so far, user and system.
func (c *Cluster) CPU(tb testing.TB) time.Duration {
	tb.Helper()
	used, err := c.Cluster.CPU()
	if err != nil {
		tb.Fatal(err)
	}
	return used
}
