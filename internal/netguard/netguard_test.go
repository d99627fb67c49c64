package netguard_test

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/netguard"
)

func guard(cidrs ...string) *netguard.Guard {
	var prefixes []netip.Prefix
	for _, c := range cidrs {
		prefixes = append(prefixes, netip.MustParsePrefix(c))
	}
	return netguard.New(prefixes)
}

// TestRefused lists every kind of address that only an operator can allow.
func TestRefused(t *testing.T) {
	t.Parallel()
	for addr, class := range map[string]string{
		"127.0.0.1": "loopback", "127.255.255.255": "loopback", "::1": "loopback",
		"10.0.0.0": "private", "172.16.0.1": "private", "172.31.255.255": "private", "192.168.1.1": "private",
		"100.64.0.1": "carrier-grade NAT", "100.127.255.255": "carrier-grade NAT",
		"169.254.1.1": "link-local", "fe80::1": "link-local", "febf::1": "link-local",
		"169.254.169.254": "cloud metadata service", "fd00:ec2::254": "cloud metadata service",
		"224.0.0.1": "multicast", "239.255.255.255": "multicast", "ff02::1": "multicast",
		"0.0.0.0": "unspecified", "::": "unspecified", "0.1.2.3": "this network",
		"255.255.255.255": "broadcast", "240.0.0.1": "reserved",
		"192.0.2.1": "documentation", "198.51.100.1": "documentation", "203.0.113.1": "documentation",
		"2001:db8::1": "documentation", "3fff::1": "documentation",
		"198.18.0.1": "benchmarking", "198.19.255.255": "benchmarking",
		"192.0.0.1": "special purpose", "192.88.99.1": "6to4 relay",
		"::ffff:127.0.0.1": "IPv4-mapped loopback", "::ffff:169.254.169.254": "IPv4-mapped cloud metadata service",
		"::ffff:8.8.8.8": "IPv4-mapped", "::127.0.0.1": "IPv4-compatible",
		"64:ff9b::7f00:1": "NAT64", "64:ff9b::808:808": "NAT64", "64:ff9b:1::1": "NAT64",
		"2002:7f00:1::": "6to4", "2001::1": "Teredo", "2001:0:7f00:1::": "Teredo",
		"fc00::1": "unique local", "fdff::1": "unique local", "fec0::1": "site-local",
		"100::1": "special purpose", "4000::1": "special purpose", "5f00::1": "special purpose",
	} {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			ip := netip.MustParseAddr(addr)
			for _, g := range []*netguard.Guard{nil, guard(), guard("11.0.0.0/8")} {
				var blocked *netguard.BlockedError
				if err := g.Check(ip); !errors.As(err, &blocked) {
					t.Fatalf("Check: %v; want it refused", err)
				}
				if blocked.Class != class {
					t.Errorf("class %q; want %q", blocked.Class, class)
				}
				if !strings.Contains(blocked.Error(), "--allow-cidr "+ip.Unmap().String()+"/") {
					t.Errorf("the text does not name the flag: %s", blocked)
				}
				if g.Allowed(ip) || g.CheckPlain(ip) == nil {
					t.Error("refused, but allowed or taken for http")
				}
			}
			if g := guard(ip.String() + map[bool]string{true: "/32", false: "/128"}[ip.Is4()]); g.Check(ip) != nil || g.CheckPlain(ip) != nil {
				t.Error("allowed by name, but refused")
			}
		})
	}
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450::1"} {
		ip := netip.MustParseAddr(addr)
		if err := guard().Check(ip); err != nil {
			t.Errorf("%s: %v; want it taken", addr, err)
		}
		want := "http needs an allowed address; use https or allow " + addr + " with --allow-cidr " + netip.PrefixFrom(ip, ip.BitLen()).String()
		if err := guard().CheckPlain(ip); err == nil || err.Error() != want {
			t.Errorf("%s over http: %v; want: %s", addr, err, want)
		}
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		allow, addr string
		want        bool
	}{
		{"10.0.0.0/8", "10.9.8.7", true},
		{"10.0.0.0/8", "::ffff:10.9.8.7", true},
		{"::ffff:10.0.0.0/104", "10.9.8.7", true},
		{"10.1.2.3/8", "10.9.8.7", true}, // Host bits count for nothing.
		{"10.0.0.0/8", "11.0.0.1", false},
		{"10.0.0.0/8", "64:ff9b::a09:807", false}, // Translated by someone else.
		{"127.0.0.0/8", "::1", false},
		{"fe80::/10", "fe80::1", true},
		{"fe80::/10", "fe80::1%eth0", false},
		{"::/0", "127.0.0.1", false},
		{"0.0.0.0/0", "169.254.169.254", true},
	} {
		if got := guard(c.allow).Allowed(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("allow %s: %s is allowed: %v; want %v", c.allow, c.addr, got, c.want)
		}
	}
}

func TestZone(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"fe80::1%eth0", "2606:4700::1%1"} {
		err := guard("::/0").Check(netip.MustParseAddr(addr))
		if err == nil || err.Error() != "the address "+addr+" has a zone, which is never allowed" {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// TestControl goes through a real dialler.
func TestControl(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // The test is over.
	for _, c := range []struct {
		name  string
		guard *netguard.Guard
		ok    bool
	}{{"strict", nil, false}, {"allowed", guard("127.0.0.0/8"), true}} {
		for scheme, dialer := range map[string]net.Dialer{"https": {Control: c.guard.Control}, "http": {Control: c.guard.ControlPlain}} {
			conn, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
			var blocked *netguard.BlockedError
			if (err == nil) != c.ok || (!c.ok && !errors.As(err, &blocked)) {
				t.Errorf("%s, %s: %v", c.name, scheme, err)
			}
			if conn != nil {
				conn.Close() // The test is over.
			}
		}
	}
	if err := guard().Control("unix", "/run/x.sock", nil); err == nil {
		t.Error("a path was taken for an address")
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	const loopback = "the address 127.0.0.1 is blocked (loopback); if it is meant, allow it with --allow-cidr 127.0.0.1/32"
	for _, c := range []struct {
		url   string
		guard *netguard.Guard
		want  string // Empty: no fault.
	}{
		{"http://localhost:8080/hook", guard(), loopback},
		{"https://LOCALHOST./hook", guard(), loopback},
		{"http://a.localhost", guard(), loopback},
		{"http://127.0.0.1:8080", guard(), loopback},
		{"http://localhost:8080", guard("127.0.0.0/8"), ""},
		{"http://localhost:8080", guard("::1/128"), ""},
		{"https://[::1]", guard("::1/128"), ""},
		{"http://8.8.8.8", guard(), "http needs an allowed address; use https or allow 8.8.8.8 with --allow-cidr 8.8.8.8/32"},
		{"https://8.8.8.8", guard(), ""},
		{"http://example.com", guard("10.0.0.0/8"), ""}, // Judged at each connection.
		{"http://example.com", guard(), "http needs an allowed address, and none is allowed: use https, or allow the address with --allow-cidr"},
		{"https://example.com", nil, ""},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		err = c.guard.CheckURL(u)
		var fault *alma.ValidationError
		switch {
		case c.want == "" && err == nil:
		case !errors.As(err, &fault) || len(fault.Faults) != 1 || fault.Faults[0] != (alma.Fault{Field: "url", Message: c.want}):
			t.Errorf("%s: %v; want %q", c.url, err, c.want)
		}
	}
}

// TestPlainIsStricter: whatever http may reach, https may too.
func TestPlainIsStricter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		addr := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4")))
		if rapid.Bool().Draw(t, "six") {
			addr = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v6")))
		}
		g := guard("10.0.0.0/8", "2000::/4")
		if g.CheckPlain(addr) == nil && g.Check(addr) != nil {
			t.Fatalf("%s passes for http alone", addr)
		}
		if (g.CheckPlain(addr) == nil) != g.Allowed(addr) {
			t.Fatalf("%s: http passes, but it is not allowed by name", addr)
		}
	})
}
