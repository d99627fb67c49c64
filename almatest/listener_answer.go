package almatest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Answer is what a listener does with one request. The functions below make
// the usual ones; any function will do.
type Answer func(x *Exchange)

// Exchange is one request that waits for its answer. Its body has been read.
type Exchange struct {
	Writer  http.ResponseWriter
	Request *http.Request
	// Released is closed by [Recorder.Release], and at the end of the test.
	Released <-chan struct{}
}

// Status answers with a status and no body.
func Status(code int) Answer {
	return func(x *Exchange) { x.Writer.WriteHeader(code) }
}

// Text answers with a status and a body.
func Text(code int, body string) Answer {
	return func(x *Exchange) {
		x.Writer.WriteHeader(code)
		_, _ = io.WriteString(x.Writer, body) // The sender may have gone.
	}
}

// RetryAfter answers with a status and asks the sender to wait.
func RetryAfter(code int, wait time.Duration) Answer {
	return func(x *Exchange) {
		x.Writer.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
		x.Writer.WriteHeader(code)
	}
}

// Redirect answers with a 307 to another place.
func Redirect(location string) Answer {
	return func(x *Exchange) {
		x.Writer.Header().Set("Location", location)
		x.Writer.WriteHeader(http.StatusTemporaryRedirect)
	}
}

// Hang answers nothing until it is released; then 204. It ends when the sender
// gives up.
func Hang() Answer {
	return func(x *Exchange) {
		if x.wait(nil) {
			x.Writer.WriteHeader(http.StatusNoContent)
			return
		}
		panic(http.ErrAbortHandler)
	}
}

// Drip answers 200 at once, and then a byte of the body each interval, until it
// is released or the sender gives up: the answer never becomes complete.
func Drip(interval time.Duration) Answer {
	return func(x *Exchange) {
		x.begin(1 << 20)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for !x.wait(ticker.C) {
			if x.Request.Context().Err() != nil || x.write(".") != nil {
				break
			}
		}
		panic(http.ErrAbortHandler)
	}
}

// Huge answers 200 and a body of n bytes.
func Huge(n int64) Answer {
	return func(x *Exchange) {
		x.begin(n)
		for chunk := strings.Repeat(".", 32<<10); n > 0; n -= int64(len(chunk)) {
			chunk = chunk[:min(n, int64(len(chunk)))]
			if x.write(chunk) != nil {
				panic(http.ErrAbortHandler)
			}
		}
	}
}

// HalfAnswer answers 200, and closes the connection within the body.
func HalfAnswer() Answer {
	return func(x *Exchange) {
		x.begin(100)
		_ = x.write("half") // The connection ends now either way.
		panic(http.ErrAbortHandler)
	}
}

// HangUp closes the connection without an answer.
func HangUp() Answer {
	return func(*Exchange) { panic(http.ErrAbortHandler) }
}

// Garbage answers with something that is not HTTP. Over HTTP/2, which leaves no
// room for that, it hangs up.
func Garbage() Answer {
	return func(x *Exchange) {
		conn, _, err := http.NewResponseController(x.Writer).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = fmt.Fprint(conn, "\x00\x01 this is not HTTP\r\n\r\n") // The connection ends now either way.
		_ = conn.Close()
	}
}

// wait reports whether the exchange was released; it also returns, with false,
// at a tick and when the sender gives up.
func (x *Exchange) wait(tick <-chan time.Time) bool {
	select {
	case <-x.Released:
		return true
	case <-tick:
	case <-x.Request.Context().Done():
	}
	return false
}

// begin sends the headers of an answer.
func (x *Exchange) begin(length int64) {
	x.Writer.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	x.Writer.WriteHeader(http.StatusOK)
	_ = x.write("") // What follows will notice.
}

// write sends a piece of the body at once.
func (x *Exchange) write(text string) error {
	if _, err := io.WriteString(x.Writer, text); err != nil {
		return err //nolint:wrapcheck // Seen by the answers above only.
	}
	return http.NewResponseController(x.Writer).Flush() //nolint:wrapcheck // As above.
}

// statusWriter notes the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(code int) {
	if w.status == 0 {
		w.status = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b) //nolint:wrapcheck // A mere wrapper.
}

// Unwrap is for [http.ResponseController].
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
