package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk/wire"
)

// tenantWeights are tenants' weights, written as acme=3,zenith=1.
type tenantWeights map[string]float64

// UnmarshalText reads them.
func (w *tenantWeights) UnmarshalText(text []byte) (err error) {
	*w, err = byTenant(text, func(s string) (float64, error) {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v > 0) || math.IsInf(v, 1) {
			return 0, fmt.Errorf("%q is no weight, which is a number above 0", s)
		}
		return v, nil
	})
	return err
}

// tenantQuotas are tenants' quotas, written as acme=512MiB,zenith=1GiB.
type tenantQuotas map[string]byteSize

// UnmarshalText reads them.
func (q *tenantQuotas) UnmarshalText(text []byte) (err error) {
	*q, err = byTenant(text, func(s string) (size byteSize, err error) {
		if err = size.UnmarshalText([]byte(s)); err == nil && size == 0 {
			err = errors.New("a quota of nothing: leave the tenant out for no quota")
		}
		return size, err
	})
	return err
}

// byTenant reads NAME=VALUE,…
func byTenant[V any](text []byte, value func(string) (V, error)) (map[string]V, error) {
	all := map[string]V{}
	for pair := range strings.SplitSeq(string(text), ",") {
		name, s, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return nil, fmt.Errorf("%q: write TENANT=VALUE, with commas between tenants", pair)
		}
		if _, err := wire.Permissions(name); err != nil {
			return nil, err
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("tenant %s is there twice", name)
		}
		v, err := value(s)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", name, err)
		}
		all[name] = v
	}
	return all, nil
}

// check refuses limits that are none, and shares that would be without effect under the
// policy.
func (f *nodeFlags) check() error {
	switch {
	case f.MaxQueue < 1 || f.MaxRunning < 1 || f.MaxWaiting < 1:
		return errors.New("--max-queue, --max-running and --max-waiting are numbers of turns, at least 1")
	case f.WaitLease < f.AckWait:
		return fmt.Errorf("--wait-lease is %v, less than --ack-wait, %v: turns that wait are not lost sooner than those that run", f.WaitLease, f.AckWait)
	case f.ForgetAfter < 0:
		return fmt.Errorf("--forget-after is %v; it is more than 0, or 0 to forget nobody", f.ForgetAfter)
	}
	if err := f.waitFlags.check(); err != nil {
		return err
	}
	policy, err := sched.ByName(f.Policy)
	if err != nil {
		return err
	}
	if len(f.TenantWeights)+len(f.TenantQuotas) > 0 && !policy.Shares {
		return fmt.Errorf("--tenant-weights and --tenant-kv-bytes are without effect under --policy %s, which does not divide the cache between tenants", f.Policy)
	}
	return nil
}

// shares puts weights and quotas together, in the order of the tenants' names.
func shares(weights tenantWeights, quotas tenantQuotas) (all []node.Share) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(weights)), maps.Keys(quotas))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		all = append(all, node.Share{Tenant: name, Weight: weights[name], KVBytes: int64(quotas[name])})
	}
	return all
}
