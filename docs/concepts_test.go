package docs

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// stateful are the constants whose values concepts.md explains, by the file
// that declares them.
var stateful = map[string]string{
	"delivery.go":       "DeliveryStatus|Reason",
	"webhook.go":        "WebhookState",
	"storage_replay.go": "ReplayState",
	"webhook/status.go": "Health",
	"webhook_config.go": "Format",
}

// TestConceptsNameEveryState: each state, health, status, reason and format that
// the API shows is explained, by the word that the API has for it.
func TestConceptsNameEveryState(t *testing.T) {
	t.Parallel()
	concepts := read(t, "concepts.md")
	for file, types := range stateful {
		constants := regexp.MustCompile(`(?m)^\t\w+ +(?:`+types+`) += "(\w+)"`).FindAllStringSubmatch(read(t, filepath.Join(root, file)), -1)
		if len(constants) == 0 {
			t.Errorf("%s declares none of %s", file, types)
		}
		for _, m := range constants {
			if !strings.Contains(concepts, "`"+m[1]+"`") {
				t.Errorf("concepts.md does not explain %q of %s", m[1], file)
			}
		}
	}
}
