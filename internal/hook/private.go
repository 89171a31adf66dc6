package hook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// ErrPrivate is what a dialer of PublicDialer says of an address.
var ErrPrivate = errors.New("private address, which allow-private would permit")

// Target reads the address of somebody's own server, which must be a public one
// and https unless private ones are allowed. Its errors do not repeat it.
func Target(raw string, allowPrivate bool) (*url.URL, error) {
	if err := CheckURL(raw); err != nil {
		return nil, err
	}
	target, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("the URL cannot be parsed")
	}
	if allowPrivate {
		return target, nil
	}
	if target.Scheme != "https" {
		return nil, errors.New("the URL must start with https://; http:// is for private addresses, where those are allowed")
	}
	if addr, err := netip.ParseAddr(target.Hostname()); err == nil && Private(addr) {
		return nil, fmt.Errorf("the URL names a %w", ErrPrivate)
	}
	return target, nil
}

// TargetTransport returns a transport to a Target, with so many connections at most.
func TargetTransport(allowPrivate bool, connections int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxConnsPerHost, t.MaxIdleConnsPerHost, t.MaxResponseHeaderBytes = connections, connections, maxHeader
	if !allowPrivate {
		t.Proxy = nil // a proxy looks names up itself, and connects where it likes
		t.DialContext = PublicDialer().DialContext
	}
	return t
}

// PublicDialer returns a dialer that refuses private addresses when a socket
// is about to connect: after the name was looked up, and for each address that it
// has, so that no answer of a name server leads inside.
func PublicDialer() *net.Dialer {
	return &net.Dialer{
		Timeout: timeout, KeepAlive: 30 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || Private(to.Addr()) {
				return ErrPrivate
			}
			return nil
		},
	}
}

// Of IPv6 what is public lies in one block, with holes; of IPv4 everything that is
// no hole is. The holes are those of IANA's registries of special-purpose
// addresses, multicast, and what clouds answer to inside.
var (
	publicV6 = netip.MustParsePrefix("2000::/3")
	// nat64 is how a host without IPv4 reaches one, whose address is the last 32 bits
	// (RFC 6052).
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	holes = prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"168.63.129.16/32", // Azure's own host
		"2001::/23",        // protocols, Teredo among them
		"2001:db8::/32", "2002::/16", "3fff::/20",
	)
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// Private says whether an address is not everybody's: of this machine, of a network
// inside, of a cloud's metadata, or of no host at all.
func Private(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if nat64.Contains(addr) {
		b := addr.As16()
		addr = netip.AddrFrom4([4]byte(b[12:]))
	}
	if addr.Is6() && !publicV6.Contains(addr) || !addr.IsValid() {
		return true
	}
	for _, hole := range holes {
		if hole.Contains(addr) {
			return true
		}
	}
	return false
}
