// Drafts of roots, damaged by every byte and made up of any.
package trust

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// Every byte of a half-signed draft, flipped: nobody signs it on, nothing is installed.
func TestEveryDraftByteFlipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, insurerA)
	draft := w.draftOf(RootChange{Targets: newKey(t).Public()})
	half := signDraft(t, draft, w.keys[RoleRoot][0])
	whole := signDraft(t, half, w.keys[RoleRoot][1])
	flips := 0
	step := 1
	if testing.Short() {
		step = 13
	}
	for i := 0; i < len(half); i += step {
		bad := bytes.Clone(half)
		bad[i] ^= []byte{0x01, 0x20}[i%2]
		flips++
		if _, err := SignRoot(bad, w.keys[RoleRoot][1]); err == nil {
			t.Fatalf("byte %d (%q) flipped: signed", i, half[i])
		}
	}
	for i := 0; i < len(whole); i += 5 * step {
		bad := bytes.Clone(whole)
		bad[i] ^= []byte{0x20, 0x01}[i%2]
		flips++
		if err := w.repo.InstallRoot(bad); err == nil {
			t.Fatalf("byte %d (%q) flipped: installed", i, whole[i])
		}
	}
	if err := w.repo.InstallRoot(whole); err != nil {
		t.Error(err)
	}
	t.Logf("count: %d flips, 0 accepted", flips)
}

// FuzzRootDraft: what is read spells itself the same way again, and nothing
// but the real draft is signed by a holder of the real root.
func FuzzRootDraft(f *testing.F) {
	w := newWorld(f, insurerA)
	draft, err := w.repo.DraftRoot(w.now, RootChange{RootThreshold: 1})
	if err != nil {
		f.Fatal(err)
	}
	half := signDraft(f, draft, w.keys[RoleRoot][0])
	f.Add(draft)
	f.Add(half)
	f.Add([]byte(`{"format":"trust-root-draft-1","roots":[],"signatures":[],"signed":{}}`))
	f.Add([]byte(hex.EncodeToString(half)))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parseDraft(data)
		if err != nil {
			if Explain(err).Code == "internal" {
				t.Fatalf("without a family: %v", err)
			}
			return
		}
		if !bytes.Equal(d.bytes(), data) {
			t.Fatalf("%q spelled again is %q", data, d.bytes())
		}
		// (A draft carries its repository: a run in another process has other keys.)
		if d.roots[0].digest == w.repo.View().roots[0].digest && len(d.next.sigs) > 0 && !bytes.Equal(d.next.signed.raw, signedRaw(t, half)) {
			t.Fatalf("another root, signed: %q", data)
		}
		if v, err := ReviewRoot(data); err != nil || len(v.Lines()) < 8 {
			t.Fatalf("read and not reviewed: %v", err)
		}
	})
}

func signedRaw(t testing.TB, draft []byte) []byte {
	n, err := parseStrict(draft)
	if err != nil {
		t.Fatal(err)
	}
	return n.get("signed").raw
}
