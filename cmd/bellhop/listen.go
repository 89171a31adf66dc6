package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"

	"github.com/bellhop-auth/bellhop/internal/brief"
	"github.com/bellhop-auth/bellhop/internal/config"
)

// door is where the server listens and what it calls itself.
type door struct {
	listener  net.Listener
	tls       *tls.Config // nil serves plain HTTP
	bound     string      // the URL of the bound address
	publicURL string
	guessed   bool // publicURL stands for an address that nobody can call
}

// openDoor binds the address. The public URL is the configured one, or made of
// what was bound.
func openDoor(cfg *config.Config) (*door, error) {
	security, err := loadTLS(cfg)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", cfg.Listen, err)
	}
	d := &door{listener: brief.Listen(l), tls: security, publicURL: cfg.PublicURL}
	d.bound = scheme(cfg) + "://" + l.Addr().String()
	if d.publicURL == "" {
		d.publicURL, d.guessed, err = callable(scheme(cfg), l.Addr().String())
	}
	return d, err
}

func scheme(cfg *config.Config) string {
	if cfg.TLSCert != "" {
		return "https"
	}
	return "http"
}

// callable returns a URL for a listening address; the one that means every
// address of the machine is no destination, so that localhost stands for it.
func callable(scheme, addr string) (url string, guessed bool, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", false, err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host, guessed = "localhost", true
	}
	return scheme + "://" + net.JoinHostPort(host, port), guessed, nil
}

func loadTLS(cfg *config.Config) (*tls.Config, error) {
	if cfg.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("the TLS certificate cannot be used: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
