package wire

import (
	"math"
	"strconv"
)

// appendJavaScriptNumber writes a JSON number as JavaScript does: the nearest
// float64, in the fewest digits that tell it apart, with an exponent below 1e-6
// and from 1e21 on (ECMA-262, Number::toString). What is too large for a
// float64 is infinite there, and JSON.stringify writes null for that.
func appendJavaScriptNumber(b []byte, text string) []byte {
	x, _ := strconv.ParseFloat(text, 64) // The text is a number; too large ones come back infinite.
	switch abs := math.Abs(x); {
	case math.IsInf(x, 0):
		return append(b, "null"...)
	case x == 0: // Also -0.
		return append(b, '0')
	case abs >= 1e-6 && abs < 1e21:
		return strconv.AppendFloat(b, x, 'f', -1, 64)
	default:
		return shortenExponent(strconv.AppendFloat(b, x, 'e', -1, 64))
	}
}

// shortenExponent takes the zero off exponents of one digit, to which Go gives
// two: 1e-07 is 1e-7.
func shortenExponent(b []byte) []byte {
	if n := len(b); b[n-3] == '-' && b[n-2] == '0' {
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}
