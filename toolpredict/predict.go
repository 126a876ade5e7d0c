package toolpredict

import "math"

// Seconds is a length of time.
type Seconds float64

// Config bounds a model. The zero Config is the default.
type Config struct {
	// Nodes is how many distributions are kept, of programs, tools and tenants;
	// 20,000 when it is 0, of 0.7 KB each.
	Nodes int
}

// Call is what is known of a gap when it begins.
type Call struct {
	Program string
	Tenant  string
	Tool    string // a function's name, or the first word of a shell command; "" when unknown
	Class   string // what of the arguments tells the calls of a tool apart: a subcommand
	Human   bool   // a person answers, no tool

	// Hint is how long the client says that it will take; 0 when it does not.
	Hint Seconds
}

// Model learns how long gaps are. See the package documentation.
type Model struct {
	nodes   *cache[node]
	records *cache[record]
	tools   *commons
	people  *commons
	trust   [levels]weights // of new nodes
	path    [levels]*node   // of the call that is learnt from
}

// New makes a model that has seen nothing.
func New(cfg Config) *Model {
	size := cfg.Nodes
	if size <= 0 {
		size = 20_000
	}
	m := &Model{
		nodes: newCache[node](size), records: newCache[record](max(1, size/10)),
		tools: newCommons(&toolPrior), people: newCommons(&humanPrior),
	}
	for i := range m.trust {
		m.trust[i] = even
	}
	return m
}

// Observe learns from a gap that is over. What is no length (negative, NaN,
// infinite) is not learnt from; lengths beyond the bins count as the first or last.
func (m *Model) Observe(c Call, took Seconds) {
	if !took.isLength() {
		return
	}
	if m.learn(c, returned(float64(took))) {
		m.commons(c).family.learn(float64(took))
	}
}

// GaveUp learns from a gap that did not end as long as anybody watched: after so long the
// program was forgotten, or was said to be over. It counts as a length of at least that,
// which may be never; see counts.forecast for the estimator.
func (m *Model) GaveUp(c Call, after Seconds) {
	if after.isLength() {
		m.learn(c, givenUp(float64(after)))
	}
}

// learn counts an outcome at every level of a call, and tells whether it counts for other
// tenants too.
func (m *Model) learn(c Call, o outcome) (common bool) {
	base, fresh := m.commons(c), m.trust
	p := base.family.dist
	common = base.admit(c.Tenant)
	if common {
		base.node.learn(o, &p, &fresh[globalLevel])
	} else {
		base.node.refine(&p, o)
	}
	for level, n := range m.find(c) {
		if n != nil {
			n.learn(o, &p, &fresh[level])
		}
	}
	if c.hinted() {
		m.prove(c, o, &p)
	}
	if common {
		m.trust = fresh
	}
	return common
}

// Estimate says what is to be expected of a call, at its beginning. It changes nothing.
func (m *Model) Estimate(c Call, into *Estimate) {
	base := m.commons(c)
	p := base.family.dist
	base.node.refine(&p, outcome{})
	for level := tenantLevel; level < levels; level++ {
		if k, named := c.key(level); named {
			if n := m.nodes.look(k); n != nil {
				n.refine(&p, outcome{})
			}
		}
	}
	if c.hinted() {
		r := m.record(c, c.Tool)
		r.blend(binOf(float64(c.Hint)), &p)
	}
	into.set(&p)
}

// Forget drops what was learnt of a program alone. What its calls have told of their
// tools stays.
func (m *Model) Forget(program string) {
	m.nodes.remove(key{level: programLevel, name: program})
	m.nodes.remove(key{level: programLevel, name: program, human: true})
}

func (s Seconds) isLength() bool { return s >= 0 && !math.IsInf(float64(s), 1) }

// level is how close a distribution is to the call.
type level uint8

const (
	globalLevel level = iota
	tenantLevel
	toolLevel
	classLevel
	programLevel
	levels
)

// key names a node below the global level.
type key struct {
	level level
	human bool
	name  string // of the tenant, or of the program
	tool  string
	class string
}

// key is what a call is counted as at a level, if it has a name for it.
func (c Call) key(l level) (k key, named bool) {
	k = key{level: l, human: c.Human, name: c.Tenant}
	switch l {
	case tenantLevel:
		return k, c.Tenant != ""
	case toolLevel:
		k.tool = c.Tool
		return k, c.Tool != ""
	case classLevel:
		k.tool, k.class = c.Tool, c.Class
		return k, c.Tool != "" && c.Class != ""
	case programLevel:
		k.name = c.Program
		return k, c.Program != ""
	}
	return key{}, false
}

// find gives the nodes below the global level that a call is counted at, makes those that
// are not there, and gives nil where the call has no name for the level.
func (m *Model) find(c Call) *[levels]*node {
	m.path = [levels]*node{}
	for level := tenantLevel; level < levels; level++ {
		k, named := c.key(level)
		if !named {
			continue
		}
		n, known := m.nodes.get(k, c.Tenant)
		if !known {
			*n = node{trust: m.trust[level]}
		}
		m.path[level] = n
	}
	return &m.path
}

// commons is what the levels of a call start from.
func (m *Model) commons(c Call) *commons {
	if c.Human {
		return m.people
	}
	return m.tools
}

// recordKey names the record of a tenant's hints for a tool, or, with no tool, for all.
func (c Call) recordKey(tool string) key {
	return key{level: toolLevel, human: c.Human, name: c.Tenant, tool: tool}
}

// record is how a tenant's hints for a tool have done. A tool of which there is no record
// has the one of all that the tenant has said: a new name is no new belief.
func (m *Model) record(c Call, tool string) record {
	for _, name := range [...]string{tool, ""} {
		if r := m.records.look(c.recordKey(name)); r != nil {
			return *r
		}
	}
	return newRecord()
}

// prove has the records learn that a hinted call is counted at, its tool's and the tenant's
// of all tools, of which p was said without the hint.
func (m *Model) prove(c Call, o outcome, p *dist) {
	tools := [...]string{c.Tool, ""}
	for i, tool := range tools {
		if i > 0 && tool == tools[0] {
			break
		}
		before := m.record(c, tool)
		r, known := m.records.get(c.recordKey(tool), c.Tenant)
		if !known {
			*r = before.clone()
		}
		r.learn(o, binOf(float64(c.Hint)), p)
	}
}

func (c Call) hinted() bool { return c.Hint > 0 && !math.IsInf(float64(c.Hint), 1) }
