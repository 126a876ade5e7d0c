package replay

import (
	"context"
	"fmt"

	"github.com/interlude-run/interlude/sdk"
)

// Nodes are the nodes that a client talks to.
type Nodes struct{ Client *sdk.Client }

// Begin implements Server. Programs have the runs' names.
func (n Nodes) Begin(run *Run) Talk {
	return &program{run: run, program: n.Client.Program(run.Name)}
}

type program struct {
	run     *Run
	program *sdk.Program
	begun   bool
}

// Turn sends a turn and reads its answer. What will be called is said with the turn, as
// a node would find it in an answer of a larger model.
func (p *program) Turn(ctx context.Context, t *Turn, last bool, first func()) (Answer, error) {
	var messages []sdk.Message
	if !p.begun {
		messages = append(messages, sdk.System(p.run.System))
	}
	p.begun = true
	turn := sdk.Turn{
		Messages: append(messages, sdk.User(t.Says)),
		Sampling: sdk.Sampling{MaxTokens: t.Tokens, IgnoreEOS: true},
		Last:     last,
	}
	if t.Tool != "" && !last {
		turn.ToolHint = &sdk.ToolHint{Name: t.Tool, Class: t.Class}
	}
	answer, err := p.program.Turn(ctx, turn)
	if err != nil {
		return Answer{}, err
	}
	heard := false
	for _, err := range answer.Text() {
		if err != nil {
			return Answer{}, err
		}
		if !heard {
			first()
		}
		heard = true
	}
	result, err := answer.Result(ctx)
	if err != nil {
		return Answer{}, err
	}
	if result.Error != nil {
		return Answer{}, fmt.Errorf("the turn is %s: %w", result.Outcome, result.Error)
	}
	u := result.Usage
	return Answer{Text: result.Text, Prefilled: u.PrefilledTokens, Reused: u.ReusedTokens, Restored: u.RestoredTokens, Generated: u.CompletionTokens}, nil
}
