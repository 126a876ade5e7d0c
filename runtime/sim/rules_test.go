package sim

import (
	"reflect"
	"testing"
)

// TestEveryRuleHasAName finds each field of the rules that can be changed under one name,
// with its unit and its origin, and sets it.
func TestEveryRuleHasAName(t *testing.T) {
	var r Rules
	named := map[uintptr]string{}
	for i := range KnownRules {
		k := &KnownRules[i]
		if k.Unit == "" || k.Origin == "" || k.Says == "" {
			t.Errorf("rule %s: %+v", k.Name, k)
		}
		at := reflect.ValueOf(k.field(&r)).Pointer()
		if named[at] != "" {
			t.Errorf("%s is %s as well", k.Name, named[at])
		}
		named[at] = k.Name
		d := DefaultRules()
		if k.Out != "" && k.Off == k.Default() {
			t.Errorf("%s is what serves", k.Out)
		}
		if err := d.Parse(k.Name + "=1"); err != nil || k.Get(&d) != 1 {
			t.Errorf("%s=1: it is %v, %v", k.Name, k.Get(&d), err)
		}
	}
	for _, of := range []any{&r.Set, &r.Prompts, &r.Steps} {
		v := reflect.ValueOf(of).Elem()
		for i := range v.NumField() {
			if named[v.Field(i).Addr().Pointer()] == "" {
				t.Errorf("%s.%s has no name in KnownRules", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
	for _, bad := range []string{"idle", "no such=1", "idle=x", "idle=-1", "idle=NaN", "unpaced=2"} {
		if err := r.Parse(bad); err == nil {
			t.Errorf("--rule %s is no error", bad)
		}
	}
}
