// Package telemetry sends traces to a collector by OTLP, as the environment
// variables of OpenTelemetry say. It sets no global of OpenTelemetry's.
package telemetry
