package docs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/send"
	"github.com/alma-events/alma/wire"
)

// capture says how a shown request comes about.
type capture struct {
	secrets []string
	form    wire.Form
	origin  string
}

// The secrets of the pages, newest first.
const (
	pageText = "your-secret-key"
	pageHMAC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	pageKey  = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	former   = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// captures are the requests of each page, in its order.
var captures = map[alma.Format][]capture{
	alma.FormatAlma: {
		{secrets: []string{pageText}},
		{secrets: []string{pageText}, form: wire.Form{Batch: true}},
	},
	alma.FormatStandard: {
		{secrets: []string{pageHMAC}},
		{secrets: []string{pageKey, former}},
	},
	alma.FormatCloudEvents: {
		{secrets: []string{pageHMAC}, origin: "alma.example.com"},
		{form: wire.Form{Batch: true}, origin: "alma.example.com"},
		{form: wire.Form{Binary: true}, origin: "alma.example.com"},
	},
}

// TestCapturesAreReal: the requests that the pages show are those that go on
// the wire, byte by byte.
func TestCapturesAreReal(t *testing.T) {
	t.Parallel()
	for name, list := range captures {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			shown := blocks(read(t, filepath.Join("formats", string(name)+".md")), "http")
			for i, c := range list {
				want := captured(t, name, c)
				if len(shown) <= i || shown[i] != want {
					t.Errorf("request %d of the page is not\n%s", i+1, want)
				}
			}
			if len(shown) != len(list) {
				t.Errorf("the page shows %d requests; want %d", len(shown), len(list))
			}
		})
	}
}

// captured sends an event and returns what arrives.
func captured(t *testing.T, name alma.Format, c capture) string {
	t.Helper()
	f, _ := wire.Lookup(name)
	msg, err := f.Encode([]*alma.Event{{
		ID: "evt_019c0479-8a00-7000-8000-0123456789ab", Type: alma.Created, MemoryID: "m1", MemoryType: alma.TypeHeuristic,
		Agent: "qa_tester", ProjectID: "my-project", Timestamp: time.Date(2026, 1, 28, 12, 0, 0, 0, time.UTC),
		Data: json.RawMessage(`{"strategy":"Validate forms field by field","confidence":0.85}`),
	}}, c.form)
	if err != nil {
		t.Fatal(err)
	}
	id := "dlv_x7k2mfq4tznb3c5a_1"
	if c.form.Batch {
		id = "bat_019c0479-8a01-7000-8000-0123456789ab"
	}
	attempt := wire.Attempt{DeliveryID: id, Number: 1, At: time.Unix(1769601601, 0), Origin: c.origin}
	client, server := net.Pipe()
	sender := send.New(send.Config{Dial: func(context.Context, string, string) (net.Conn, error) { return client, nil }})
	t.Cleanup(sender.Close)
	arrived := make(chan string, 1)
	go func() { arrived <- request(server) }()
	sender.Send(t.Context(), send.Request{
		URL: "http://example.com/hooks", Header: f.Sign(&msg, c.secrets, attempt), Body: msg.Body, Timeout: 10 * time.Second,
	})
	raw := strings.ReplaceAll(<-arrived, "\r\n", "\n")
	return strings.ReplaceAll(raw, "alma/"+wire.Version, "alma/<version>") + "\n"
}

// request reads one request as it is, and answers it.
func request(conn net.Conn) string {
	defer conn.Close()
	var raw bytes.Buffer
	r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &raw)))
	if err != nil {
		return err.Error()
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err.Error()
	}
	io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	return raw.String()
}

// TestEveryFormatHasItsPage: with the parts that all pages have, and in the
// table of them all.
func TestEveryFormatHasItsPage(t *testing.T) {
	t.Parallel()
	index := read(t, filepath.Join("formats", "README.md"))
	for _, f := range wire.Formats() {
		page := string(f.Name()) + ".md"
		if !strings.Contains(index, "("+page+")") {
			t.Errorf("formats/README.md does not link to %s", page)
		}
		text := read(t, filepath.Join("formats", page))
		for _, part := range []string{"How it looks", "Verify", "etries", "What differs", "What is inferred"} {
			if !slices.ContainsFunc(heading.FindAllString(text, -1), func(h string) bool { return strings.Contains(h, part) }) {
				t.Errorf("formats/%s has no heading %q", page, part)
			}
		}
		for _, language := range []string{"go", "python", "javascript", "php", "java"} {
			if len(blocks(text, language)) == 0 {
				t.Errorf("formats/%s does not verify in %s", page, language)
			}
		}
	}
}
