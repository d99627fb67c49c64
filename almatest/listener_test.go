package almatest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/internal/netguard"
	"github.com/alma-events/alma/internal/send"
	"github.com/alma-events/alma/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "your-secret-key"

func eventBody(id string) []byte {
	return []byte(`{"event_type":"CREATED","memory_id":"1","event_id":"` + id + `","data":{}}`)
}

func request(url, id string) send.Request {
	body := eventBody(id)
	return send.Request{
		URL: url, Body: body, Timeout: 30 * time.Second,
		Header: []alma.HeaderField{{Name: wire.HeaderSignature, Value: wire.SignAlma(secret, body)}},
	}
}

func sender(t *testing.T, l *almatest.Listener) *send.Sender {
	t.Helper()
	s := send.New(send.Config{Guard: netguard.New(l.AllowCIDR()), RootCAs: l.RootCAs()})
	t.Cleanup(s.Close)
	return s
}

func TestListenerRecords(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]almatest.ListenerOption{
		"http":  {almatest.WithSecret("other", secret), almatest.WithFormat(alma.FormatAlma)},
		"https": {almatest.WithSecret(secret), almatest.WithTLS()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := almatest.NewListener(t, opts...)
			s := sender(t, l)
			l.FailTimes(2, 500)
			for want, status := range []int{500, 500, 204, 204} {
				if res := s.Send(t.Context(), request(l.URL(), "evt_1")); res.StatusCode != status {
					t.Errorf("request %d: status %d, %v; want %d", want+1, res.StatusCode, res.Err, status)
				}
			}
			got := l.Wait(t.Context(), 4)[3]
			if got.Number != 4 || got.Method != http.MethodPost || got.URL != "/hook" || !bytes.Equal(got.Body, eventBody("evt_1")) || !got.Verified || got.DecodeErr != nil {
				t.Errorf("recorded %+v", got)
			}
			if events := l.WaitEvents(t.Context(), 1); events[0].ID != "evt_1" {
				t.Errorf("events %v", events)
			}
		})
	}
}

func TestListenerRefusesWrongSignatures(t *testing.T) {
	t.Parallel()
	l := almatest.NewListener(t, almatest.WithSecret("other"))
	res := sender(t, l).Send(t.Context(), request(l.URL(), "evt_1"))
	got := l.Wait(t.Context(), 1)[0]
	if res.StatusCode != http.StatusUnauthorized || got.Verified || !errors.Is(got.VerifyErr, wire.ErrSignatureMismatch) {
		t.Errorf("status %d, recorded %v", res.StatusCode, got.VerifyErr)
	}
	if len(got.Events) != 1 || len(l.Events()) != 0 {
		t.Errorf("decoded %v, taken %v; want one decoded and none taken", got.Events, l.Events())
	}
}

// TestAnswers runs each misbehaviour against the real sender.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer almatest.Answer
		status int
		reason alma.Reason
		text   string // Begins the error.
	}{
		{"status", almatest.Status(418), 418, "", ""},
		{"text", almatest.Text(200, "{{{ garbage"), 200, "", ""},
		{"retry after", almatest.RetryAfter(503, time.Minute), 503, "", ""},
		{"redirect", almatest.Redirect("http://127.0.0.1:1/"), 307, "", ""},
		{"hang", almatest.Hang(), 0, alma.ReasonTimeout, "no complete answer within 30s: the time ran out while waiting for the response headers"},
		{"drip", almatest.Drip(time.Second), 200, alma.ReasonTimeout, "no complete answer within 30s: the time ran out while reading the body"},
		{"huge", almatest.Huge(1 << 30), 200, alma.ReasonTooLarge, "the answer has more than 1048576 bytes"},
		{"half", almatest.HalfAnswer(), 200, alma.ReasonConnect, "the connection to x.example broke while reading the body: the answer broke off half-way"},
		{"hang up", almatest.HangUp(), 0, alma.ReasonConnect, "the connection to x.example broke while waiting for the response headers: the connection was closed"},
		{"garbage", almatest.Garbage(), 0, alma.ReasonProtocol, "the answer is not understandable HTTP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := almatest.NewRecorder(t)
				r.Next(c.answer)
				s := send.New(send.Config{Dial: almatest.NewPipeListener(t, r).Dial})
				defer s.Close()
				res := s.Send(t.Context(), request("http://x.example", "evt_1"))
				if res.StatusCode != c.status || res.Reason != c.reason || res.Err != nil && !strings.HasPrefix(res.Err.Error(), c.text) {
					t.Errorf("got %d, %s: %v; want %d, %s: %s", res.StatusCode, res.Reason, res.Err, c.status, c.reason, c.text)
				}
				if res := s.Send(t.Context(), request("http://x.example", "evt_2")); res.StatusCode != 204 {
					t.Errorf("then %d, %v; want 204", res.StatusCode, res.Err)
				}
				got := r.Requests()
				if len(got) != 2 || c.reason != "" && got[0].Status != 0 {
					t.Errorf("recorded %+v", got)
				}
			})
		})
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	l := almatest.NewListener(t)
	l.Answer(almatest.Hang())
	s := sender(t, l)
	answered := make(chan send.Result, 1)
	go func() { answered <- s.Send(t.Context(), request(l.URL(), "evt_1")) }()
	if got := l.Wait(t.Context(), 1); got[0].Status != 0 {
		t.Errorf("answered %d before it was released", got[0].Status)
	}
	l.Release()
	if res := <-answered; res.StatusCode != http.StatusNoContent {
		t.Errorf("status %d, %v; want 204", res.StatusCode, res.Err)
	}
	l.WaitEvents(t.Context(), 1)
}

// TestCloseEndsWhatHangs: a test that leaves a request hanging ends all the same.
func TestCloseEndsWhatHangs(t *testing.T) {
	t.Parallel()
	l := almatest.NewListener(t)
	l.Answer(almatest.Hang())
	s := sender(t, l)
	answered := make(chan send.Result, 1)
	go func() { answered <- s.Send(t.Context(), request(l.URL(), "evt_1")) }()
	l.Wait(t.Context(), 1)
	l.Close()
	<-answered
	if res := s.Send(t.Context(), request(l.URL(), "evt_2")); res.Reason != alma.ReasonConnect {
		t.Errorf("after Close: %s, %v; want no connection", res.Reason, res.Err)
	}
}

// TestPipesRunHoursInNoTime is what the pipes are for.
func TestPipesRunHoursInNoTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := almatest.NewRecorder(t, almatest.WithSecret(secret))
		r.FailTimes(3, 503)
		l := almatest.NewPipeListener(t, r)
		s := send.New(send.Config{Dial: l.Dial})
		defer s.Close()
		began := time.Now()
		for _, wait := range []time.Duration{0, time.Hour, 3 * time.Hour, 6 * time.Hour} {
			time.Sleep(wait)
			s.Send(t.Context(), request("http://listener.example", "evt_1"))
		}
		if got := r.Wait(t.Context(), 4); got[3].At.Sub(began) != 10*time.Hour || got[3].Status != 204 {
			t.Errorf("the fourth came after %s, answered %d", got[3].At.Sub(began), got[3].Status)
		}
		l.Close()
		if _, err := l.Dial(t.Context(), "tcp", "x:80"); err == nil {
			t.Error("a closed listener was reached")
		}
	})
}

// TestPipeDialEnds: the dial ends with its context.
func TestPipeDialEnds(t *testing.T) {
	t.Parallel()
	l := almatest.NewPipeListener(t, http.NotFoundHandler())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		c, err := l.Dial(ctx, "tcp", "x:80")
		if err == nil { // Accepted before the end was looked at.
			c.Close() // Not used.
			continue
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v; want the context's end", err)
		}
	}
}

// failing is a testing.TB that takes failures down instead of failing.
type failing struct {
	testing.TB
	message string
}

func (f *failing) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// fails returns the message with which f fails the test.
func fails(t *testing.T, f func(t testing.TB)) string {
	t.Helper()
	fake := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(fake)
	}()
	<-done
	return fake.message
}

func TestWaitFailsWithWhatArrived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		message := fails(t, func(tb testing.TB) {
			r := almatest.NewRecorder(tb, almatest.WithSecret("other"))
			s := send.New(send.Config{Dial: almatest.NewPipeListener(tb, r).Dial})
			tb.Cleanup(s.Close)
			s.Send(t.Context(), request("http://listener.example/hook", "evt_1"))
			r.Wait(t.Context(), 2)
		})
		want := "almatest: waited for 2 requests; 1 requests arrived\n  1: POST /hook → 401, 1 events, alma: verify: the signature does not match the body"
		if message != want || time.Since(began) != almatest.Patience {
			t.Errorf("after %s:\n%s\nwant\n%s", time.Since(began), message, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		message = fails(t, func(tb testing.TB) { almatest.NewRecorder(tb).WaitEvents(ctx, 1) })
		if want := "almatest: waited for 1 events to be taken, got 0; 0 requests arrived"; message != want || ctx.Err() == nil {
			t.Errorf("got %s; want %s", message, want)
		}
	})
	if message := fails(t, func(tb testing.TB) { almatest.NewRecorder(tb, almatest.WithFormat("soap")) }); message != `almatest: the format "soap" is unknown` {
		t.Errorf("got %s", message)
	}
}

func TestUndecodableBodiesAreRecorded(t *testing.T) {
	t.Parallel()
	l := almatest.NewListener(t, almatest.WithTLS())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: l.RootCAs(), MinVersion: tls.VersionTLS12}}}
	t.Cleanup(client.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.URL()+"?a=b", strings.NewReader("not JSON"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body) // Empty.
	resp.Body.Close()              // Empty.
	got := l.Wait(t.Context(), 1)[0]
	if string(got.Body) != "not JSON" || got.DecodeErr == nil || got.URL != "/hook?a=b" || got.Verified {
		t.Errorf("recorded %+v", got)
	}
}
