package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/session"
)

// call is one authorized request on its way through its handler.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	op    *operation
	key   alma.Key
	query url.Values // Of known parameters only, each given once.

	queryFaults alma.Faults // What is wrong with the others.

	keyHash session.Hash // Of key.

	madeFrom int64 // The version that a patch says it was made from.

	repeat *repeatable // Nil: not under an Idempotency-Key.
	begun  bool        // Its handler was called.

	// For the audit log:
	object    string   // What the call has made; else what its path names.
	concerned string   // The project of what the path names.
	members   []string // What the body names, or what it has changed.
	quiet     bool     // It changes nothing, or has told of what it changed.
}

// id returns the path's only parameter.
func (c *call) id() string { return c.r.PathValue("id") }

// reply answers with JSON.
func (c *call) reply(status int, v any) error {
	writeBody(c.w, status, typeJSON, v)
	return nil
}

// replyVersioned answers with something that has a version, as its ETag.
func (c *call) replyVersioned(status int, version int64, v any) error {
	c.w.Header().Set("Etag", `"`+strconv.FormatInt(version, 10)+`"`)
	return c.reply(status, v)
}

// replyCreated is replyVersioned for something new, and names its path.
func (c *call) replyCreated(id string, version int64, v any) error {
	c.object = id
	c.w.Header().Set("Location", c.op.path+"/"+url.PathEscape(id))
	return c.replyVersioned(http.StatusCreated, version, v)
}

func (c *call) noContent() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// list is the answer of every listing.
type list[T any] struct {
	Items []T     `json:"items" nullable:"false"`
	Next  *string `json:"next" nullable:"true" doc:"What to give as after for the next page; null on the last."`
}

func newList[T any](items []T, next string) list[T] {
	l := list[T]{Items: orEmpty(items)}
	if next != "" {
		l.Next = &next
	}
	return l
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Header values that never differ are shared by all answers: nothing writes
// into them.
var (
	typeJSON    = []string{mediaJSON}
	typeProblem = []string{mediaProblem}
	noSniff     = []string{"nosniff"}
	noStore     = []string{"no-store"}
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooled keeps one large answer from being held for ever.
const maxPooled = 64 << 10

// writeBody writes v as JSON. Text goes out as it is: the escapes that
// encoding/json makes for HTML would change the data of events.
func writeBody(w http.ResponseWriter, status int, contentType []string, v any) {
	b := buffers.Get().(*bytes.Buffer) //nolint:forcetypeassert // The pool holds nothing else.
	b.Reset()
	defer func() {
		if b.Cap() <= maxPooled {
			buffers.Put(b)
		}
	}()
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // Every answer is made of marshalable types; the recovery answers 500.
	}
	w.Header()["Content-Type"] = contentType
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	w.Write(b.Bytes()) //nolint:errcheck // A client that is gone needs no answer.
}
