package toolpredict

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Learnt is what a model has learnt, as a plain value that shares nothing with it: what one run
// knows in the end, another can begin with (Recall). What is known of single programs alone is
// not in it, as programs end. It is the same for the same calls in the same order, and so is
// its JSON.
type Learnt struct {
	Tools, People Commons
	Fresh         [levels]Trust // of new nodes, by level
	Nodes         []Level       // by tenant; of a tenant the one used last is last
	Records       []Record      // in the same order
}

// Commons is what tenants have in common.
type Commons struct {
	Fit   Fit
	Node  Node
	Added []Added // by tenant
	Sum   float64 // samples of all tenants
	Unit  float64 // what a sample weighs in Added
}

// Added is what a tenant has added to Commons, in samples times Unit.
type Added struct {
	Tenant  string
	Samples float64
}

// Fit is the log-normal that fits all lengths, beside the prior.
type Fit struct {
	Samples, Sum, Squares float64   // of the logarithms
	Stale                 float64   // samples since Chances was worked out
	Chances               []float64 // of each bin, and of never
}

// Level is a node with its name: of a tool's calls of a class, of the tool, where Class is "",
// or of the tenant, where Tool is "" too.
type Level struct {
	Tenant string
	Tool   string `json:",omitempty"`
	Class  string `json:",omitempty"`
	Human  bool   `json:",omitempty"`
	Node
}

// Record is how a tenant's hints have done, for a tool or, where Tool is "", for all.
type Record struct {
	Tenant string
	Tool   string `json:",omitempty"`
	Human  bool   `json:",omitempty"`
	Ratios Node   // in bins of the ratio of what came to what was said
	Fresh  Trust
	Belief float64 // the weight of the hint
}

// Node is what is known of the lengths of some calls.
type Node struct {
	All, Recent Counts
	Trust       Trust
}

// Trust is how much each of a node's forecasts is trusted. It adds up to 1.
type Trust [len(weights{})]float64

// Counts are a histogram of calls.
type Counts struct {
	Returned Histogram
	GivenUp  *Histogram `json:",omitempty"` // nil before the first
	Sum      float64    // of both, in samples
	Last     float64    // what the latest sample weighs in them; 0 before the first
}

// Histogram has a count for each bin of lengths, times the weight of its sample. Its JSON is
// the bins that are not empty, [[BIN, COUNT], …].
type Histogram [bins]float32

// MarshalJSON implements json.Marshaler.
func (h Histogram) MarshalJSON() ([]byte, error) {
	text := []byte{'['}
	for bin, n := range h {
		if n == 0 {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(append(text, '['), int64(bin), 10)
		text = strconv.AppendFloat(append(text, ','), float64(n), 'g', -1, 32)
		text = append(text, ']')
	}
	return append(text, ']'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *Histogram) UnmarshalJSON(text []byte) error {
	var pairs [][]float32
	if err := json.Unmarshal(text, &pairs); err != nil {
		return err
	}
	*h = Histogram{}
	before := -1
	for _, pair := range pairs {
		if len(pair) != 2 {
			return fmt.Errorf("a histogram has %v where [BIN, COUNT] is to be", pair)
		}
		bin := int(min(max(pair[0], -1), bins))
		if float32(bin) != pair[0] || bin <= before || bin >= bins {
			return fmt.Errorf("a histogram has bin %v behind bin %d; bins are whole numbers below %d, in their order", pair[0], before, bins)
		}
		h[bin], before = pair[1], bin
	}
	return nil
}

// Learnt gives what the model has learnt so far.
func (m *Model) Learnt() *Learnt {
	l := &Learnt{Tools: m.tools.learnt(), People: m.people.learnt()}
	for i, w := range m.trust {
		l.Fresh[i] = Trust(w)
	}
	l.Nodes = make([]Level, 0, m.nodes.len())
	m.nodes.all(func(k key, n *node) {
		if k.level != programLevel {
			l.Nodes = append(l.Nodes, Level{k.name, k.tool, k.class, k.human, n.learnt()})
		}
	})
	l.Records = make([]Record, 0, m.records.len())
	m.records.all(func(k key, r *record) {
		l.Records = append(l.Records, Record{k.name, k.tool, k.human, r.ratios.learnt(), Trust(r.fresh), r.belief})
	})
	return l
}

// Recall makes a model that goes on where the one left off that gave l: it says the same of
// every call whose program is new to both. Of more than it keeps it has what was used last.
// It keeps nothing of l; the error is that of Check.
func Recall(cfg Config, l *Learnt) (*Model, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	m := New(cfg)
	m.tools.recall(&l.Tools)
	m.people.recall(&l.People)
	for i, w := range l.Fresh {
		m.trust[i] = weights(w)
	}
	for i := range l.Nodes {
		n := &l.Nodes[i]
		into, _ := m.nodes.get(n.key(), n.Tenant)
		*into = n.recalled()
	}
	for i := range l.Records {
		r := &l.Records[i]
		into, _ := m.records.get(r.key(), r.Tenant)
		*into = record{ratios: r.Ratios.recalled(), fresh: weights(r.Fresh), belief: r.Belief}
	}
	return m, nil
}

func (l *Level) key() key {
	k := key{level: tenantLevel, human: l.Human, name: l.Tenant, tool: l.Tool, class: l.Class}
	switch {
	case l.Class != "":
		k.level = classLevel
	case l.Tool != "":
		k.level = toolLevel
	}
	return k
}

func (r *Record) key() key { return Call{Tenant: r.Tenant, Human: r.Human}.recordKey(r.Tool) }

func (n *node) learnt() Node { return Node{n.all.learnt(), n.recent.learnt(), Trust(n.trust)} }

func (n *Node) recalled() node {
	return node{all: n.All.recalled(), recent: n.Recent.recalled(), trust: weights(n.Trust)}
}

func (c *counts) learnt() Counts {
	l := Counts{Returned: c.n, Sum: c.sum, Last: c.last}
	if c.gone != nil {
		gone := Histogram(*c.gone)
		l.GivenUp = &gone
	}
	return l
}

func (l *Counts) recalled() counts {
	c := counts{n: l.Returned, sum: l.Sum, last: l.Last}
	if l.GivenUp != nil {
		gone := [bins]float32(*l.GivenUp)
		c.gone = &gone
	}
	return c
}

func (c *commons) learnt() Commons {
	f := &c.family
	l := Commons{
		Fit:  Fit{f.n, f.sum, f.squares, f.stale, slices.Clone(f.dist[:])},
		Node: c.node.learnt(), Sum: c.sum, Unit: c.unit,
	}
	for _, tenant := range slices.Sorted(maps.Keys(c.added)) {
		l.Added = append(l.Added, Added{tenant, c.added[tenant]})
	}
	return l
}

func (c *commons) recall(l *Commons) {
	f := &c.family
	f.n, f.sum, f.squares, f.stale, f.dist = l.Fit.Samples, l.Fit.Sum, l.Fit.Squares, l.Fit.Stale, dist(l.Fit.Chances)
	c.node, c.sum, c.unit = l.Node.recalled(), l.Sum, l.Unit
	for _, a := range l.Added {
		c.added[a.Tenant] = a.Samples
	}
}

// The bounds of what Check takes for learnt. What a model learns is well within them.
const (
	leastTrust  = 1e-9
	leastChance = 1e-12
	mostWeight  = 1e13 // of a sample, and Unit
	mostSum     = 1e4  // samples, of which the older ones have been forgotten
	mostNodes   = 1 << 24
	roundedOff  = 0.01 // part of a sum by which it may differ from its parts, which are less exact
)

// Check reports the first thing that no model can have learnt, and that would spoil the
// estimates of one that began with it.
func (l *Learnt) Check() error {
	if err := l.Tools.check(); err != nil {
		return fmt.Errorf("learnt of all tools: %w", err)
	}
	if err := l.People.check(); err != nil {
		return fmt.Errorf("learnt of people: %w", err)
	}
	for level, w := range l.Fresh {
		if err := w.check(); err != nil {
			return fmt.Errorf("learnt of new nodes of level %d: %w", level, err)
		}
	}
	if len(l.Nodes) > mostNodes || len(l.Records) > mostNodes {
		return fmt.Errorf("learnt of %d nodes and %d records; there are no more than %d", len(l.Nodes), len(l.Records), mostNodes)
	}
	tenants := newOnce()
	for i := range l.Nodes {
		n := &l.Nodes[i]
		err := tenants.take(n.key(), n.Tenant)
		if err == nil && n.Tool == "" && (n.Class != "" || n.Tenant == "") {
			err = errors.New("a node has a tool where it has a class, and a tool or a tenant")
		}
		if err = cmp.Or(err, n.check()); err != nil {
			return fmt.Errorf("learnt of tenant %q, tool %q, class %q: %w", n.Tenant, n.Tool, n.Class, err)
		}
	}
	tenants = newOnce()
	for i := range l.Records {
		r := &l.Records[i]
		err := cmp.Or(tenants.take(r.key(), r.Tenant), r.Ratios.check(), r.Fresh.check(), between("the belief", r.Belief, leastTrust, 1-leastTrust))
		if err != nil {
			return fmt.Errorf("learnt of the hints of tenant %q for tool %q: %w", r.Tenant, r.Tool, err)
		}
	}
	return nil
}

// once sees to it that each name is there once, and those of a tenant together.
type once struct {
	names  map[key]bool
	tenant string
}

func newOnce() *once { return &once{names: map[key]bool{}} }

func (o *once) take(k key, tenant string) error {
	if o.names[k] {
		return errors.New("it is there twice")
	}
	if tenant < o.tenant {
		return fmt.Errorf("it is behind tenant %q; tenants are in the order of their names", o.tenant)
	}
	o.names[k], o.tenant = true, tenant
	return nil
}

func (c *Commons) check() error {
	if len(c.Added) > tenantsKept {
		return fmt.Errorf("%d tenants have added to it; no more than %d are counted", len(c.Added), tenantsKept)
	}
	for i, a := range c.Added {
		if i > 0 && a.Tenant <= c.Added[i-1].Tenant {
			return fmt.Errorf("tenant %q is behind %q; each is there once, in the order of their names", a.Tenant, c.Added[i-1].Tenant)
		}
		if err := between("what a tenant has added", a.Samples, 0, mostSum*mostWeight); err != nil {
			return err
		}
	}
	return cmp.Or(
		between("the sum", c.Sum, 0, mostSum), between("the unit", c.Unit, 1, mostWeight),
		c.Fit.check(), c.Node.check(),
	)
}

func (f *Fit) check() error {
	const mostLn = 20 // of a length
	if len(f.Chances) != len(dist{}) {
		return fmt.Errorf("the fit has %d chances; there are %d", len(f.Chances), len(dist{}))
	}
	total := 0.0
	for _, p := range f.Chances {
		if err := between("a chance", p, leastChance, 1); err != nil {
			return err
		}
		total += p
	}
	return cmp.Or(
		between("the sum of the chances", total, 1-roundedOff, 1+roundedOff),
		between("the number of samples of the fit", f.Samples, 0, mostSum),
		between("the sum of the logarithms", f.Sum, -mostLn*f.Samples, mostLn*f.Samples),
		between("the sum of their squares", f.Squares, 0, mostLn*mostLn*f.Samples),
		between("the number of new samples", f.Stale, 0, mostSum),
	)
}

func (n *Node) check() error { return cmp.Or(n.All.check(), n.Recent.check(), n.Trust.check()) }

func (w *Trust) check() error {
	total := 0.0
	for _, part := range w {
		if err := between("a trust", part, leastTrust, 1); err != nil {
			return err
		}
		total += part
	}
	return between("the sum of the trust", total, 1-roundedOff, 1+roundedOff)
}

func (l *Counts) check() error {
	total := 0.0
	for _, of := range [...]*Histogram{&l.Returned, l.GivenUp} {
		for bin := 0; of != nil && bin < bins; bin++ {
			if err := between("a count", float64(of[bin]), 0, mostSum*mostWeight); err != nil {
				return err
			}
			total += float64(of[bin])
		}
	}
	total /= max(l.Last, 1)
	if l.Last != 0 && !(l.Last >= 1 && l.Last <= mostWeight) {
		return fmt.Errorf("the weight of the latest sample is %v; it is 0, or from 1 to %v", l.Last, mostWeight)
	}
	off := roundedOff * (1 + total)
	return cmp.Or(between("the sum of the counts", l.Sum, 0, mostSum), between("the sum of the counts", l.Sum, total-off, total+off))
}

// between refuses what is not from least to most, NaN included.
func between(what string, v, least, most float64) error {
	if v >= least && v <= most {
		return nil
	}
	return fmt.Errorf("%s is %v; it is from %v to %v", what, v, least, most)
}
