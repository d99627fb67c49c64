package exlibris

// Loan is an item that a user has borrowed (item_loan).
type Loan struct {
	LoanID          string `json:"loan_id"`
	CircDesk        Coded  `json:"circ_desk"`
	ReturnCircDesk  Coded  `json:"return_circ_desk"`
	Library         Coded  `json:"library"`
	UserID          string `json:"user_id"`
	ItemBarcode     string `json:"item_barcode"`
	DueDate         string `json:"due_date"`
	LoanStatus      string `json:"loan_status"` // "ACTIVE", …
	LoanDate        string `json:"loan_date"`
	ReturnDate      string `json:"return_date"`
	ProcessStatus   string `json:"process_status"` // "NORMAL", …
	MMSID           string `json:"mms_id"`
	HoldingID       string `json:"holding_id"`
	ItemID          string `json:"item_id"`
	Title           string `json:"title"`
	Author          string `json:"author"`
	Description     string `json:"description"`
	LocationCode    Coded  `json:"location_code"` // With a name, not a desc.
	ItemPolicy      Coded  `json:"item_policy"`   // With a description, not a desc.
	CallNumber      string `json:"call_number"`
	Renewable       bool   `json:"renewable"`
	LastRenewStatus Coded  `json:"last_renew_status"`
	Record
}
