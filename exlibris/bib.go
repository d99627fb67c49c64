package exlibris

// Bib is a bibliographic record (bib), or the summary of one (bib_data of an
// [Item]).
type Bib struct {
	MMSID                  string         `json:"mms_id"`
	RecordFormat           string         `json:"record_format"` // "marc21", …
	LinkedRecordID         LinkedRecordID `json:"linked_record_id"`
	Title                  string         `json:"title"`
	Author                 string         `json:"author"`
	ISSN                   string         `json:"issn"`
	ISBN                   string         `json:"isbn"`
	CompleteEdition        string         `json:"complete_edition"`
	NetworkNumber          []string       `json:"network_number"`
	PlaceOfPublication     string         `json:"place_of_publication"`
	DateOfPublication      string         `json:"date_of_publication"`
	PublisherConst         string         `json:"publisher_const"`
	Holdings               Link           `json:"holdings"`
	CreatedBy              string         `json:"created_by"`
	CreatedDate            string         `json:"created_date"`
	LastModifiedBy         string         `json:"last_modified_by"`
	LastModifiedDate       string         `json:"last_modified_date"`
	SuppressFromPublishing string         `json:"suppress_from_publishing"` // "true" or "false": a text.
	Anies                  []string       `json:"anies"`                    // The record itself, each in MARCXML as one text.
	Link                   string         `json:"link"`
	Record
}

// LinkedRecordID names the record of another institution that a bib stands for.
type LinkedRecordID struct {
	Value string `json:"value"`
	Type  string `json:"type"`
	Record
}

// Link is a value with an address in the platform's REST API.
type Link struct {
	Value string `json:"value"`
	Link  string `json:"link"`
	Record
}
