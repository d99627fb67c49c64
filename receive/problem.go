package receive

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/alma-events/alma"
)

// problemBody is the body of a refusal (RFC 9457).
type problemBody struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Errors []alma.Fault `json:"errors,omitempty"`
}

func problem(w http.ResponseWriter, status int, detail string) {
	writeProblem(w, problemBody{Status: status, Detail: detail})
}

// malformed lists the faults of a body that came from a verified sender.
func malformed(w http.ResponseWriter, err error) {
	p := problemBody{Status: http.StatusBadRequest, Detail: "the body is no event of the format"}
	var faults *alma.ValidationError
	if errors.As(err, &faults) {
		p.Errors = faults.Faults[:min(len(faults.Faults), 20)]
	}
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p problemBody) {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) //nolint:errchkjson // The sender may have gone.
}
