package exlibris

// Every struct is read and written in the same way: see [Record].

// MarshalJSON implements [json.Marshaler].
func (j Job) MarshalJSON() ([]byte, error) { return encode(j) }

// UnmarshalJSON implements [json.Unmarshaler].
func (j *Job) UnmarshalJSON(raw []byte) error { return decode(raw, j) }

// MarshalJSON implements [json.Marshaler].
func (c Counter) MarshalJSON() ([]byte, error) { return encode(c) }

// UnmarshalJSON implements [json.Unmarshaler].
func (c *Counter) UnmarshalJSON(raw []byte) error { return decode(raw, c) }

// MarshalJSON implements [json.Marshaler].
func (j JobInfo) MarshalJSON() ([]byte, error) { return encode(j) }

// UnmarshalJSON implements [json.Unmarshaler].
func (j *JobInfo) UnmarshalJSON(raw []byte) error { return decode(raw, j) }

// MarshalJSON implements [json.Marshaler].
func (l Loan) MarshalJSON() ([]byte, error) { return encode(l) }

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Loan) UnmarshalJSON(raw []byte) error { return decode(raw, l) }

// MarshalJSON implements [json.Marshaler].
func (r Request) MarshalJSON() ([]byte, error) { return encode(r) }

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Request) UnmarshalJSON(raw []byte) error { return decode(raw, r) }

// MarshalJSON implements [json.Marshaler].
func (b Bib) MarshalJSON() ([]byte, error) { return encode(b) }

// UnmarshalJSON implements [json.Unmarshaler].
func (b *Bib) UnmarshalJSON(raw []byte) error { return decode(raw, b) }

// MarshalJSON implements [json.Marshaler].
func (l LinkedRecordID) MarshalJSON() ([]byte, error) { return encode(l) }

// UnmarshalJSON implements [json.Unmarshaler].
func (l *LinkedRecordID) UnmarshalJSON(raw []byte) error { return decode(raw, l) }

// MarshalJSON implements [json.Marshaler].
func (l Link) MarshalJSON() ([]byte, error) { return encode(l) }

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Link) UnmarshalJSON(raw []byte) error { return decode(raw, l) }

// MarshalJSON implements [json.Marshaler].
func (i Item) MarshalJSON() ([]byte, error) { return encode(i) }

// UnmarshalJSON implements [json.Unmarshaler].
func (i *Item) UnmarshalJSON(raw []byte) error { return decode(raw, i) }

// MarshalJSON implements [json.Marshaler].
func (h HoldingData) MarshalJSON() ([]byte, error) { return encode(h) }

// UnmarshalJSON implements [json.Unmarshaler].
func (h *HoldingData) UnmarshalJSON(raw []byte) error { return decode(raw, h) }

// MarshalJSON implements [json.Marshaler].
func (i ItemData) MarshalJSON() ([]byte, error) { return encode(i) }

// UnmarshalJSON implements [json.Unmarshaler].
func (i *ItemData) UnmarshalJSON(raw []byte) error { return decode(raw, i) }

// MarshalJSON implements [json.Marshaler].
func (u UserChange) MarshalJSON() ([]byte, error) { return encode(u) }

// UnmarshalJSON implements [json.Unmarshaler].
func (u *UserChange) UnmarshalJSON(raw []byte) error { return decode(raw, u) }

// MarshalJSON implements [json.Marshaler].
func (u User) MarshalJSON() ([]byte, error) { return encode(u) }

// UnmarshalJSON implements [json.Unmarshaler].
func (u *User) UnmarshalJSON(raw []byte) error { return decode(raw, u) }

// MarshalJSON implements [json.Marshaler].
func (u UserIdentifier) MarshalJSON() ([]byte, error) { return encode(u) }

// UnmarshalJSON implements [json.Unmarshaler].
func (u *UserIdentifier) UnmarshalJSON(raw []byte) error { return decode(raw, u) }

// MarshalJSON implements [json.Marshaler].
func (u UserRole) MarshalJSON() ([]byte, error) { return encode(u) }

// UnmarshalJSON implements [json.Unmarshaler].
func (u *UserRole) UnmarshalJSON(raw []byte) error { return decode(raw, u) }

// MarshalJSON implements [json.Marshaler].
func (r RoleParameter) MarshalJSON() ([]byte, error) { return encode(r) }

// UnmarshalJSON implements [json.Unmarshaler].
func (r *RoleParameter) UnmarshalJSON(raw []byte) error { return decode(raw, r) }

// MarshalJSON implements [json.Marshaler].
func (u UserBlock) MarshalJSON() ([]byte, error) { return encode(u) }

// UnmarshalJSON implements [json.Unmarshaler].
func (u *UserBlock) UnmarshalJSON(raw []byte) error { return decode(raw, u) }

// MarshalJSON implements [json.Marshaler].
func (u UserNote) MarshalJSON() ([]byte, error) { return encode(u) }

// UnmarshalJSON implements [json.Unmarshaler].
func (u *UserNote) UnmarshalJSON(raw []byte) error { return decode(raw, u) }

// MarshalJSON implements [json.Marshaler].
func (u UserStatistic) MarshalJSON() ([]byte, error) { return encode(u) }

// UnmarshalJSON implements [json.Unmarshaler].
func (u *UserStatistic) UnmarshalJSON(raw []byte) error { return decode(raw, u) }

// MarshalJSON implements [json.Marshaler].
func (p ProxyForUser) MarshalJSON() ([]byte, error) { return encode(p) }

// UnmarshalJSON implements [json.Unmarshaler].
func (p *ProxyForUser) UnmarshalJSON(raw []byte) error { return decode(raw, p) }

// MarshalJSON implements [json.Marshaler].
func (c ContactInfo) MarshalJSON() ([]byte, error) { return encode(c) }

// UnmarshalJSON implements [json.Unmarshaler].
func (c *ContactInfo) UnmarshalJSON(raw []byte) error { return decode(raw, c) }

// MarshalJSON implements [json.Marshaler].
func (a Address) MarshalJSON() ([]byte, error) { return encode(a) }

// UnmarshalJSON implements [json.Unmarshaler].
func (a *Address) UnmarshalJSON(raw []byte) error { return decode(raw, a) }

// MarshalJSON implements [json.Marshaler].
func (e Email) MarshalJSON() ([]byte, error) { return encode(e) }

// UnmarshalJSON implements [json.Unmarshaler].
func (e *Email) UnmarshalJSON(raw []byte) error { return decode(raw, e) }

// MarshalJSON implements [json.Marshaler].
func (p Phone) MarshalJSON() ([]byte, error) { return encode(p) }

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Phone) UnmarshalJSON(raw []byte) error { return decode(raw, p) }

// MarshalJSON implements [json.Marshaler].
func (n Notification) MarshalJSON() ([]byte, error) { return encode(n) }

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Notification) UnmarshalJSON(raw []byte) error { return decode(raw, n) }

// MarshalJSON implements [json.Marshaler].
func (g GeneralData) MarshalJSON() ([]byte, error) { return encode(g) }

// UnmarshalJSON implements [json.Unmarshaler].
func (g *GeneralData) UnmarshalJSON(raw []byte) error { return decode(raw, g) }

// MarshalJSON implements [json.Marshaler].
func (c Coded) MarshalJSON() ([]byte, error) { return encode(c) }

// UnmarshalJSON implements [json.Unmarshaler].
func (c *Coded) UnmarshalJSON(raw []byte) error { return decode(raw, c) }
