package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/alma-events/alma"
)

// challengeParameter carries the challenge in the query of a GET.
const challengeParameter = "challenge"

// challengeLength is how many characters of [a-z2-7] the challenge has.
const challengeLength = 32

// challengeTimeout is what Ex Libris Alma gives every request.
const challengeTimeout = 5 * time.Second

// askChallenge returns the question that Ex Libris Alma asks of listeners: a
// GET with a random text, which the answer has to contain.
func askChallenge(listener string) (*Question, error) {
	u, err := url.Parse(listener)
	if err != nil {
		return nil, errors.New("alma: challenge: the URL cannot be parsed") // The parser's message quotes it.
	}
	text := alma.NewSecret()[:challengeLength]
	u.RawQuery = addParameter(u.RawQuery, challengeParameter+"="+text)
	return &Question{
		Method: http.MethodGet, URL: u.String(),
		Header:  []alma.HeaderField{{Name: "User-Agent", Value: userAgent}},
		Timeout: challengeTimeout,
		Judge: func(status int, _ http.Header, body []byte) (Permission, error) {
			return Permission{}, judgeChallenge(text, status, body)
		},
	}, nil
}

// addParameter adds to a query without touching what stands there.
func addParameter(query, parameter string) string {
	if query == "" {
		return parameter
	}
	return query + "&" + parameter
}

// judgeChallenge asks for the text anywhere in the body: real listeners answer
// {"challenge":"…"}, compact or indented, as text/html, with a byte order mark
// or the like behind it, or the bare text.
func judgeChallenge(text string, status int, body []byte) error {
	switch {
	case status >= 300 && status <= 399:
		return fmt.Errorf("redirect not followed: the listener answered the challenge with %d; register the address that it redirects to", status)
	case status != http.StatusOK:
		return fmt.Errorf("the listener answered the challenge with %d; want 200", status)
	case !bytes.Contains(body, []byte(text)):
		return errors.New("the answer to the challenge does not contain its text; want {\"challenge\": \"<the text of the query's parameter challenge>\"}")
	default:
		return nil
	}
}

// maxChallenge bounds what is sent back to whoever asks.
const maxChallenge = 256

// answerChallenge answers a challenge as the documented listeners do.
func answerChallenge(w http.ResponseWriter, r *http.Request) bool {
	query := r.URL.Query()
	if r.Method != http.MethodGet || !query.Has(challengeParameter) {
		return false
	}
	text := query.Get(challengeParameter)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if len(text) > maxChallenge {
		http.Error(w, "the challenge is too long", http.StatusBadRequest)
		return true
	}
	w.Header().Set("Content-Type", "application/json")
	body, _ := json.Marshal(map[string]string{challengeParameter: text}) //nolint:errchkjson // A map of texts.
	_, _ = w.Write(body)                                                 // The sender may have gone.
	return true
}

func (almaFormat) Ask(cfg alma.WebhookConfig, _ string) (*Question, error) {
	if !cfg.Challenge {
		return nil, nil //nolint:nilnil // No question.
	}
	return askChallenge(cfg.URL)
}

func (almaFormat) Answer(w http.ResponseWriter, r *http.Request) bool { return answerChallenge(w, r) }
