package wire

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
)

// javaScriptVectors are what JSON.stringify(JSON.parse(text)) gives, so that
// the rules are tested where there is no JavaScript too.
var javaScriptVectors = []struct{ name, text, want string }{
	{"compact", " { \"a\" : [ 1 , true,false,\tnull , { } , [ ] ] }\r\n", `{"a":[1,true,false,null,{},[]]}`},
	{"bare values", ` "x" `, `"x"`},
	{"whole", `[100.0,1e2,1E+2,0.1e1,5,-7,1.50]`, `[100,100,100,1,5,-7,1.5]`},
	{"zeros", `[0,-0,0.0,-0.0,0e9,-0e-9,1e-400]`, `[0,0,0,0,0,0,0]`},
	{"large", `[1e20,123456789012345680000,1e21,1.5e21,1e100,1.7976931348623157e308]`, `[100000000000000000000,123456789012345680000,1e+21,1.5e+21,1e+100,1.7976931348623157e+308]`},
	{"too large", `[1e309,-1e309,{"a":1e999}]`, `[null,null,{"a":null}]`},
	{"small", `[1e-6,0.0000012,1e-7,1.5e-7,-1e-7,5e-324,1e-10,1e-100]`, `[0.000001,0.0000012,1e-7,1.5e-7,-1e-7,5e-324,1e-10,1e-100]`},
	{"whole numbers beyond 2^53", `[9007199254740993,4729646413727017106,18446744073709551615]`, `[9007199254740992,4729646413727017000,18446744073709552000]`},
	{"fractions", `[0.1,0.30000000000000004,3.141592653589793238]`, `[0.1,0.30000000000000004,3.141592653589793]`},
	{"escapes that are needed", `"\"\\\b\f\n\r\t\u0000\u001f\u0022\u005c\u000a"`, `"\"\\\b\f\n\r\t\u0000\u001f\"\\\n"`},
	{"escapes that are not", `"\/\u0041\u003c\u003E\u0026\u2028\u2029\u007f\u00e9\ud83d\ude00"`, "\"/A<>&\u2028\u2029\u007fé😀\""},
	{"raw text", "\"é<>&'\u2028\u007f😀\U0010ffff\ufeff\"", "\"é<>&'\u2028\u007f😀\U0010ffff\ufeff\""},
	{"lone surrogates", `"\ud800 \uDFFF \ude00\ud83d \ud83d\u0041 \uD83D\uD83D\uDE00"`, `"\ud800 \udfff \ude00\ud83d \ud83dA \ud83d😀"`},
	{"lone surrogate at the end", `["\ud83d","\ud83d\n"]`, `["\ud83d","\ud83d\n"]`},
	{"indices first", `{"b":1,"10":2,"9":3,"a":4,"0":5}`, `{"0":5,"9":3,"10":2,"b":1,"a":4}`},
	{"no indices", `{"z":1,"01":2,"-1":3,"1.5":4,"1e1":5,"":6," 1":7,"4294967295":8}`, `{"z":1,"01":2,"-1":3,"1.5":4,"1e1":5,"":6," 1":7,"4294967295":8}`},
	{"largest index", `{"a":1,"4294967294":2,"4294967296":3}`, `{"4294967294":2,"a":1,"4294967296":3}`},
	{"escaped index", `{"a":1,"\u0031":2}`, `{"1":2,"a":1}`},
	{"repeated names", `{"a":1,"b":2,"a":{"x":[3]},"c":4,"b":null}`, `{"a":{"x":[3]},"b":null,"c":4}`},
	{"repeated by escape", `{"a":1,"\u0061":2,"\ud83d\ude00":3,"😀":4}`, `{"a":2,"😀":4}`},
	{"repeated indices", `{"2":1,"1":2,"2":3}`, `{"1":2,"2":3}`},
	{"names of JavaScript", `{"b":1,"__proto__":{"x":1},"constructor":2,"toString":3,"length":4}`, `{"b":1,"__proto__":{"x":1},"constructor":2,"toString":3,"length":4}`},
	{"nested order", `{"x":{"1":{"b":1,"0":2},"0":1},"x2":[{"b":1,"7":2}]}`, `{"x":{"0":1,"1":{"0":2,"b":1}},"x2":[{"7":2,"b":1}]}`},
}

func TestJavaScriptVectors(t *testing.T) {
	t.Parallel()
	for _, v := range javaScriptVectors {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if got := string(stringified([]byte(v.text))); got != v.want {
				t.Errorf("%s\nbecame %s\nwant   %s", v.text, got, v.want)
			}
		})
	}
}

func TestWithoutNulls(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":null}`: `{}`,
		`{"a":1,"b":null,"c":{"d":null,"e":[null,{"f":null}]}}`: `{"a":1,"c":{"e":[null,{}]}}`,
		`{"a":1,"a":null,"b":null,"b":2}`:                       `{"b":2}`,
		`{"a":"null","b":1e999,"c:null":0}`:                     `{"a":"null","c:null":0}`,
		`null`:                                                  `null`,
	} {
		if got := string(stringifiedWithoutNulls([]byte(text))); got != want {
			t.Errorf("%s became %s; want %s", text, got, want)
		}
	}
}

// TestAgainstJavaScript asks the real JSON.stringify, in one process for all
// cases.
func TestAgainstJavaScript(t *testing.T) {
	t.Parallel()
	var cases [][]byte
	for _, v := range javaScriptVectors {
		cases = append(cases, oneLine(t, []byte(v.text)))
	}
	generator := rapid.Custom(drawJSON)
	for seed := range 3000 {
		cases = append(cases, oneLine(t, []byte(generator.Example(seed))))
	}
	for i, want := range askJavaScript(t, cases) {
		if got := stringified(cases[i]); !bytes.Equal(got, want) {
			t.Errorf("%s\nbecame     %s\nJavaScript %s", cases[i], got, want)
		}
	}
}

// oneLine takes the line breaks out, which only white space can hold: cases are
// lines.
func oneLine(t *testing.T, text []byte) []byte {
	t.Helper()
	if err := alma.CheckJSON(text); err != nil {
		t.Fatalf("the generator made %q: %v", text, err)
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\n"), []byte(" ")), []byte("\r"), []byte(" "))
}

const javaScript = `
const lines = require("fs").readFileSync(0, "utf8").split("\n");
lines.pop();
process.stdout.write(lines.map((line) => JSON.stringify(JSON.parse(line)) + "\n").join(""));`

func askJavaScript(t *testing.T, cases [][]byte) [][]byte {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: only the fixed vectors are tested")
	}
	cmd := exec.CommandContext(t.Context(), node, "-e", javaScript)
	cmd.Stdin = bytes.NewReader(append(bytes.Join(cases, []byte("\n")), '\n'))
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, complaint.String())
	}
	lines := bytes.Split(bytes.TrimSuffix(out, []byte("\n")), []byte("\n"))
	if len(lines) != len(cases) {
		t.Fatalf("node answered %d lines for %d cases", len(lines), len(cases))
	}
	return lines
}

// drawJSON draws JSON that is hard to write as JavaScript does: numbers in all
// forms, names that repeat or are indices, escapes of every kind.
func drawJSON(t *rapid.T) string { return drawValue(t, 4) }

func drawValue(t *rapid.T, depth int) string {
	kinds := []string{"number", "text", "literal"}
	if depth > 0 {
		kinds = append(kinds, "object", "object", "array")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "object":
		members := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return drawText(t) + drawSpace(t) + ":" + drawValue(t, depth-1)
		}), 0, 6).Draw(t, "members")
		return "{" + drawSpace(t) + strings.Join(members, ",") + "}"
	case "array":
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawValue(t, depth-1) }), 0, 4).Draw(t, "items")
		return "[" + strings.Join(items, drawSpace(t)+",") + "]"
	case "text":
		return drawText(t)
	case "literal":
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "literal")
	default:
		return drawNumber(t)
	}
}

func drawSpace(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", " ", "\t", "\n "}).Draw(t, "space")
}

func drawNumber(t *rapid.T) string {
	if rapid.Bool().Draw(t, "plain") {
		b, _ := json.Marshal(rapid.Float64Range(-1e300, 1e300).Draw(t, "float"))
		return string(b)
	}
	return rapid.StringMatching(`-?(0|[1-9][0-9]{0,22})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number")
}

func drawText(t *rapid.T) string {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"a", "b", "0", "1", "10", "01", "4294967294", "4294967295", "__proto__", "é", "😀", "\u2028", "<&>", "\x7f"}),
		rapid.SampledFrom([]string{`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0061`, `\u0031`, `\ud83d`, `\ude00`, `\uD83D\uDE00`, `\u001F`}),
		rapid.StringMatching(`\\u[0-9a-fA-F]{4}`),
		rapid.StringMatching(`[^\x00-\x1f"\\]`),
	)
	return `"` + strings.Join(rapid.SliceOfN(piece, 0, 3).Draw(t, "pieces"), "") + `"`
}

// TestJavaScriptKeepsValues: writing it twice changes nothing more, and an
// independent parser sees the same value.
func TestJavaScriptKeepsValues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { checkStringified(t, []byte(drawJSON(t))) })
}

func FuzzStringified(f *testing.F) {
	for _, v := range javaScriptVectors {
		f.Add([]byte(v.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if alma.CheckJSON(text) == nil {
			checkStringified(t, text)
		}
	})
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkStringified(t failer, text []byte) {
	t.Helper()
	got := stringified(text)
	if !utf8.Valid(got) || !json.Valid(got) {
		t.Fatalf("%s became %s, which is no JSON", text, got)
	}
	if again := stringified(got); !bytes.Equal(again, got) {
		t.Fatalf("%s became %s, and that %s", text, got, again)
	}
	if bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) {
		return // Go takes all lone surrogates for the same character.
	}
	var want, have any
	if json.Unmarshal(text, &want) != nil {
		return // A number that is too large: null for JavaScript, an error for Go.
	}
	if err := json.Unmarshal(got, &have); err != nil {
		t.Fatalf("%s became %s: %v", text, got, err)
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(have)
	if strings.ReplaceAll(string(a), "-0", "0") != strings.ReplaceAll(string(b), "-0", "0") {
		t.Fatalf("%s became %s: another value", text, got)
	}
}
