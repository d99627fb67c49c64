package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/server"
	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

// nodeConfig is what a node is built from.
type nodeConfig struct {
	db        string
	listen    string
	tlsCert   string
	tlsKey    string
	allow     []netip.Prefix
	rootCAs   *x509.CertPool
	firstKey  string // The first admin key; made when empty.
	logger    *slog.Logger
	stopGrace time.Duration
}

// node is a whole server: storage, engine, memory and REST API.
type node struct {
	cfg     nodeConfig
	store   *sqlite.Store
	emitter *events.Emitter
	manager *webhook.Manager
	memory  *memory.Store
	http    *server.Server

	key     string // The first admin key, when it was made just now.
	cleanup []func(context.Context) error
}

// startNode builds a node and starts it. A failure undoes what was begun.
func startNode(ctx context.Context, cfg nodeConfig) (_ *node, err error) {
	n := &node{cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.stop(context.WithoutCancel(ctx)))
		}
	}()
	steps := []func(context.Context) error{n.openStore, n.startEngine, n.openMemory, n.bootstrapKey, n.serve}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// stop ends what was started, the last first.
func (n *node) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.stopGrace)
	defer cancel()
	var errs []error
	for i := len(n.cleanup) - 1; i >= 0; i-- {
		errs = append(errs, n.cleanup[i](ctx))
	}
	n.cleanup = nil
	return errors.Join(errs...)
}

func (n *node) defers(f func(context.Context) error) { n.cleanup = append(n.cleanup, f) }

func (n *node) openStore(ctx context.Context) error {
	store, err := sqlite.Open(ctx, n.cfg.db, sqlite.Options{Logger: n.cfg.logger})
	if err != nil {
		return err //nolint:wrapcheck // The driver says what is wrong with which file.
	}
	n.store = store
	n.defers(func(context.Context) error { return store.Close() })
	return nil
}

func (n *node) startEngine(ctx context.Context) error {
	n.emitter = events.New(events.Config{Logger: n.cfg.logger})
	n.defers(n.emitter.Close)
	manager, err := webhook.New(webhook.Config{
		Storage: n.store, Emitter: n.emitter, Logger: n.cfg.logger,
		AllowCIDRs: n.cfg.allow, RootCAs: n.cfg.rootCAs, Grace: n.cfg.stopGrace,
	})
	if err != nil {
		return err //nolint:wrapcheck // It names the setting.
	}
	n.manager = manager
	n.defers(manager.Shutdown)
	return manager.Start(ctx) //nolint:wrapcheck // It names the operation.
}

func (n *node) openMemory(context.Context) (err error) {
	n.memory, err = memory.New(memory.Config{Storage: n.store, Emitter: n.emitter, Logger: n.cfg.logger})
	return err //nolint:wrapcheck // It names the setting.
}

// bootstrapKey makes the first admin key of an empty store. A key that was made
// here is kept beside the database, readable by its owner alone.
func (n *node) bootstrapKey(ctx context.Context) error {
	key, created, err := api.Bootstrap(ctx, n.store, n.cfg.firstKey)
	if err != nil || !created || n.cfg.firstKey != "" {
		return err //nolint:wrapcheck // It names the operation.
	}
	n.key = key
	return writePrivate(n.keyFile(), key+"\n")
}

func (n *node) keyFile() string { return n.cfg.db + ".key" }

// writePrivate writes a file that only its owner can read, all or nothing.
func writePrivate(name, content string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".alma-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	defer os.Remove(f.Name()) // It is gone after the rename.
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return nil
}

func (n *node) serve(ctx context.Context) error {
	rest, err := api.New(api.Config{Manager: n.manager, Memory: n.memory, Store: n.store, Logger: n.cfg.logger})
	if err != nil {
		return err //nolint:wrapcheck // It names the setting.
	}
	n.http, err = server.New(server.Config{
		Addr: n.cfg.listen, Handler: rest, CertFile: n.cfg.tlsCert, KeyFile: n.cfg.tlsKey,
		Draining: rest.Close, Logger: n.cfg.logger,
	})
	if err != nil {
		return err //nolint:wrapcheck // It names the setting.
	}
	if err := n.http.Start(ctx); err != nil {
		return err //nolint:wrapcheck // It names the address.
	}
	n.defers(n.http.Shutdown)
	return nil
}
