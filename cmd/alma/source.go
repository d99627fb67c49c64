package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type sourceCmd struct {
	Add          sourceAddCmd    `cmd:"" help:"Let a foreign system send events here."`
	List         sourceListCmd   `cmd:"" help:"List sources, the oldest first."`
	Show         sourceShowCmd   `cmd:"" help:"Show one source."`
	RotateSecret sourceRotateCmd `cmd:"" name:"rotate-secret" help:"Give a source a new secret."`
	Remove       sourceRemoveCmd `cmd:"" help:"Remove a source; what it has sent stays."`
}

// shownSource is a source as the server shows it.
type shownSource struct {
	Name        string     `json:"name"`
	URL         string     `json:"url"`
	Format      string     `json:"format"`
	Secret      string     `json:"secret"`
	SecretHint  string     `json:"secret_hint"`
	Signed      bool       `json:"signed"`
	FormerUntil *time.Time `json:"former_secret_until"`
	ProjectID   string     `json:"project_id"`
	Description string     `json:"description"`
	CreatedAt   time.Time  `json:"created_at"`
}

type sourceAddCmd struct {
	Name        string  `arg:"" help:"Its name, which becomes part of the URL /in/NAME: lower-case letters, digits, - and _."`
	Format      string  `help:"What it sends: exlibris, standard, cloudevents or alma." default:"alma"`
	Secret      *string `help:"What it signs with. (default: a generated one, which is printed)" env:"ALMA_SECRET" placeholder:"SECRET"`
	Unsigned    bool    `help:"Take what anyone sends who reaches the URL."`
	Project     string  `help:"Put all that comes in into this project." placeholder:"PROJECT"`
	Description string  `help:"For people." placeholder:"TEXT"`
}

// Help says more than the list of flags.
func (*sourceAddCmd) Help() string {
	return `Example: Ex Libris Alma sends its webhooks here, and they flow on to any number of
listeners, logged and repeatable.

  alma source add library --format exlibris --project 01MYLIB

Then set the listener of an integration profile to https://YOUR-HOST/in/library,
and its secret to the one that was printed.`
}

// Run makes a source.
func (c *sourceAddCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	if c.Unsigned && c.Secret != nil {
		return usagef("both --secret (ALMA_SECRET) and --unsigned are given; want one of the two")
	}
	if err := checkSecret(c.Secret); err != nil {
		return err
	}
	body := map[string]any{"name": c.Name, "format": c.Format, "project_id": c.Project, "description": c.Description}
	if c.Secret != nil || c.Unsigned {
		body["secret"] = c.Secret
	}
	var made shownSource
	if err := conn.call(ctx, http.MethodPost, "/v1/sources", nil, body, &made); err != nil {
		return err
	}
	fmt.Fprintf(io.out, "Made source %s; it takes %s at %s\n", made.Name, made.Format, conn.address(made.URL))
	if c.Secret == nil && made.Secret != "" {
		printSecret(io, made.Secret)
	}
	return nil
}

func printSecret(io stdio, secret string) {
	fmt.Fprintln(io.out, "secret:", secret)
	fmt.Fprintln(io.err, "the secret is shown this once; give it to the sender")
}

// address returns the URL of a path at the server.
func (c *connection) address(path string) string { return strings.TrimSuffix(c.Server, "/") + path }

type sourceListCmd struct{ listing }

// Run lists sources.
func (c *sourceListCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, "/v1/sources", c.add(url.Values{}), nil, &raw); err != nil {
		return err
	}
	return printPage(io, c.listing, raw, []string{"CREATED", "NAME", "FORMAT", "SIGNED", "PROJECT", "DESCRIPTION"}, sourceRow,
		"No sources. \"alma source add NAME\" makes one.")
}

func sourceRow(item json.RawMessage) ([]string, error) {
	var s shownSource
	if err := json.Unmarshal(item, &s); err != nil {
		return nil, err //nolint:wrapcheck // printPage says what failed.
	}
	return []string{moment(s.CreatedAt), s.Name, s.Format, signedText(&s), orDash(s.ProjectID), orDash(s.Description)}, nil
}

func signedText(s *shownSource) string {
	switch {
	case !s.Signed:
		return "no"
	case s.FormerUntil != nil:
		return "yes, two secrets until " + moment(*s.FormerUntil)
	default:
		return "yes"
	}
}

// sourceName names one source.
type sourceName struct {
	Name string `arg:"" help:"The source's name."`
}

func (s *sourceName) path() string { return "/v1/sources/" + url.PathEscape(s.Name) }

type sourceShowCmd struct {
	sourceName
	Output string `help:"table or json." enum:"table,json" default:"table" short:"o" env:"ALMA_OUTPUT"`
}

// Run shows a source.
func (c *sourceShowCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, c.path(), nil, nil, &raw); err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(io.out, raw)
	}
	var s shownSource
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	printTable(io.out, []string{"SETTING", "VALUE"}, [][]string{
		{"name", s.Name},
		{"url", conn.address(s.URL)},
		{"format", s.Format},
		{"signed", signedText(&s)},
		{"secret ends in", orDash(s.SecretHint)},
		{"project", orDash(s.ProjectID)},
		{"description", orDash(s.Description)},
		{"created", moment(s.CreatedAt)},
	}, "")
	return nil
}

type sourceRotateCmd struct {
	sourceName
	Secret  *string `help:"The new secret. (default: a generated one, which is printed)" env:"ALMA_SECRET" placeholder:"SECRET"`
	Overlap span    `help:"Take the former secret too for so long, while the sender is told the new one." default:"0s"`
}

// Run replaces a source's secret.
func (c *sourceRotateCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	if err := checkSecret(c.Secret); err != nil {
		return err
	}
	body := map[string]any{"overlap": time.Duration(c.Overlap).Seconds()}
	if c.Secret != nil {
		body["secret"] = *c.Secret
	}
	var s shownSource
	if err := conn.call(ctx, http.MethodPost, c.path()+"/rotate-secret", nil, body, &s); err != nil {
		return err
	}
	if s.FormerUntil != nil {
		fmt.Fprintf(io.err, "the former secret is taken until %s\n", moment(*s.FormerUntil))
	}
	if c.Secret == nil {
		printSecret(io, s.Secret)
	}
	return nil
}

type sourceRemoveCmd struct{ sourceName }

// Run removes a source.
func (c *sourceRemoveCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	if err := conn.call(ctx, http.MethodDelete, c.path(), nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(io.err, "removed", c.Name)
	return nil
}
