package web

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientAddr returns who sent the request: the peer, or, when the peer is a
// trusted proxy, the rightmost hop of X-Forwarded-For that is not one. What
// stands left of that hop was written by the client and is not believed. A hop
// that is no address ends the walk at the last trusted one.
func clientAddr(peer netip.Addr, h http.Header, trusted []netip.Prefix) netip.Addr {
	client := peer
	if !contains(trusted, client) {
		return client
	}
	hops := strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && contains(trusted, client); i-- {
		hop, ok := parseAddr(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		client = hop
	}
	return client
}

// parseAddr reads an address with or without a port. An IPv4 address in an
// IPv6 coat comes out as IPv4, and zones are dropped, so that one client has
// one spelling.
func parseAddr(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap().WithZone(""), true
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
