package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFolder embed.FS

// renderer is one page's template, inside the layout.
type renderer struct{ *template.Template }

// parsePages makes a template of each page: the layout, the parts that pages
// share, and its own.
func parsePages() (map[string]*renderer, error) {
	shared, err := template.New("layout.html").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse the layout: %w", err)
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list the pages: %w", err)
	}
	pages := map[string]*renderer{}
	for _, name := range names {
		page := strings.TrimSuffix(path.Base(name), ".html")
		if page == "layout" || page == "parts" {
			continue
		}
		t, err := shared.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, name)
		}
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", page, err)
		}
		pages[page] = &renderer{t}
	}
	return pages, nil
}

// frame is what the layout shows around a page.
type frame struct {
	Title   string
	Nav     []navItem // Empty before sign-in.
	Key     alma.Key
	CSRF    string
	Version string
	Down    trouble
	Self    string // The address of the page, where a form's answer shows it.
	Flash   *flash
	Admin   bool
	Body    any
}

type navItem struct {
	Path, Label string
	Here        bool
}

// navigation lists the places that there are; section names the present one.
func (v *visit) navigation(section string) []navItem {
	if v.sess.CSRF == "" {
		return nil
	}
	items := []navItem{
		{Path: "/overview", Label: "Overview"}, {Path: "/events", Label: "Events"}, {Path: "/webhooks", Label: "Webhooks"},
		{Path: "/deliveries", Label: "Deliveries"}, {Path: "/failed", Label: "Failed"}, {Path: "/memories", Label: "Memories"}, {Path: "/sources", Label: "Sources"}, {Path: "/keys", Label: "Keys"},
	}
	if v.may() {
		items = append(items, navItem{Path: "/audit", Label: "Audit"})
	}
	for i := range items {
		items[i].Here = items[i].Path == section
	}
	return items
}

// render answers with a page.
func (v *visit) render(page, title, section string, body any) error {
	v.renderStatus(http.StatusOK, page, title, section, body)
	return nil
}

// renderStatus renders into memory first: half a page is never sent.
func (v *visit) renderStatus(status int, page, title, section string, body any) {
	f := frame{
		Title: title, Nav: v.navigation(section), Key: v.key, CSRF: v.sess.CSRF, Version: wire.Version,
		Down: v.down, Self: v.self, Admin: v.may(), Body: body,
	}
	if id := v.r.URL.Query().Get("notice"); id != "" && v.sess.CSRF != "" {
		f.Flash = v.s.flashes.take(id, v.sess.CSRF)
	}
	var b bytes.Buffer
	if err := v.s.pages[page].Execute(&b, f); err != nil {
		v.s.logger.ErrorContext(v.r.Context(), "a page cannot be rendered", "page", page, "error", err)
		http.Error(v.w, "The server failed; its log says why.", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	v.w.WriteHeader(status)
	v.w.Write(b.Bytes()) //nolint:errcheck // A visitor who is gone needs no answer.
}

// staticFiles serves the style and the modules. They are asked for anew when
// the program may have changed.
func staticFiles() http.Handler {
	files := http.FileServerFS(staticFolder)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w)
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Etag", `"`+staticTag()+`"`)
		files.ServeHTTP(w, r)
	})
}

// staticTag changes when one of the static files does.
var staticTag = sync.OnceValue(func() string {
	sum := sha256.New()
	_ = fs.WalkDir(staticFolder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := staticFolder.ReadFile(name)
		sum.Write(content)
		return err //nolint:wrapcheck // What is embedded can be read.
	})
	return hex.EncodeToString(sum.Sum(nil)[:8])
})
