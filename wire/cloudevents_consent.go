package wire

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/alma-events/alma"
)

// Headers of the handshake (HTTP 1.1 Web Hooks for Event Delivery 1.0.2,
// section 4).
const (
	headerRequestOrigin = "WebHook-Request-Origin"
	headerRequestRate   = "WebHook-Request-Rate"
	headerAllowedOrigin = "WebHook-Allowed-Origin"
	headerAllowedRate   = "WebHook-Allowed-Rate"
)

// Ask returns the question for consent, which every listener is asked.
func (cloudEventsFormat) Ask(cfg alma.WebhookConfig, origin string) (*Question, error) {
	if !isHostName(origin) {
		return nil, errors.New("the listener was not asked for its consent: the name of this sender is no host name; set one with --origin")
	}
	header := []alma.HeaderField{{Name: headerRequestOrigin, Value: origin}}
	if cfg.RateLimit > 0 {
		perMinute := int64(math.Ceil(cfg.RateLimit * 60))
		header = append(header, alma.HeaderField{Name: headerRequestRate, Value: strconv.FormatInt(perMinute, 10)})
	}
	return &Question{
		Method: http.MethodOptions, URL: cfg.URL,
		Header: append(header, alma.HeaderField{Name: "User-Agent", Value: userAgent}),
		Judge: func(status int, header http.Header, _ []byte) (Permission, error) {
			return judgeConsent(origin, status, header)
		},
	}, nil
}

// judgeConsent looks for the permission itself: many servers answer OPTIONS
// with 200 and mean nothing by it, and some that consent answer with 405.
func judgeConsent(origin string, status int, header http.Header) (Permission, error) {
	allowed := strings.TrimSpace(header.Get(headerAllowedOrigin))
	switch {
	case status >= 300 && status <= 399:
		return Permission{}, fmt.Errorf("redirect not followed: the listener answered the request for consent with %d; register the address that it redirects to", status)
	case allowed == "":
		return Permission{}, fmt.Errorf("the listener did not consent: its answer (%d) to OPTIONS has no header %s; want %s, or *", status, headerAllowedOrigin, origin)
	case allowed != "*" && !strings.EqualFold(allowed, origin):
		return Permission{}, fmt.Errorf("the listener did not consent: its header %s names another sender; want %s, or *", headerAllowedOrigin, origin)
	}
	rate := strings.TrimSpace(header.Get(headerAllowedRate))
	if rate == "" || rate == "*" {
		return Permission{}, nil
	}
	perMinute, err := strconv.ParseInt(rate, 10, 64)
	if err != nil && isDigits(rate) {
		return Permission{}, nil // More than can be counted is no limit.
	}
	if err != nil || !isDigits(rate) || perMinute == 0 {
		return Permission{}, fmt.Errorf("the header %s of the listener's consent cannot be understood; want requests per minute, or *", headerAllowedRate)
	}
	return Permission{Rate: perMinute}, nil
}

// Answer consents to whoever asks, at any rate: who may send is decided by the
// signature.
func (cloudEventsFormat) Answer(w http.ResponseWriter, r *http.Request) bool {
	origins := r.Header.Values(headerRequestOrigin)
	if r.Method != http.MethodOptions || len(origins) == 0 {
		return false
	}
	if len(origins) > 1 || !isHostName(origins[0]) {
		http.Error(w, headerRequestOrigin+" is no host name", http.StatusBadRequest)
		return true
	}
	h := w.Header()
	h.Set("Allow", http.MethodPost)
	h[headerAllowedOrigin], h[headerAllowedRate] = origins, []string{"*"}
	w.WriteHeader(http.StatusOK)
	return true
}

// isHostName reports whether s can be a host name, with a port or without.
func isHostName(s string) bool {
	const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]"
	return s != "" && len(s) <= 260 && strings.Trim(s, characters) == ""
}
