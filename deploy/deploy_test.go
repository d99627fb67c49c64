// Package deploy checks the files that operators load.
package deploy

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/server/metrics"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// aged is a store that has a horizon, as PostgreSQL has.
type aged struct{ *sqlite.Store }

// HorizonAge is asked by the metrics.
func (aged) HorizonAge(context.Context) (time.Duration, error) { return time.Second, nil }

func figures(context.Context) (metrics.StoreFigures, error) {
	return metrics.StoreFigures{Commits: 1, Changes: 2, SizeBytes: 3, FreeBytes: 4, Pool: &metrics.PoolFigures{Open: 2, Busy: 1}}, nil
}

// scrape returns the names of all series that a server shows.
func scrape(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for line := range strings.Lines(scraped(t)) {
		if name := regexp.MustCompile(`^[a-z_]+`).FindString(line); name != "" {
			names[name] = true
		}
	}
	for late := range lateMetrics {
		names[late] = true
	}
	return names
}

// lateMetrics have no series before the first attempt, or the first failure.
var lateMetrics = map[string]string{
	"alma_delivery_attempts_total": "reason", "alma_deliveries_failed_total": "reason",
}

// scraped returns what a server shows.
func scraped(t *testing.T) string {
	t.Helper()
	store, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	logger := slog.New(slog.DiscardHandler)
	manager, err := webhook.New(webhook.Config{Storage: store, Emitter: events.New(events.Config{Logger: logger}), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := manager.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	m := metrics.New(metrics.Config{Manager: manager, Store: aged{store}, Figures: figures, Version: "test", Logger: logger})
	m.Request(http.MethodGet, "/v1/events", http.StatusOK, time.Millisecond)
	recorder := httptest.NewRecorder()
	m.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return recorder.Body.String()
}

// TestMetricsAreDocumented: the table of docs/monitoring.md names all metrics that
// a server shows, with their types and labels, and no others.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(alma_\\w+)` \\| (\\w+) \\| ([^|]*)\\| (?:node|whole) \\|").FindAllStringSubmatch(string(guide), -1) {
		documented[row[1]] = row[2] + " " + strings.Trim(strings.ReplaceAll(row[3], "`", ""), " ")
	}
	body := scraped(t)
	shown := map[string]string{}
	for name, label := range lateMetrics {
		shown[name] = "counter " + label
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (alma_\w+) (\w+)$`).FindAllStringSubmatch(body, -1) {
		var labels []string
		if series := regexp.MustCompile(`(?m)^` + m[1] + `(?:_count)?\{(.*)\} `).FindStringSubmatch(body); series != nil {
			for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(series[1], -1) {
				labels = append(labels, l[1])
			}
		}
		shown[m[1]] = m[2] + " " + strings.Join(labels, ", ")
	}
	if diff := cmp.Diff(shown, documented); diff != "" || len(shown) < 20 {
		t.Errorf("docs/monitoring.md (-shown by a server +documented):\n%s", diff)
	}
}

var metric = regexp.MustCompile(`\b(?:alma|go|process)_[a-z_]+`)

// checkNames reports names in an expression that no server shows.
func checkNames(t *testing.T, where, expr string, known map[string]bool) {
	t.Helper()
	found := metric.FindAllString(expr, -1)
	if len(found) == 0 {
		t.Errorf("%s asks for no metric: %q", where, expr)
	}
	for _, name := range found {
		if !known[name] {
			t.Errorf("%s asks for %s, which no server shows", where, name)
		}
	}
}

type alerts struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var a alerts
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&a); err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	known, seen := scrape(t), 0
	for _, group := range a.Groups {
		for _, rule := range group.Rules {
			seen++
			checkNames(t, rule.Alert, rule.Expr, known)
			if severity := rule.Labels["severity"]; severity != "page" && severity != "ticket" {
				t.Errorf("%s has the severity %q", rule.Alert, severity)
			}
			if rule.Annotations["summary"] == "" || rule.Annotations["runbook"] != "docs/monitoring.md#"+strings.ToLower(rule.Alert) {
				t.Errorf("%s is not explained: %v", rule.Alert, rule.Annotations)
			}
			if !strings.Contains(string(guide), "\n### "+rule.Alert+"\n") {
				t.Errorf("docs/monitoring.md does not say what to do about %s", rule.Alert)
			}
		}
	}
	if want := strings.Count(string(guide), "\n### Alma"); seen == 0 || seen != want {
		t.Errorf("%d alerts, and %d in docs/monitoring.md", seen, want)
	}
}

func TestAlertsLoad(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not on the PATH; it would check the rules as Prometheus does")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// TestEveryAlertIsPlayed: alerts_test.yaml has each of them fire, and be silent.
func TestEveryAlertIsPlayed(t *testing.T) {
	t.Parallel()
	var plays struct {
		Tests []struct {
			Rules []struct {
				Alert    string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, "alerts_test.yaml", &plays)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, play := range plays.Tests {
		for _, r := range play.Rules {
			if len(r.Expected) > 0 {
				fires[r.Alert] = true
			} else {
				silent[r.Alert] = true
			}
		}
	}
	var a alerts
	readYAML(t, "alerts.yaml", &a)
	for _, group := range a.Groups {
		for _, rule := range group.Rules {
			if !fires[rule.Alert] || !silent[rule.Alert] {
				t.Errorf("alerts_test.yaml has %s fire: %t, and be silent: %t", rule.Alert, fires[rule.Alert], silent[rule.Alert])
			}
		}
	}
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func TestDashboard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Title, UID string
		Panels     []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	known, ids, cells := scrape(t), map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" {
					t.Fatalf("the panels %q and %q overlap", other, p.Title)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			checkNames(t, p.Title, target.Expr, known)
		}
	}
	if len(d.Panels) < 10 || d.Title == "" || d.UID == "" {
		t.Errorf("a dashboard of %d panels, called %q", len(d.Panels), d.Title)
	}
}
