package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestPostEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one := event("m1", "p")
	one["event_id"] = "mine-1"
	a := r.post("/v1/events", one).want(http.StatusAccepted)
	if got, want := strings.TrimSpace(string(a.body)), `{"accepted":1,"duplicates":0,"event_ids":["mine-1"]}`; got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	a = r.post("/v1/events", []any{one, event("m2", "p"), event("m3", "p")}).want(http.StatusAccepted)
	if a.number("accepted") != 2 || a.number("duplicates") != 1 || a.text("event_ids.0") != "mine-1" || !strings.HasPrefix(a.text("event_ids.2"), "evt_") {
		t.Errorf("answer %s; want two accepted and one duplicate", a.body)
	}
	if got, want := r.get("/v1/events").want(http.StatusOK).each("memory_id"), []string{"m3", "m2", "m1"}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestPostEventKeepsDataByteForByte(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const data = `{"z":1.50,"a":"<b>&\u00e9 é ` + "\u2028" + `","n":12345678901234567890}`
	r.post("/v1/events", `{"event_id":"e","event_type":"ORDER_PAID","memory_id":"m","data":`+data+`,"job":{"id":"j","records":7},"envelope":{"id":1.0}}`).want(http.StatusAccepted)
	a := r.get("/v1/events/e").want(http.StatusOK)
	var got struct {
		Data, Envelope json.RawMessage
		Job            struct {
			ID      string
			Records int
		}
	}
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Fatal(err)
	}
	if string(got.Data) != data || string(got.Envelope) != `{"id":1.0}` || got.Job.Records != 7 {
		t.Errorf("got %s %s %+v, want data %s", got.Data, got.Envelope, got.Job, data)
	}
}

func TestPostEventsFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deep := strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101)
	abyss := strings.Repeat("[", 200_000)
	for name, tc := range map[string]struct {
		body      string
		status    int
		locations []string
	}{
		"malformed":           {`{"event_type":"CREATED",`, 422, []string{""}},
		"trailing text":       {`{"event_type":"CREATED"} x`, 422, []string{""}},
		"empty":               {``, 422, []string{""}},
		"white space":         {"  \n", 422, []string{""}},
		"not UTF-8":           {"{\"event_type\":\"CREATED\",\"memory_id\":\"\xff\"}", 422, []string{""}},
		"a number":            {`7`, 422, []string{""}},
		"null":                {`null`, 422, []string{""}},
		"empty object":        {`{}`, 422, []string{"event_type", "memory_id"}},
		"empty array":         {`[]`, 422, []string{""}},
		"everything":          {`{"event_type":"created","memory_id":5,"memory_type":"A","agent":[],"timestamp":"yesterday","data":[1],"job":{"id":"","record":1},"x":1}`, 422, []string{"memory_id", "agent", "timestamp", "job.record", "x", "event_type", "memory_type", "job.id", "data"}},
		"in an array":         {`[{"event_type":"CREATED","memory_id":"m"},{"event_type":"CREATED"},3,{"Event_Type":"CREATED","memory_id":"m"}]`, 422, []string{"[2]", "[3].Event_Type", "[1].memory_id", "[3].event_type"}},
		"array of one":        {`[{"event_type":"CREATED"}]`, 422, []string{"[0].memory_id"}},
		"reserved type":       {`{"event_type":"ALMA_TEST","memory_id":"m"}`, 422, []string{"event_type"}},
		"log's own members":   {`{"event_type":"CREATED","memory_id":"m","appended_at":"2026-01-28T12:00:00Z"}`, 422, []string{"appended_at"}},
		"deep data":           {`{"event_type":"CREATED","memory_id":"m","data":` + deep + `}`, 422, []string{"data"}},
		"deeper than parsers": {abyss, 422, []string{""}},
		"large data":          {`[{"event_type":"CREATED","memory_id":"m","data":{"a":"` + strings.Repeat("x", 1<<20) + `"}}]`, 422, []string{"[0].data"}},
		"large event":         {`{"event_type":"CREATED","memory_id":"m","data":{"a":"` + strings.Repeat("x", 1<<20) + `"}}`, 413, nil},
		"large batch":         {`["` + strings.Repeat("x", 8<<20) + `"]`, 413, nil},
		"too many":            {"[" + strings.Repeat(`{"event_type":"CREATED","memory_id":"m"},`, 1000) + `{"event_type":"CREATED","memory_id":"m"}]`, 422, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.do(r.admin, http.MethodPost, "/v1/events", tc.body).want(tc.status)
			if tc.locations != nil && !reflect.DeepEqual(a.locations(), tc.locations) {
				t.Errorf("faults at %q, want %q: %s", a.locations(), tc.locations, a.body)
			}
		})
	}
	if got := r.get("/v1/events").each("event_id"); len(got) != 0 {
		t.Errorf("refused events are in the log: %v", got)
	}
}

func TestPostEventsTakesTheLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	r.post("/v1/events", `[{"event_type":"CREATED","memory_id":"m","data":`+deep+`}]`).want(http.StatusAccepted)
	thousand := make([]any, 1000)
	for i := range thousand {
		thousand[i] = event(fmt.Sprint(i), "")
	}
	if a := r.post("/v1/events", thousand).want(http.StatusAccepted); a.number("accepted") != 1000 {
		t.Errorf("answer %s", a.body)
	}
	r.do(r.admin, http.MethodPost, "/v1/events", `{"event_type":"CREATED","memory_id":"m","agent":null,"data":null,"job":null,"envelope":null,"timestamp":null}`,
		"Content-Type", "application/json; charset=utf-8").want(http.StatusAccepted)
}

func TestPostEventsByFormat(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const delivery = `{"event_type":"CREATED","memory_id":"m","memory_type":"heuristic","agent":"a","project_id":"p","timestamp":"2026-01-28T12:00:00Z","data":{"strategy":"s"},"event_id":"e1","more":"is left out"}`
	a := r.post("/v1/events?format=alma", delivery).want(http.StatusAccepted)
	if a.text("event_ids.0") != "e1" {
		t.Errorf("answer %s", a.body)
	}
	a = r.post("/v1/events?format=alma", `[{"event_type":"x"}]`).want(http.StatusUnprocessableEntity)
	if got, want := a.locations(), []string{"[0].event_type", "[0].memory_id"}; !slices.Equal(got, want) {
		t.Errorf("faults at %q, want %q", got, want)
	}
	for _, format := range []string{"nonsense", "Alma"} {
		a := r.post("/v1/events?format="+format, delivery).want(http.StatusUnprocessableEntity)
		if got := a.locations(); !slices.Equal(got, []string{"format"}) {
			t.Errorf("format %s: faults at %q", format, got)
		}
	}
}

func TestListEventsFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, e := range []map[string]any{event("m1", "p"), event("m2", "q"), event("m3", "q")} {
		e["event_id"] = fmt.Sprintf("e%d", i+1)
		if i == 2 {
			e["event_type"], e["agent"], e["memory_type"] = "DELETED", "other", "outcome"
		}
		r.post("/v1/events", e).want(http.StatusAccepted)
	}
	for query, want := range map[string][]string{
		"":                                  {"e3", "e2", "e1"},
		"event_type=DELETED":                {"e3"},
		"memory_type=heuristic":             {"e2", "e1"},
		"memory_id=m2":                      {"e2"},
		"agent=other":                       {"e3"},
		"project_id=q":                      {"e3", "e2"},
		"project_id=q&agent=qa":             {"e2"},
		"project_id=none":                   {},
		"since=2999-01-01T00:00:00Z":        {},
		"until=2999-01-01T00:00:00Z":        {"e3", "e2", "e1"},
		"until=2000-01-01T00:00:00%2B02:00": {},
	} {
		if got := r.get("/v1/events?" + query).want(http.StatusOK).each("event_id"); !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", query, got, want)
		}
	}
}

func TestEventShowsItsDeliveries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, second := r.hook(nil), r.hook(nil)
	r.hook(map[string]any{"events": []string{"DELETED"}})
	paused := r.hook(map[string]any{"active": false})
	id := r.post("/v1/events", event("m", "p")).want(http.StatusAccepted).text("event_ids.0")
	a := r.until("/v1/events/"+id, func(a *reply) bool { return strings.Count(string(a.body), `"SUCCESS"`) == 2 })
	want := map[string]string{first: "SUCCESS", second: "SUCCESS", paused: "PENDING"}
	got := map[string]string{}
	for i := range a.value("deliveries").([]any) {
		got[a.text(fmt.Sprintf("deliveries.%d.webhook_id", i))] = a.text(fmt.Sprintf("deliveries.%d.status", i))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("deliveries %v, want %v", got, want)
	}
	r.get("/v1/events/unknown").want(http.StatusNotFound)
}
