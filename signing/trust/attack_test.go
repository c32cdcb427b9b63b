// What a hostile mirror, a thief of one key, or a damaged medium can send.
// Each attack has its valid twin: the same files, untouched, are accepted.
package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// outside changes a file without its signatures.
func outside(w *world, files memory, path string, change func(m map[string]any)) {
	w.t.Helper()
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(files[path]))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		w.t.Fatal(err)
	}
	change(m)
	out, err := json.Marshal(m)
	if err != nil {
		w.t.Fatal(err)
	}
	files[path] = out
}

func obj(v any) map[string]any { return v.(map[string]any) }

func targetEntry(data string) map[string]any {
	i := Info{Length: int64(len(data))}
	return map[string]any{"length": i.Length, "hashes": map[string]any{"sha256": strings.Repeat("0", 64)}}
}

func TestAttacks(t *testing.T) {
	roleA, statusA := InsurerRole(insurerA), StatusRole(insurerA)
	cases := []struct {
		name   string
		family error
		fresh  bool // refused by a counter that knows only the root; else by one that has day 2
		attack func(w *world, files memory, day1 memory)
	}{
		// Replays and mixtures. files is day 2, the counter has day 2.
		{"rollback of everything", ErrRollback, false, func(w *world, f, old memory) { f[timestampPath] = old[timestampPath] }},
		{"thief: snapshot rolled back under a new timestamp", ErrRollback, false, func(w *world, f, old memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) {
				s["version"] = 9
				obj(s["meta"])["snapshot.json"] = obj(signedPart(w.t, old[timestampPath])["meta"])["snapshot.json"]
			})
		}},
		{"thief: one role rolled back under a new snapshot", ErrRollback, false, func(w *world, f, old memory) {
			w.forge(f, RoleSnapshot, func(s map[string]any) {
				s["version"] = 9
				obj(s["meta"])[statusA+".json"] = obj(signedPart(w.t, old["1.snapshot.json"])["meta"])[statusA+".json"]
			})
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
		}},
		{"thief: insurer dropped", ErrRollback, false, func(w *world, f, old memory) {
			w.forge(f, RoleSnapshot, func(s map[string]any) {
				s["version"] = 9
				delete(obj(s["meta"]), statusA+".json")
				delete(obj(s["meta"]), roleA+".json")
			})
			w.forge(f, RoleTargets, func(s map[string]any) {
				s["version"] = 9
				d := obj(s["delegations"])
				var keep []any
				for _, r := range d["roles"].([]any) {
					if obj(r)["name"] != roleA {
						keep = append(keep, r)
					}
				}
				d["roles"] = keep
			})
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
		}},
		{"publication time goes back", ErrRollback, false, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) {
				s["version"] = 9
				s["published"] = day0.Format(timeForm)
			})
		}},
		{"other timestamp under the same version", ErrForked, false, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["expires"] = "2027-03-30T00:00:00Z" })
		}},
		{"other role bytes under the same version", ErrForked, false, func(w *world, f, _ memory) {
			w.forge(f, roleA, func(s map[string]any) { s["expires"] = "2027-12-30T00:00:00Z" })
			w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 9 })
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
		}},
		{"mix: old page under the new snapshot", ErrMixed, true, func(w *world, f, old memory) {
			f["2."+statusA+".json"] = old["1."+statusA+".json"]
		}},
		{"mix: old snapshot under the new name", ErrMixed, true, func(w *world, f, old memory) { f["2.snapshot.json"] = old["1.snapshot.json"] }},
		{"mix: insurers exchanged", ErrMixed, true, func(w *world, f, _ memory) {
			a, b := "1.amc-"+insurerA+".json", "1.amc-"+insurerB+".json"
			f[a], f[b] = f[b], f[a]
		}},
		{"mix: a role signed again, same length", ErrMixed, true, func(w *world, f, _ memory) {
			path := "1." + roleA + ".json"
			for want := f[path]; bytes.Equal(f[path], want) || len(f[path]) != len(want); {
				f[path] = sealJSON(w.t, signedPart(w.t, want), w.keys[roleA]...)
			}
		}},
		{"a role's file is missing", ErrNotFound, true, func(w *world, f, _ memory) { delete(f, "1.amc-"+insurerB+".json") }},
		// Fast-forward.
		{"timestamp runs ahead", ErrFastForward, false, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = maxVersionStep + 3 })
		}},
		{"snapshot runs ahead", ErrFastForward, false, func(w *world, f, _ memory) {
			w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = maxVersionStep + 3 })
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
		}},
		{"insurer's role runs ahead", ErrFastForward, false, func(w *world, f, _ memory) {
			w.forge(f, statusA, func(s map[string]any) { s["version"] = maxVersionStep + 3 })
			w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 9 })
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
		}},
		{"version beyond 2^53", ErrMalformed, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = json.Number("9007199254740993") })
		}},
		// Times.
		{"published in the future", ErrFromFuture, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) {
				s["version"] = 9
				s["published"] = w.now.Add(maxFuture + time.Second).Format(timeForm)
			})
		}},
		{"published missing", ErrMissingPublished, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; delete(s, "published") })
		}},
		{"published is a number", ErrMalformed, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; s["published"] = 20270302 })
		}},
		{"published with a zone", ErrMalformed, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; s["published"] = "2027-03-02T07:00:00+01:00" })
		}},
		{"timestamp expired when published", ErrExpiredAtPublication, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; s["expires"] = day0.Format(timeForm) })
		}},
		{"snapshot expired when published", ErrExpiredAtPublication, true, func(w *world, f, _ memory) {
			w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 9; s["expires"] = day0.Format(timeForm) })
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
		}},
		{"page expired when published", ErrExpiredAtPublication, true, func(w *world, f, _ memory) {
			w.forge(f, statusA, func(s map[string]any) { s["version"] = 9; s["expires"] = day0.Format(timeForm) })
			w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 9 })
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 })
		}},
		// Keys in places that are not theirs.
		{"snapshot key signs the timestamp", ErrSignature, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 }, w.keys[RoleSnapshot]...)
		}},
		{"timestamp key signs the snapshot", ErrSignature, true, func(w *world, f, _ memory) {
			w.forge(f, RoleSnapshot, func(s map[string]any) { s["version"] = 9 }, w.keys[RoleTimestamp]...)
		}},
		{"insurer's key signs targets", ErrSignature, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTargets, func(s map[string]any) { s["version"] = 9 }, w.keys[roleA]...)
		}},
		{"insurer B signs for insurer A", ErrSignature, true, func(w *world, f, _ memory) {
			w.forge(f, roleA, func(s map[string]any) { s["version"] = 9 }, w.keys[InsurerRole(insurerB)]...)
		}},
		{"status key signs issuer.json", ErrSignature, true, func(w *world, f, _ memory) {
			w.forge(f, roleA, func(s map[string]any) { s["version"] = 9 }, w.keys[statusA]...)
		}},
		{"stranger beside the right signature", ErrSignature, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9 }, append(w.keys[RoleTimestamp][:1:1], newKey(w.t))...)
		}},
		{"signature of another file", ErrSignature, true, func(w *world, f, old memory) {
			outside(w, f, timestampPath, func(m map[string]any) {
				var o map[string]any
				_ = json.Unmarshal(old[timestampPath], &o)
				m["signatures"] = o["signatures"]
			})
		}},
		{"no signature", ErrMalformed, true, func(w *world, f, _ memory) {
			outside(w, f, timestampPath, func(m map[string]any) { m["signatures"] = []any{} })
		}},
		{"the same signature twice", ErrMalformed, true, func(w *world, f, _ memory) {
			outside(w, f, timestampPath, func(m map[string]any) {
				s := m["signatures"].([]any)
				m["signatures"] = append(s, s[0])
			})
		}},
		// Roles speaking about others.
		{"status role names issuer.json", ErrScope, true, func(w *world, f, _ memory) {
			w.forge(f, statusA, func(s map[string]any) {
				s["version"] = 9
				obj(s["targets"])["amc/"+insurerA+"/issuer.json"] = targetEntry("x")
			})
		}},
		{"insurer names another's page", ErrScope, true, func(w *world, f, _ memory) {
			w.forge(f, statusA, func(s map[string]any) {
				s["version"] = 9
				obj(s["targets"])["amc/"+insurerB+"/status/3"] = targetEntry("x")
			})
		}},
		{"targets names an insurer's page", ErrScope, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTargets, func(s map[string]any) {
				s["version"] = 9
				obj(s["targets"])["amc/"+insurerB+"/status/3"] = targetEntry("x")
			})
		}},
		{"insurer names codes.json", ErrScope, true, func(w *world, f, _ memory) {
			w.forge(f, roleA, func(s map[string]any) { s["version"] = 9; obj(s["targets"])["codes.json"] = targetEntry("x") })
		}},
		{"target path climbs out", ErrUnsafePath, true, func(w *world, f, _ memory) {
			w.forge(f, statusA, func(s map[string]any) {
				s["version"] = 9
				obj(s["targets"])["amc/"+insurerA+"/status/../../"+insurerB+"/status/3"] = targetEntry("x")
			})
		}},
		{"insurer delegates another's role", ErrScope, true, func(w *world, f, _ memory) {
			w.forge(f, roleA, func(s map[string]any) {
				s["version"] = 9
				obj(obj(s["delegations"])["roles"].([]any)[0])["name"] = StatusRole(insurerB)
			})
		}},
		{"delegated paths widened", ErrScope, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTargets, func(s map[string]any) {
				s["version"] = 9
				obj(obj(s["delegations"])["roles"].([]any)[0])["paths"] = []any{"*", "*/*", "*/*/*", "*/*/*/*"}
			})
		}},
		{"status role delegates on", ErrScope, true, func(w *world, f, _ memory) {
			w.forge(f, statusA, func(s map[string]any) {
				s["version"] = 9
				s["delegations"] = signedPart(w.t, f["1.amc-"+insurerA+".json"])["delegations"]
			})
		}},
		// Forms.
		{"unknown format version", ErrMalformed, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; s["spec_version"] = "2.0.0" })
		}},
		{"a targets file as timestamp", ErrMalformed, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; s["_type"] = "targets" })
		}},
		{"member in capitals", ErrMalformed, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; s["Version"] = 10 })
		}},
		{"extra member beside the signatures", ErrMalformed, true, func(w *world, f, _ memory) {
			outside(w, f, timestampPath, func(m map[string]any) { m["note"] = "x" })
		}},
		{"null", ErrMalformed, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) { s["version"] = 9; obj(s["meta"])["snapshot.json"] = nil })
		}},
		{"SHA-512 only", ErrMalformed, true, func(w *world, f, _ memory) {
			w.forge(f, statusA, func(s map[string]any) {
				s["version"] = 9
				obj(s["targets"])["amc/"+insurerA+"/status/3"] = map[string]any{"length": 1, "hashes": map[string]any{"sha512": strings.Repeat("0", 128)}}
			})
		}},
		// Sizes.
		{"timestamp over its cap", ErrTooLarge, true, func(w *world, f, _ memory) { f[timestampPath] = bytes.Repeat([]byte("x"), maxTimestamp+1) }},
		{"snapshot announced over its cap", ErrTooLarge, true, func(w *world, f, _ memory) {
			w.forge(f, RoleTimestamp, func(s map[string]any) {
				s["version"] = 9
				obj(obj(s["meta"])["snapshot.json"])["length"] = maxSnapshot + 1
			})
		}},
		{"role longer than announced", ErrTooLarge, true, func(w *world, f, _ memory) {
			f["2."+statusA+".json"] = append(bytes.Clone(f["2."+statusA+".json"]), ' ')
		}},
		{"page announced over its cap", ErrTooLarge, true, func(w *world, f, _ memory) {
			w.forge(f, statusA, func(s map[string]any) {
				s["version"] = 9
				obj(obj(s["targets"])["amc/"+insurerA+"/status/3"])["length"] = maxTarget + 1
			})
		}},
		// Roots.
		{"root 2 signed by one of two", ErrSignature, true, func(w *world, f, _ memory) {
			w.rotateRootIn(f, nil, w.keys[RoleRoot][0])
		}},
		{"root 2 signed by one and a stranger", ErrSignature, true, func(w *world, f, _ memory) {
			w.rotateRootIn(f, nil, w.keys[RoleRoot][0], newKey(w.t))
		}},
		{"root 2 with new keys, signed by the old ones only", ErrSignature, true, func(w *world, f, _ memory) {
			k := newKey(w.t)
			w.rotateRootIn(f, func(s map[string]any) {
				replaceKey(w.t, s, RoleRoot, k)
				obj(obj(s["roles"])[RoleRoot])["threshold"] = 3
			}, w.keys[RoleRoot]...)
		}},
		{"root 2 signed by its new keys only", ErrSignature, true, func(w *world, f, _ memory) {
			k := newKey(w.t)
			w.rotateRootIn(f, func(s map[string]any) {
				replaceKey(w.t, s, RoleRoot, k)
				obj(obj(s["roles"])[RoleRoot])["threshold"] = 1
			}, k)
		}},
		{"root 2 with threshold zero", ErrMalformed, true, func(w *world, f, _ memory) {
			w.rotateRootIn(f, func(s map[string]any) { obj(obj(s["roles"])[RoleRoot])["threshold"] = 0 })
		}},
		{"root 2 expired when published", ErrExpiredAtPublication, true, func(w *world, f, _ memory) {
			w.rotateRootIn(f, func(s map[string]any) { s["expires"] = day0.Format(timeForm) })
		}},
		{"root 2 without consistent snapshots", ErrMalformed, true, func(w *world, f, _ memory) {
			w.rotateRootIn(f, func(s map[string]any) { s["consistent_snapshot"] = false })
		}},
		{"root over its cap", ErrTooLarge, true, func(w *world, f, _ memory) { f["2.root.json"] = bytes.Repeat([]byte(" "), maxRoot+1) }},
		{"key under another identifier", ErrMalformed, true, func(w *world, f, _ memory) {
			w.rotateRootIn(f, func(s map[string]any) {
				ids := obj(obj(s["roles"])[RoleRoot])["keyids"].([]any)
				keys := obj(s["keys"])
				keys[ids[0].(string)] = keys[ids[1].(string)]
			})
		}},
	}
	families := map[error]bool{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			day1 := w.copy()
			w.nextDay()
			cur := w.mustFollow(w.store, nil)
			before := fmt.Sprint(cur.Version(), cur.Published())
			files := w.copy()
			c.attack(w, files, day1)
			// Whoever already has day 2 may not need the forged file, but
			// never comes to anything else than day 2.
			next, err := w.follow(files, cur)
			if next != nil && next != cur || err == nil && !c.fresh {
				t.Errorf("counter of day 2: %v, want %v", err, c.family)
			}
			if c.fresh {
				if next, err = w.follow(files, nil); next != nil {
					t.Error("fresh counter: accepted")
				}
				// The strict reader alone, without go-tuf and without caps on
				// the way: what lies in a store that somebody has edited. A
				// store has no clock, and a file that is too long is not the
				// one that was signed.
				tr, openErr := Open(bundle(files).read, w.root())
				if openErr == nil {
					_, openErr = tr.Metadata()
				}
				if c.family != ErrFromFuture && !errors.Is(openErr, c.family) && !(c.family == ErrTooLarge && errors.Is(openErr, ErrMixed)) {
					t.Errorf("opened: %v, want %v", openErr, c.family)
				}
			}
			if !errors.Is(err, c.family) {
				t.Errorf("%v, want %v", err, c.family)
			}
			if e := Explain(err); e.Code == "internal" || strings.Contains(e.What+e.Todo, "carte") {
				t.Errorf("words: %+v", e)
			}
			if got := fmt.Sprint(cur.Version(), cur.Published()); got != before {
				t.Errorf("current state changed: %s", got)
			}
			// The twin: the honest files are still accepted, by the same counter and a fresh one.
			w.mustFollow(w.store, cur)
			w.mustFollow(w.store, nil)
		})
		families[c.family] = true
	}
	if len(cases) < 50 || len(families) < 11 {
		t.Errorf("%d attacks of %d families", len(cases), len(families))
	}
}
