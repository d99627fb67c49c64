package api_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/webhook"
)

// editingStore lets somebody edit a webhook after a request has looked at it.
type editingStore struct {
	api.Store
	edit atomic.Pointer[func(id string)]
}

func (e *editingStore) Webhook(ctx context.Context, id string) (alma.Webhook, error) {
	w, err := e.Store.Webhook(ctx, id)
	if edit := e.edit.Swap(nil); edit != nil {
		(*edit)(id)
	}
	return w, err
}

// Who acts on a version does nothing to a later one, also when the edit comes
// while the request is under way.
func TestIfMatchAgainstAnEditInBetween(t *testing.T) {
	t.Parallel()
	editing := &editingStore{}
	r := newRig(t, func(s api.Store) api.Store { editing.Store = s; return editing })
	edit := func(id string) {
		_, err := r.manager.Update(context.Background(), id, webhook.AnyVersion, func(cfg *alma.WebhookConfig) error {
			cfg.Description += "edited "
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	hook := r.hook(nil)
	path := "/v1/webhooks/" + hook
	for _, call := range []string{"POST /pause", "POST /resume", "POST /activate", "POST /rotate-secret", "PATCH ", "DELETE "} {
		method, action, _ := strings.Cut(call, " ")
		var body any
		if method == http.MethodPatch {
			body = map[string]any{"timeout": 7}
		}
		match := r.get(path).header.Get("Etag")
		editing.edit.Store(&edit)
		r.do(r.admin, method, path+action, body, "If-Match", match).want(http.StatusPreconditionFailed)
		if a := r.get(path); a.text("state") != "active" || a.number("timeout") == 7 {
			t.Errorf("%s was made all the same: %s", call, a.body)
		}
	}
	for _, call := range []string{"POST /pause", "POST /resume", "POST /activate", "POST /rotate-secret", "DELETE "} {
		method, action, _ := strings.Cut(call, " ")
		a := r.do(r.admin, method, path+action, nil, "If-Match", r.get(path).header.Get("Etag"))
		if a.status >= http.StatusMultipleChoices {
			t.Errorf("%s of the stored version answered %d %s", call, a.status, a.body)
		}
	}
	r.get(path).want(http.StatusNotFound)
}
