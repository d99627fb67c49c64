package docs

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// language runs a snippet: program makes one that reads its arguments (the
// number of them a call has, and then, call by call, the body in hexadecimal
// and the rest) and prints true or false for each call.
type language struct {
	command string
	args    func(file string) []string
	file    string
	program func(snippet string, calls int) string
	needed  bool // With CI=true.
}

var languages = map[string]language{
	"go":         {"go", func(file string) []string { return []string{"run", file} }, "main.go", goProgram, true},
	"python":     {"python3", func(file string) []string { return []string{"-X", "utf8", file} }, "main.py", pythonProgram, true},
	"javascript": {"node", func(file string) []string { return []string{file} }, "main.cjs", javascriptProgram, true},
	"php":        {"php", func(file string) []string { return []string{file} }, "main.php", phpProgram, false},
	"java":       {"java", func(file string) []string { return []string{file} }, "Main.java", javaProgram, false},
}

func goProgram(snippet string, n int) string {
	call := "body"
	for i := 1; i < n; i++ {
		call += ", a[" + strconv.Itoa(i) + "]"
	}
	return "package main\n\n" + snippet + `
func main() {
	for a := os_.Args[1:]; len(a) > 0; a = a[` + strconv.Itoa(n) + `:] {
		body, _ := hex_.DecodeString(a[0])
		fmt_.Println(verify(` + call + `))
	}
}
`
}

// goImports gives the harness names that no snippet has.
const goImports = "import (\n\tfmt_ \"fmt\"\n\thex_ \"encoding/hex\"\n\tos_ \"os\"\n)\n\n"

func pythonProgram(snippet string, n int) string {
	return snippet + `

import sys
a, n = sys.argv[1:], ` + strconv.Itoa(n) + `
for i in range(0, len(a), n):
    print(str(verify(bytes.fromhex(a[i]), *a[i + 1 : i + n])).lower())
`
}

func javascriptProgram(snippet string, n int) string {
	return snippet + `
const a = process.argv.slice(2);
for (let i = 0; i < a.length; i += ` + strconv.Itoa(n) + `) {
  console.log(String(verify(Buffer.from(a[i], "hex"), ...a.slice(i + 1, i + ` + strconv.Itoa(n) + `))));
}
`
}

func phpProgram(snippet string, n int) string {
	return "<?php\n" + snippet + `
foreach (array_chunk(array_slice($argv, 1), ` + strconv.Itoa(n) + `) as $a) {
    echo verify(hex2bin($a[0]), ...array_slice($a, 1)) ? "true\n" : "false\n";
}
`
}

var (
	javaClass  = regexp.MustCompile(`final class (\w+)`)
	javaImport = regexp.MustCompile(`(?m)^import .*\n`)
)

// javaProgram puts its own class first: that is the one that is run.
func javaProgram(snippet string, n int) string {
	call := "HexFormat.of().parseHex(a[i])"
	for i := 1; i < n; i++ {
		call += ", a[i + " + strconv.Itoa(i) + "]"
	}
	imports := strings.Join(javaImport.FindAllString(snippet, -1), "")
	if !strings.Contains(imports, "java.util.HexFormat") {
		imports += "import java.util.HexFormat;\n"
	}
	return imports + `
final class Main {
    public static void main(String[] a) throws Exception {
        for (int i = 0; i < a.length; i += ` + strconv.Itoa(n) + `) {
            System.out.println(` + javaClass.FindStringSubmatch(snippet)[1] + `.verify(` + call + `));
        }
    }
}

` + javaImport.ReplaceAllString(snippet, "")
}

// call is one call of a snippet's verify, and what it has to return.
type call struct {
	name string
	body string
	args []string
	want string
}

const snippetBody = `{"memory_id":"m1","data":{"strategy":"prüfe 表单 <&>"}}`

// bodySigned are the calls of verify(body, signature, secret).
func bodySigned(good, other string) []call {
	const secret = pageText
	return []call{
		{"good", snippetBody, []string{good, secret}, "true"},
		{"altered body", snippetBody + " ", []string{good, secret}, "false"},
		{"altered signature", snippetBody, []string{other, secret}, "false"},
		{"truncated", snippetBody, []string{good[:len(good)-4], secret}, "false"},
		{"in capitals", snippetBody, []string{strings.ToUpper(good), secret}, "false"},
		{"doubled", snippetBody, []string{good + good, secret}, "false"},
		{"another secret", snippetBody, []string{good, "other"}, "false"},
		{"no signature", snippetBody, []string{"", secret}, "false"},
	}
}

// timeSigned are the calls of verify(body, id, timestamp, signatures, secret);
// private is what the sender has, secret what the listener has.
func timeSigned(t *testing.T, private, secret, another string) []call {
	t.Helper()
	sign := func(at time.Time) (timestamp, signature string) {
		signature, err := wire.SignStandard(private, "evt_1", at, []byte(snippetBody))
		if err != nil {
			t.Fatal(err)
		}
		return strconv.FormatInt(at.Unix(), 10), signature
	}
	now, good := sign(time.Now())
	old, oldGood := sign(time.Now().Add(-10 * time.Minute))
	early, earlyGood := sign(time.Now().Add(10 * time.Minute))
	return []call{
		{"good", snippetBody, []string{"evt_1", now, good, secret}, "true"},
		{"one of several", snippetBody, []string{"evt_1", now, "v2,x v1,AAAA " + good, secret}, "true"},
		{"altered body", snippetBody + " ", []string{"evt_1", now, good, secret}, "false"},
		{"another id", snippetBody, []string{"evt_2", now, good, secret}, "false"},
		{"another time", snippetBody, []string{"evt_1", early, good, secret}, "false"},
		{"old", snippetBody, []string{"evt_1", old, oldGood, secret}, "false"},
		{"from the future", snippetBody, []string{"evt_1", early, earlyGood, secret}, "false"},
		{"no time", snippetBody, []string{"evt_1", "", good, secret}, "false"},
		{"truncated", snippetBody, []string{"evt_1", now, good[:len(good)-8], secret}, "false"},
		{"another secret", snippetBody, []string{"evt_1", now, good, another}, "false"},
		{"no signature", snippetBody, []string{"evt_1", now, "", secret}, "false"},
	}
}

func snippetCalls(t *testing.T, format alma.Format, snippet string) []call {
	t.Helper()
	f, _ := wire.Lookup(format)
	switch {
	case format == alma.FormatAlma:
		return bodySigned(wire.SignAlma(pageText, []byte(snippetBody)), wire.SignAlma(pageText, nil))
	case format == alma.FormatExlibris:
		return bodySigned(wire.SignExlibris(pageText, []byte(snippetBody)), wire.SignExlibris(pageText, nil))
	case strings.Contains(snippet, "whpk_"):
		public, _ := wire.PublicKey(pageKey)
		another, _ := wire.PublicKey(f.NewSecret(alma.SignatureEd25519))
		return timeSigned(t, pageKey, public, another)
	default:
		return timeSigned(t, pageHMAC, pageHMAC, former)
	}
}

// TestSnippetsVerify: the functions that the pages show take what Alma signs,
// and nothing else, in every language that is here.
func TestSnippetsVerify(t *testing.T) {
	t.Parallel()
	for name, l := range languages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command, err := exec.LookPath(l.command)
			if err != nil && l.needed && os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			if err != nil {
				t.Skipf("not run: %v", err)
			}
			for _, f := range wire.Formats() {
				snippets := blocks(read(t, filepath.Join("formats", string(f.Name())+".md")), name)
				for i, snippet := range snippets {
					if !strings.Contains(snippet, "verify(") {
						continue // It shows something else.
					}
					t.Run(string(f.Name())+" "+strconv.Itoa(i+1), func(t *testing.T) {
						l.run(t, command, snippet, snippetCalls(t, f.Name(), snippet))
					})
				}
			}
		})
	}
}

// run makes all calls in one process.
func (l *language) run(t *testing.T, command, snippet string, calls []call) {
	t.Helper()
	program := l.program(snippet, 1+len(calls[0].args))
	if l.file == "main.go" {
		program = strings.Replace(program, "\n\nimport (", "\n\n"+goImports+"import (", 1)
	}
	file := filepath.Join(t.TempDir(), l.file)
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	args := l.args(file)
	for _, c := range calls {
		args = append(append(args, hex.EncodeToString([]byte(c.body))), c.args...)
	}
	cmd := exec.CommandContext(t.Context(), command, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := strings.Fields(string(out))
	if len(said) != len(calls) {
		t.Fatalf("%d answers to %d calls:\n%s", len(said), len(calls), out)
	}
	for i, c := range calls {
		if said[i] != c.want {
			t.Errorf("%s: %s; want %s", c.name, said[i], c.want)
		}
	}
}
