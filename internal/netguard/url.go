package netguard

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/alma-events/alma"
)

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()

	errPlain = errors.New("http needs an allowed address, and none is allowed: use https, or allow the address with --allow-cidr")
)

// CheckURL returns a [*alma.ValidationError] for the field url when it can be
// seen without asking the DNS that no delivery to u could pass the guard: its
// host is a literal address or "localhost", or it wants http where no address
// is allowed. A nil answer promises nothing, because names are judged by the
// address they have at each connection.
func (g *Guard) CheckURL(u *url.URL) error {
	check := g.Check
	if u.Scheme == "http" {
		check = g.CheckPlain
	}
	err := checkHost(u.Hostname(), check)
	if err == nil && u.Scheme == "http" && (g == nil || len(g.allow) == 0) {
		err = errPlain // Whatever the name stands for, no address is allowed.
	}
	if err == nil {
		return nil
	}
	var f alma.Faults
	f.Addf("url", "%s", err.Error())
	return f.Err()
}

func checkHost(host string, check func(netip.Addr) error) error {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		if check(loopback6) == nil {
			return nil
		}
		return check(loopback4)
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return nil //nolint:nilerr // A name: judged when it is connected to.
	}
	return check(addr)
}
