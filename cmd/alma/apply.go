package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/alma-events/alma/internal/server/api"
)

// pruning is asked for by a flag: nothing is removed otherwise.
type pruning struct {
	Prune bool `name:"prune-undeclared" help:"Remove webhooks and sources that the config file does not declare, where it has their section. Keys are never removed." env:"ALMA_PRUNE_UNDECLARED"`
}

type applyCmd struct {
	pruning
	DryRun bool `name:"dry-run" help:"Only show what would change."`
}

// Help says more than the list of flags.
func (*applyCmd) Help() string {
	return `Does at a running server what "alma serve" does with the same file when it starts.
Each thing is known by its name; a second run changes nothing. Example of a file:

  webhooks:
    - name: analytics
      url: https://analytics.example.com/events
      events: [CREATED, UPDATED]
      secret: ${ANALYTICS_SECRET}

  alma apply --config alma.yaml --dry-run`
}

// Run declares.
func (c *applyCmd) Run(ctx context.Context, conn *connection, s *settings, io stdio) error {
	if s.Config == "" {
		return usagef("--config (ALMA_CONFIG) is missing; want the file with webhooks, sources or keys")
	}
	things, err := readDeclared(string(s.Config))
	if err != nil {
		return err
	}
	if len(things.body) == 0 {
		return usagef("%s declares nothing; want one of webhooks, sources, keys", things.path)
	}
	var answer struct {
		Changes []api.Change `json:"changes"`
	}
	if err := conn.call(ctx, http.MethodPost, "/v1/apply", nil, things.request(c.Prune, c.DryRun), &answer); err != nil {
		return things.located(err)
	}
	printChanges(io, answer.Changes, c.DryRun)
	return nil
}

// request is the body of the call.
func (d *declaredThings) request(prune, dryRun bool) map[string]any {
	body := maps.Clone(d.body)
	body["prune"], body["dry_run"] = prune, dryRun
	return body
}

// declare applies what the config file declares to a server that has just begun.
func (n *node) declare(ctx context.Context, things *declaredThings, prune bool, io stdio) error {
	if len(things.body) == 0 {
		return nil
	}
	body, err := encode(things.request(prune, false))
	if err != nil {
		return err
	}
	changes, err := n.rest.Declare(ctx, body)
	printChanges(io, changes, false)
	var usage *usageError
	if err = things.located(err); errors.As(err, &usage) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w; what was done stays: the next start goes on from there", err)
	}
	return nil
}

// printChanges shows a diff, secrets masked.
func printChanges(io stdio, changes []api.Change, dryRun bool) {
	signs := map[string]string{"create": "+", "update": "~", "remove": "-"}
	kept := 0
	for _, c := range changes {
		if c.Action == "keep" {
			kept++
			continue
		}
		fmt.Fprintf(io.out, "%s %s %s\n", signs[c.Action], c.Kind, visible(c.Name))
		for _, m := range c.Diff {
			fmt.Fprintf(io.out, "    %s: %s → %s\n", m.Name, visible(string(m.From)), visible(string(m.To)))
		}
	}
	end := "Declared things as they are now"
	if dryRun {
		end = "Nothing was changed; this would"
	}
	fmt.Fprintf(io.out, "%s: %d changed, %d unchanged.\n", end, len(changes)-kept, kept)
}
