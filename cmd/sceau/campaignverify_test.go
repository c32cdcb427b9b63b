// campaign verify and campaign rerun, as they are typed.

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCampaignVerifyAndRerun is what a printing house and its customer say to one another: a delivery, a spoilt file, sheets made
// again, a stolen key.
func TestCampaignVerifyAndRerun(t *testing.T) {
	dir := newOperator(t)
	file, _ := rosterFile(t, 12)
	sceau(t, "import", dir, file).want(t, 0)
	base := t.TempDir()
	public, to := filepath.Join(base, "public"), filepath.Join(base, "delivery")
	sceau(t, "publish", dir, "--to", public).want(t, 0)
	root := regexp.MustCompile(`([0-9A-F]{4} ){15}[0-9A-F]{4}`).FindString(sceau(t, "campaign", "verify", base, "--trust", public).err)
	if root == "" {
		t.Fatal("the root's fingerprint is not said")
	}
	made := sceau(t, "campaign", "create", dir, "--name", "Cartes 2027", "--shard", "4", "--file", "8", "--outputs", "pdf,csv", "--marks", "--to", to)
	made.want(t, 0)
	id := regexp.MustCompile(`\d{6}-[a-z0-9]{4,}`).FindString(made.out)
	sceau(t, "campaign", "start", dir, id).want(t, 0)

	verify := func(args ...string) played { return sceau(t, append([]string{"campaign", "verify"}, args...)...) }
	verify(to, "--trust", public, "--root", root).want(t, 0, "signature valid", "whole: 4 files")
	verify(filepath.Join(to, id), "--trust", public, "--root", root, "--campaign", id, "--insurer", "775670482").want(t, 0)
	verify(to).want(t, exitPartial, "signature unknown", "no --trust")
	verify(to, "--trust", public).want(t, exitPartial, "signature unknown", root)
	verify(to, "--trust", filepath.Join(base, "none"), "--root", root).want(t, 1, "not reachable")
	verify(to, "--trust", public, "--root", strings.Replace(root, root[:4], "0000", 1)).want(t, 1, "has another root")
	verify(to, "--root", root).want(t, 2, "--root without --trust")
	verify(to, "--trust", public, "--root", root, "--campaign", "261122-none").want(t, 1, "UNEXPECTED")
	verify(filepath.Join(base, "none")).want(t, 1, "hint:")
	verify(public, "--trust", public, "--root", root).want(t, 1, "NO_MANIFEST")

	var said struct {
		Schema, Verdict string
		Faults          []struct{ File, Code string }
		Manifests       []struct{ Signature string }
	}
	name := filepath.Join(to, id, "775670482", "0000001-0000008.pdf")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b[:len(b)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	p := verify(to, "--trust", public, "--root", root, "--json")
	p.want(t, 1)
	if err := json.Unmarshal([]byte(p.out), &said); err != nil || said.Schema != "sceau-delivery-1" || said.Verdict != "faults" || len(said.Faults) != 1 ||
		said.Faults[0].Code != "TRUNCATED" || said.Manifests[0].Signature != "valid" {
		t.Errorf("%v %s", err, p.out)
	}
	verify(to).want(t, 1, "TRUNCATED", "do not print")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}

	again := filepath.Join(base, "again")
	rerun := func(args ...string) played {
		return sceau(t, append([]string{"campaign", "rerun", dir, id, "--to", again, "--reason", "bourrage"}, args...)...)
	}
	rerun("--sequence", "3-4,9").want(t, 0, "3 cards, 3 pages, 2 files")
	verify(again, "--trust", public, "--root", root).want(t, 0, "made again: bourrage", "whole: 2 files")
	rerun().want(t, 2, "say which sheets")
	for _, bad := range []string{"x", "4-3", "3,3", "0", "-1", "1-2-3", "1,,2"} {
		rerun("--sequence", bad).want(t, 2, "--sequence")
	}
	rerun("--sequence", "99").want(t, 2, "1 to 12")
	rerun("--contract", "NONE").want(t, 1, "no card of this contract")
	sceau(t, "campaign", "rerun", dir, id, "--sequence", "1", "--to", again).want(t, 2, "say why")

	sceau(t, "keys", "compromise", dir, "manifest", "--yes", "--to", public).want(t, 0)
	verify(to, "--trust", public, "--root", root).want(t, 1, "SIGNATURE", "stolen")
	sceau(t, "campaign", "reseal", dir, id).want(t, 0, "signed anew: 1")
	verify(to, "--trust", public, "--root", root).want(t, 0, "whole: 4 files")
}
