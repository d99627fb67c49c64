package dashboard

// kind says how a setting is written in a form.
type kind string

const (
	kindText     kind = "text"
	kindURL      kind = "url"
	kindNumber   kind = "number"
	kindNumbers  kind = "numbers" // One a line.
	kindList     kind = "list"    // One a line.
	kindBool     kind = "bool"
	kindChoice   kind = "choice"
	kindArea     kind = "area"
	kindHeaders  kind = "headers" // "Name: value", one a line.
	kindSecret   kind = "secret"
	kindUnsigned kind = "unsigned"
	kindPaused   kind = "paused"
)

// field is a setting in the form. Its name is that of the API, so that faults
// find their field.
type field struct {
	Name, Label string
	Kind        kind
	Help        string
	Unit        string
	Options     []string // Of a choice; the first is the default.
	Creating    bool     // Only in the form of a new webhook.
	Hint        string
}

// fieldGroup is a part of the form. Those that are rarely needed are closed
// at first.
type fieldGroup struct {
	Title  string
	Closed bool
	Fields []field
}

// fieldGroups is the form of a webhook, every setting in it.
var fieldGroups = []fieldGroup{
	{Title: "Where to", Fields: []field{
		{Name: "url", Label: "Address", Kind: kindURL, Hint: "https://example.com/hook", Help: "Where deliveries go. http and private addresses only where the operator of this server allows them (--allow-cidr). Or people: mailto:ops@example.com tells them by e-mail of operational events (ALMA_…)."},
		{Name: "description", Label: "Description", Kind: kindText, Help: "What it is for, for people."},
		{Name: "format", Label: "Format", Kind: kindChoice, Options: []string{"alma", "standard", "cloudevents", "exlibris"}, Help: "How an event looks, is signed, and which answers mean retry. standard is Standard Webhooks; exlibris speaks as the library platform does."},
		{Name: "secret", Label: "Secret", Kind: kindSecret, Creating: true, Help: "Signs deliveries. Left empty, a strong one is made and shown once."},
		{Name: "unsigned", Label: "Send unsigned", Kind: kindUnsigned, Creating: true, Help: "No secret at all; only formats alma and cloudevents allow it."},
		{Name: "active", Label: "Begin paused", Kind: kindPaused, Creating: true, Help: "Its events wait from the beginning, until it is resumed."},
		{Name: "project_id", Label: "Project", Kind: kindText, Help: "The owner: such a webhook sees events of this project alone. Empty: all projects."},
	}},
	{Title: "Which events", Fields: []field{
		{Name: "events", Label: "Event types", Kind: kindList, Hint: "CREATED", Help: "One a line; none means all but operational ones (ALMA_…), which must be named."},
		{Name: "type_filter", Label: "Memory types", Kind: kindList, Hint: "heuristic", Help: "Only events of these kinds of memory or record. One a line."},
		{Name: "agent_filter", Label: "Agents", Kind: kindList, Help: "Only events of these agents. One a line."},
		{Name: "project_filter", Label: "Projects", Kind: kindList, Help: "Only events of these projects. One a line."},
		{Name: "filter", Label: "Expression", Kind: kindArea, Hint: `event.data.confidence > 0.8`, Help: "A CEL expression over the variable event. Events for which it is false, or fails, are not sent."},
		{Name: "bulk_limit", Label: "Bulk limit", Kind: kindNumber, Unit: "records", Help: "Events of a batch job with more records are suppressed. 0: never."},
		{Name: "max_age", Label: "Oldest event", Kind: kindNumber, Unit: "seconds", Help: "Older events are counted instead of sent. Empty: no limit."},
	}},
	{Title: "When it fails", Fields: []field{
		{Name: "retry_count", Label: "Retries", Kind: kindNumber, Help: "Attempts after the first, at most 50. Empty: as the format has it."},
		{Name: "retry_delay", Label: "First wait", Kind: kindNumber, Unit: "seconds", Help: "From the end of the first attempt to the second."},
		{Name: "retry_backoff", Label: "Factor", Kind: kindNumber, Help: "Each further wait is longer by this factor, 1 to 100. Waits are capped at a day."},
		{Name: "retry_schedule", Label: "Or a schedule", Kind: kindNumbers, Unit: "seconds", Help: "The waits, one a line; they replace retries, first wait and factor, which must be empty then."},
		{Name: "retry_jitter", Label: "Jitter", Kind: kindNumber, Help: "Spreads each wait by up to this fraction of it, 0 to 1."},
		{Name: "disable_after", Label: "Disable after", Kind: kindNumber, Unit: "seconds", Help: "Of unbroken failure. 0: never. Events wait then, as they do while it is paused."},
		{Name: "contacts", Label: "Contacts", Kind: kindList, Hint: "ops@example.com", Help: "E-mail addresses to tell of deliveries that failed for good. One a line."},
	}},
	{Title: "How it is sent", Closed: true, Fields: []field{
		{Name: "timeout", Label: "Timeout", Kind: kindNumber, Unit: "seconds", Help: "For one whole exchange, at most 60."},
		{Name: "max_in_flight", Label: "Requests at once", Kind: kindNumber, Help: "1 to 1000. Fewer are made while requests time out."},
		{Name: "rate_limit", Label: "Rate limit", Kind: kindNumber, Unit: "requests per second", Help: "Requests begin no faster than this, spread evenly. Empty: no limit."},
		{Name: "ordered", Label: "Strictly in order", Kind: kindBool, Help: "One after another, in the order of the log; an event that fails holds the others up until its retries are spent."},
		{Name: "batch_size", Label: "Batch size", Kind: kindNumber, Unit: "events", Help: "Over 1 the body is always an array; 1 to 1000. Empty: 1, and 50 for an e-mail."},
		{Name: "batch_delay", Label: "Batch delay", Kind: kindNumber, Unit: "seconds", Help: "How long a batch waits to fill, at most 3600. Empty: 1, and 60 for an e-mail."},
		{Name: "headers", Label: "Headers", Kind: kindHeaders, Hint: "Authorization: Bearer …", Help: "Sent with each request, one \"Name: value\" a line. Values are never shown again; a masked one stays as it is, a line that is removed is removed."},
	}},
	{Title: "Format and certificates", Closed: true, Fields: []field{
		{Name: "content_type", Label: "Content type", Kind: kindChoice, Options: []string{"json", "xml"}, Help: "xml is for format exlibris."},
		{Name: "content_mode", Label: "Content mode", Kind: kindChoice, Options: []string{"", "structured", "binary"}, Help: "For format cloudevents."},
		{Name: "omit_null", Label: "Omit nulls", Kind: kindBool, Help: "For format exlibris: leave members that are null out."},
		{Name: "challenge", Label: "Challenge", Kind: kindBool, Help: "For format alma: the listener must answer a challenge before the first delivery. exlibris always asks."},
		{Name: "signature", Label: "Signature", Kind: kindChoice, Options: []string{"", "hmac-sha256", "ed25519"}, Creating: true, Help: "ed25519 is for formats standard and cloudevents. Empty: what the secret is for."},
		{Name: "client_certificate", Label: "Client certificate", Kind: kindArea, Hint: "-----BEGIN CERTIFICATE-----", Help: "A PEM chain that is shown to listeners which ask for one."},
		{Name: "client_key", Label: "Its private key", Kind: kindArea, Hint: "-----BEGIN PRIVATE KEY-----", Help: "PEM; never shown. Empty: it stays as it is."},
	}},
}
