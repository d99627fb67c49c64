package telemetry

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// Settings say where traces go, and which. The zero value means nowhere.
type Settings struct {
	Endpoint string // The URL that spans are posted to; empty for nowhere.
	Sampler  Sampler
	// Service and Attributes describe the resource as OTEL_SERVICE_NAME and
	// OTEL_RESOURCE_ATTRIBUTES do.
	Service    string
	Attributes []attribute.KeyValue
}

// Collector names where traces go, to operators: without path and query, in
// which tokens travel.
func (s *Settings) Collector() string {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

const (
	defaultEndpoint = "http://localhost:4318"
	tracesPath      = "/v1/traces"
)

// FromEnvironment reads the variables of OpenTelemetry. What it does not read,
// as headers, certificates and the sizes of queues, the exporter reads itself.
// Unless an endpoint is set, or the exporter is asked for by name, there are no
// traces.
func FromEnvironment(getenv func(string) string) (Settings, error) {
	env := func(name string) string { return strings.TrimSpace(getenv(name)) }
	endpoint, err := endpointOf(env)
	if err != nil || endpoint == "" {
		return Settings{}, err
	}
	if err := checkProtocol(env); err != nil {
		return Settings{}, err
	}
	sampler, err := samplerOf(env("OTEL_TRACES_SAMPLER"), env("OTEL_TRACES_SAMPLER_ARG"))
	if err != nil {
		return Settings{}, err
	}
	attributes, err := parseAttributes(env("OTEL_RESOURCE_ATTRIBUTES"))
	return Settings{Endpoint: endpoint, Sampler: sampler, Service: env("OTEL_SERVICE_NAME"), Attributes: attributes}, err
}

// endpointOf returns the URL that spans go to; empty for nowhere.
func endpointOf(env func(string) string) (string, error) {
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return "", nil
	}
	exporter := env("OTEL_TRACES_EXPORTER")
	switch exporter {
	case "none":
		return "", nil
	case "", "otlp":
	default:
		return "", fmt.Errorf("OTEL_TRACES_EXPORTER is %q; want otlp or none", exporter)
	}
	if text := env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); text != "" {
		_, err := parseEndpoint("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", text)
		return text, err
	}
	text := env("OTEL_EXPORTER_OTLP_ENDPOINT")
	if text == "" && exporter == "" {
		return "", nil
	}
	if text == "" {
		text = defaultEndpoint
	}
	u, err := parseEndpoint("OTEL_EXPORTER_OTLP_ENDPOINT", text)
	if err != nil {
		return "", err
	}
	return u.JoinPath(tracesPath).String(), nil
}

// parseEndpoint checks a URL. What is wrong with it is told without it: it may
// hold a token.
func parseEndpoint(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s is no URL of a collector; want one such as http://127.0.0.1:4318", name)
	}
	return u, nil
}

func checkProtocol(env func(string) string) error {
	name := "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	protocol := env(name)
	if protocol == "" {
		name = "OTEL_EXPORTER_OTLP_PROTOCOL"
		protocol = env(name)
	}
	switch protocol {
	case "", "http/protobuf":
		return nil
	case "grpc":
		return errors.New(name + " is grpc, which alma does not speak; want http/protobuf, which collectors take on port 4318")
	default:
		return fmt.Errorf("%s is %q; want http/protobuf", name, protocol)
	}
}
