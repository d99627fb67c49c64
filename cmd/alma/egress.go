package main

import (
	"net/url"

	"github.com/alma-events/alma/internal/send"
)

// egress are the settings of how listeners are reached.
type egress struct {
	Proxy    string `name:"egress-proxy" help:"Reach https listeners through this proxy, http://[user:password@]host:port or https://…; addresses of --allow-cidr are reached without it. (HTTP_PROXY and the like are not looked at.)" env:"ALMA_EGRESS_PROXY" placeholder:"URL"`
	ProxyDNS bool   `name:"egress-proxy-dns" help:"Give the proxy names instead of addresses, where public names do not resolve here: the proxy must then refuse what is not to be reached." env:"ALMA_EGRESS_PROXY_DNS"`
	Origin   string `help:"Name this server to listeners that are asked for their consent (format cloudevents). (default: the host's name)" env:"ALMA_ORIGIN" placeholder:"HOST"`
}

// into checks the settings and hands them over. Messages leave the URL out: it
// may hold a password.
func (e *egress) into(cfg *nodeConfig) error {
	cfg.origin, cfg.proxyResolves = e.Origin, e.ProxyDNS
	if e.Proxy == "" {
		if e.ProxyDNS {
			return usagef("--egress-proxy-dns says what the proxy does, but there is none; give --egress-proxy, or leave it out")
		}
		return nil
	}
	u, err := url.Parse(e.Proxy)
	if err != nil {
		return usagef("--egress-proxy cannot be parsed; want http://host:port")
	}
	if err := send.CheckProxy(u); err != nil {
		return usagef("--egress-proxy: %s", err)
	}
	cfg.proxy = u
	return nil
}
