package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/session"
)

// problem is an error that the API answered with.
type problem struct {
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Errors []alma.Fault `json:"errors"`
}

func (p *problem) Error() string { return p.Detail }

// statusOf returns the HTTP status that an error stands for.
func statusOf(err error) int {
	var p *problem
	if errors.As(err, &p) {
		return p.Status
	}
	return http.StatusInternalServerError
}

// listing is a page of a listing.
type listing[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// get makes a GET call of the API, as whoever is signed in.
func (v *visit) get(path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return v.call(http.MethodGet, path, nil, out)
}

// find returns what a path names, or nil when there is none: it was removed.
// That it cannot be looked up is an error, and no sign of that.
func find[T any](v *visit, path string) (*T, error) {
	found := new(T)
	err := v.get(path, nil, found)
	if statusOf(err) == http.StatusNotFound {
		return nil, nil //nolint:nilnil // The comment says what it means.
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// post makes a POST call.
func (v *visit) post(path string, body, out any) error {
	return v.call(http.MethodPost, path, body, out)
}

// call makes a call of the API with the session of the visit. The request
// never leaves the process; it says where the visitor comes from, for what the
// API records.
func (v *visit) call(method, path string, body, out any) error {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return fmt.Errorf("alma: dashboard: encode %s: %w", path, err)
		}
	}
	ctx := v.r.Context()
	if v.counted {
		ctx = session.OfPage(ctx)
	}
	r, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(payload))
	if err != nil {
		return &problem{Status: http.StatusNotFound, Detail: "There is no such page."}
	}
	r.RequestURI, r.Host, r.RemoteAddr, r.TLS = path, v.r.Host, v.r.RemoteAddr, v.r.TLS
	for _, name := range []string{"Cookie", "User-Agent", "X-Forwarded-For"} {
		r.Header[name] = v.r.Header[name]
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin") // Of this form, checkForm has made sure.
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer := &answer{header: http.Header{}}
	v.s.api.ServeHTTP(answer, r)
	return answer.read(out)
}

// answer takes what the API writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b) //nolint:wrapcheck // A buffer does not fail.
}

// read decodes an answer, or returns the problem that it is.
func (a *answer) read(out any) error {
	if a.status/100 == 2 {
		if out == nil || a.body.Len() == 0 {
			return nil
		}
		if err := json.Unmarshal(a.body.Bytes(), out); err != nil {
			return fmt.Errorf("alma: dashboard: read an answer: %w", err)
		}
		return nil
	}
	p := &problem{}
	if err := json.Unmarshal(a.body.Bytes(), p); err != nil {
		p.Detail = http.StatusText(a.status)
	}
	p.Status, p.Detail = a.status, sentence(p.Detail)
	return p
}

// sentence writes a message of the API as a sentence.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}
