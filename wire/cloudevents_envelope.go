package wire

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

// ceEnvelope is what the envelope keeps of a foreign sender's CloudEvent.
type ceEnvelope struct {
	// Attributes are all but specversion and type, extensions included.
	Attributes map[string]json.RawMessage `json:"attributes"`
	// Data says what the sender's data were, where they were no object.
	Data dataShape `json:"data,omitempty"`
}

func readCEEnvelope(raw json.RawMessage) ceEnvelope {
	var env ceEnvelope
	if len(raw) == 0 || json.Unmarshal(raw, &env) != nil || env.Attributes == nil {
		return ceEnvelope{}
	}
	return env
}

// dataShape says how data that are no JSON object became one.
type dataShape string

const (
	shapeObject dataShape = ""       // They are one.
	shapeValue  dataShape = "value"  // {"value": …}: another JSON value, or text.
	shapeBase64 dataShape = "base64" // {"base64": "…"}: bytes.
	shapeNone   dataShape = "none"   // {}: there were none.
)

// wrap returns data as an object.
func (s dataShape) wrap(data json.RawMessage) json.RawMessage {
	switch s {
	case shapeNone:
		return json.RawMessage("{}")
	case shapeValue, shapeBase64:
		return marshalPlain(map[string]json.RawMessage{string(s): data})
	default:
		return data
	}
}

// unwrap is the reverse of wrap. Data that do not have the shape are sent as
// the object that they are.
func (s dataShape) unwrap(data json.RawMessage) (dataShape, json.RawMessage) {
	if s == shapeNone && string(data) == "{}" {
		return s, nil
	}
	var members map[string]json.RawMessage
	if s == shapeObject || json.Unmarshal(data, &members) != nil || len(members) != 1 {
		return shapeObject, data
	}
	inner, ok := members[string(s)]
	if !ok || s == shapeBase64 && !isBase64(inner) {
		return shapeObject, data
	}
	return s, inner
}

// contentType is what data are that do not say so themselves.
func (s dataShape) contentType() string {
	if s == shapeBase64 {
		return "application/octet-stream"
	}
	return mediaJSON
}

func isBase64(raw json.RawMessage) bool {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return false
	}
	_, err := base64.StdEncoding.DecodeString(text)
	return err == nil
}

// isExtension reports whether a name is that of an extension attribute.
func isExtension(name string) bool {
	switch name {
	case ceSpecVersion, ceID, ceSource, ceType, ceSubject, ceTime, ceContentType, "data":
		return false
	default:
		return isAttributeName(name)
	}
}

// isAttributeName reports whether s matches [a-z0-9]+, and is no longer than
// any header should be.
func isAttributeName(s string) bool {
	return s != "" && len(s) <= 128 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// isAttributeValue reports whether raw is a text, a whole number of 32 bits or
// a truth value, as attributes are.
func isAttributeValue(raw json.RawMessage) bool {
	switch {
	case len(raw) == 0:
		return false
	case raw[0] == '"':
		return isContextText(plainText(raw))
	case string(raw) == "true", string(raw) == "false":
		return true
	default:
		_, err := strconv.ParseInt(string(raw), 10, 32)
		return err == nil
	}
}
