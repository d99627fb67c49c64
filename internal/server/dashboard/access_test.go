package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/alma-events/alma"
)

// Every page is looked at by every role, and from a foreign project.
func TestPagesByRole(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	admin, read, ingest := r.visitor(r.admin), r.visitor(r.key(alma.RoleRead, "")), r.visitor(r.key(alma.RoleIngest, ""))
	own, foreign := r.visitor(r.key(alma.RoleAdmin, "library")), r.visitor(r.key(alma.RoleAdmin, "theirs"))
	for name, path := range r.places() {
		if p := admin.get(path); p.status != http.StatusOK || !strings.Contains(p.body, "</html>") || strings.Contains(p.body, "ZgotmplZ") {
			t.Errorf("%s: admin gets %d", name, p.status)
		}
		if p := own.get(path); p.status != http.StatusOK {
			t.Errorf("%s: an admin of its project gets %d", name, p.status)
		}
		writes := name == "webhook-new" || name == "webhook-edit" || name == "audit"
		p := read.get(path)
		if want := map[bool]int{false: http.StatusOK, true: http.StatusForbidden}[writes]; p.status != want {
			t.Errorf("%s: read gets %d, want %d", name, p.status, want)
		}
		if forms := strings.Count(p.body, `method="post"`); forms != 1 {
			t.Errorf("%s: read is shown %d forms, want sign-out alone", name, forms)
		}
		if p := ingest.get(path); p.status != http.StatusForbidden && name != "live" && name != "webhook-new" {
			t.Errorf("%s: ingest gets %d", name, p.status)
		}
		p = foreign.get(path)
		one := strings.Contains(path, r.hook) || strings.Contains(path, r.event) || strings.Contains(path, r.failed) || strings.Contains(path, r.memoryID) || strings.Contains(path, r.replay)
		if one != (p.status == http.StatusNotFound) {
			t.Errorf("%s: a foreign project gets %d", name, p.status)
		}
		for _, secret := range []string{"Search index", "loan-1", "Renew before", r.listener.URL(), "that is ill"} {
			if strings.Contains(p.body, secret) {
				t.Errorf("%s: a foreign project sees %q", name, secret)
			}
		}
	}
}

// forms are all that change something, with what they need.
func (r *rig) forms() map[string]url.Values {
	hook := "/webhooks/" + r.hook
	return map[string]url.Values{
		"/webhooks": {"url": {r.listener.URL()}}, hook + "/edit": {"version": {"1"}, "description": {"mine now"}},
		hook + "/pause": nil, hook + "/resume": nil, hook + "/activate": nil, hook + "/test": nil, hook + "/rotate": nil, hook + "/replay": nil,
		hook + "/remove": {"sure": {"yes"}}, "/deliveries/" + r.failed + "/retry": nil, "/failed/retry": {"group": {r.hook + " status_5xx"}},
		"/replays/rpl_none/pause": nil, "/keys": {"name": {"n"}, "role": {"admin"}}, "/keys/key_none/remove": nil,
		"/sources": {"name": {"s"}, "format": {"alma"}}, "/sources/none/rotate": nil, "/sources/none/remove": nil,
	}
}

// state is what no refused form may change.
func (r *rig) state() string {
	r.t.Helper()
	a := r.visitor(r.admin)
	return strings.Join([]string{count(a.get("/webhooks/"+r.hook).body, "mine now", "paused", "rpl_"), count(a.get("/webhooks").body, "/webhooks/wh_"), count(a.get("/keys").body, "/remove"), count(a.get("/sources").body, "/remove")}, " ")
}

func count(body string, words ...string) string {
	var out []string
	for _, w := range words {
		out = append(out, itoa(int64(strings.Count(body, w))))
	}
	return strings.Join(out, ",")
}

func TestFormsOfOthersChangeNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	admin := r.visitor(r.admin)
	admin.get("/overview")
	others := map[string]*visitor{"read": r.visitor(r.key(alma.RoleRead, "")), "ingest": r.visitor(r.key(alma.RoleIngest, "")), "foreign": r.visitor(r.key(alma.RoleAdmin, "theirs"))}
	before := r.state()
	for path, form := range r.forms() {
		with := func(extra ...string) url.Values {
			out := url.Values{}
			for k, v := range form {
				out[k] = v
			}
			for i := 0; i+1 < len(extra); i += 2 {
				out.Set(extra[i], extra[i+1])
			}
			return out
		}
		for what, p := range map[string]page{
			"without a token":       admin.post(path, with("csrf", "")),
			"with a wrong token":    admin.post(path, with("csrf", "AAAA")),
			"from another site":     admin.post(path, with(), "Sec-Fetch-Site", "cross-site"),
			"from a sister site":    admin.post(path, with(), "Sec-Fetch-Site", "same-site"),
			"from another origin":   admin.post(path, with(), "Origin", "http://evil.example"),
			"from a hidden origin":  admin.post(path, with(), "Origin", "null"),
			"token of another visi": r.visitor(r.admin).post(path, with("csrf", admin.csrf)),
		} {
			if p.status != http.StatusForbidden {
				t.Errorf("%s %s: %d", path, what, p.status)
			}
		}
	}
	for who, v := range others {
		v.csrf = csrfField.FindStringSubmatch(v.get("/overview").body)[1]
		for path, form := range r.forms() {
			if who == "foreign" && (path == "/webhooks" || path == "/keys" || path == "/sources") {
				form.Set("project_id", "library") // In its own it may make them.
			}
			if p := v.post(path, form); p.status == http.StatusOK && !strings.Contains(p.body, `class="notice bad"`) && !strings.Contains(p.body, "Forbidden") {
				t.Errorf("%s: %s may post it: %d at %s", path, who, p.status, p.path)
			}
		}
	}
	if after := r.state(); after != before {
		t.Errorf("something changed: %s, before it %s", after, before)
	}
}

func TestEveryPageHasItsHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor(r.admin)
	for _, path := range []string{"/signin", "/overview", "/events", "/nothing", "/static/app.js", "/webhooks/wh_none"} {
		h := v.get(path).header
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: Content-Security-Policy %q lacks %s", path, csp, part)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: headers %v", path, h)
		}
		if path != "/static/app.js" && h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept by caches", path)
		}
	}
}
