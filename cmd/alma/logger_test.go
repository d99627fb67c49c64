package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What is no terminal gets JSON, for programs; levels below the wanted one are
// left out.
func TestLogIsJSONForPrograms(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := newLogger(&out, "warn")
	logger.Info("too little")
	logger.Warn("enough", "webhook", "wh_1", "error", `a "quoted" text`)
	var line struct{ Level, Msg, Webhook, Error string }
	if strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("logged %q; want one line", out.String())
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Level != "WARN" || line.Msg != "enough" || line.Webhook != "wh_1" || line.Error != `a "quoted" text` {
		t.Errorf("logged %s, %v", out.String(), err)
	}
	out.Reset()
	newLogger(&out, "nonsense").Info("as by default")
	if out.Len() == 0 {
		t.Error("an unknown level silences the log")
	}
}
