package exlibris

// UserChange says what was done to a user (webhook_user).
type UserChange struct {
	Method string `json:"method"` // "CREATE", "UPDATE" or "DELETE".
	Cause  string `json:"cause"`  // "UI", …
	User   User   `json:"user"`
	Record
}

// User is a person with an account.
type User struct {
	RecordType          Coded            `json:"record_type"` // "PUBLIC", "STAFF", …
	PrimaryID           string           `json:"primary_id"`
	FirstName           string           `json:"first_name"`
	MiddleName          string           `json:"middle_name"`
	LastName            string           `json:"last_name"`
	FullName            string           `json:"full_name"`
	PinNumber           string           `json:"pin_number"`
	UserTitle           Coded            `json:"user_title"`
	JobCategory         Coded            `json:"job_category"`
	JobDescription      string           `json:"job_description"`
	Gender              Coded            `json:"gender"`
	UserGroup           Coded            `json:"user_group"`
	CampusCode          Coded            `json:"campus_code"`
	WebSiteURL          string           `json:"web_site_url"`
	CatalogerLevel      Coded            `json:"cataloger_level"`
	PreferredLanguage   Coded            `json:"preferred_language"`
	ExpiryDate          string           `json:"expiry_date"`
	PurgeDate           string           `json:"purge_date"`
	AccountType         Coded            `json:"account_type"` // "INTERNAL", "EXTERNAL", …
	ExternalID          string           `json:"external_id"`
	Password            string           `json:"password"`
	ForcePasswordChange string           `json:"force_password_change"`
	Status              Coded            `json:"status"`
	StatusDate          string           `json:"status_date"`
	ContactInfo         ContactInfo      `json:"contact_info"`
	UserIdentifier      []UserIdentifier `json:"user_identifier"`
	UserRole            []UserRole       `json:"user_role"`
	UserBlock           []UserBlock      `json:"user_block"`
	UserNote            []UserNote       `json:"user_note"`
	UserStatistic       []UserStatistic  `json:"user_statistic"`
	ProxyForUser        []ProxyForUser   `json:"proxy_for_user"`
	LinkingID           string           `json:"linking_id"`
	PrefFirstName       string           `json:"pref_first_name"`
	PrefMiddleName      string           `json:"pref_middle_name"`
	PrefLastName        string           `json:"pref_last_name"`
	Link                string           `json:"link"`
	Record
}

// UserIdentifier is an id under which a user is known too, such as a barcode.
type UserIdentifier struct {
	Value       string `json:"value"`
	IDType      Coded  `json:"id_type"`
	Note        string `json:"note"`
	Status      string `json:"status"`
	SegmentType string `json:"segment_type"`
	Record
}

// UserRole is what a user may do, and where.
type UserRole struct {
	Status    Coded           `json:"status"`
	Scope     Coded           `json:"scope"`
	RoleType  Coded           `json:"role_type"`
	Parameter []RoleParameter `json:"parameter"`
	Record
}

// RoleParameter narrows a role down. No public body shows one; its members are
// in its [Record].
type RoleParameter struct{ Record }

// UserBlock keeps a user from borrowing. No public body shows one; its members
// are in its [Record].
type UserBlock struct{ Record }

// UserNote is a remark on a user. No public body shows one; its members are in
// its [Record].
type UserNote struct{ Record }

// ProxyForUser is a person for whom a user acts. No public body shows one; its
// members are in its [Record].
type ProxyForUser struct{ Record }

// UserStatistic is a category under which a user is counted.
type UserStatistic struct {
	StatisticCategory Coded  `json:"statistic_category"`
	SegmentType       string `json:"segment_type"`
	Record
}
