package api

import (
	"bytes"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// readEvents returns the body of POST /v1/events: JSON, or what the wire format
// that the query names has besides.
func (c *call) readEvents(format wire.Format) ([]byte, error) {
	if format == nil || !c.isForeign(format.Name()) {
		return c.readJSON(c.op.mostBody())
	}
	if err := c.checkEncoding(); err != nil {
		return nil, err
	}
	body, err := c.readAll(c.op.mostBody())
	switch {
	case err != nil:
		return nil, err
	case len(bytes.TrimSpace(body)) == 0 && format.Name() != alma.FormatCloudEvents: // Those may be headers alone.
		return nil, fault("", "the body is empty; want an event of the format %s", format.Name())
	case !utf8.Valid(body):
		return nil, fault("", "the body is not valid UTF-8")
	}
	return body, nil
}

// isForeign reports whether a body says that it is what only its format has:
// the XML of exlibris, or a CloudEvent whose members are headers.
func (c *call) isForeign(format alma.Format) bool {
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	switch format {
	case alma.FormatExlibris:
		return err == nil && slices.Contains([]string{"application/xml", "text/xml"}, media)
	case alma.FormatCloudEvents:
		return c.r.Header.Get("Ce-Specversion") != ""
	default:
		return false
	}
}

// checkEncoding refuses compressed bodies: a cap on their bytes says nothing
// about what they unfold to.
func (c *call) checkEncoding() error {
	if enc := c.r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return newProblem(http.StatusUnsupportedMediaType, "the body is compressed; send it as it is, without Content-Encoding")
	}
	return nil
}

// isArray reports whether a body holds an array.
func isArray(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) > 0 && body[0] == '['
}

// decodeFormat reads the events of a body in a wire format. What Ex Libris Alma
// sends has ids that are not unique: a body that is sent here again is meant
// to be a new event.
func (c *call) decodeFormat(faults *faultList, format wire.Format, body []byte) []alma.Event {
	events, err := format.Decode(c.r.Header, body)
	faults.merge("", err)
	if format.Name() == alma.FormatExlibris {
		for i := range events {
			events[i].ID = ""
		}
	}
	return events
}
