package alma

// The forms of names, as loops over bytes: every event passes through them.

// isEventID reports whether s matches [A-Za-z0-9_-]{1,128}.
func isEventID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isUpper(c) && !isLower(c) && !isDigit(c) && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= MaxEventIDBytes
}

// isEventType reports whether s matches [A-Z][A-Z0-9_]*.
func isEventType(s string) bool { return isName(s, isUpper) }

// isMemoryType reports whether s matches [a-z][a-z0-9_]*.
func isMemoryType(s string) bool { return isName(s, isLower) }

func isName(s string, letter func(byte) bool) bool {
	if s == "" || !letter(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !letter(c) && !isDigit(c) && c != '_' {
			return false
		}
	}
	return true
}

// isPlainText reports whether s is printable ASCII: what names mostly are.
func isPlainText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
