package hook_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/hook"
)

var addresses = map[string]bool{
	"0.0.0.0": true, "0.1.2.3": true, "10.0.0.1": true, "10.255.255.255": true, "100.64.0.1": true, "100.100.100.200": true, "100.127.255.255": true,
	"127.0.0.1": true, "127.8.8.8": true, "169.254.169.254": true, "169.254.0.1": true, "172.16.0.1": true, "172.31.255.255": true,
	"192.0.0.192": true, "192.0.2.7": true, "192.168.1.1": true, "198.18.0.1": true, "198.51.100.9": true, "203.0.113.5": true,
	"224.0.0.1": true, "239.1.1.1": true, "240.0.0.1": true, "255.255.255.255": true, "168.63.129.16": true,

	"::": true, "::1": true, "::127.0.0.1": true, "::8.8.8.8": true, "fc00::1": true, "fd00:ec2::254": true, "fdff::1": true, "fe80::1": true,
	"fe80::1%lo": true, "fec0::1": true, "ff02::1": true, "2001:db8::1": true, "2001::1": true, "2002:7f00:1::": true, "2002:0808:0808::": true,
	"3fff::1": true, "100::1": true, "4000::1": true, "2001:10::1": true,
	"::ffff:127.0.0.1": true, "::ffff:10.1.2.3": true, "::ffff:169.254.169.254": true, "::ffff:8.8.8.8": false,
	"64:ff9b::7f00:1": true, "64:ff9b::10.0.0.1": true, "64:ff9b::a9fe:a9fe": true, "64:ff9b:1::1": true, "64:ff9b::8.8.8.8": false,

	"8.8.8.8": false, "1.1.1.1": false, "100.63.255.255": false, "100.128.0.1": false, "172.15.0.1": false, "172.32.0.1": false, "169.253.1.1": false,
	"11.0.0.1": false, "192.169.0.1": false, "2606:4700::1111": false, "2a00:1450:4001::200e": false, "2620:fe::fe": false,
}

func TestPrivate_EveryKindOfAddress(t *testing.T) {
	for text, want := range addresses {
		if got := hook.Private(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if !hook.Private(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// What the dialer is asked of a socket is the address after the look-up.
func TestPublicDialer_AsksOfTheAddressThatIsConnectedTo(t *testing.T) {
	ask := hook.PublicDialer().ControlContext
	for text, want := range addresses {
		address := netip.AddrPortFrom(netip.MustParseAddr(text), 443).String()
		if err := ask(t.Context(), "tcp", address, nil); errors.Is(err, hook.ErrPrivate) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := ask(t.Context(), "tcp", "hooks.example.com:443", nil); !errors.Is(err, hook.ErrPrivate) {
		t.Errorf("a name passes: %v", err)
	}
}
