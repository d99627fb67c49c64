package send

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

var answers = map[string]bool{ // Whether it is brief.
	"HTTP/1.1 204 No Content\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\n\r\n":           true,
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":                                     true,
	"HTTP/1.1 202 Accepted\r\ncontent-length:  0 \r\nX-Request-Id: 5\r\n\r\n":          true,
	"HTTP/1.1 204 No Content\r\n\r\n":                                                  true,
	"HTTP/1.1 204 \r\n\r\n":                                                            true,
	"HTTP/1.1 200 OK\r\n\r\n":                                                          false, // To the end of the connection.
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":                                   false,
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                   false,
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n":       false,
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello":           false,
	"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n":                             false,
	"HTTP/1.0 204 No Content\r\n\r\n":                                                  false, // Closes.
	"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n":                  false,
	"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n":                  false,
	"HTTP/1.1 204 No Content\r\nX-Folded: a\r\n b\r\n\r\n":                             false,
	"HTTP/1.1 204 No Content\r\nBad Name: a\r\n\r\n":                                   false,
	"HTTP/1.1 204 No Content\r\nX-Half: ":                                              false,
	"HTTP/1.1 204No Content\r\n\r\n":                                                   false,
	"HTTP/1.1 2a4 No\r\n\r\n":                                                          false,
	"HTTP/1.1 204 No Content\nDate: x\n\n":                                             false,
	"":                                                                                 false,
	"HTTP/1.1 204 No Content\r\nUpgrade: h2c\r\n\r\n":                                  false,
	"HTTP/1.1 204 No Content\r\nDate: x\r\n\r\nHTTP/1.1 500 What nobody asked\r\n\r\n": true, // The connection is not kept.
}

func TestBriefAnswer(t *testing.T) {
	t.Parallel()
	for answer, brief := range answers {
		if _, n := briefAnswer([]byte(answer)); n > 0 != brief {
			t.Errorf("%q is taken as brief: %v; want %v", answer, n > 0, brief)
		}
		agrees(t, []byte(answer))
	}
}

// FuzzBriefAnswer compares what is taken as brief with net/http's opinion.
func FuzzBriefAnswer(f *testing.F) {
	for answer := range answers {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) { agrees(t, answer) })
}

// agrees checks that net/http reads a brief answer as what it was taken for, and
// that it ends in the same place.
func agrees(t *testing.T, answer []byte) {
	t.Helper()
	status, n := briefAnswer(answer)
	if n == 0 {
		return
	}
	in := bufio.NewReader(bytes.NewReader(answer))
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("%q: net/http refuses it: %v", answer, err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close() // It is read to its end.
	rest, _ := io.ReadAll(in)
	if err != nil || resp.StatusCode != status || len(body) > 0 || resp.Close || len(rest) != len(answer)-n {
		t.Fatalf("%q is taken for %d, %d bytes long; net/http reads %d with a body of %d bytes, closing: %v, and %d bytes behind; %v",
			answer, status, n, resp.StatusCode, len(body), resp.Close, len(rest), err)
	}
}

func TestBriefAnswerTakesNoMemory(t *testing.T) { //nolint:paralleltest // It counts allocations.
	answer := []byte("HTTP/1.1 204 No Content\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\nX-Request-Id: abc\r\n\r\n")
	if n := testing.AllocsPerRun(100, func() { briefAnswer(answer) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
