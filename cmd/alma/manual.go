package main

import (
	"github.com/alecthomas/kong"

	"github.com/alma-events/alma/internal/manual"
	"github.com/alma-events/alma/wire"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says more than the list of flags.
func (*completionCmd) Help() string {
	return `Load it in every shell:

  echo 'source <(alma completion bash)' >> ~/.bashrc
  echo 'source <(alma completion zsh)' >> ~/.zshrc
  alma completion fish > ~/.config/fish/completions/alma.fish`
}

// Run prints the script.
func (c *completionCmd) Run(kctx *kong.Context, io stdio) error {
	return manual.Completion(io.out, c.Shell, kctx.Model) //nolint:wrapcheck // It names the operation.
}

type manCmd struct{}

// Help says more than the list of flags.
func (*manCmd) Help() string {
	return `Read it, or put it where man finds it:

  alma man | man -l -
  alma man > ~/.local/share/man/man1/alma.1`
}

// Run prints the page.
func (*manCmd) Run(kctx *kong.Context, io stdio) error {
	return manual.Man(io.out, kctx.Model, wire.Version, "durable events and webhooks") //nolint:wrapcheck // See above.
}
