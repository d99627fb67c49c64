package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/alma-events/alma/tracing"
)

// Config says what [New] works with.
type Config struct {
	Settings
	// Node names this process among those of its service. Defaults to the host's
	// name and the process id.
	Node    string
	Version string
	// Patience is how long Shutdown sends what is left. Defaults to 5 s.
	Patience time.Duration
	// Logger hears of a collector that is away, at most once a minute.
	Logger *slog.Logger
}

// Telemetry sends the traces of a server. It may be used concurrently.
type Telemetry struct {
	tracer   *tracing.Tracer
	requests trace.Tracer
	provider *sdktrace.TracerProvider
	patience time.Duration
}

// DefaultService is the name of the service unless OTEL_SERVICE_NAME says
// otherwise.
const DefaultService = "alma"

const defaultPatience = 5 * time.Second

// New begins to send traces. The collector need not be there.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	if cfg.Node == "" {
		host, _ := os.Hostname() // Empty is as good as any.
		cfg.Node = host + "-" + strconv.Itoa(os.Getpid())
	}
	if cfg.Patience <= 0 {
		cfg.Patience = defaultPatience
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("alma: traces: %w", withoutURL(err))
	}
	described, err := describe(ctx, cfg)
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&quiet{SpanExporter: exporter, logger: cfg.Logger}),
		sdktrace.WithIDGenerator(tracing.IDGenerator{}),
		sdktrace.WithSampler(cfg.Sampler.build()),
		sdktrace.WithResource(described),
	)
	return &Telemetry{tracer: tracing.New(provider), requests: provider.Tracer(tracing.Scope), provider: provider, patience: cfg.Patience}, nil
}

// Tracer follows events on their way.
func (t *Telemetry) Tracer() *tracing.Tracer { return t.tracer }

// Shutdown sends what is left, as long as Config.Patience says, however long ctx
// still lasts, and ends.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.patience)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("alma: traces: the last spans could not be sent: %w", withoutURL(err))
	}
	return nil
}

// describe says whose traces they are.
func describe(ctx context.Context, cfg Config) (*resource.Resource, error) {
	list := []attribute.KeyValue{semconv.ServiceName(DefaultService), semconv.ServiceVersion(cfg.Version), semconv.ServiceInstanceID(cfg.Node)}
	list = append(list, cfg.Attributes...) // The last of a name counts.
	if cfg.Service != "" {
		list = append(list, semconv.ServiceName(cfg.Service))
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(list...))
	if err != nil {
		return nil, fmt.Errorf("alma: traces: %w", err)
	}
	return described, nil
}
