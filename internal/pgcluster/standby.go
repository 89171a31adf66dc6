package pgcluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Standby starts a copy of the cluster that follows it by streaming. The name is
// its application_name and its slot. Remove ends it.
func (c *Cluster) Standby(name string) (*Cluster, error) {
	s, err := prepare("")
	if err != nil {
		return nil, err
	}
	if err := s.follow(c, name); err != nil {
		s.Remove()
		return nil, err
	}
	return s, nil
}

func (c *Cluster) follow(source *Cluster, name string) error {
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=%s application_name=%s", source.Port, Superuser, name)
	_, err := c.Tool("pg_basebackup", "--dbname", from, "--pgdata", c.data, "--write-recovery-conf",
		"--create-slot", "--slot", name, "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	if err != nil {
		return err
	}
	// The copy has its source's settings; the last of a name counts.
	err = c.append("postgresql.conf", map[string]string{"port": strconv.Itoa(c.Port), "unix_socket_directories": c.home})
	if err != nil {
		return err
	}
	return c.Start()
}

// Fence kills the cluster and makes sure that it never starts again.
func (c *Cluster) Fence() error {
	var killed error
	if !c.Ended() {
		killed = c.Kill()
	}
	c.fenced = true
	return errors.Join(killed, os.Rename(c.data, filepath.Join(c.home, "fenced")))
}
