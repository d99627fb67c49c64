package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

type signing struct {
	Format string `help:"The wire format: alma, exlibris, standard or cloudevents." default:"alma"`
	Secret string `help:"The webhook's secret; to verify, a public key (whpk_…) does too." required:"" env:"ALMA_SECRET" placeholder:"SECRET"`
	At     string `help:"The time that signing or verifying is done at, as Unix seconds or like 2026-01-28T12:00:00Z; matters to formats that sign it. Defaults to now." placeholder:"TIME"`
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
	if err := wire.CheckVerifier(format.Name(), s.Secret); err != nil {
		return nil, nil, usagef("the secret %s", err)
	}
	body, err := readFile(s.File, in)
	return format, body, err
}

// at returns the time that --at says.
func (s *signing) at() (time.Time, error) {
	if s.At == "" {
		return time.Now(), nil
	}
	if seconds, err := strconv.ParseInt(s.At, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	t, err := time.Parse(time.RFC3339, s.At)
	if err != nil {
		return t, usagef("--at %q: want Unix seconds, or a time like 2026-01-28T12:00:00Z", s.At)
	}
	return t, nil
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

type signCmd struct {
	signing
	ID string `help:"The event's id, which formats standard and cloudevents sign. Defaults to a new one." placeholder:"ID"`
}

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
	at, err := c.at()
	if err != nil {
		return err
	}
	if strings.HasPrefix(c.Secret, "whpk_") && format.Name() != alma.FormatAlma && format.Name() != alma.FormatExlibris {
		return usagef("the secret is a public key (whpk_…), which cannot sign; want the private one (whsk_…)")
	}
	if c.ID == "" {
		c.ID = alma.NewEventID()
	}
	message := &alma.Message{Format: format.Name(), Body: body, Header: []alma.HeaderField{{Name: wire.HeaderWebhookID, Value: c.ID}}}
	for _, h := range format.Sign(message, []string{c.Secret}, wire.Attempt{DeliveryID: "signed-by-hand", Number: 1, At: at}) {
		if isOfSignature(format.Name(), h.Name) {
			fmt.Fprintf(io.out, "%s: %s\n", h.Name, h.Value)
		}
	}
	return nil
}

// isOfSignature reports whether a listener needs a header to verify.
func isOfSignature(format alma.Format, header string) bool {
	signed := format == alma.FormatStandard || format == alma.FormatCloudEvents
	return strings.HasSuffix(strings.ToLower(header), "-signature") || signed && strings.HasPrefix(header, "webhook-")
}

type verifyCmd struct {
	signing
	Header []string `help:"A header of the request, as \"Name: value\"; may be given several times." short:"H" sep:"none" placeholder:"HEADER"`
}

// Help says more than the list of flags.
func (*verifyCmd) Help() string {
	return `Examples:

  alma verify --secret S -H "X-ALMA-Signature: sha256=…" body.json
  alma verify --format standard --secret whsec_… -H "webhook-id: …" -H "webhook-timestamp: …" -H "webhook-signature: v1,…" body.json

Formats standard and cloudevents refuse what is older than 5 minutes; for a
request from long ago, say with --at when it came.`
}

// Run verifies the signature.
func (c *verifyCmd) Run(io stdio) error {
	format, body, err := c.read(io.in)
	if err != nil {
		return err
	}
	at, err := c.at()
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
	if err := format.Verify(header, body, []string{c.Secret}, at); err != nil {
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
