// Package netguard decides which network addresses deliveries may reach.
//
// Whoever registers a webhook chooses where this program connects to. Without
// a guard, that is a way into the network it runs in: the database beside it,
// the cloud's metadata service. A host name says nothing about this, because
// its owner may let it resolve to anything, and to something else a second
// later. So the guard looks at the resolved address, at the moment of the
// connection.
package netguard

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"
)

// Guard allows public addresses, and those that the operator named. A nil
// *Guard allows public addresses alone. It may be used concurrently.
type Guard struct {
	allow []netip.Prefix
}

// publicOnly knows every special-purpose prefix of IANA's registries.
var publicOnly = ssrf.New(ssrf.WithAnyPort())

// New returns a guard that allows the given prefixes besides public addresses.
// A prefix of IPv4 covers the addresses' IPv4-mapped IPv6 form as well.
func New(allow []netip.Prefix) *Guard {
	g := &Guard{allow: make([]netip.Prefix, 0, len(allow))}
	for _, p := range allow {
		g.allow = append(g.allow, unmapPrefix(p).Masked())
	}
	return g
}

// unmapPrefix turns ::ffff:10.0.0.0/104 into 10.0.0.0/8.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// Control is for [net.Dialer]: it refuses the connection with a
// [*BlockedError] unless the address is public or allowed. It is meant for
// https, where a certificate vouches for the listener.
func (g *Guard) Control(_, address string, _ syscall.RawConn) error {
	return checkDial(address, g.Check)
}

// ControlPlain is [Guard.Control] for http: only allowed addresses pass.
func (g *Guard) ControlPlain(_, address string, _ syscall.RawConn) error {
	return checkDial(address, g.CheckPlain)
}

func checkDial(address string, check func(netip.Addr) error) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("alma: address guard: %q is not an address and port", address)
	}
	return check(ap.Addr())
}

// Check returns a [*BlockedError] unless the address is public or allowed.
func (g *Guard) Check(addr netip.Addr) error {
	if g.Allowed(addr) {
		return nil
	}
	// A mapped or translated form hides an IPv4 address from whatever stands
	// behind this program. The library refuses them all, for they lie outside
	// global unicast; a zone is refused because no prefix can allow it.
	if addr.Zone() == "" && publicOnly.SafeAddr(addr) == nil {
		return nil
	}
	return &BlockedError{Addr: addr, Class: classOf(addr)}
}

// CheckPlain returns a [*BlockedError] unless the address is allowed by name:
// plain http may reach nothing else.
func (g *Guard) CheckPlain(addr netip.Addr) error {
	if err := g.Check(addr); err != nil {
		return err
	}
	if g.Allowed(addr) {
		return nil
	}
	return &BlockedError{Addr: addr, Class: "public", Plain: true}
}

// Allowed reports whether the operator named the address.
func (g *Guard) Allowed(addr netip.Addr) bool {
	if g == nil {
		return false
	}
	addr = addr.Unmap()
	return slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// BlockedError says which address was refused, and why.
type BlockedError struct {
	Addr  netip.Addr
	Class string // Such as "loopback" or "private".
	Plain bool   // The address is public, but the scheme is http.
}

// Error names the flag that would allow the address.
func (e *BlockedError) Error() string {
	if e.Plain {
		return fmt.Sprintf("http needs an allowed address; use https or allow %s with --allow-cidr %s", e.Addr, e.prefix())
	}
	if e.Addr.Zone() != "" {
		return fmt.Sprintf("the address %s has a zone, which is never allowed", e.Addr)
	}
	return fmt.Sprintf("the address %s is blocked (%s); if it is meant, allow it with --allow-cidr %s", e.Addr, e.Class, e.prefix())
}

func (e *BlockedError) prefix() netip.Prefix {
	addr := e.Addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen())
}
