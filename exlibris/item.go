package exlibris

// Item is one physical thing (item), with the records that it belongs to.
type Item struct {
	BibData     Bib         `json:"bib_data"`
	HoldingData HoldingData `json:"holding_data"`
	ItemData    ItemData    `json:"item_data"`
	Link        string      `json:"link"`
	Record
}

// HoldingData says where an item belongs.
type HoldingData struct {
	HoldingID          string `json:"holding_id"`
	CallNumberType     Coded  `json:"call_number_type"`
	CallNumber         string `json:"call_number"`
	AccessionNumber    string `json:"accession_number"`
	CopyID             string `json:"copy_id"`
	InTempLocation     bool   `json:"in_temp_location"`
	TempLibrary        Coded  `json:"temp_library"`
	TempLocation       Coded  `json:"temp_location"`
	TempCallNumberType Coded  `json:"temp_call_number_type"`
	TempCallNumber     string `json:"temp_call_number"`
	TempPolicy         Coded  `json:"temp_policy"`
	Link               string `json:"link"`
	Record
}

// ItemData is the item itself. Its enumerations, chronologies and statistics
// notes are not named here (see [Record.Member]).
type ItemData struct {
	PID                       string `json:"pid"`
	Barcode                   string `json:"barcode"`
	CreationDate              string `json:"creation_date"`
	ModificationDate          string `json:"modification_date"`
	BaseStatus                Coded  `json:"base_status"`
	AwaitingReshelving        bool   `json:"awaiting_reshelving"`
	PhysicalMaterialType      Coded  `json:"physical_material_type"`
	Policy                    Coded  `json:"policy"`
	Provenance                Coded  `json:"provenance"`
	POLine                    string `json:"po_line"`
	IsMagnetic                bool   `json:"is_magnetic"`
	ArrivalDate               string `json:"arrival_date"`
	ExpectedArrivalDate       string `json:"expected_arrival_date"`
	YearOfIssue               string `json:"year_of_issue"`
	Description               string `json:"description"`
	ReceivingOperator         string `json:"receiving_operator"`
	ProcessType               Coded  `json:"process_type"`
	InventoryNumber           string `json:"inventory_number"`
	InventoryPrice            string `json:"inventory_price"`
	Library                   Coded  `json:"library"`
	Location                  Coded  `json:"location"`
	AlternativeCallNumber     string `json:"alternative_call_number"`
	AlternativeCallNumberType Coded  `json:"alternative_call_number_type"`
	StorageLocationID         string `json:"storage_location_id"`
	Pages                     string `json:"pages"`
	Pieces                    string `json:"pieces"`
	PublicNote                string `json:"public_note"`
	FulfillmentNote           string `json:"fulfillment_note"`
	InternalNote1             string `json:"internal_note_1"`
	InternalNote2             string `json:"internal_note_2"`
	InternalNote3             string `json:"internal_note_3"`
	Requested                 bool   `json:"requested"`
	Edition                   string `json:"edition"`
	Imprint                   string `json:"imprint"`
	Language                  string `json:"language"`
	PhysicalCondition         Coded  `json:"physical_condition"`
	Record
}
