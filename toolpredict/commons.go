package toolpredict

// commons is what tenants have in common: the lengths of all calls, or of all answers of
// people. It is what is thought of a tenant that nothing is known of. A tenant adds to it as
// long as it has not added nine times as much as all others together; what it observes beyond
// that counts for itself alone. So however much it observes, a tenth of what others start
// from is theirs. A tenant that is alone adds all.
type commons struct {
	family family
	node   node

	added map[string]float64 // samples by tenant, in units of 1/unit; they age as those of node do
	sum   float64            // of all tenants, in samples
	unit  float64
}

// mostOf is how many times as much as all others together a tenant may have added, and
// tenantsKept how many tenants are counted before those are dropped that have added hardly
// anything, in samples. Who has added so little is no other tenant.
const (
	mostOf      = 9
	tenantsKept = 4096
	hardly      = 0.5
)

func newCommons(prior *dist) *commons {
	return &commons{family: newFamily(prior), node: node{trust: even}, added: map[string]float64{}, unit: 1}
}

// admit tells whether a sample of the tenant is to be added, and counts it if it is.
func (c *commons) admit(tenant string) bool {
	mine := c.added[tenant] / c.unit
	if others := c.sum - mine; others >= hardly && mine > mostOf*others {
		return false
	}
	const keep = 1 - ln2/longMemory
	c.unit /= keep
	c.sum = c.sum*keep + 1
	c.added[tenant] += c.unit
	if c.unit > 1e12 || len(c.added) > tenantsKept {
		c.tidy()
	}
	return true
}

// tidy counts in units of 1 again, and drops tenants that have added hardly anything.
func (c *commons) tidy() {
	for tenant, n := range c.added {
		if n /= c.unit; n < hardly {
			delete(c.added, tenant)
		} else {
			c.added[tenant] = n
		}
	}
	c.unit = 1
}
