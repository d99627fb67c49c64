package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// The link that a command prints signs a browser in, once.
func TestDashboardLink(t *testing.T) {
	term := newTerminal(t)
	code, out, errs := command(t, "", append([]string{"dashboard"}, term.args...)...)
	link, err := url.Parse(strings.TrimSpace(out))
	if code != exitDone || err != nil || link.Path != "/signin" || !strings.Contains(errs, "works once") {
		t.Fatalf("exit %d, printed %q, %q", code, out, errs)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, want := range []string{"/overview", "/signin"} {
		resp, err := browser.PostForm(term.node.http.URL()+"/signin", url.Values{"token": {link.Query().Get("token")}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.Request.URL.Path != want {
			t.Errorf("the link leads to %s, want %s", resp.Request.URL.Path, want)
		}
	}
}
