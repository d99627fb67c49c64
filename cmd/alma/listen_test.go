package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// listening runs alma listen until the test ends, and returns its URL.
func listening(t *testing.T, args ...string) (url string, out *lockedBuffer) {
	t.Helper()
	out = newOutput()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		done <- run(ctx, append([]string{"listen", "--port", "0"}, args...), stdio{strings.NewReader(""), out, out})
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != exitDone {
			t.Errorf("listen ended with %d\n%s", code, out)
		}
	})
	out.await(t, "Listening on ")
	return regexp.MustCompile(`http://\S+`).FindString(out.String()), out
}

func exchange(t *testing.T, method, url, body string, fields []alma.HeaderField) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		req.Header.Add(f.Name, f.Value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // No connection is kept for the leak check to find.
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// TestListenSpeaksEveryFormat: with the secret before and the one after a
// rotation, deliveries are verified and printed readably.
func TestListenSpeaksEveryFormat(t *testing.T) {
	t.Parallel()
	for _, f := range wire.Formats() {
		t.Run(string(f.Name()), func(t *testing.T) {
			t.Parallel()
			former, next := f.NewSecret(alma.SignatureHMAC), f.NewSecret(alma.SignatureHMAC)
			url, out := listening(t, "--format", string(f.Name()), "--secret", next, "--secret", former)
			form := wire.Form{XML: f.Name() == alma.FormatExlibris}
			msg, err := f.Encode([]*alma.Event{{
				ID: "evt_1", Type: "LOAN_CREATED", MemoryID: "23", MemoryType: "item_loan", ProjectID: "01X",
				Timestamp: time.Unix(1769601600, 0), Data: []byte(`{"loan_id":"23","title":"Dune"}`),
			}}, form)
			if err != nil {
				t.Fatal(err)
			}
			fields := f.Sign(&msg, []string{former}, wire.Attempt{DeliveryID: "dlv_1", Number: 1, At: time.Now()})
			if resp := exchange(t, http.MethodPost, url, string(msg.Body), fields); resp.StatusCode != http.StatusNoContent {
				t.Fatalf("answered %s\n%s", resp.Status, out)
			}
			out.await(t, "verified")
			out.await(t, "Dune")
			title := `    "title": "Dune"`
			if form.XML {
				title = "    <title>Dune</title>"
			}
			wants(t, "the listener", out.String(), "LOAN_CREATED", title)
			if resp := exchange(t, http.MethodPost, url, string(msg.Body)+" ", fields); resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("a changed body: %s", resp.Status)
			}
			out.await(t, "refused")
		})
	}
}

func TestListenAnswersHandshakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format alma.Format
		says   string
	}{
		{alma.FormatAlma, "a challenge (GET)"}, {alma.FormatExlibris, "a challenge (GET)"},
		{alma.FormatCloudEvents, "a request for consent from alma.example.com (OPTIONS)"},
	} {
		t.Run(string(c.format), func(t *testing.T) {
			t.Parallel()
			f, _ := wire.Lookup(c.format)
			secret := f.NewSecret(alma.SignatureHMAC)
			url, out := listening(t, "--format", string(c.format), "--secret", secret, "--fail", "500:1")
			q, err := f.(wire.Handshaker).Ask(alma.WebhookConfig{URL: url, Challenge: true}, "alma.example.com")
			if err != nil {
				t.Fatal(err)
			}
			resp := exchange(t, q.Method, q.URL, "", q.Header)
			if resp.StatusCode != http.StatusOK {
				t.Errorf("answered %s", resp.Status)
			}
			out.await(t, c.says)
			wants(t, "the listener", out.String(), "answered", c.says)
		})
	}
}

// TestSignAndVerifyEveryFormat: what alma sign prints, alma verify takes; and
// nothing else.
func TestSignAndVerifyEveryFormat(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range wire.Formats() {
		t.Run(string(f.Name()), func(t *testing.T) {
			t.Parallel()
			secret := f.NewSecret(alma.SignatureHMAC)
			base := []string{"--format", string(f.Name()), "--secret", secret}
			code, out, errs := command(t, "", append(append([]string{"sign"}, base...), file)...)
			if code != exitDone {
				t.Fatalf("sign: exit %d\n%s", code, errs)
			}
			var headers []string
			for line := range strings.Lines(out) {
				headers = append(headers, "-H", strings.TrimSpace(line))
			}
			verify := append(append(append([]string{"verify"}, base...), headers...), file)
			if code, said, errs := command(t, "", verify...); code != exitDone || !strings.Contains(said, "holds") {
				t.Errorf("verify: exit %d\n%s%s", code, said, errs)
			}
			other := append([]string{"verify", "--format", string(f.Name()), "--secret", f.NewSecret(alma.SignatureHMAC)}, append(headers, file)...)
			if code, _, errs := command(t, "", other...); code != exitFailed {
				t.Errorf("another secret: exit %d, %s", code, errs)
			}
		})
	}
}

func TestSignStandardVectors(t *testing.T) {
	t.Parallel()
	const (
		private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
		public  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
		id      = "msg_p5jXN8AQM9LWM0D4loKWxJek"
		body    = `{"test": 2432232314}`
		want    = "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nwebhook-timestamp: 1614265330\n" +
			"webhook-signature: v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==\n"
	)
	code, out, errs := command(t, body, "sign", "--format", "standard", "--secret", private, "--id", id, "--at", "1614265330", "-")
	if code != exitDone || out != want {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	verify := []string{"verify", "--format", "standard", "--secret", public}
	for line := range strings.Lines(want) {
		verify = append(verify, "-H", strings.TrimSpace(line))
	}
	if code, _, errs := command(t, body, append(verify, "--at", "2021-02-25T15:02:10Z", "-")...); code != exitDone {
		t.Errorf("verify: exit %d, %s", code, errs)
	}
	code, _, errs = command(t, body, append(verify, "-")...)
	if code != exitFailed {
		t.Errorf("verified years later: exit %d", code)
	}
	wants(t, "years later", errs, "5 minutes")
	for what, args := range map[string][]string{
		"public key":    {"sign", "--format", "standard", "--secret", public, "-"},
		"any text":      {"verify", "--format", "standard", "--secret", "s3cret", "-"},
		"no time":       {"sign", "--secret", "x", "--at", "noon", "-"},
		"listen, a key": {"listen", "--format", "cloudevents", "--secret", "s3cret", "--port", "0"},
	} {
		if code, _, errs := command(t, body, args...); code == exitDone || errs == "" {
			t.Errorf("%s: exit %d, %s", what, code, errs)
		}
	}
}

// A further attempt is shown with what has changed since the one before.
func TestListenShowsWhatAttemptsDifferIn(t *testing.T) {
	t.Parallel()
	url, out := listening(t, "--fail", "503:1")
	send := func(number, body string) {
		t.Helper()
		exchange(t, http.MethodPost, url, body, []alma.HeaderField{{Name: wire.HeaderDelivery, Value: "dlv_1"}, {Name: wire.HeaderAttempt, Value: number}})
	}
	const body = `{"event_type":"CREATED","memory_id":"m","event_id":"evt_1"}`
	send("1", body)
	if strings.Contains(out.String(), "after the last attempt") {
		t.Errorf("a first attempt differs from something:\n%s", out)
	}
	send("2", body)
	out.await(t, "after the last attempt, the same body; headers:\n  - X-Alma-Attempt: 1\n  + X-Alma-Attempt: 2\n")
	send("3", body+" ")
	out.await(t, "ANOTHER BODY")
}
