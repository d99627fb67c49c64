package exlibris

// Request is what a user has asked for (user_request).
type Request struct {
	UserPrimaryID         string `json:"user_primary_id"`
	RequestID             string `json:"request_id"`
	RequestType           string `json:"request_type"` // "HOLD", …
	RequestSubType        Coded  `json:"request_sub_type"`
	MMSID                 string `json:"mms_id"`
	Title                 string `json:"title"`
	Author                string `json:"author"`
	Description           string `json:"description"`
	PickupLocation        string `json:"pickup_location"`
	PickupLocationType    string `json:"pickup_location_type"`
	PickupLocationLibrary string `json:"pickup_location_library"`
	MaterialType          Coded  `json:"material_type"`
	Comment               string `json:"comment"`
	RequestStatus         string `json:"request_status"` // "ON_HOLD_SHELF", "HISTORY", …
	RequestDate           string `json:"request_date"`
	RequestTime           string `json:"request_time"`
	TaskName              string `json:"task_name"`
	ExpiryDate            string `json:"expiry_date"`
	ItemID                string `json:"item_id"`
	Barcode               string `json:"barcode"`
	Record
}
