package wire

import "unicode/utf8"

// isContextText reports whether s may be an attribute of a CloudEvent: not
// empty, valid UTF-8, without control characters and noncharacters
// (CloudEvents 1.0.2, section 3.1).
func isContextText(s string) bool {
	if s == "" || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe {
			return false
		}
	}
	return true
}
