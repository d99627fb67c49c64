package wire_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// realBodies are bodies that libraries have published. They lie beside a
// checkout and are no part of it.
func realBodies(t *testing.T) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob("../../shared/samples/exlibris/*.json")
	if len(files) == 0 {
		t.Skip("the real bodies are not beside this checkout: only our own are tested")
	}
	return readBodies(t, files)
}

// TestExlibrisRealBodies: real bodies are read, and written again to the same
// value. The members of every object in them keep their order; those of the
// object itself come in the order of the format, which is that of all bodies
// but those of 2018.
func TestExlibrisRealBodies(t *testing.T) {
	t.Parallel()
	for name, body := range realBodies(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := encodeExlibris(t, decodeExlibris(t, body), wire.Form{})
			var compact bytes.Buffer
			if err := json.Compact(&compact, body); err != nil {
				t.Fatal(err)
			}
			want := compact.String()
			if name[:9] == "lancaster" {
				sameButForTheOrder(t, want, got)
			} else if got != want {
				t.Errorf("came  %s\nwent  %s", want, got)
			}
		})
	}
}

// sameButForTheOrder compares member by member, each byte for byte.
func sameButForTheOrder(t *testing.T, want, got string) {
	t.Helper()
	var w, g map[string]json.RawMessage
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w, g); d != "" {
		t.Errorf("the members changed (-want +got):\n%s", d)
	}
}

func TestExlibrisRealBodiesThroughXML(t *testing.T) {
	t.Parallel()
	for name, body := range realBodies(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkThroughXML(t, decodeExlibris(t, body))
		})
	}
}

// TestExlibrisRealBodiesSigned: the signature holds over what is sent, and for
// listeners that verify what JavaScript makes of it.
func TestExlibrisRealBodiesSigned(t *testing.T) {
	t.Parallel()
	f := exlibrisFormat(t)
	for name, body := range realBodies(t) {
		msg, err := f.Encode([]*alma.Event{decodeExlibris(t, body)}, wire.Form{})
		if err != nil {
			t.Fatal(err)
		}
		signed := f.Sign(&msg, []string{"s"}, wire.Attempt{})
		if err := wire.VerifyExlibris("s", msg.Body, signed[len(signed)-1].Value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
