package exlibris

// Job is a run of a job that has ended (job_instance).
type Job struct {
	ID          string    `json:"id"`
	ExternalID  string    `json:"external_id"`
	Name        string    `json:"name"`
	SubmittedBy Coded     `json:"submitted_by"`
	SubmitTime  string    `json:"submit_time"`
	StartTime   string    `json:"start_time"`
	EndTime     string    `json:"end_time"`
	Progress    float64   `json:"progress"` // Per cent.
	Status      Coded     `json:"status"`   // "COMPLETED_SUCCESS", …
	StatusDate  string    `json:"status_date"`
	Alert       []Coded   `json:"alert"`
	Counter     []Counter `json:"counter"`
	JobInfo     JobInfo   `json:"job_info"`
	Link        string    `json:"link"`
	Record
}

// Counter is one figure of a job's report.
type Counter struct {
	Type  Coded  `json:"type"`
	Value string `json:"value"`
	Record
}

// JobInfo is the job of which there was a run.
type JobInfo struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Type        Coded  `json:"type"` // "MANUAL", "SCHEDULED", …
	Category    Coded  `json:"category"`
	Link        string `json:"link"`
	Record
}
