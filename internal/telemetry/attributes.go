package telemetry

import (
	"errors"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// parseAttributes reads OTEL_RESOURCE_ATTRIBUTES: "name=value,name=value", values
// percent-encoded.
func parseAttributes(text string) ([]attribute.KeyValue, error) {
	var list []attribute.KeyValue
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || name == "" || err != nil {
			return nil, errors.New("OTEL_RESOURCE_ATTRIBUTES: want pairs such as deployment.environment.name=prod,host.name=a, values percent-encoded")
		}
		list = append(list, attribute.String(name, value))
	}
	return list, nil
}
