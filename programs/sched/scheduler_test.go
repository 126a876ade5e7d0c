package sched_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// pool is a sched.Memory of so many free cells, which keeps the capacity of who
// is suspended as free. It notes what it is asked for.
type pool struct {
	free programs.Tokens
	log  []string
}

func (m *pool) Admit(p *sched.Program) (ok, later bool) {
	if m.free < p.Turn.Context {
		m.note("%s does not fit", p)
		return false, false
	}
	m.free -= p.Turn.Context
	p.Capacity = p.Turn.Context
	m.note("admit %s", p)
	return true, false
}

func (m *pool) Grow(p *sched.Program) bool {
	if m.free < 1 {
		m.note("%s cannot grow", p)
		return false
	}
	m.free--
	p.Capacity++
	m.note("grow %s", p)
	return true
}

func (m *pool) Suspend(p *sched.Program) {
	m.free += p.Capacity
	p.Cells, p.Capacity = 0, 0
	m.note("suspend %s", p)
}

func (m *pool) Lend(p *sched.Program) { m.note("lend %s", p) }

func (m *pool) Moving() bool { return false }

func (m *pool) note(format string, p *sched.Program) {
	m.log = append(m.log, fmt.Sprintf(format, p.ID))
}

// TestPlan plans for programs a, b, c …, which arrived in this order. Each is
// given as cells/context, those in capitals run already.
func TestPlan(t *testing.T) {
	limits := sched.Limits{StepTokens: 16, Running: 3}
	for _, c := range []struct {
		name     string
		free     programs.Tokens
		programs string
		log      string
		batch    string
	}{
		{
			name: "nothing to do",
		},
		{
			name: "admitted in order as far as they fit", free: 20,
			programs: "a 0/5, b 0/10, c 0/6",
			log:      "admit a, admit b, c does not fit",
			batch:    "a+5 b+10",
		},
		{
			name: "the first that does not fit holds the others back", free: 20,
			programs: "A 4/9, b 0/21, c 0/1",
			log:      "b does not fit",
			batch:    "a+5",
		},
		{
			name: "no more than may run", free: 100,
			programs: "a 0/1, b 0/1, c 0/1, d 0/1",
			log:      "admit a, admit b, admit c",
			batch:    "a+1 b+1 c+1",
		},
		{
			name:     "decodes before prompts, prompts in order within the budget",
			programs: "A 0/10, B 7/8, C 0/30",
			log:      "grow b",
			free:     1,
			batch:    "b+1 a+10 c+5",
		},
		{
			name:     "a prompt goes on where it was cut",
			programs: "A 16/30, B 3/20",
			batch:    "a+14 b+2",
		},
		{
			name:     "the last gives way to the first that must grow, and nobody is admitted",
			programs: "A 4/5, B 6/7, c 0/1",
			log:      "a cannot grow, suspend b, grow a",
			batch:    "a+1",
		},
		{
			name:     "the last gives way itself",
			free:     1,
			programs: "A 4/5, B 6/7",
			log:      "grow a, b cannot grow, suspend b",
			batch:    "a+1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &pool{free: c.free}
			s := sched.New(sched.NewProgramFCFS(sched.Env{}), limits, nil)
			start(s, c.programs)
			var batch []string
			for _, slice := range s.Plan(0, m, nil) {
				batch = append(batch, fmt.Sprintf("%s+%d", slice.Program.ID, slice.Count))
			}
			if got := strings.Join(m.log, ", "); got != c.log {
				t.Errorf("asked for %q, want %q", got, c.log)
			}
			if got := strings.Join(batch, " "); got != c.batch {
				t.Errorf("planned %q, want %q", got, c.batch)
			}
			if err := s.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// start brings a scheduler to where a test begins. Programs that run are admitted
// by a plan of their own; one that decodes has used up what it reserved.
func start(s *sched.Scheduler, list string) {
	var waiting []*sched.Program
	running := map[*sched.Program]programs.Tokens{}
	for i, entry := range strings.Split(list, ", ") {
		var name string
		var cells, context programs.Tokens
		if n, _ := fmt.Sscanf(entry, "%s %d/%d", &name, &cells, &context); n < 3 {
			continue
		}
		p := &sched.Program{ID: programs.ProgramID(strings.ToLower(name)), Arrived: programs.Time(i), Phase: programs.Active}
		p.Turn.Context = context
		if string(p.ID) == name {
			waiting = append(waiting, p)
			continue
		}
		s.Wait(0, p)
		s.Plan(0, &pool{free: context}, nil)
		running[p] = cells
	}
	for p, cells := range running {
		p.Cells = cells
		if p.Turn.Context-cells == 1 {
			p.Capacity = cells
		}
	}
	for _, p := range waiting {
		s.Wait(0, p)
	}
}
