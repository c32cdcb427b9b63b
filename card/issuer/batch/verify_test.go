// What a printing house is told of a delivery that is not the one that was sealed: every damage is named, none is called whole.

package batch

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/manifest"
	"sceau/signing"
)

// delivery is a copy of a finished part, to be spoilt.
type delivery struct {
	t    *testing.T
	root string
	dir  string // of the manifest
}

func deliveryOf(t *testing.T, w *world, c *issuer.Campaign) *delivery {
	t.Helper()
	d := &delivery{t: t, root: filepath.Join(t.TempDir(), "delivery")}
	if err := os.CopyFS(d.root, os.DirFS(w.path())); err != nil {
		t.Fatal(err)
	}
	d.dir = filepath.Join(d.root, c.ID, amc)
	return d
}

func (d *delivery) edit(name string, fn func([]byte) []byte) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	b := must(os.ReadFile(path))(d.t)
	if err := os.WriteFile(path, fn(bytes.Clone(b)), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *delivery) rename(from, to string) {
	d.t.Helper()
	if err := os.Rename(filepath.Join(d.dir, from), filepath.Join(d.dir, to)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *delivery) verify(o VerifyOptions) *Report {
	d.t.Helper()
	return must(Verify(d.t.Context(), must(depot.OpenReadOnly(d.t.Context(), d.root, depot.Options{}))(d.t), o))(d.t)
}

func (r *Report) codes() string {
	var codes []string
	for _, f := range r.Faults {
		codes = append(codes, f.Code)
	}
	slices.Sort(codes)
	return strings.Join(codes, " ")
}

func TestVerifyNamesEveryDamage(t *testing.T) {
	w, c := done(t, 12, nil)
	keys := w.keys()
	elsewhere, other := done(t, 12, nil)
	accords := must(w.issuer.SettlementSigner())(t)
	const first, second = "0000001-0000006", "0000007-0000012"
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	for name, s := range map[string]struct {
		spoil func(d *delivery)
		want  string
		file  string // that the first fault names
	}{
		"nothing":             {func(*delivery) {}, "", ""},
		"a bit of a PDF":      {func(d *delivery) { d.edit(first+".pdf", flip) }, FaultChanged, first + ".pdf"},
		"a bit of an archive": {func(d *delivery) { d.edit(second+".zip", flip) }, FaultChanged, second + ".zip"},
		"a PDF cut short":     {func(d *delivery) { d.edit(first+".pdf", func(b []byte) []byte { return b[:len(b)-1] }) }, FaultTruncated, first + ".pdf"},
		"an empty file":       {func(d *delivery) { d.edit(first+".csv", func([]byte) []byte { return nil }) }, FaultTruncated, first + ".csv"},
		"a CSV with a line":   {func(d *delivery) { d.edit(first+".csv", func(b []byte) []byte { return append(b, b[:50]...) }) }, FaultChanged, first + ".csv"},
		"a huge file":         {func(d *delivery) { d.edit(first+".csv", func([]byte) []byte { return make([]byte, 9<<20) }) }, FaultChanged, first + ".csv"},
		"two files swapped": {func(d *delivery) {
			d.rename(first+".pdf", "x")
			d.rename(second+".pdf", first+".pdf")
			d.rename("x", second+".pdf")
		}, FaultSwapped + " " + FaultSwapped, first + ".pdf"},
		"a file missing": {func(d *delivery) { os.Remove(filepath.Join(d.dir, first+".ndjson")) }, FaultMissing, first + ".ndjson"},
		"a file renamed": {func(d *delivery) { d.rename(first+".pdf", "a.pdf") }, FaultRenamed, "a.pdf"},
		"a file doubled": {func(d *delivery) {
			d.edit(first+".pdf", func(b []byte) []byte { os.WriteFile(filepath.Join(d.dir, "copy.pdf"), b, 0o600); return b })
		}, FaultDoubled, "copy.pdf"},
		"a file over another": {func(d *delivery) {
			d.edit(first+".pdf", func([]byte) []byte { return must(os.ReadFile(filepath.Join(d.dir, second+".pdf")))(t) })
		}, FaultSwapped, first + ".pdf"},
		"a file renamed and copied": {func(d *delivery) {
			d.edit(first+".pdf", func(b []byte) []byte { os.WriteFile(filepath.Join(d.dir, "b.pdf"), b, 0o600); return b })
			d.rename(first+".pdf", "a.pdf")
		}, FaultDoubled + " " + FaultRenamed, "a.pdf"},
		"a strange file": {func(d *delivery) {
			os.WriteFile(filepath.Join(d.dir, "0000013-0000018.pdf"), []byte("%PDF-1.7"), 0o600)
		}, FaultSurplus, "0000013-0000018.pdf"},
		"a strange file above": {func(d *delivery) { os.WriteFile(filepath.Join(d.root, "more.pdf"), []byte("%PDF-1.7"), 0o600) }, FaultSurplus, "more.pdf"},
		"lines in other order": {func(d *delivery) {
			d.edit(first+".ndjson", func(b []byte) []byte {
				lines := bytes.SplitAfter(b, []byte("\n"))
				lines[0], lines[1] = lines[1], lines[0]
				return bytes.Join(lines, nil)
			})
		}, FaultChanged, first + ".ndjson"},
		"a manifest edited": {func(d *delivery) {
			d.edit(manifest.FileName, func(b []byte) []byte { return bytes.Replace(b, []byte("Renouvellement"), []byte("Renouvellemant"), 1) })
		}, FaultSeal, manifest.SealName},
		"a manifest damaged": {func(d *delivery) { d.edit(manifest.FileName, func(b []byte) []byte { return b[:len(b)-2] }) },
			strings.Join([]string{FaultManifest, FaultSurplus, FaultSurplus, FaultSurplus, FaultSurplus, FaultSurplus, FaultSurplus, FaultSurplus, FaultSurplus}, " "), manifest.FileName},
		"no seal":        {func(d *delivery) { os.Remove(filepath.Join(d.dir, manifest.SealName)) }, FaultMissing, manifest.SealName},
		"an empty seal":  {func(d *delivery) { d.edit(manifest.SealName, func([]byte) []byte { return nil }) }, FaultSeal, manifest.SealName},
		"a damaged seal": {func(d *delivery) { d.edit(manifest.SealName, flip) }, FaultSeal, manifest.SealName},
		"a seal by another key of the service": {func(d *delivery) {
			d.edit(manifest.SealName, func(b []byte) []byte { return []byte(must(accords.Seal([]byte(`{"x":1}`)))(t)) })
		}, FaultSeal, manifest.SealName},
		"another operator's seal": {func(d *delivery) {
			d.edit(manifest.SealName, func([]byte) []byte {
				return must(os.ReadFile(filepath.Join(elsewhere.folder(other), manifest.SealName)))(t)
			})
		}, FaultSeal, manifest.SealName},
		"another operator's delivery": {func(d *delivery) {
			if err := errors.Join(os.RemoveAll(d.root), os.CopyFS(d.root, os.DirFS(elsewhere.path()))); err != nil {
				t.Fatal(err)
			}
		}, FaultSeal, manifest.SealName},
		"in the folder of another insurer": {func(d *delivery) {
			if err := os.Rename(d.dir, filepath.Join(filepath.Dir(d.dir), "123456789")); err != nil {
				t.Fatal(err)
			}
		}, FaultExpected, manifest.FileName},
		"nothing at all": {func(d *delivery) { os.RemoveAll(filepath.Join(d.root, c.ID)) }, FaultNoManifest, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := deliveryOf(t, w, c)
			s.spoil(d)
			r := d.verify(VerifyOptions{Keys: keys})
			if r.codes() != s.want {
				t.Fatalf("%q, not %q: %+v", r.codes(), s.want, r.Faults)
			}
			if (s.want == "") != r.Whole() {
				t.Error("called whole")
			}
			if s.want != "" && !strings.HasSuffix(r.Faults[0].File, s.file) {
				t.Errorf("names %s", r.Faults[0].File)
			}
			if r = d.verify(VerifyOptions{}); r.Whole() {
				t.Error("whole without a key")
			}
		})
	}
	t.Run("a key stolen since", func(t *testing.T) {
		dead := *keys[0]
		dead.State = signing.StateDead
		r := deliveryOf(t, w, c).verify(VerifyOptions{Keys: []*signing.PublicKey{&dead}})
		if r.codes() != FaultSeal || r.Manifests[0].Signature != SignatureBad {
			t.Errorf("%+v", r.Faults)
		}
	})
	t.Run("another campaign than expected", func(t *testing.T) {
		d := deliveryOf(t, w, c)
		if r := d.verify(VerifyOptions{Keys: keys, Campaign: "261201-aaaa"}); r.codes() != FaultExpected {
			t.Errorf("%+v", r.Faults)
		}
	})
	t.Run("insurers that were ordered", func(t *testing.T) {
		d := deliveryOf(t, w, c)
		const second = "0123456789"
		for _, s := range []struct {
			insurers string
			want     string
			skipped  int
		}{{amc, "", 0}, {"00" + amc, "", 0}, {amc + " " + amc, "", 0}, {second, FaultMissing, 1}, {amc + " " + second, FaultMissing, 0}} {
			r := d.verify(VerifyOptions{Keys: keys, Insurers: strings.Fields(s.insurers)})
			if r.codes() != s.want || len(r.Skipped) != s.skipped || r.Whole() != (s.want == "") {
				t.Errorf("%s: %+v", s.insurers, r)
			}
		}
		if err := os.Rename(d.dir, filepath.Join(filepath.Dir(d.dir), strings.TrimLeft(second, "0"))); err != nil {
			t.Fatal(err)
		}
		r := d.verify(VerifyOptions{Keys: keys, Insurers: []string{second}})
		if r.codes() != FaultMissing+" "+FaultExpected {
			t.Errorf("another insurer's files in the folder of one that was ordered: %+v", r.Faults)
		}
	})
	t.Run("a seal that is missing", func(t *testing.T) {
		d := deliveryOf(t, w, c)
		os.Remove(filepath.Join(d.dir, manifest.SealName))
		if r := d.verify(VerifyOptions{Keys: keys}); r.Manifests[0].Signature != SignatureMissing {
			t.Errorf("%+v", r.Manifests)
		}
	})
	t.Run("without a key", func(t *testing.T) {
		r := deliveryOf(t, w, c).verify(VerifyOptions{})
		if r.Whole() || !r.Unknown() || len(r.Faults) != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// A manifest that was sealed over files that are not what it says: the operator's own fault, or a thief with the key.
func TestVerifyReadsContents(t *testing.T) {
	w, c := done(t, 6, nil)
	signer := must(w.issuer.ManifestSigner())(t)
	const first = "0000001-0000006"
	swapLines := func(b []byte) []byte {
		lines := bytes.SplitAfter(b, []byte("\n"))
		lines[1], lines[2] = lines[2], lines[1]
		return bytes.Join(lines, nil)
	}
	for name, s := range map[string]struct {
		file string
		edit func([]byte) []byte
		say  string
	}{
		"lines exchanged":   {first + ".csv", swapLines, "not the next one"},
		"lines of NDJSON":   {first + ".ndjson", swapLines, "not the next one"},
		"a line lost":       {first + ".csv", func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] }, "ends before number 6"},
		"a code changed":    {first + ".csv", func(b []byte) []byte { return bytes.Replace(b, []byte(";TP1"), []byte(";TP2"), 1) }, "control total"},
		"no CSV":            {first + ".csv", func([]byte) []byte { return []byte("x") }, "can't be read"},
		"half a line":       {first + ".ndjson", func(b []byte) []byte { return b[:len(b)-1] }, "can't be read"},
		"a picture renamed": {first + ".zip", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("0000003.png"), []byte("0000009.png")) }, "number 3"},
		"a picture damaged": {first + ".zip", func(b []byte) []byte { b[bytes.Index(b, []byte("IDAT"))+20] ^= 1; return b }, "can't be read"},
		"no archive":        {first + ".zip", func([]byte) []byte { return []byte("PK") }, "no whole archive"},
		"no PDF":            {first + ".pdf", func([]byte) []byte { return []byte("%PDF-1.7") }, "not a whole PDF"},
	} {
		t.Run(name, func(t *testing.T) {
			d := deliveryOf(t, w, c)
			d.edit(s.file, s.edit)
			d.reseal(signer, s.file)
			r := d.verify(VerifyOptions{Keys: w.keys()})
			if r.codes() != FaultContent || !strings.Contains(r.Faults[0].Text, s.say) {
				t.Errorf("%+v", r.Faults)
			}
		})
	}
}

// reseal makes a manifest that has a spoilt file's size and hash.
func (d *delivery) reseal(s *signing.Signer, file string) {
	d.t.Helper()
	m := must(manifest.Parse(must(os.ReadFile(filepath.Join(d.dir, manifest.FileName)))(d.t)))(d.t)
	b := must(os.ReadFile(filepath.Join(d.dir, file)))(d.t)
	for i, f := range m.Files {
		if f.Name() == file {
			m.Files[i].Size, m.Files[i].SHA256 = int64(len(b)), sha256.Sum256(b)
		}
	}
	json, seal, err := m.Seal(s)
	if err != nil {
		d.t.Fatal(err)
	}
	d.edit(manifest.FileName, func([]byte) []byte { return json })
	d.edit(manifest.SealName, func([]byte) []byte { return []byte(seal) })
}

func TestPagesRefusesOtherFiles(t *testing.T) {
	whole := []byte("%PDF-1.3\n<</Type /Pages\n/Kids [3 0 R]\n/Count 1\n>>\n<</Type /Page\n>>\n%%EOF\n")
	if n, err := pages(whole); n != 1 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	for _, b := range [][]byte{nil, whole[1:], whole[:len(whole)-3], bytes.Replace(whole, []byte("/Count 1"), []byte("/Count 2"), 1),
		bytes.Replace(whole, []byte("/Count 1"), []byte("/Count x"), 1), bytes.Replace(whole, []byte("/Pages"), []byte("/Leafs"), 1)} {
		if n, err := pages(b); err == nil || n != 0 {
			t.Errorf("%q has %d pages", b, n)
		}
	}
}

func TestVerifyEmptyFolder(t *testing.T) {
	d := must(depot.OpenReadOnly(t.Context(), t.TempDir(), depot.Options{}))(t)
	r := must(Verify(t.Context(), d, VerifyOptions{}))(t)
	if r.codes() != FaultNoManifest || r.Whole() {
		t.Errorf("%+v", r)
	}
}
