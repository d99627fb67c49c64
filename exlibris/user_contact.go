package exlibris

// ContactInfo says how to reach a user.
type ContactInfo struct {
	Address []Address `json:"address"`
	Email   []Email   `json:"email"`
	Phone   []Phone   `json:"phone"`
	Record
}

// Address is a postal address.
type Address struct {
	Line1         string  `json:"line1"`
	Line2         string  `json:"line2"`
	Line3         string  `json:"line3"`
	Line4         string  `json:"line4"`
	Line5         string  `json:"line5"`
	City          string  `json:"city"`
	StateProvince string  `json:"state_province"`
	PostalCode    string  `json:"postal_code"`
	Country       Coded   `json:"country"`
	AddressNote   string  `json:"address_note"`
	StartDate     string  `json:"start_date"`
	EndDate       string  `json:"end_date"`
	AddressType   []Coded `json:"address_type"`
	Preferred     bool    `json:"preferred"`
	SegmentType   string  `json:"segment_type"`
	Record
}

// Email is an e-mail address.
type Email struct {
	EmailAddress string  `json:"email_address"`
	Description  string  `json:"description"`
	EmailType    []Coded `json:"email_type"`
	Preferred    bool    `json:"preferred"`
	SegmentType  string  `json:"segment_type"`
	Record
}

// Phone is a telephone number.
type Phone struct {
	PhoneNumber  string  `json:"phone_number"`
	PhoneType    []Coded `json:"phone_type"`
	Preferred    bool    `json:"preferred"`
	PreferredSMS bool    `json:"preferred_sms"`
	SegmentType  string  `json:"segment_type"`
	Record
}
