package main

import (
	"context"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/telemetry"
	"github.com/alma-events/alma/wire"
)

// startTraces begins to send traces, if there is somewhere to send them. All
// that is traced ends before they do.
func (n *node) startTraces(ctx context.Context) (err error) {
	if n.cfg.tracing.Endpoint == "" {
		return nil
	}
	n.traces, err = telemetry.New(ctx, telemetry.Config{Settings: n.cfg.tracing, Node: n.cfg.name, Version: wire.Version, Logger: n.cfg.logger})
	if err != nil {
		return err //nolint:wrapcheck // It names the setting.
	}
	n.cfg.logger.Info("traces are sent to a collector", "collector", n.cfg.tracing.Collector(), "sampler", n.cfg.tracing.Sampler.String())
	n.defers(n.endTraces)
	return nil
}

// endTraces sends what is left. That a collector is away is no failure of the
// server's.
func (n *node) endTraces(ctx context.Context) error {
	if err := n.traces.Shutdown(ctx); err != nil {
		n.cfg.logger.Warn("not all traces were sent", "error", err)
	}
	return nil
}

type (
	tracedRequest = func(ctx context.Context, method, route, requestID string) (context.Context, func(status int))
	tracedInbound = func(ctx context.Context, method, route string, caller alma.TraceParent) (context.Context, func(status int))
)

// tracedRequests returns what follows requests; nil for nothing.
func (n *node) tracedRequests() (tracedRequest, tracedInbound) {
	if n.traces == nil {
		return nil, nil
	}
	return n.traces.Request, n.traces.Inbound
}
