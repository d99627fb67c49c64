package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Shells are the names of those that [Completion] knows.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Completion writes the script with which a shell completes the command line of
// an application. All scripts find out in the same way which command stands on
// the line, and then offer its commands, flags, or the values of a flag.
func Completion(w io.Writer, shell string, app *kong.Application) error {
	var b strings.Builder
	switch shell {
	case "bash":
		bash(&b, app)
	case "zsh":
		zsh(&b, app)
	case "fish":
		fish(&b, app)
	default:
		return fmt.Errorf("alma: completion: no shell %q: want one of %s", shell, strings.Join(Shells(), ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err //nolint:wrapcheck // A writer's error says all there is.
}
