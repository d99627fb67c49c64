package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// functions are what templates call.
var functions = template.FuncMap{
	"moment": moment, "iso": iso, "pretty": pretty, "count": count, "span": spanText, "millis": millis, "percent": percent,
	"dash": dash, "words": words, "tone": tone, "path": url.PathEscape, "plural": plural, "after": after, "main": mainText, "lists": func(list ...string) []string { return list },
	"fault": faultOf, "state": stateOf, "mails": isMail, "seconds": func(s float64) string { return spanText(time.Duration(s * float64(time.Second))) },
}

// moment writes a time for people, in UTC. It takes a time or a pointer to one.
func moment(v any) string {
	t, ok := timeOf(v)
	if !ok {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// iso writes a time for programs.
func iso(v any) string {
	t, ok := timeOf(v)
	if !ok {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func timeOf(v any) (time.Time, bool) {
	switch t := v.(type) {
	case time.Time:
		return t, !t.IsZero()
	case *time.Time:
		if t != nil {
			return *t, !t.IsZero()
		}
	}
	return time.Time{}, false
}

// pretty indents JSON; what is none stays as it is.
func pretty(v any) string {
	var text []byte
	switch raw := v.(type) {
	case json.RawMessage:
		text = raw
	case string:
		text = []byte(raw)
	}
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

// count writes a whole number with spaces between thousands.
func count(v any) string {
	text := fmt.Sprint(v)
	var b strings.Builder
	for i, r := range text {
		if i > 0 && (len(text)-i)%3 == 0 && text[i-1] != '-' {
			b.WriteRune('\u202f')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// spanText writes a duration in at most two units.
func spanText(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return strconv.FormatFloat(math.Round(d.Seconds()*10)/10, 'f', -1, 64) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d days %d h", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// millis writes milliseconds; nil for none.
func millis(v any) string {
	switch ms := v.(type) {
	case *float64:
		if ms != nil {
			return millis(*ms)
		}
	case float64:
		switch {
		case ms >= 1000:
			return strconv.FormatFloat(math.Round(ms/10)/100, 'f', -1, 64) + " s"
		case ms >= 10:
			return strconv.FormatFloat(math.Round(ms), 'f', 0, 64) + " ms"
		default:
			return strconv.FormatFloat(math.Round(ms*100)/100, 'f', -1, 64) + " ms"
		}
	}
	return "–"
}

// percent writes a share of 1 in hundredths of a percent; nil for none. What is
// not quite all is never rounded up to all, nor what is little down to nothing.
func percent(share *float64) string {
	if share == nil {
		return "–"
	}
	p := math.Round(*share*10_000) / 100
	switch {
	case p == 100 && *share < 1:
		p = 99.99
	case p == 0 && *share > 0:
		p = 0.01
	}
	return strconv.FormatFloat(p, 'f', -1, 64) + " %"
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// words writes a name of the API for people: pending_activation, status_5xx.
func words(v any) string { return strings.ReplaceAll(fmt.Sprint(v), "_", " ") }

// tone says how a state feels; styles show it beside the word, never alone.
func tone(v any) string {
	switch fmt.Sprint(v) {
	case "SUCCESS", "active", "healthy", "done":
		return "good"
	case "FAILED", "disabled", "dead", "failed":
		return "bad"
	case "PENDING", "pending_activation", "failing", "running", "lag":
		return "warn"
	default:
		return "calm"
	}
}

func plural(n any, noun string) string {
	if fmt.Sprint(n) == "1" {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "y") {
		return count(n) + " " + strings.TrimSuffix(noun, "y") + "ies"
	}
	return count(n) + " " + noun + "s"
}

// after returns the query of the next page of the same selection.
func after(q url.Values, place string) string {
	out := url.Values{"after": {place}}
	for name, values := range q {
		if name != "notice" && name != "after" && len(values) > 0 && values[0] != "" {
			out[name] = values
		}
	}
	return "?" + out.Encode()
}

// mainText is what a memory says, cut to a line; its id where it says nothing.
func mainText(v any) string {
	var m alma.Memory
	switch known := v.(type) {
	case alma.Memory:
		m = known
	case *alma.Memory:
		m = *known
	}
	var data map[string]any
	_ = json.Unmarshal(m.Data, &data) // What the API stored is an object.
	text, _ := data[alma.MainMember(m.Type)].(string)
	if text == "" {
		return m.ID
	}
	const most = 120
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

// faultOf returns what is wrong with a field; "" for nothing. A fault of an
// item (events[2]) is its list's.
func faultOf(faults []alma.Fault, field string) string {
	var texts []string
	for _, f := range faults {
		rest, ok := strings.CutPrefix(f.Field, field)
		if ok && (rest == "" || rest[0] == '[' || rest[0] == '.') {
			texts = append(texts, strings.TrimSpace(rest+" "+f.Message))
		}
	}
	return strings.Join(texts, "; ")
}

// stateOf says in one word how a webhook is: its state, or its health when
// that is what matters.
func stateOf(v any) string {
	w, ok := v.(webhookView)
	if p, isPointer := v.(*webhookView); isPointer && p != nil {
		w, ok = *p, true
	}
	if !ok {
		return ""
	}
	if w.State == string(alma.StateActive) && w.Health != "" {
		return w.Health
	}
	return w.State
}

// faultText writes an error with all its faults in one text.
func faultText(err error) string {
	var p *problem
	if !errors.As(err, &p) {
		return "The server failed; its log says why."
	}
	if len(p.Errors) == 0 {
		return p.Detail
	}
	texts := make([]string, len(p.Errors))
	for i, f := range p.Errors {
		texts[i] = strings.TrimPrefix(words(f.Field)+": ", ": ") + f.Message
	}
	return sentence(strings.Join(texts, "; "))
}
