package dashboard

import (
	"net/url"
	"time"
)

// replay is a job that sends a webhook again what the log holds.
type replay struct {
	ID          string     `json:"id"`
	WebhookID   string     `json:"webhook_id"`
	EventID     string     `json:"event_id"`
	Since       *time.Time `json:"since"`
	Until       *time.Time `json:"until"`
	Status      string     `json:"status"`
	Reason      string     `json:"reason"`
	State       string     `json:"state"`
	StateReason string     `json:"state_reason"`
	WaitsFor    string     `json:"waits_for"`
	Progress    float64    `json:"progress"`
	Total       int64      `json:"total"`
	Looked      int64      `json:"looked"`
	Delivered   int64      `json:"delivered"`
	Failed      int64      `json:"failed"`
	Retrying    int64      `json:"retrying"`
	Passed      int64      `json:"passed"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
	FinishedAt  *time.Time `json:"finished_at"`
}

// Percent is the progress in whole percent.
func (r replay) Percent() int { return int(r.Progress * 100) }

// Finished reports whether nothing follows.
func (r replay) Finished() bool { return r.State != "running" && r.State != "paused" }

type replaysPage struct {
	List  listing[replay]
	Query url.Values
}

func showReplays(v *visit) error {
	p := replaysPage{Query: v.r.URL.Query()}
	if _, err := list(v, "/v1/replays", url.Values{}, &p.List); err != nil {
		return err
	}
	return v.render("replays", "Replays", "/webhooks", p)
}

func showReplay(v *visit) error {
	var r replay
	if err := v.get("/v1/replays/"+url.PathEscape(v.r.PathValue("id")), nil, &r); err != nil {
		return err
	}
	return v.render("replay", "Replay", "/webhooks", r)
}

// actOnReplay pauses, resumes or cancels.
func actOnReplay(v *visit) error {
	path, action := "/replays/"+url.PathEscape(v.r.PathValue("id")), v.r.PathValue("action")
	told, known := map[string]string{"pause": "The replay is paused, and keeps its place.", "resume": "The replay goes on.", "cancel": "The replay was ended. Retries that wait go on."}[action]
	if !known {
		return &problem{Status: 404, Detail: "There is no such page."}
	}
	if err := v.post("/v1"+path+"/"+action, nil, nil); err != nil {
		return v.refused(path, err)
	}
	return v.done(path, told)
}
