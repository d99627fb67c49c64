package telemetry

import (
	"fmt"
	"strconv"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Sampler says which traces are recorded. The zero value is the default.
type Sampler struct {
	name  string
	ratio float64
}

// The names of samplers, as OTEL_TRACES_SAMPLER has them.
const (
	alwaysOn       = "always_on"
	alwaysOff      = "always_off"
	ratio          = "traceidratio"
	parentOn       = "parentbased_always_on"
	parentOff      = "parentbased_always_off"
	parentRatio    = "parentbased_traceidratio"
	defaultSampler = parentRatio
)

// DefaultRatio is how many of the traces that begin here are recorded. A server
// may make thousands of deliveries a second, with three spans each.
const DefaultRatio = 0.1

func samplerOf(name, arg string) (Sampler, error) {
	s := Sampler{name: name, ratio: DefaultRatio}
	switch name {
	case "":
		s.name = defaultSampler
	case alwaysOn, alwaysOff, parentOn, parentOff:
		return s, nil
	case ratio, parentRatio:
		s.ratio = 1 // As OpenTelemetry has it.
	default:
		return s, fmt.Errorf("OTEL_TRACES_SAMPLER is %q; want %s, %s, %s, %s, %s or %s", name, parentRatio, parentOn, parentOff, ratio, alwaysOn, alwaysOff)
	}
	if arg == "" {
		return s, nil
	}
	part, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(part >= 0 && part <= 1) {
		return s, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG is %q; want the part of traces to record, from 0 to 1, such as 0.1", arg)
	}
	s.ratio = part
	return s, nil
}

// String describes the sampler to an operator.
func (s Sampler) String() string {
	switch s.name {
	case "":
		return Sampler{defaultSampler, DefaultRatio}.String()
	case ratio, parentRatio:
		return s.name + " " + strconv.FormatFloat(s.ratio, 'g', -1, 64)
	default:
		return s.name
	}
}

func (s Sampler) build() sdktrace.Sampler {
	switch s.name {
	case alwaysOn:
		return sdktrace.AlwaysSample()
	case alwaysOff:
		return sdktrace.NeverSample()
	case ratio:
		return sdktrace.TraceIDRatioBased(s.ratio)
	case parentOn:
		return sdktrace.ParentBased(sdktrace.AlwaysSample())
	case parentOff:
		return sdktrace.ParentBased(linked{sdktrace.NeverSample()})
	case "":
		return Sampler{defaultSampler, DefaultRatio}.build()
	default:
		return sdktrace.ParentBased(linked{sdktrace.TraceIDRatioBased(s.ratio)})
	}
}

// linked records a root that is linked to a trace that is recorded: a request
// with many events has no parent, but would leave a hole in their traces.
type linked struct{ sdktrace.Sampler }

// ShouldSample decides about a root.
func (l linked) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	for i := range p.Links {
		if p.Links[i].SpanContext.IsSampled() {
			return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
		}
	}
	return l.Sampler.ShouldSample(p)
}
