package send_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/send"
)

// BenchmarkSend stands beside BenchmarkBareClient: the same bytes, the same
// sink, the same number of goroutines. The goal is 0.9 of its exchanges/s.
func BenchmarkSend(b *testing.B) {
	url := sink(b)
	s := send.New(send.Config{Guard: allow("127.0.0.0/8")})
	defer s.Close()
	r := send.Request{URL: url, Header: benchHeader, Body: benchBody, Timeout: 30 * time.Second}
	exchanges(b, func() error { return s.Send(context.Background(), r).Err })
}

func BenchmarkBareClient(b *testing.B) {
	url := sink(b)
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()
	exchanges(b, func() error {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(benchBody))
		if err != nil {
			return err
		}
		for _, f := range benchHeader {
			req.Header[f.Name] = []string{f.Value}
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

var (
	benchBody   = bytes.Repeat([]byte("x"), 300)
	benchHeader = []alma.HeaderField{
		{Name: "Content-Type", Value: "application/json"},
		{Name: "X-ALMA-Event-Type", Value: "CREATED"},
		{Name: "X-ALMA-Event-ID", Value: "evt_0199c1f2-7a00-7000-8000-000000000000"},
		{Name: "X-ALMA-Delivery", Value: "dlv_abcdefghijklmnop_1"},
		{Name: "X-ALMA-Attempt", Value: "1"},
		{Name: "X-ALMA-Timestamp", Value: "1769601600"},
		{Name: "User-Agent", Value: "alma/0.1.0"},
		{Name: "X-ALMA-Signature", Value: "sha256=0000000000000000000000000000000000000000000000000000000000000000"},
	}
)

func sink(b *testing.B) string {
	b.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // A sink.
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(srv.Close)
	return srv.URL
}

func exchanges(b *testing.B, one func() error) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(32) // 64 goroutines on 2 cores: a lane's window.
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := one(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
