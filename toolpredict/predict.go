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
	tools   family
	people  family
	trust   [levels]weights // of new nodes
	path    [levels]*node   // of the call that is worked on
}

// New makes a model that has seen nothing.
func New(cfg Config) *Model {
	size := cfg.Nodes
	if size <= 0 {
		size = 20_000
	}
	m := &Model{
		nodes: newCache[node](size), records: newCache[record](max(1, size/10)),
		tools: newFamily(&toolPrior), people: newFamily(&humanPrior),
	}
	for i := range m.trust {
		m.trust[i] = even
	}
	return m
}

// Observe learns from a gap that is over. What is no length (negative, NaN,
// infinite) is not learnt from; lengths beyond the bins count as the first or last.
func (m *Model) Observe(c Call, took Seconds) {
	if !(took >= 0) || math.IsInf(float64(took), 1) {
		return
	}
	b := binOf(float64(took))
	family := m.family(c)
	p := family.dist[b]
	family.learn(float64(took))
	for level, n := range m.find(c) {
		if n != nil {
			p = n.learn(b, p, &m.trust[level])
		}
	}
	if c.hinted() {
		m.record(c).learn(b, binOf(float64(c.Hint)), p)
	}
}

// Estimate says what is to be expected of a call, at its beginning.
func (m *Model) Estimate(c Call, into *Estimate) {
	p := m.family(c).dist
	for _, n := range m.find(c) {
		if n != nil {
			n.refine(&p)
		}
	}
	if c.hinted() {
		m.record(c).blend(binOf(float64(c.Hint)), &p)
	}
	into.set(&p)
}

// Forget drops what was learnt of a program alone. What its calls have told of their
// tools stays.
func (m *Model) Forget(program string) {
	m.nodes.remove(key{level: programLevel, name: program})
	m.nodes.remove(key{level: programLevel, name: program, human: true})
}

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

// key names a node.
type key struct {
	level level
	human bool
	name  string // of the tenant, or of the program
	tool  string
	class string
}

// find gives the nodes that a call is counted at, nil where it has no name for the
// level.
func (m *Model) find(c Call) *[levels]*node {
	m.path = [levels]*node{globalLevel: m.node(key{level: globalLevel, human: c.Human})}
	if c.Tenant != "" {
		m.path[tenantLevel] = m.node(key{level: tenantLevel, human: c.Human, name: c.Tenant})
	}
	if c.Tool != "" {
		m.path[toolLevel] = m.node(key{level: toolLevel, human: c.Human, name: c.Tenant, tool: c.Tool})
		if c.Class != "" {
			m.path[classLevel] = m.node(key{level: classLevel, human: c.Human, name: c.Tenant, tool: c.Tool, class: c.Class})
		}
	}
	if c.Program != "" {
		m.path[programLevel] = m.node(key{level: programLevel, human: c.Human, name: c.Program})
	}
	return &m.path
}

// family is what the levels of a call start from.
func (m *Model) family(c Call) *family {
	if c.Human {
		return &m.people
	}
	return &m.tools
}

// node finds what the key names, or makes it.
func (m *Model) node(k key) *node {
	n, known := m.nodes.get(k)
	if !known {
		*n = node{trust: m.trust[k.level]}
	}
	return n
}

// record finds how a tenant's hints for a tool have done.
func (m *Model) record(c Call) *record {
	r, known := m.records.get(key{level: toolLevel, human: c.Human, name: c.Tenant, tool: c.Tool})
	if !known {
		*r = newRecord()
	}
	return r
}

func (c Call) hinted() bool { return c.Hint > 0 && !math.IsInf(float64(c.Hint), 1) }
