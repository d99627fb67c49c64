package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

type signing struct {
	Format string `help:"The wire format." default:"alma"`
	Secret string `help:"The webhook's secret." required:"" env:"ALMA_SECRET" placeholder:"SECRET"`
	File   string `arg:"" help:"The file that holds the body, or - for standard input."`
}

func (s *signing) read(in io.Reader) (wire.Format, []byte, error) {
	format, err := lookupFormat(s.Format)
	if err != nil {
		return nil, nil, err
	}
	if err := checkSecret(&s.Secret); err != nil {
		return nil, nil, err
	}
	body, err := readFile(s.File, in)
	return format, body, err
}

func lookupFormat(name string) (wire.Format, error) {
	format, ok := wire.Lookup(alma.Format(name))
	if !ok {
		return nil, usagef("the format %q is unknown; want %s", name, formatNames())
	}
	return format, nil
}

func formatNames() string {
	var names []string
	for _, f := range wire.Formats() {
		names = append(names, string(f.Name()))
	}
	return strings.Join(names, ", ")
}

// readFile reads a file, or standard input for "-".
func readFile(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		raw, err := io.ReadAll(in)
		if err != nil {
			return nil, fmt.Errorf("cannot read standard input: %w", err)
		}
		return raw, nil
	}
	raw, err := os.ReadFile(name) //nolint:gosec // The user names the file.
	if err != nil {
		return nil, fmt.Errorf("cannot read the file: %w", err)
	}
	return raw, nil
}

type signCmd struct{ signing }

// Help says more than the list of flags.
func (*signCmd) Help() string {
	return "Prints the headers that carry the signature, as a delivery with this body would have them."
}

// Run prints the signature's headers.
func (c *signCmd) Run(io stdio) error {
	format, body, err := c.read(io.in)
	if err != nil {
		return err
	}
	message := &alma.Message{Format: format.Name(), Body: body}
	for _, h := range format.Sign(message, []string{c.Secret}, wire.Attempt{DeliveryID: "signed-by-hand", Number: 1, At: time.Now()}) {
		if strings.Contains(strings.ToLower(h.Name), "signature") {
			fmt.Fprintf(io.out, "%s: %s\n", h.Name, h.Value)
		}
	}
	return nil
}

type verifyCmd struct {
	signing
	Header []string `help:"A header of the request, as \"Name: value\"; may be given several times." short:"H" sep:"none" placeholder:"HEADER"`
}

// Run verifies the signature.
func (c *verifyCmd) Run(io stdio) error {
	format, body, err := c.read(io.in)
	if err != nil {
		return err
	}
	header := http.Header{}
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return usagef("--header %q has no colon; want \"Name: value\"", line)
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if err := format.Verify(header, body, []string{c.Secret}, time.Now()); err != nil {
		return fmt.Errorf("the signature does not hold: %s", strings.TrimPrefix(err.Error(), "alma: verify: "))
	}
	fmt.Fprintln(io.out, style(io.out, green, "The signature holds."))
	return nil
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(io stdio) error { //nolint:unparam // kong wants an error.
	fmt.Fprintln(io.out, "alma", wire.Version)
	return nil
}
