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
)

type serveCmd struct {
	Listen    string         `help:"Serve on this address." default:"127.0.0.1:2562" env:"ALMA_LISTEN" placeholder:"HOST:PORT"`
	AllowCIDR []netip.Prefix `name:"allow-cidr" help:"Deliver to these addresses although they are not public, and by http if need be." env:"ALMA_ALLOW_CIDR" placeholder:"CIDR"`
	CAFile    string         `name:"ca-file" help:"Trust the certificate authorities in this PEM file besides the system's." env:"ALMA_CA_FILE" placeholder:"FILE"`
	TLSCert   string         `name:"tls-cert" help:"Serve https with this certificate." env:"ALMA_TLS_CERT" placeholder:"FILE"`
	TLSKey    string         `name:"tls-key" help:"The certificate's key." env:"ALMA_TLS_KEY" placeholder:"FILE"`
	Grace     time.Duration  `help:"Let requests and deliveries in flight finish for so long when stopped." default:"30s" env:"ALMA_GRACE"`
}

// Help says more than the list of flags.
func (*serveCmd) Help() string {
	return `The first start makes the database and an admin key beside it. Example:

  alma serve --allow-cidr 127.0.0.0/8`
}

// Run serves until it is interrupted.
func (c *serveCmd) Run(ctx context.Context, conn *connection, s *settings, io stdio) error {
	logger := newLogger(io.err, s.LogLevel)
	cfg, err := c.config(conn, logger)
	if err != nil {
		return err
	}
	n, err := startNode(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "Serving on %s, database %s\n", n.http.URL(), cfg.db)
	if n.key != "" {
		fmt.Fprintf(io.out, "Made the first admin key and wrote it to %s; the commands of alma find it there.\n", n.keyFile())
	}
	warnOpen(logger, c)
	select {
	case <-ctx.Done():
		logger.Info("stopping; requests and deliveries in flight may finish", "grace", c.Grace.String())
	case <-n.http.Ended():
		return errors.Join(errors.New("the server stopped by itself; its log says why"), n.stop(ctx))
	}
	return n.stop(context.WithoutCancel(ctx))
}

func (c *serveCmd) config(conn *connection, logger *slog.Logger) (nodeConfig, error) {
	cfg := nodeConfig{
		db: conn.DB, listen: c.Listen, tlsCert: c.TLSCert, tlsKey: c.TLSKey, allow: c.AllowCIDR,
		firstKey: conn.APIKey, logger: logger, stopGrace: c.Grace,
	}
	if c.CAFile == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return cfg, fmt.Errorf("--ca-file: %w", err)
	}
	if cfg.rootCAs, err = x509.SystemCertPool(); err != nil {
		cfg.rootCAs = x509.NewCertPool()
	}
	if !cfg.rootCAs.AppendCertsFromPEM(pem) {
		return cfg, fmt.Errorf("--ca-file %s holds no certificate in PEM form", c.CAFile)
	}
	return cfg, nil
}

// warnOpen tells an operator who serves the network without TLS.
func warnOpen(logger *slog.Logger, c *serveCmd) {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil || c.TLSCert != "" {
		return
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		logger.Warn("serving the network without TLS: keys travel in the clear; set --tls-cert and --tls-key, or put a proxy in front", "listen", c.Listen)
	}
}
