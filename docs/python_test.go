package docs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alma-events/alma/wire"
)

// TestPythonVerifies: the README's Python takes what Alma signs, and nothing
// else. Where there is no Python, the same computation in plain Go must do.
func TestPythonVerifies(t *testing.T) {
	t.Parallel()
	const secret = "your-secret-key"
	body := `{"memory_id":"m1","data":{"strategy":"prüfe 表单 <&>"}}`
	good := wire.SignAlma(secret, []byte(body))

	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	if plain := "sha256=" + hex.EncodeToString(mac.Sum(nil)); plain != good {
		t.Errorf("wire signs %s; the documented computation gives %s", good, plain)
	}

	snippets := blocks(read(t, filepath.Join(root, "README.md")), "python")
	if len(snippets) != 1 {
		t.Fatalf("README.md has %d snippets in Python; want one", len(snippets))
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Logf("not run in Python, only compared in Go: %v", err)
		return
	}
	program := snippets[0] + "\nimport sys\nprint(verify_signature(sys.stdin.buffer.read(), sys.argv[1], sys.argv[2]))\n"
	for name, tc := range map[string]struct{ body, signature, secret, want string }{
		"good":           {body, good, secret, "True"},
		"altered":        {body + " ", good, secret, "False"},
		"another secret": {body, good, "other", "False"},
		"no signature":   {body, "", secret, "False"},
		"not ASCII":      {body, "sha256=é", secret, "False"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), python, "-X", "utf8", "-c", program, tc.signature, tc.secret)
			cmd.Stdin = strings.NewReader(tc.body)
			out, err := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != tc.want {
				t.Errorf("Python says %s, %v; want %s", got, err, tc.want)
			}
		})
	}
}
