package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/internal/server/inbound"
)

// newInboundRig also takes the events of foreign systems.
func newInboundRig(t *testing.T, wrap ...func(inbound.Sources) inbound.Sources) *rig {
	t.Helper()
	return newRigOf(t, func(cfg *api.Config) {
		var sources inbound.Sources = cfg.Store
		for _, w := range wrap {
			sources = w(sources)
		}
		in, err := inbound.New(inbound.Config{Appender: cfg.Manager, Sources: sources, Logger: cfg.Logger})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Inbound = in
	})
}

// What answers under /in/ is described, and counted as the calls are.
func TestInboundIsDescribedAndCounted(t *testing.T) {
	t.Parallel()
	r := newInboundRig(t)
	for name, format := range map[string]string{"open": "alma", "ce": "cloudevents"} {
		r.post("/v1/sources", map[string]any{"name": name, "format": format, "secret": nil}).want(http.StatusCreated)
	}
	r.post("/v1/sources", map[string]any{"name": "signed"}).want(http.StatusCreated)
	body := `{"event":"memory.created","event_id":"e","timestamp":"2026-01-28T12:00:00Z","data":{"memory_id":"m"}}`
	for _, tc := range []struct {
		method, path, body string
		status             int
		headers            []string
	}{
		{http.MethodPost, "/in/signed", body, http.StatusUnauthorized, nil},
		{http.MethodPost, "/in/nobody", body, http.StatusNotFound, nil},
		{http.MethodPost, "/in/open", `{}`, http.StatusUnprocessableEntity, nil},
		{http.MethodPost, "/in/open", strings.Repeat(" ", 2<<20), http.StatusRequestEntityTooLarge, nil},
		{http.MethodPost, "/in/open", body, http.StatusUnsupportedMediaType, []string{"Content-Encoding", "gzip"}},
		{http.MethodGet, "/in/open?challenge=abc", "", http.StatusOK, nil},
		{http.MethodGet, "/in/ce", "", http.StatusMethodNotAllowed, nil},
		{http.MethodOptions, "/in/ce", "", http.StatusOK, []string{"WebHook-Request-Origin", "example.com"}},
		{http.MethodOptions, "/in/nobody", "", http.StatusNotFound, nil},
		{http.MethodPut, "/in/open", body, http.StatusMethodNotAllowed, nil},
	} {
		var sent any
		if tc.body != "" {
			sent = tc.body
		}
		r.do("", tc.method, tc.path, sent, tc.headers...).want(tc.status)
	}
	figures := string(r.get("/metrics").body)
	for _, want := range []string{
		`alma_http_requests_total{method="POST",route="/in/{source}",status="401"} 1`,
		`alma_http_requests_total{method="GET",route="/in/{source}",status="200"} 1`,
		`alma_http_requests_total{method="OPTIONS",route="/in/{source}",status="200"} 1`,
		`alma_http_requests_total{method="other",route="/in/{source}",status="405"} 1`,
	} {
		if !strings.Contains(figures, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// lostSources cannot be read.
type lostSources struct{ inbound.Sources }

func (lostSources) Source(context.Context, string) (alma.Source, error) {
	return alma.Source{}, alma.ErrUnavailable
}

func TestInboundWithoutAStore(t *testing.T) {
	t.Parallel()
	r := newInboundRig(t, func(s inbound.Sources) inbound.Sources { return lostSources{s} })
	r.do("", http.MethodPost, "/in/x", `{}`).want(http.StatusServiceUnavailable)
	r.do("", http.MethodGet, "/in/x?challenge=abc", nil).want(http.StatusServiceUnavailable)
}
