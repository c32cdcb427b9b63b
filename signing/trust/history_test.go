// Any history of publications, rotations, thefts and recoveries: a counter that
// looks in at any moment, at any mirror, ends where the honest operator is.
package trust

import (
	"crypto"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// life is one history under way.
type life struct {
	*world
	rt *rapid.T

	honest  map[string]int // anchors of the honest operator's publications, numbered
	current *Trusted
	mirrors map[string]memory // what each source serves
	stolen  map[string]bool   // roles whose present key a thief has
	taken   []crypto.Signer   // every timestamp key that a thief ever had
	n       int
}

// publishHonest gives each publication a name of its own, as its anchor.
func (l *life) publishHonest() {
	l.now = l.now.Add(time.Hour)
	l.n++
	name := fmt.Sprintf("honest %d", l.n)
	if err := l.repo.SetAnchor(name); err != nil {
		l.rt.Fatal(err)
	}
	l.set(StatusRole(insurerA), "amc/"+insurerA+"/status/3", name, nil)
	l.publish()
	l.honest[name] = l.n
	l.mirrors["honest"] = l.copy()
}

func (l *life) drawRoles(what string) []string {
	all := everyRole(insurerA)
	return slices.Compact(slices.Sorted(slices.Values(rapid.SliceOfN(rapid.SampledFrom(all), 1, 3).Draw(l.rt, what))))
}

// rotate replaces some keys, and what thieves held of them is dead.
func (l *life) rotate(roles []string) {
	l.replace(roles...)
	for _, r := range roles {
		delete(l.stolen, r)
	}
	l.publishHonest()
}

// steal adds roles, the timestamp among them, to what thieves have, and lets
// them publish what they can.
func (l *life) steal(roles []string) {
	for _, r := range roles {
		if r != RoleRoot {
			l.stolen[r] = true
		}
	}
	l.taken = append(l.taken, l.keys[RoleTimestamp]...)
	list := slices.Sorted(maps.Keys(l.stolen))
	if !l.stolen[RoleSnapshot] {
		list = []string{RoleTimestamp}
	}
	f := l.rob(list...)
	l.n++
	l.forge(f, RoleTimestamp, func(s map[string]any) { s["anchor"] = fmt.Sprintf("thief %d", l.n) })
	l.mirrors["thief"] = f
}

// look refreshes from one source, and checks what came of it.
func (l *life) look(source string) {
	files, ok := l.mirrors[source]
	if !ok {
		return
	}
	before := l.current
	next, err := l.follow(files, before)
	if err != nil {
		if source == "honest" && !l.poisoned(before) {
			l.rt.Fatalf("the honest state is refused: %v", err)
		}
		return
	}
	l.current = next
	if before == nil || next == before {
		return
	}
	// A counter that has seen a root takes nothing of the keys before it.
	if next.RootVersion() < before.RootVersion() {
		l.rt.Fatalf("root went back from %d to %d", before.RootVersion(), next.RootVersion())
	}
	if a, b := l.honest[before.Anchor()], l.honest[next.Anchor()]; a > 0 && b > 0 && b < a {
		l.rt.Fatalf("went back from %q to %q", before.Anchor(), next.Anchor())
	}
	if l.honest[next.Anchor()] == 0 {
		// A thief's: only with a key that is in force in the root it stands under.
		if keys, _, err := next.Authority(RoleTimestamp); err != nil || !slices.ContainsFunc(l.taken, func(k crypto.Signer) bool { return keys[0].Equal(k.Public()) }) {
			l.rt.Fatalf("a stranger's state: %q", next.Anchor())
		}
		if next.RootVersion() == l.repo.View().RootVersion() && !l.stolen[RoleTimestamp] {
			l.rt.Fatalf("%q taken after the timestamp's key was replaced", next.Anchor())
		}
	}
}

// poisoned: the counter has a thief's state, and a key of a role that the thief
// ran ahead is still in force.
func (l *life) poisoned(t *Trusted) bool {
	if t == nil || l.honest[t.Anchor()] > 0 {
		return false
	}
	for _, role := range everyRole(insurerA) {
		if role != RoleRoot && l.stolen[role] {
			return true
		}
	}
	return false
}

func TestAnyHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l := &life{world: newWorld(t, insurerA), rt: rt, honest: map[string]int{}, mirrors: map[string]memory{}, stolen: map[string]bool{}}
		l.publishHonest()
		l.mirrors["stale"] = l.copy()
		for range rapid.IntRange(1, 14).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"publish", "rotate", "steal", "stale", "look", "look", "restart"}).Draw(rt, "step") {
			case "publish":
				l.publishHonest()
			case "rotate":
				l.rotate(l.drawRoles("replaced"))
			case "steal":
				l.steal(append(l.drawRoles("stolen"), RoleTimestamp))
			case "stale":
				l.mirrors["stale"] = l.copy()
			case "look":
				l.look(rapid.SampledFrom([]string{"honest", "stale", "thief"}).Draw(rt, "source"))
			case "restart":
				var err error
				if l.repo, err = Load(bundle(l.store).read); err != nil {
					rt.Fatal(err)
				}
			}
		}
		// The operator replaces all that was stolen; then any counter, from
		// wherever it is, comes to the honest state and stays.
		if roles := slices.Sorted(maps.Keys(l.stolen)); len(roles) > 0 {
			l.rotate(roles)
		}
		l.look("honest")
		for _, source := range []string{"thief", "stale", "honest"} {
			l.look(source)
			if got := l.current; got == nil || got.Anchor() != l.repo.View().Anchor() || got.Version() != l.repo.View().Version() {
				rt.Fatalf("after %s: not where the operator is", source)
			}
		}
	})
}
