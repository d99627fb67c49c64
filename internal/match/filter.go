package match

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"

	"github.com/alma-events/alma/internal/flow"
)

// costLimit bounds the work of one evaluation, in units of CEL's cost model:
// plenty for comparisons and searches in a text, too little for nested loops
// over large lists.
const costLimit = 100_000

// Filter is a compiled CEL expression over the variable "event". It may be
// used concurrently.
type Filter struct {
	program cel.Program
}

// environment is made once: it is costly, and the same for every filter.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("event", cel.MapType(cel.StringType, cel.DynType)),
		ext.Strings(),
	)
})

// Compile checks and compiles an expression. The error says where and why.
func Compile(expression string) (*Filter, error) {
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("alma: filter environment: %w", err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, explain(issues)
	}
	if out := ast.OutputType(); !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("gives a %s; want true or false, as in event.agent == \"qa\"", out)
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, fmt.Errorf("cannot be compiled: %w", err)
	}
	return &Filter{program: program}, nil
}

func explain(issues *cel.Issues) error {
	var parts []string
	for _, e := range issues.Errors() {
		parts = append(parts, fmt.Sprintf("line %d, column %d: %s", e.Location.Line(), e.Location.Column()+1, e.Message))
	}
	return fmt.Errorf("does not compile: %s; want a CEL expression such as event.data.confidence > 0.8", strings.Join(parts, "; "))
}

var errNoBool = errors.New("the filter gave neither true nor false")

// Match reports whether an event passes. A failing evaluation, such as one
// that reads a member which the event lacks, is an error and no match.
func (f *Filter) Match(e *flow.Entry) (bool, error) {
	out, _, err := f.program.Eval(map[string]any{"event": e.Variables()})
	if err != nil {
		return false, fmt.Errorf("filter: %w", err)
	}
	pass, ok := out.Value().(bool)
	if !ok {
		return false, errNoBool
	}
	return pass, nil
}
