// The conformance suite's key rotations, retold for this format.
package trust

import (
	"crypto"
	"errors"
	"fmt"
	"testing"
)

// rootStep is one root: which of ten keys, how many, and who signs.
type rootStep struct {
	keys      []int
	threshold int
	sigs      []int
}

var rootSteps = []struct {
	name  string
	steps []rootStep
	ok    bool // the last one is accepted
}{
	{"one key, replaced", []rootStep{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{1, 2}}, {[]int{2}, 1, []int{2}}}, true},
	{"three of five, any three", []rootStep{{[]int{0, 1, 2, 3, 4}, 3, []int{0, 2, 4}}, {[]int{0, 1, 2, 3, 4}, 3, []int{0, 1, 4}}, {[]int{0, 1, 2, 3, 4}, 3, []int{0, 1, 3}}}, true},
	{"three of five, one replaced", []rootStep{{[]int{0, 1, 2, 3, 4}, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 1, 4}}}, true},
	{"three of five, one replaced, the old one signs too", []rootStep{{[]int{0, 1, 2, 3, 4}, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 2, 4, 5}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 4, 5}}}, true},
	{"three of five, all replaced", []rootStep{{[]int{0, 1, 2, 3, 4}, 3, []int{0, 2, 4}}, {[]int{5, 6, 7, 8, 9}, 3, []int{0, 2, 4, 5, 6, 7}}, {[]int{5, 6, 7, 8, 9}, 3, []int{5, 6, 7}}}, true},
	{"threshold up", []rootStep{{[]int{1, 2, 3}, 1, []int{1}}, {[]int{1, 2, 3}, 2, []int{1, 2}}}, true},
	{"threshold down", []rootStep{{[]int{1, 2, 3}, 2, []int{1, 2}}, {[]int{1, 2, 3}, 1, []int{1, 2}}, {[]int{1, 2, 3}, 1, []int{1}}}, true},
	{"one more holder", []rootStep{{[]int{1}, 1, []int{1}}, {[]int{1, 2}, 2, []int{1, 2}}}, true},
	{"old key has not signed", []rootStep{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{2}}}, false},
	{"new key has not signed", []rootStep{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{1}}}, false},
	{"strangers beside", []rootStep{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{1, 2, 3, 4}}}, false},
	{"two of three new ones", []rootStep{{[]int{0, 1, 2, 3, 4}, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 2, 4}}}, false},
	{"two of three old ones", []rootStep{{[]int{0, 1, 2, 3, 4}, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 4, 5}}}, false},
	{"threshold up, too few", []rootStep{{[]int{1, 2, 3}, 1, []int{1}}, {[]int{1, 2, 3}, 2, []int{2}}}, false},
	{"threshold down, too few", []rootStep{{[]int{1, 2, 3}, 2, []int{1, 2}}, {[]int{1, 2, 3}, 1, []int{1}}}, false},
}

func TestTUFRootRotation(t *testing.T) {
	keys := make([]crypto.Signer, 10)
	for i := range keys {
		keys[i] = newKey(t)
	}
	all := func(list []int) (out []crypto.Signer) {
		for _, i := range list {
			out = append(out, keys[i])
		}
		return out
	}
	for _, c := range rootSteps {
		w := newWorld(t, "7")
		w.rotateRoot(func(s map[string]any) { setKeys(t, s, RoleRoot, c.steps[0].threshold, all(c.steps[0].keys)...) }, append(w.keys[RoleRoot][:2:2], all(c.steps[0].sigs)...)...)
		w.keys[RoleRoot] = nil
		cur := w.mustFollow(w.store, nil)
		for i, step := range c.steps[1:] {
			w.rotateRoot(func(s map[string]any) { setKeys(t, s, RoleRoot, step.threshold, all(step.keys)...) }, all(step.sigs)...)
			next, err := w.follow(w.store, cur)
			last := i == len(c.steps)-2
			if !last || c.ok {
				if err != nil || next.RootVersion() != int64(i+3) {
					t.Errorf("%s, step %d: %v", c.name, i, err)
				}
			} else if !errors.Is(err, ErrSignature) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if next, err := w.follow(w.store, nil); (err == nil) != c.ok || next != nil && next.RootVersion() != int64(len(c.steps)+1) {
			t.Errorf("%s, new counter: %v", c.name, err)
		}
	}
}

// The same for the roles that a root names: new keys, thresholds, and every
// way to sign too little.
func TestTUFOtherRotations(t *testing.T) {
	for _, c := range []struct {
		name string
		step rootStep
		ok   bool
	}{
		{"one key, replaced", rootStep{[]int{2}, 1, []int{2}}, true},
		{"strangers beside", rootStep{[]int{1}, 1, []int{1, 3, 4}}, false},
		{"new key has not signed", rootStep{[]int{2}, 1, []int{1, 3, 4}}, false},
		{"one of three is a stranger's", rootStep{[]int{0, 1, 3, 4, 5}, 3, []int{0, 2, 4}}, false},
		{"two of three", rootStep{[]int{0, 1, 3, 4, 5}, 3, []int{0, 4}}, false},
		{"three of five", rootStep{[]int{0, 1, 2, 3, 4}, 3, []int{0, 2, 4}}, true},
		{"another three", rootStep{[]int{0, 1, 2, 3, 4}, 3, []int{1, 2, 3}}, true},
		{"five of five", rootStep{[]int{0, 1, 2, 3, 4}, 3, []int{0, 1, 2, 3, 4}}, true},
	} {
		for _, role := range []string{RoleTimestamp, RoleSnapshot, RoleTargets} {
			w := newWorld(t, "7")
			cur := w.mustFollow(w.store, nil)
			keys := make([]crypto.Signer, 6)
			for i := range keys {
				keys[i] = newKey(t)
			}
			all := func(list []int) (out []crypto.Signer) {
				for _, i := range list {
					out = append(out, keys[i])
				}
				return out
			}
			f := w.copy()
			w.rotateRootIn(f, func(s map[string]any) { setKeys(t, s, role, c.step.threshold, all(c.step.keys)...) })
			w.publishUnder(f, role, 2, all(c.step.sigs)...)
			for _, counter := range []*Trusted{cur, nil} {
				next, err := w.follow(f, counter)
				if c.ok && (err != nil || next.RootVersion() != 2 || next.Version() != 2) || !c.ok && !errors.Is(err, ErrSignature) {
					t.Errorf("%s of %s: %v", c.name, role, fmt.Sprint(err))
				}
			}
		}
	}
}
