package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/alma-events/alma"
)

// telling is an operational event as people are told of it.
type telling struct {
	event *alma.Event
	data  toldData
	kind  kindOfNews
	// What is known of the webhook that the event is about, beside its id.
	description, address string
	removed              bool
}

// toldData are the members that data of operational events have.
type toldData struct {
	Reason     string   `json:"reason"`
	Error      string   `json:"error"`
	Count      int64    `json:"count"`
	EventIDs   []string `json:"event_ids"`
	Lag        int64    `json:"lag"`
	LagSeconds float64  `json:"lag_seconds"`
	Message    string   `json:"message"`
}

// kindOfNews says how an event type is put into words.
type kindOfNews struct {
	weight int    // The heaviest stands in the subject.
	brief  string // In the subject.
	say    func(*toldData) string
	next   []string // Commands; %s is the webhook's id.
}

var kindsOfNews = map[alma.EventType]kindOfNews{
	WebhookDisabled: {6, "disabled", func(*toldData) string {
		return "The webhook was disabled. Its events wait until it is resumed."
	}, []string{"alma webhook show %s", "alma webhook resume %s"}},
	EventsExpired: {5, "events given up", func(d *toldData) string {
		return counted(d.Count, "event was", "events were") + " given up: the webhook was further behind than --max-lag allows."
	}, []string{"alma webhook show %s"}},
	BreakerOpened: {4, "breaker opened", func(*toldData) string {
		return "The breaker opened: twenty events in a row failed. Its events wait, and only probes are sent until the listener answers."
	}, []string{"alma webhook show %s", "alma webhook test %s"}},
	DeliveryFailed: {3, "deliveries failed", func(d *toldData) string {
		return counted(d.Count, "delivery has", "deliveries have") + " failed for good. What failed is kept, and can be delivered when the listener works again."
	}, []string{"alma delivery list --webhook %s --status failed", "alma webhook replay %s --status failed"}},
	LagHigh: {2, "far behind", func(d *toldData) string {
		waited := time.Duration(d.LagSeconds * float64(time.Second)).Round(time.Second)
		return fmt.Sprintf("The webhook is far behind: %s, the oldest for %s.", counted(d.Lag, "event waits", "events wait"), waited)
	}, []string{"alma webhook show %s"}},
	BreakerClosed: {1, "answers again", func(*toldData) string {
		return "The listener answers again, and what waited is delivered."
	}, []string{"alma delivery list --webhook %s --status failed"}},
}

// kindOf returns how a type is put into words; one that a later version
// announces is at least named.
func kindOf(t alma.EventType) kindOfNews {
	if k, ok := kindsOfNews[t]; ok {
		return k
	}
	name := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(string(t), alma.ReservedEventPrefix), "_", " "))
	return kindOfNews{brief: name, say: func(d *toldData) string { return cmp.Or(oneLine(d.Message), "Told is: "+name+".") }, next: []string{"alma webhook show %s"}}
}

// telling looks up what an event is about. A webhook that cannot be read, and
// one that is of another project now, is called by its id alone.
func (m *Manager) telling(ctx context.Context, ev *alma.Event) telling {
	t := telling{event: ev, kind: kindOf(ev.Type)}
	_ = json.Unmarshal(ev.Data, &t.data) // What cannot be read is left out.
	w, err := m.stored(ctx, ev.MemoryID)
	switch {
	case errors.Is(err, alma.ErrNotFound):
		t.removed = true
	case err == nil && w.Config.ProjectID == ev.ProjectID:
		t.description, t.address = oneLine(w.Config.Description), withoutQuery(w.Config.URL)
	}
	return t
}

// name is what the subject calls the webhook.
func (t *telling) name() string {
	if t.description == "" {
		return t.event.MemoryID
	}
	return t.event.MemoryID + " (" + shortened(t.description) + ")"
}

// subjectOf says what matters most.
func subjectOf(told []telling) string {
	briefs, about := briefsOf(told), map[string]bool{}
	for i := range told {
		about[told[i].event.MemoryID] = true
	}
	switch {
	case len(about) > 1:
		return fmt.Sprintf("[Alma] %d events about %d webhooks: %s", len(told), len(about), strings.Join(briefs, ", "))
	case len(told) > 1:
		return fmt.Sprintf("[Alma] %s: %s (%d events)", told[0].name(), strings.Join(briefs, ", "), len(told))
	default:
		return fmt.Sprintf("[Alma] %s: %s", told[0].name(), briefs[0])
	}
}

// briefsOf returns the kinds of what is told, the heaviest first.
func briefsOf(told []telling) []string {
	all := make([]kindOfNews, len(told))
	for i := range told {
		all[i] = told[i].kind
	}
	slices.SortStableFunc(all, func(a, b kindOfNews) int { return cmp.Compare(b.weight, a.weight) })
	var briefs []string
	for _, k := range all {
		if !slices.Contains(briefs, k.brief) {
			briefs = append(briefs, k.brief)
		}
	}
	return briefs
}

// textOf is the mail of a webhook.
func textOf(sender string, told []telling) string {
	var b strings.Builder
	for i := range told {
		told[i].writeTo(&b)
	}
	fmt.Fprintf(&b, "You get this mail because the webhook %s names your address. To get none:\n\n  alma webhook pause %[1]s\n", sender)
	return b.String()
}

// writeTo says in a sentence what happened, and then what is known of it and
// what to do.
func (t *telling) writeTo(b *strings.Builder) {
	fmt.Fprintf(b, "%s\n\n", t.kind.say(&t.data))
	line := func(label, text string) {
		if text = oneLine(text); text != "" {
			fmt.Fprintf(b, "  %-9s %s\n", label+":", text)
		}
	}
	line("When", t.event.Timestamp.UTC().Format("2006-01-02 15:04:05 UTC"))
	line("Webhook", t.webhook())
	line("Address", t.address)
	line("Project", t.event.ProjectID)
	line("Reason", t.data.Reason)
	line("Error", t.data.Error)
	line("Events", strings.Join(t.data.EventIDs, " "))
	b.WriteString("\n")
	if t.removed {
		return
	}
	for _, command := range t.kind.next {
		fmt.Fprintf(b, "  "+command+"\n", t.event.MemoryID)
	}
	b.WriteString("\n")
}

func (t *telling) webhook() string {
	switch {
	case t.removed:
		return t.event.MemoryID + ", which was removed since"
	case t.description != "":
		return t.event.MemoryID + " (" + t.description + ")"
	default:
		return t.event.MemoryID
	}
}

// oneLine makes a text of others fit for a line of a mail.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}

// shortened makes a description fit for a subject.
func shortened(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
