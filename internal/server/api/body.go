package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alma-events/alma"
)

const (
	maxBody  = 1 << 20 // bytes
	maxBatch = 8 << 20 // bytes, of an array of events
	// mediaUnsaid is what curl and other clients call a body when nobody told
	// them what it is. It is taken as the JSON that it must be here anyway.
	mediaUnsaid = "application/x-www-form-urlencoded"
	// maxTrusted is how much memory a mere announcement gets.
	maxTrusted = 64 << 10
	// bodyTime bounds how long a body may take to arrive.
	bodyTime = 60 * time.Second
	// maxBodyDepth leaves an event's data the whole of alma.MaxEventDepth,
	// inside its event, inside an array.
	maxBodyDepth = alma.MaxEventDepth + 2
)

// readJSON returns the body, which is valid JSON in valid UTF-8 of bounded
// size and depth then.
func (c *call) readJSON(limit int64) ([]byte, error) {
	if err := c.checkContent(); err != nil {
		return nil, err
	}
	body, err := c.readAll(limit)
	if err != nil {
		return nil, err
	}
	return body, checkText(body)
}

// readObject returns a body that must be an object, as most are.
func (c *call) readObject() ([]byte, error) {
	body, err := c.readJSON(maxBody)
	if err != nil {
		return nil, err
	}
	if body = space(body); body[0] != '{' {
		return nil, fault("", "is %s; want an object", kindOf(body))
	}
	c.names(body)
	return body, nil
}

func (c *call) checkContent() error {
	if err := c.checkEncoding(); err != nil {
		return err
	}
	header := c.r.Header.Get("Content-Type")
	if header == "" || header == mediaJSON || header == mediaUnsaid {
		return nil
	}
	media, params, err := mime.ParseMediaType(header)
	isJSON := media == mediaJSON || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
	charset := params["charset"]
	if err != nil || !isJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return newProblem(http.StatusUnsupportedMediaType, "want a JSON body in UTF-8, with the header Content-Type: application/json").
			with("Accept", mediaJSON)
	}
	return nil
}

func (c *call) readAll(limit int64) ([]byte, error) {
	if c.r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	// The server sets no deadline for whole requests, because streams have
	// none. Recorders of tests know no deadlines, which is no failure.
	connection := http.NewResponseController(c.w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyTime))
	defer func() { _ = connection.SetReadDeadline(time.Time{}) }()

	body, err := c.readSized(limit)
	if err == nil {
		return body, nil
	}
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, tooLarge(limit)
	}
	return nil, newProblem(http.StatusBadRequest, "the body did not arrive as announced")
}

// readSized reads a body of announced and moderate length, as nearly all are,
// into memory of just that size; others into memory that grows as they arrive.
func (c *call) readSized(limit int64) ([]byte, error) {
	if n := c.r.ContentLength; n >= 0 && n <= maxTrusted {
		body := make([]byte, n)
		_, err := io.ReadFull(c.r.Body, body)
		return body, err //nolint:wrapcheck // readAll says what it means.
	}
	var b bytes.Buffer
	b.Grow(maxTrusted)
	_, err := b.ReadFrom(http.MaxBytesReader(c.w, c.r.Body, limit))
	return b.Bytes(), err //nolint:wrapcheck // As above.
}

func tooLarge(limit int64) *problem {
	return newProblem(http.StatusRequestEntityTooLarge, "the body is larger than the %d bytes that are taken here", limit)
}

// byteOrderMark is put before UTF-8 by some editors and shells.
var byteOrderMark = []byte("\xef\xbb\xbf")

// checkText refuses what no parser should see, and what none understands.
func checkText(body []byte) error {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return fault("", "the body is empty; want JSON")
	case bytes.HasPrefix(body, byteOrderMark):
		return fault("", "the body begins with a byte order mark; send the JSON without it")
	case !utf8.Valid(body):
		return fault("", "the body is not valid UTF-8; want JSON in UTF-8")
	case alma.JSONDepth(body) > maxBodyDepth:
		return fault("", "nested too deep; at most %d levels are taken in all, and %d inside the data of an event", maxBodyDepth, alma.MaxEventDepth)
	case json.Valid(body):
		return nil
	}
	var v json.RawMessage
	err := json.Unmarshal(body, &v)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fault("", "the body is malformed JSON at byte %d: %s", syntax.Offset, syntax)
	}
	return fault("", "the body is malformed JSON")
}
