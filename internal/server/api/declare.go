package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/alma-events/alma"
)

// declaration says what there shall be. Each thing is known by its name; what a
// section does not name is left alone, unless prune is set.
type declaration struct {
	Webhooks []declaredWebhook `json:"webhooks,omitempty" doc:"Settings as POST /v1/webhooks takes them. A new one needs its secret, or null. active is left to operators where it is not said."`
	Sources  []sourceInput     `json:"sources,omitempty" doc:"As POST /v1/sources takes them. A new one needs its secret, or null."`
	Keys     []declaredKey     `json:"keys,omitempty" doc:"API keys, with the keys themselves."`
	DryRun   bool              `json:"dry_run,omitempty" doc:"Only say what would change."`
	Prune    bool              `json:"prune,omitempty" doc:"Remove webhooks and sources that are not declared, where their section is given. Keys are never removed."`
}

type declaredWebhook struct {
	Settings
	Secret *string `json:"secret,omitempty" nullable:"true" doc:"Signs deliveries; null: unsigned."`
}

type declaredKey struct {
	Name      string    `json:"name" doc:"By which the key is known."`
	Role      alma.Role `json:"role" doc:"admin, ingest or read."`
	ProjectID string    `json:"project_id,omitempty" doc:"Binds the key to this project."`
	RateLimit float64   `json:"rate_limit,omitempty" doc:"As POST /v1/keys takes it."`
	Key       string    `json:"key" doc:"The key itself, 16 to 512 visible ASCII characters."`
}

// declarationBody is a declaration as it is read: element by element, so that
// every fault has its place.
type declarationBody struct {
	Webhooks json.RawMessage `json:"webhooks"`
	Sources  json.RawMessage `json:"sources"`
	Keys     json.RawMessage `json:"keys"`
	DryRun   bool            `json:"dry_run"`
	Prune    bool            `json:"prune"`
}

// Change is what a declaration makes of one thing.
type Change struct {
	Kind   string   `json:"kind" doc:"webhook, source or key."`
	Name   string   `json:"name" doc:"Its name; for a webhook that was never declared its id."`
	Action string   `json:"action" doc:"create, update, remove or keep."`
	Diff   []Member `json:"diff" nullable:"false" doc:"What an update changes."`
}

// Member is one difference. What is secret is masked on both sides.
type Member struct {
	Name string          `json:"member"`
	From json.RawMessage `json:"from"`
	To   json.RawMessage `json:"to"`
}

type changeList struct {
	Changes []Change `json:"changes" nullable:"false"`
	DryRun  bool     `json:"dry_run"`
}

const pathApply = "/v1/apply"

func (s *Server) declareCalls() []operation {
	return []operation{{
		method: http.MethodPost, path: pathApply, roles: onlyRoot,
		summary: "Make webhooks, sources and keys what a declaration says, and tell what changed. May be repeated.",
		body:    typeOf[declaration](), status: http.StatusOK, result: typeOf[changeList](), handle: s.postDeclaration,
	}}
}

func (s *Server) postDeclaration(c *call) error {
	if c.key.ProjectID != "" {
		return newProblem(http.StatusForbidden, "a declaration is about all projects, and this key is bound to one")
	}
	body, err := c.readObject()
	if err != nil {
		return err
	}
	changes, dryRun, err := s.declare(c.r.Context(), body, c.auditApplied)
	c.quiet = c.quiet || err == nil // Each change was told, if there was one.
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, changeList{orEmpty(changes), dryRun})
}

// Declare does what POST /v1/apply does with this body, valid JSON. A
// [*alma.ValidationError] has every fault with its place, such as
// "webhooks[0].url"; nothing was changed then. The audit log names the config
// file as who did it.
func (s *Server) Declare(ctx context.Context, body []byte) ([]Change, error) {
	changes, _, err := s.declare(ctx, body, auditDeclared)
	return changes, err
}

// intent is a change, and what makes it.
type intent struct {
	Change
	project string // Of the thing.
	do      func(ctx context.Context) (id string, err error)
}

// declare plans everything before it changes anything. What it has changed when
// it fails in the middle stays: the same declaration goes on from there. entry
// makes what the audit log is told of a change.
func (s *Server) declare(ctx context.Context, body []byte, entry func(applied) alma.AuditEntry) ([]Change, bool, error) {
	plan, dryRun, err := s.plan(ctx, body)
	if err != nil {
		return nil, dryRun, err
	}
	var changes []Change
	for _, p := range plan {
		if !dryRun && p.do != nil {
			if err := s.apply(ctx, p, entry); err != nil {
				return changes, false, fmt.Errorf("alma: apply the declaration: %s %s: %w", p.Kind, p.Name, err)
			}
		}
		changes = append(changes, p.Change)
	}
	return changes, dryRun, nil
}

// plan says what a declaration would change.
func (s *Server) plan(ctx context.Context, body []byte) (plan []intent, dryRun bool, err error) {
	var in declarationBody
	faults := &faultList{}
	decodeObject(faults, "", body, reflect.ValueOf(&in).Elem())
	for _, section := range []func() ([]intent, error){
		func() ([]intent, error) { return s.planSources(ctx, faults, in.Sources, in.Prune) },
		func() ([]intent, error) { return s.planWebhooks(ctx, faults, in.Webhooks, in.Prune) },
		func() ([]intent, error) { return s.planKeys(ctx, faults, in.Keys) },
	} {
		more, err := section()
		if err != nil {
			return nil, in.DryRun, err
		}
		plan = append(plan, more...)
	}
	return plan, in.DryRun, faults.err()
}

// declared yields the elements of a section: their places, names and JSON. An
// element without a name of its own is a fault, and left out.
func declared(faults *faultList, section string, list json.RawMessage, visit func(place, name string, raw json.RawMessage)) {
	if len(list) == 0 || isNull(list) {
		return
	}
	if list = space(list); !isArray(list) {
		faults.addf(section, "is %s; want a list", kindOf(list))
		return
	}
	seen, i := map[string]bool{}, 0
	for raw := range elements(list) {
		place := section + element(i)
		i++
		if raw = space(raw); raw[0] != '{' {
			faults.addf(place, "is %s; want an object", kindOf(raw))
			continue
		}
		var name string
		for member, value := range members(raw) {
			if member == "name" && value[0] == '"' {
				name = text(value)
			}
		}
		switch {
		case name == "":
			faults.addf(place+".name", "missing: want a name by which the next declaration knows it")
			continue
		case seen[name]:
			faults.addf(place+".name", "was declared before; want each name once")
		}
		seen[name] = true
		visit(place, name, raw)
	}
}

// differences compares what two things show, member by member. An empty member
// is like one that is not there.
func differences(old, next map[string]json.RawMessage, secret ...string) []Member {
	var out []Member
	mask := json.RawMessage(`"` + alma.Masked + `"`)
	for name := range fuse(old, next) {
		from, to := shownOr(old[name]), shownOr(next[name])
		if string(from) == string(to) {
			continue
		}
		if slices.Contains(secret, name) {
			from, to = mask, mask
		}
		out = append(out, Member{name, from, to})
	}
	slices.SortFunc(out, func(a, b Member) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

func fuse(a, b map[string]json.RawMessage) map[string]bool {
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	return names
}

func shownOr(raw json.RawMessage) json.RawMessage {
	switch string(raw) {
	case "", "[]", "{}", `""`, "false":
		return json.RawMessage("null")
	}
	return raw
}

// judged is the change of something that may be there.
func judged(kind, name string, exists bool, diff []Member, project string, do func(ctx context.Context) (string, error)) intent {
	switch {
	case !exists:
		return intent{Change{Kind: kind, Name: name, Action: "create", Diff: []Member{}}, project, do}
	case len(diff) > 0:
		return intent{Change{Kind: kind, Name: name, Action: "update", Diff: diff}, project, do}
	default:
		return intent{Change{Kind: kind, Name: name, Action: "keep", Diff: []Member{}}, project, nil}
	}
}

func removal(kind, name, id, project string, do func(ctx context.Context, id string) error) intent {
	return intent{Change{Kind: kind, Name: name, Action: "remove", Diff: []Member{}}, project, func(ctx context.Context) (string, error) {
		return id, do(ctx, id)
	}}
}
