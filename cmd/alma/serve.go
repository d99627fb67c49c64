package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/internal/telemetry"
	"github.com/alma-events/alma/webhook"
)

type serveCmd struct {
	Listen    hostPort  `help:"Serve on this address." default:"127.0.0.1:2562" env:"ALMA_LISTEN"`
	AllowCIDR []network `name:"allow-cidr" help:"Deliver to these addresses although they are not public, and by http if need be." env:"ALMA_ALLOW_CIDR" placeholder:"CIDR"`
	CAFile    string    `name:"ca-file" help:"Trust the certificate authorities in this PEM file besides the system's." env:"ALMA_CA_FILE" placeholder:"FILE"`
	egress
	mailing
	TLSCert string `name:"tls-cert" help:"Serve https with this certificate." env:"ALMA_TLS_CERT" placeholder:"FILE"`
	TLSKey  string `name:"tls-key" help:"The certificate's key." env:"ALMA_TLS_KEY" placeholder:"FILE"`
	keeping
	sealing
	LagAlert  lagAlert  `name:"lag-alert" help:"Announce webhooks with so many events waiting, or waiting for so long: 10000, 15m or 10000,15m. (default: none)" env:"ALMA_LAG_ALERT" placeholder:"N[,AGE]"`
	RateLimit perSecond `name:"rate-limit" help:"Let each API key make so many requests a second at this node, unless it has a limit of its own; 0 sets none." default:"0" env:"ALMA_RATE_LIMIT" placeholder:"N[/s]"`
	NodeName  string    `name:"node-name" help:"Name this server among those that share the database. (default: the host's name and the process id)" env:"ALMA_NODE_NAME" placeholder:"NAME"`
	Lease     span      `help:"With PostgreSQL: how long other servers wait for a sign of life before they take this one's webhooks over." default:"5s" env:"ALMA_LEASE"`
	pruning
	Grace span `help:"Let requests and deliveries in flight finish for so long when stopped." default:"30s" env:"ALMA_GRACE"`
}

// Help says more than the list of flags.
func (*serveCmd) Help() string {
	return `The first start makes the database and an admin key beside it. Example:

  alma serve --allow-cidr 127.0.0.0/8

With PostgreSQL the database must exist, many servers may use it at once, and
the first start needs the admin key from you, and every start the key that seals
secrets in the database (better in ALMA_DB than in --db, which other users of the
machine can see):

  export ALMA_SECRET_KEY=$(openssl rand -base64 32)   # Keep a copy.
  ALMA_DB=postgres://alma:secret@db.example.com/alma ALMA_API_KEY=… alma serve`
}

// Run serves until it is interrupted.
func (c *serveCmd) Run(ctx context.Context, conn *connection, s *settings, io stdio) error {
	logger := newLogger(io.err, s.LogLevel)
	cfg, err := c.config(conn, logger)
	if err != nil {
		return err
	}
	things, err := readDeclared(string(s.Config))
	if err != nil {
		return err
	}
	n, err := startNode(ctx, cfg)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	if err := n.declare(ctx, things, c.Prune, io); err != nil {
		return errors.Join(unlessStopped(ctx, err), n.stop(context.WithoutCancel(ctx)))
	}
	fmt.Fprintf(io.out, "Serving on %s, database %s\n", n.http.URL(), shownDB(cfg.db))
	if n.key != "" {
		fmt.Fprintf(io.out, "Made the first admin key and wrote it to %s; the commands of alma find it there.\n", n.keyFile())
		fmt.Fprintf(io.out, "Sign in to the dashboard within 10 minutes at %s ; \"alma dashboard\" prints a new link.\n", n.signInLink(n.key))
	}
	if n.secretKeyFile != "" {
		fmt.Fprintf(io.out, "Made the key that seals secrets in the database: %s. Keep a copy of it apart from backups of the database; without it the secrets are lost.\n", n.secretKeyFile)
	}
	warnOpen(logger, c)
	select {
	case <-ctx.Done():
		logger.Info("stopping; requests and deliveries in flight may finish", "grace", time.Duration(c.Grace).String())
	case <-n.http.Ended():
		return errors.Join(errors.New("the server stopped by itself; its log says why"), n.stop(ctx))
	}
	return n.stop(context.WithoutCancel(ctx))
}

// unlessStopped leaves an error out that says no more than that the operator
// ended the program while it was starting.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (c *serveCmd) config(conn *connection, logger *slog.Logger) (nodeConfig, error) {
	cfg := nodeConfig{
		db: conn.DB, listen: string(c.Listen), tlsCert: c.TLSCert, tlsKey: c.TLSKey, allow: prefixes(c.AllowCIDR),
		firstKey: conn.APIKey, logger: logger, stopGrace: time.Duration(c.Grace),
		retention: c.retention(), name: c.NodeName, lease: time.Duration(c.Lease), sealing: c.sealing, rateLimit: float64(c.RateLimit), lagAlert: webhook.LagAlert(c.LagAlert),
	}
	if err := c.check(conn); err != nil {
		return cfg, err
	}
	if err := c.egress.into(&cfg); err != nil {
		return cfg, err
	}
	var err error
	if cfg.tracing, err = telemetry.FromEnvironment(os.Getenv); err != nil {
		return cfg, usagef("%v", err)
	}
	if cfg.rootCAs, err = c.authorities(); err != nil {
		return cfg, err
	}
	return cfg, c.mailing.into(&cfg)
}

// authorities returns who may sign certificates; nil for the system's alone.
func (c *serveCmd) authorities() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil //nolint:nilnil // As crypto/tls means it.
	}
	return readAuthorities("--ca-file", c.CAFile)
}

const maxLease = 5 * time.Minute

// check finds what is wrong before anything is made.
func (c *serveCmd) check(conn *connection) error {
	if err := checkDB(conn.DB); err != nil {
		return err
	}
	if c.Grace < 0 {
		return usagef("--grace is negative; want a duration like 30s, or 0s to stop at once")
	}
	if lease := time.Duration(c.Lease); lease < webhook.MinLease || lease > maxLease {
		return usagef("--lease is %s; want %s to %s: shorter ones run out when a machine is busy, longer ones leave webhooks waiting", lease, webhook.MinLease, maxLease)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return usagef("https needs both --tls-cert and --tls-key; one of them is missing")
	}
	if conn.APIKey == "" {
		return nil
	}
	if err := api.CheckKey(conn.APIKey); err != nil {
		return usagef("--api-key (ALMA_API_KEY), the first admin key of an empty database: %v", err)
	}
	return nil
}

// warnOpen tells an operator who serves the network without TLS.
func warnOpen(logger *slog.Logger, c *serveCmd) {
	host, _, err := net.SplitHostPort(string(c.Listen))
	if err != nil || c.TLSCert != "" {
		return
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		logger.Warn("serving the network without TLS: keys travel in the clear; set --tls-cert and --tls-key, or put a proxy in front", "listen", string(c.Listen))
	}
}
