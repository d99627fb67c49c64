package exlibris

// Notification is a letter to a user (notification_data). What it holds besides
// the general data depends on the letter.
type Notification struct {
	GeneralData GeneralData `json:"general_data"`
	Item        []Item      `json:"item"`
	Receiver    User        `json:"receiver"`
	UserRequest []Request   `json:"user_request"`
	SMSContent  string      `json:"sms_content"`
	Record
}

// GeneralData says which letter it is.
type GeneralData struct {
	LetterName string `json:"letter_name"` // For people, in the institution's language.
	LetterType string `json:"letter_type"` // The code: LetterCancelRequest, …
	Subject    string `json:"subject"`
	Record
}
