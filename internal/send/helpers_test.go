package send_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/netguard"
	"github.com/alma-events/alma/internal/send"
)

// planted stands in the URL's query, a header and the body of every request of
// these tests, and in what hostile listeners write back. No error may show it.
const planted = "s3cr3t-value"

func request(url string) send.Request {
	return send.Request{
		URL: url + "/hook?token=" + planted,
		Header: []alma.HeaderField{
			{Name: "Content-Type", Value: "application/json"},
			{Name: "X-ALMA-Signature", Value: "sha256=" + planted},
			{Name: "Authorization", Value: "Bearer " + planted},
		},
		Body:    []byte(`{"token":"` + planted + `"}`),
		Timeout: 30 * time.Second,
	}
}

// script is what a listener does with one connection.
type script func(c net.Conn, in *bufio.Reader)

// overPipes returns a sender whose connections lead to the script.
func overPipes(t *testing.T, serve script) *send.Sender {
	t.Helper()
	s := send.New(send.Config{Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close() // The end of the script.
			serve(server, bufio.NewReader(server))
		}()
		return client, nil
	}})
	t.Cleanup(s.Close)
	return s
}

// loopback returns a sender that may reach the loopback network.
func loopback(t *testing.T) *send.Sender {
	t.Helper()
	s := send.New(send.Config{Guard: allow("127.0.0.0/8", "::1/128")})
	t.Cleanup(s.Close)
	return s
}

func allow(cidrs ...string) *netguard.Guard {
	var prefixes []netip.Prefix
	for _, c := range cidrs {
		prefixes = append(prefixes, netip.MustParsePrefix(c))
	}
	return netguard.New(prefixes)
}

// readRequest reads one whole request, and reports whether there was one.
func readRequest(in *bufio.Reader) bool {
	req, err := http.ReadRequest(in)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

// untilClosed waits for the sender to give up the connection.
func untilClosed(c net.Conn) { io.Copy(io.Discard, c) } // Any end is the end.

func write(c net.Conn, text string) { io.WriteString(c, text) } // The sender may have gone.

// wantFailure checks reason and text, and that the text gives nothing away.
func wantFailure(t *testing.T, res send.Result, reason alma.Reason, text string) {
	t.Helper()
	if res.Err == nil {
		t.Fatalf("no failure: status %d; want %s: %s", res.StatusCode, reason, text)
	}
	if res.Reason != reason || res.Err.Error() != text {
		t.Errorf("failure\n got %s: %s\nwant %s: %s", res.Reason, res.Err, reason, text)
	}
	if strings.Contains(res.Err.Error(), planted) || strings.Contains(res.Err.Error(), "token=") {
		t.Errorf("the text gives a secret away: %s", res.Err)
	}
}

func wantStatus(t *testing.T, res send.Result, status int) {
	t.Helper()
	if res.Err != nil || res.Reason != "" || res.StatusCode != status {
		t.Fatalf("got status %d, %s: %v; want a complete %d", res.StatusCode, res.Reason, res.Err, status)
	}
}
