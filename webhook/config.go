package webhook

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/send"
)

// Config says what a [Manager] works with.
type Config struct {
	// Storage holds the event log, the webhooks and their progress. Required.
	// The manager does not close it.
	Storage Storage
	// Emitter runs the callbacks of the process. Defaults to events.Default().
	Emitter *events.Emitter
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// AllowCIDRs are addresses that deliveries may go to although they are
	// not public, and for which http is enough. Defaults to none.
	AllowCIDRs []netip.Prefix
	// RootCAs are trusted to sign the certificates of listeners. Defaults to
	// the system's.
	RootCAs *x509.CertPool
	// EgressProxy is the proxy through which https listeners outside are
	// reached: http://host:port or https://host:port, with credentials if it
	// wants any. Addresses of AllowCIDRs are reached without it. The address
	// guard holds as without a proxy. Defaults to none; the environment is not
	// asked.
	EgressProxy *url.URL
	// EgressProxyResolves gives the proxy names instead of addresses, for
	// networks that cannot resolve public names: the proxy must then refuse what
	// is not to be reached.
	EgressProxyResolves bool
	// MaxInFlight bounds the requests in flight of all webhooks together.
	// Defaults to 2000.
	MaxInFlight int
	// Grace is how long Shutdown waits for requests in flight when its
	// context sets no earlier end. Defaults to 30 s.
	Grace time.Duration
	// Notify tells the contacts of a webhook of deliveries that have failed for
	// good: once for the first, and at most every 15 minutes for those that
	// follow. Until it returns nil it is called again, every 5 minutes, over
	// restarts too. It is called for one webhook after another, with a context
	// that ends after 5 minutes. What is not to be told is not stored either:
	// with many nodes give it to all of them. Defaults to nil: nobody is told.
	Notify func(ctx context.Context, f Failures) error
	// Mail sends the e-mails of webhooks whose URL begins with mailto:. It is called
	// concurrently; its context ends after the webhook's timeout. With many nodes
	// give it to all of them. Defaults to nil: such webhooks are refused, and the
	// attempts of those that are stored fail, to be made again.
	Mail func(ctx context.Context, m Mail) MailResult
	// Retention says how long what is kept.
	Retention Retention
	// LagAlert says from what lag on a [LagHigh] tells of a webhook. Defaults to
	// none.
	LagAlert LagAlert
	// NodeName names this process among the nodes that share a storage which
	// many may use (one that is an [alma.NodeStore]). It is for people. Defaults
	// to the host's name and the process id.
	NodeName string
	// Lease is how long the other nodes wait for a sign of life before they
	// take this node's webhooks over; MinLease at least. Defaults to 5 s.
	Lease time.Duration
	// Origin names this sender to listeners whose format asks for their
	// consent, as a host name. Defaults to the host's name.
	Origin string
	// Tracer follows events from the append to their deliveries. Package tracing
	// makes one of an OpenTelemetry provider. Defaults to one that records nothing,
	// and passes on to listeners what those who append name (see
	// [alma.WithTrace]).
	Tracer Tracer
	// Dial opens connections instead of the guarded dialler. It is meant for
	// tests over pipes. Defaults to nil.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Storage is what the manager needs of a driver.
type Storage interface {
	alma.EventLog
	alma.WebhookStore
	alma.LaneStore
	alma.DeliveryStore
	alma.ReplayStore
	alma.RetentionStore
	alma.NoticeStore
	alma.StatsStore
}

// Defaults of a [Config].
const (
	DefaultMaxInFlight = 2000
	DefaultGrace       = 30 * time.Second
	DefaultLease       = 5 * time.Second
	MinLease           = time.Second // Shorter ones run out when a machine is busy.
)

func (c Config) withDefaults() (Config, error) {
	if c.Storage == nil {
		return c, errors.New("alma: webhook manager: Config.Storage is missing; open one with sqlite.Open")
	}
	if c.Emitter == nil {
		c.Emitter = events.Default()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	if c.Grace <= 0 {
		c.Grace = DefaultGrace
	}
	if c.Tracer == nil {
		c.Tracer = passOn{}
	}
	c.Retention = c.Retention.withDefaults()
	if c.Lease == 0 {
		c.Lease = DefaultLease
	}
	if c.Lease < MinLease {
		return c, fmt.Errorf("alma: webhook manager: Config.Lease is %s; want %s at least, or 0 for %s", c.Lease, MinLease, DefaultLease)
	}
	if c.EgressProxy != nil {
		if err := send.CheckProxy(c.EgressProxy); err != nil {
			return c, fmt.Errorf("alma: webhook manager: Config.EgressProxy: %w", err)
		}
	}
	if c.NodeName == "" {
		c.NodeName = processName()
	}
	if c.Origin == "" {
		c.Origin = hostName()
	}
	return c, nil
}

// processName names this process to people.
func processName() string {
	return fmt.Sprintf("%s-%d", hostName(), os.Getpid())
}

func hostName() string {
	host, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return host
}
