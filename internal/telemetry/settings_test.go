package telemetry_test

import (
	"strings"
	"testing"

	"github.com/alma-events/alma/internal/telemetry"
)

// from reads variables given as "NAME=value".
func from(pairs ...string) (telemetry.Settings, error) {
	return telemetry.FromEnvironment(func(name string) string {
		for _, pair := range pairs {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	})
}

func TestWhereTracesGo(t *testing.T) {
	t.Parallel()
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"nowhere":                {nil, ""},
		"a collector":            {[]string{endpoint}, "http://127.0.0.1:4318/v1/traces"},
		"a collector below":      {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=https://otel.example.com/in/"}, "https://otel.example.com/in/v1/traces"},
		"one for traces":         {[]string{endpoint, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://10.0.0.1/spans"}, "http://10.0.0.1/spans"},
		"asked for by name":      {[]string{"OTEL_TRACES_EXPORTER=otlp"}, "http://localhost:4318/v1/traces"},
		"none":                   {[]string{endpoint, "OTEL_TRACES_EXPORTER=none"}, ""},
		"disabled":               {[]string{endpoint, "OTEL_SDK_DISABLED=TRUE"}, ""},
		"disabled, and mistaken": {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=what", "OTEL_SDK_DISABLED=true"}, ""},
		"by protobuf":            {[]string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}, "http://127.0.0.1:4318/v1/traces"},
		"traces by protobuf":     {[]string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf"}, "http://127.0.0.1:4318/v1/traces"},
	} {
		if got, err := from(c.env...); err != nil || got.Endpoint != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got.Endpoint, err, c.want)
		}
	}
}

func TestMistakenSettings(t *testing.T) {
	t.Parallel()
	for pair, want := range map[string]string{
		"OTEL_TRACES_EXPORTER=jaeger":                                       "want otlp or none",
		"OTEL_EXPORTER_OTLP_ENDPOINT=127.0.0.1:4318":                        "such as http://127.0.0.1:4318",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=ftp://host/?token=hidden":       "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://host:port/?token=hidden": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                                  "want http/protobuf",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json":                      "want http/protobuf",
		"OTEL_TRACES_SAMPLER=some":                                          "parentbased_traceidratio",
		"OTEL_TRACES_SAMPLER_ARG=2":                                         "from 0 to 1",
		"OTEL_TRACES_SAMPLER_ARG=NaN":                                       "from 0 to 1",
		"OTEL_RESOURCE_ATTRIBUTES=a":                                        "percent-encoded",
		"OTEL_RESOURCE_ATTRIBUTES=a=%zz":                                    "percent-encoded",
	} {
		_, err := from(pair, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318")
		name, _, _ := strings.Cut(pair, "=")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v; want %q", pair, err, want)
		}
	}
}

func TestSamplers(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]string{
		"":                                 "parentbased_traceidratio 0.1",
		"OTEL_TRACES_SAMPLER_ARG=0.5":      "parentbased_traceidratio 0.5",
		"OTEL_TRACES_SAMPLER=always_on":    "always_on",
		"OTEL_TRACES_SAMPLER=always_off":   "always_off",
		"OTEL_TRACES_SAMPLER=traceidratio": "traceidratio 1",
		"OTEL_TRACES_SAMPLER=parentbased_traceidratio": "parentbased_traceidratio 1",
		"OTEL_TRACES_SAMPLER=parentbased_always_on":    "parentbased_always_on",
		"OTEL_TRACES_SAMPLER=parentbased_always_off":   "parentbased_always_off",
	} {
		s, err := from(env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318")
		if err != nil || s.Sampler.String() != want {
			t.Errorf("%q: %s, %v; want %s", env, s.Sampler, err, want)
		}
	}
}

func TestTheCollectorIsNamedWithoutSecrets(t *testing.T) {
	t.Parallel()
	s := telemetry.Settings{Endpoint: "https://user:hidden@otel.example.com:4318/hidden?hidden"}
	if got := s.Collector(); got != "https://otel.example.com:4318" {
		t.Errorf("got %s", got)
	}
}
