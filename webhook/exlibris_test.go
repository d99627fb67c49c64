package webhook_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/exlibris"
	"github.com/alma-events/alma/webhook"
)

var library = exlibris.Institution{Value: "01EXAMPLE_INST", Desc: "Example University"}

// inLibrary runs a test like inBubble, with a listener of the format exlibris,
// which is reached over https.
func inLibrary(t *testing.T, f func(t *testing.T, e *engine)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recorder := almatest.NewRecorder(t, almatest.WithSecret(testSecret), almatest.WithFormat(alma.FormatExlibris))
		pipe := almatest.NewTLSPipeListener(t, recorder, "listener.example")
		e := newEngine(t, webhook.Config{Dial: pipe.Dial, RootCAs: pipe.RootCAs()})
		e.listener, e.url, e.bubble = recorder, "https://listener.example/hook", true
		f(t, e)
	})
}

// announce appends the event that announces a record.
func (e *engine) announce(t alma.EventType, record exlibris.Payload, job *alma.Job) {
	e.t.Helper()
	ev, err := exlibris.New(t, library, record)
	if err != nil {
		e.t.Fatal(err)
	}
	ev.Job = job
	if _, err := e.Append(e.t.Context(), ev); err != nil {
		e.t.Fatal(err)
	}
}

func (e *engine) lend(id string) { e.announce(exlibris.LoanCreated, exlibris.Loan{LoanID: id}, nil) }

// wantAll asks for deliveries in any order: they are made side by side.
func (e *engine) wantAll(ids ...string) {
	e.t.Helper()
	pass(time.Second)
	slices.Sort(ids)
	if got := slices.Sorted(slices.Values(e.got())); !slices.Equal(got, ids) {
		e.t.Errorf("the listener got %v; want %v", got, ids)
	}
}

// offsets returns when requests came, since the first.
func (e *engine) offsets() []time.Duration {
	var list []time.Duration
	for _, r := range e.listener.Requests() {
		list = append(list, r.At.Sub(e.listener.Requests()[0].At).Round(10*time.Millisecond))
	}
	return list
}

// TestExlibrisRetries: 1 h, 3 h and 6 h after one another, whatever happens to
// the manager meanwhile, with the same bytes; then the delivery has failed.
func TestExlibrisRetries(t *testing.T) {
	inLibrary(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{Format: alma.FormatExlibris})
		e.listener.Answer(almatest.Status(500))
		e.lend("1")
		pass(20 * time.Minute)
		e.restart()
		pass(2 * time.Hour) // The second attempt was made.
		e.restart()
		pass(100 * time.Hour)
		want := []time.Duration{0, time.Hour, 4 * time.Hour, 10 * time.Hour}
		if got := e.offsets(); !slices.Equal(got, want) {
			t.Errorf("attempts at %v; want them at %v", got, want)
		}
		d := e.only()
		if d.Status != alma.StatusFailed || d.Attempts != 4 || d.LastReason != alma.ReasonStatus5xx {
			t.Errorf("%s after %d attempts, %s; want FAILED after 4, status_5xx", d.Status, d.Attempts, d.LastReason)
		}
		requests := e.listener.Requests()
		for _, r := range requests {
			if !r.Verified || string(r.Body) != string(requests[0].Body) {
				t.Errorf("attempt %d: verified %v (%v), body %s", r.Number, r.Verified, r.VerifyErr, r.Body)
			}
		}
	})
}

// TestExlibrisTimeout: 5 s without a whole answer are a failure to be retried.
func TestExlibrisTimeout(t *testing.T) {
	for name, answer := range map[string]almatest.Answer{"hangs": almatest.Hang(), "drips": almatest.Drip(time.Second)} {
		t.Run(name, func(t *testing.T) {
			inLibrary(t, func(t *testing.T, e *engine) {
				e.add(alma.WebhookConfig{Format: alma.FormatExlibris})
				e.listener.Next(answer)
				e.lend("1")
				pass(30 * time.Second)
				if d := e.only(); d.Status != alma.StatusPending || d.LastReason != alma.ReasonTimeout || d.Log[0].Duration.Round(time.Second) != 5*time.Second {
					t.Errorf("%s, %s after %s", d.Status, d.LastReason, d.Log[0].Duration)
				}
				pass(2 * time.Hour)
				if got, want := e.offsets(), []time.Duration{0, time.Hour + 5*time.Second}; !slices.Equal(got, want) {
					t.Errorf("attempts at %v; want them at %v", got, want)
				}
			})
		})
	}
}

// TestExlibrisFinalAnswers: 3XX and 4XX are final, and say nothing about the
// next event; not even a 410.
func TestExlibrisFinalAnswers(t *testing.T) {
	for status, want := range map[int]struct {
		reason alma.Reason
		text   string
	}{
		400: {alma.ReasonStatus4xx, "the listener answered 400"},
		404: {alma.ReasonStatus4xx, "the listener answered 404"},
		410: {alma.ReasonStatus4xx, "the listener answered 410"},
		429: {alma.ReasonStatus4xx, "the listener answered 429"},
		302: {alma.ReasonRedirect, "redirect not followed"},
		308: {alma.ReasonRedirect, "redirect not followed"},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inLibrary(t, func(t *testing.T, e *engine) {
				w := e.add(alma.WebhookConfig{Format: alma.FormatExlibris})
				e.listener.FailTimes(1, status)
				e.lend("1")
				pass(24 * time.Hour)
				if d := e.only(); d.Status != alma.StatusFailed || d.Attempts != 1 || d.LastReason != want.reason || !strings.Contains(d.LastError, want.text) {
					t.Errorf("%s after %d attempts, %s: %s", d.Status, d.Attempts, d.LastReason, d.LastError)
				}
				e.wantState(w.ID, alma.StateActive, "")
				e.lend("2")
				e.wantDelivered("1", "2")
			})
		})
	}
}

// TestExlibrisBulkJobs: what a job over the limit has changed is not sent, but
// counted, once for each job; its end is told.
func TestExlibrisBulkJobs(t *testing.T) {
	inLibrary(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{Format: alma.FormatExlibris})
		large, other, small := &alma.Job{ID: "J1", Records: 500_001}, &alma.Job{ID: "J2", Records: 2_000_000}, &alma.Job{ID: "J3", Records: 500_000}
		for range 3 {
			e.announce(exlibris.BibUpdated, exlibris.Bib{MMSID: "b1"}, large)
		}
		e.announce(exlibris.BibUpdated, exlibris.Bib{MMSID: "b2"}, other)
		e.announce(exlibris.BibUpdated, exlibris.Bib{MMSID: "b3"}, small)
		e.announce(exlibris.JobEnd, exlibris.Job{ID: "J1"}, large)
		e.wantAll("b3", "J1")
		list, err := e.Deliveries(t.Context(), alma.DeliveryQuery{Status: alma.StatusSuppressed})
		if err != nil || len(list.Items) != 2 {
			t.Fatalf("suppressed: %+v, %v; want one record for each of two jobs", list, err)
		}
		for i, want := range []string{"J2", "J1"} {
			if text := list.Items[i].LastError; !strings.Contains(text, want) || !strings.Contains(text, map[string]string{"J1": "3 events", "J2": "1 event"}[want]) {
				t.Errorf("the record of job %s says %q", want, text)
			}
		}
	})
}

// TestExlibrisFilters: the filters that users of the original have asked for,
// as the documentation shows them.
func TestExlibrisFilters(t *testing.T) {
	document, err := os.ReadFile("../docs/formats/exlibris.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter string
		want   []string
	}{
		"letter code": {`event.event_type == "NOTIFICATION" && event.data.general_data.letter_type == "FulPlaceOnHoldShelfLetter"`, []string{"FulPlaceOnHoldShelfLetter"}},
		"user group":  {`event.memory_type == "webhook_user" && event.data.user.user_group.value in ["staff", "faculty"]`, []string{"of-faculty", "of-staff"}},
		"job name":    {`event.event_type == "JOB_END" && event.data.name == "Nightly import"`, []string{"nightly"}},
		"job type":    {`event.event_type == "JOB_END" && event.data.job_info.type.value == "MANUAL"`, []string{"by-hand"}},
	} {
		t.Run(name, func(t *testing.T) {
			inLibrary(t, func(t *testing.T, e *engine) {
				if !strings.Contains(string(document), c.filter) {
					t.Errorf("the documentation does not show %s", c.filter)
				}
				w := e.add(alma.WebhookConfig{Format: alma.FormatExlibris, Filter: c.filter})
				announceVarious(e)
				pass(time.Second)
				if got := slices.Sorted(slices.Values(subjects(e))); !slices.Equal(got, c.want) {
					t.Errorf("delivered %v; want %v", got, c.want)
				}
				if st, err := e.Get(t.Context(), w.ID); err != nil || st.FilterErrors != 0 {
					t.Errorf("%d errors in the filter, %v", st.FilterErrors, err)
				}
			})
		})
	}
}

func announceVarious(e *engine) {
	for _, letter := range []string{exlibris.LetterCancelRequest, exlibris.LetterPlaceOnHoldShelf} {
		e.announce(exlibris.NotificationSent, exlibris.Notification{GeneralData: exlibris.GeneralData{LetterType: letter}}, nil)
	}
	for _, group := range []string{"student", "staff", "faculty"} {
		e.announce(exlibris.UserUpdated, exlibris.UserChange{User: exlibris.User{PrimaryID: "of-" + group, UserGroup: exlibris.Coded{Value: group}}}, nil)
	}
	nightly := exlibris.Job{ID: "nightly", Name: "Nightly import", JobInfo: exlibris.JobInfo{Type: exlibris.Coded{Value: "SCHEDULED"}}}
	byHand := exlibris.Job{ID: "by-hand", Name: "Filter a set", JobInfo: exlibris.JobInfo{Type: exlibris.Coded{Value: "MANUAL"}}}
	e.announce(exlibris.JobEnd, nightly, nil)
	e.announce(exlibris.JobEnd, byHand, nil)
	e.lend("a-loan")
}

// subjects names what reached the listener: letters by their code.
func subjects(e *engine) []string {
	var list []string
	for _, r := range e.listener.Requests() {
		letter, err := exlibris.Decode[exlibris.Notification](r.Events[0])
		if err == nil {
			list = append(list, letter.GeneralData.LetterType)
		} else {
			list = append(list, r.Events[0].MemoryID)
		}
	}
	return list
}

// TestExlibrisSubscriptions: by action or by code; what is no event of the
// library is never sent.
func TestExlibrisSubscriptions(t *testing.T) {
	for name, c := range map[string]struct {
		events []alma.EventType
		want   []string
	}{
		"all":    {nil, []string{"created", "returned", "bib"}},
		"action": {[]alma.EventType{"LOAN"}, []string{"created", "returned"}},
		"code":   {[]alma.EventType{"LOAN_RETURNED"}, []string{"returned"}},
		"both":   {[]alma.EventType{"LOAN_RETURNED", "BIB"}, []string{"returned", "bib"}},
	} {
		t.Run(name, func(t *testing.T) {
			inLibrary(t, func(t *testing.T, e *engine) {
				e.add(alma.WebhookConfig{Format: alma.FormatExlibris, Events: c.events})
				e.announce(exlibris.LoanCreated, exlibris.Loan{LoanID: "created"}, nil)
				e.announce(exlibris.LoanReturned, exlibris.Loan{LoanID: "returned"}, nil)
				e.announce(exlibris.BibUpdated, exlibris.Bib{MMSID: "bib"}, nil)
				e.append("a-memory")
				e.wantAll(c.want...)
			})
		})
	}
}

// TestExlibrisAsksEveryListener: nothing is delivered before the challenge is
// answered, and nothing is lost.
func TestExlibrisAsksEveryListener(t *testing.T) {
	inLibrary(t, func(t *testing.T, e *engine) {
		e.listener.Refuse(true)
		w := e.add(alma.WebhookConfig{Format: alma.FormatExlibris})
		e.wantState(w.ID, alma.StatePending, refused)
		e.lend("1")
		e.wantDelivered()
		e.listener.Refuse(false)
		if _, err := e.Activate(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		e.wantDelivered("1")
		if got := e.listener.Questions(); got != 2 {
			t.Errorf("asked %d times; want 2", got)
		}
	})
}

// TestExlibrisForms: the settings of the format reach the wire.
func TestExlibrisForms(t *testing.T) {
	for name, c := range map[string]struct {
		cfg         alma.WebhookConfig
		contentType string
		body        string
	}{
		"json":      {alma.WebhookConfig{}, "application/json;charset=UTF-8", `,"item_loan":{"loan_id":"1"},"bib":null,"holding":null,`},
		"omit_null": {alma.WebhookConfig{OmitNull: true}, "application/json;charset=UTF-8", `,"item_loan":{"loan_id":"1"}}`},
		"xml":       {alma.WebhookConfig{ContentType: "xml"}, "application/xml", `<event desc="Loan created">LOAN_CREATED</event><item_loan><loan_id>1</loan_id></item_loan></webhook>`},
	} {
		t.Run(name, func(t *testing.T) {
			inLibrary(t, func(t *testing.T, e *engine) {
				c.cfg.Format = alma.FormatExlibris
				w := e.add(c.cfg)
				e.lend("1")
				e.wantDelivered("1")
				r := e.listener.Requests()[0]
				if !strings.Contains(string(r.Body), c.body) || r.Header.Get("Content-Type") != c.contentType || !r.Verified {
					t.Errorf("%s, %v: %s", r.Header.Get("Content-Type"), r.VerifyErr, r.Body)
				}
				attempt, err := e.Test(t.Context(), w.ID)
				if err != nil || attempt.StatusCode != 204 {
					t.Errorf("a test of the webhook: %+v, %v", attempt, err)
				}
			})
		})
	}
}
