package exlibris

// Coded is a value of a code table, with what it means. Most have a desc;
// locations of loans have a name, and item policies a description.
type Coded struct {
	Value       string `json:"value"`
	Desc        string `json:"desc"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Record
}
