// Verify: what the printing house runs. It needs nothing of the operator but its published keys.

package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"sceau/card/issuer/depot"
	"sceau/card/manifest"
	"sceau/rights"
	"sceau/signing"
)

// VerifyOptions say what to hold a delivery against.
type VerifyOptions struct {
	Keys     []*signing.PublicKey // ManifestKeys of a verified service.json; none: no signature can be verified
	Campaign string               // that was expected; "" for any
	Insurers []string             // N° AMC that were expected, in any spelling; none for whatever is there. Others are then not looked at
}

// SignatureState is what is known of a manifest's signature. Unknown is never valid.
type SignatureState string

// States of a signature.
const (
	SignatureValid   SignatureState = "valid"
	SignatureUnknown SignatureState = "unknown" // no key to verify it with
	SignatureBad     SignatureState = "bad"
	SignatureMissing SignatureState = "missing" // no manifest.jws: nobody says that the manifest is the operator's
)

// Codes of faults. A code never changes its meaning.
const (
	FaultNoManifest = "NO_MANIFEST" // no folder below has one
	FaultManifest   = "MANIFEST"    // manifest.json is damaged or no manifest
	FaultSeal       = "SIGNATURE"   // manifest.jws is damaged, of another manifest or not by the operator's manifest key
	FaultExpected   = "UNEXPECTED"  // a good manifest of another campaign or insurer than asked for, or than the folder's name says
	FaultMissing    = "MISSING"     // a listed file, a manifest's seal, or all of an insurer that was expected
	FaultRenamed    = "RENAMED"     // a listed file under another name, and nothing under its own
	FaultSurplus    = "SURPLUS"     // a file that no manifest lists
	FaultDoubled    = "DOUBLED"     // a second copy of a listed file, under another name
	FaultSwapped    = "SWAPPED"     // the bytes of another listed file
	FaultTruncated  = "TRUNCATED"
	FaultChanged    = "CHANGED"
	FaultContent    = "CONTENT" // the file is the one that was sealed, and is not what the manifest says of it
)

// Fault is one thing that is wrong. It quotes nothing of a card.
type Fault struct {
	File string `json:"file"` // or folder
	Code string `json:"code"`
	Text string `json:"text"` // English
}

// Checked is one manifest and the files that it lists.
type Checked struct {
	Folder    string             `json:"folder"`
	Campaign  string             `json:"campaign,omitempty"`
	Insurer   string             `json:"insurer,omitempty"`
	Rerun     string             `json:"rerun,omitempty"`
	Signature SignatureState     `json:"signature"`
	KID       string             `json:"kid,omitempty"`
	Made      string             `json:"made,omitempty"`
	Totals    manifest.Totals    `json:"totals"`
	Without   []manifest.Without `json:"without,omitempty"`
	Control   string             `json:"control,omitempty"` // total
	Counted   int64              `json:"counted"`           // cards whose code was read again, in CSV or NDJSON
}

// Report is what was found.
type Report struct {
	Manifests []Checked `json:"manifests"`
	Faults    []Fault   `json:"faults"`
	Files     int       `json:"files"`
	Bytes     int64     `json:"bytes"`
	Skipped   []Skipped `json:"not_looked_at,omitempty"` // whoever made them
}

// Skipped is a folder whose manifest is of an insurer that was not asked for.
type Skipped struct {
	Folder   string `json:"folder"`
	Campaign string `json:"campaign"`
	Insurer  string `json:"insurer"`
}

// Whole says that every signature is valid and nothing is wrong.
func (r *Report) Whole() bool { return len(r.Faults) == 0 && !r.Unknown() }

// Unknown says that a signature could not be verified for want of a key.
func (r *Report) Unknown() bool {
	return slices.ContainsFunc(r.Manifests, func(c Checked) bool { return c.Signature == SignatureUnknown })
}

func (r *Report) fault(file, code, format string, args ...any) {
	r.Faults = append(r.Faults, Fault{file, code, fmt.Sprintf(format, args...)})
}

// Verify checks every manifest below d and every file beside them: signatures, sizes, hashes, what is missing, surplus, doubled,
// swapped or truncated, and the counts and control totals of what can be read again. The report is complete when the error is nil;
// an error is the depot's.
func Verify(ctx context.Context, d depot.Depot, o VerifyOptions) (*Report, error) {
	entries, err := d.List(ctx, "")
	if err != nil {
		return nil, err
	}
	v := &verification{Report: &Report{Faults: []Fault{}, Manifests: []Checked{}}, ctx: ctx, depot: d, o: o, asked: map[string]bool{}, own: map[string]bool{}, again: map[string]bool{},
		sizes: map[string]int64{}, listed: map[string]bool{}, skipped: map[string]bool{}, sums: map[[32]byte][]string{}, told: map[int64]bool{}, absent: map[string]string{}}
	for _, n := range o.Insurers {
		v.asked[rights.AMC(n).Key()] = true
	}
	var folders []string
	for _, e := range entries {
		v.sizes[e.Name] = e.Size
		if path.Base(e.Name) == manifest.FileName {
			folders = append(folders, strings.TrimSuffix(e.Name, manifest.FileName))
		}
	}
	slices.Sort(folders)
	if len(folders) == 0 {
		v.fault(".", FaultNoManifest, "no %s here or below", manifest.FileName)
	}
	var open []*opened
	for _, folder := range folders {
		m, err := v.open(folder)
		if err != nil {
			return nil, err
		}
		if m != nil {
			open = append(open, m)
		}
	}
	for _, m := range open {
		if err := v.files(m); err != nil {
			return nil, err
		}
	}
	for _, e := range entries {
		if v.listed[e.Name] || v.skipped[folderOf(e.Name, folders)] {
			continue
		}
		if err := v.surplus(e); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.absent)) {
		v.fault(name, FaultMissing, "%s", v.absent[name])
	}
	v.insurers()
	return v.Report, nil
}

// folderOf is the nearest of the folders with a manifest that holds name. Where none does it is no name of a folder.
func folderOf(name string, folders []string) string {
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		folder := dir + "/"
		if dir == "." {
			folder = ""
		}
		if slices.Contains(folders, folder) {
			return folder
		}
		if dir == "." {
			return "/"
		}
	}
}

// insurers notes those that were expected and of which nothing is there. What was made again is enough only where nothing else was
// delivered.
func (v *verification) insurers() {
	told := map[string]bool{}
	for _, given := range v.o.Insurers {
		key := rights.AMC(given).Key()
		if told[key] || v.own[key] || v.again[key] && len(v.own) == 0 {
			continue
		}
		told[key] = true
		v.fault(path.Join(v.o.Campaign, key), FaultMissing, "nothing here is of the insurer %s", given)
	}
}

type verification struct {
	*Report
	ctx     context.Context
	depot   depot.Depot
	o       VerifyOptions
	sizes   map[string]int64
	asked   map[string]bool // keys of the insurers that were expected
	own     map[string]bool // keys of the insurers whose own manifest is there, looked at or not
	again   map[string]bool // likewise of those of sheets made again
	listed  map[string]bool
	skipped map[string]bool       // folders
	sums    map[[32]byte][]string // names by the hash that a manifest gives them
	told    map[int64]bool        // sizes that a manifest gives
	absent  map[string]string     // what is to be said of listed files that are not there
}

type opened struct {
	folder string
	m      *manifest.Manifest
	at     int // in Manifests
}

// open reads a manifest and its seal. nil without an error: it is damaged, which was noted.
func (v *verification) open(folder string) (*opened, error) {
	name := folder + manifest.FileName
	v.listed[name], v.listed[folder+manifest.SealName] = true, true
	if v.sizes[name] > manifest.MaxFile {
		v.fault(name, FaultManifest, "larger than any manifest")
		return nil, nil
	}
	file, err := v.depot.Get(v.ctx, name)
	if err != nil {
		return nil, err
	}
	seal, err := v.depot.Get(v.ctx, folder+manifest.SealName)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, err
	}
	m, err := manifest.Parse(file)
	if err != nil {
		v.fault(name, FaultManifest, "%v", err)
		for _, part := range strings.Split(folder, "/") {
			v.own[part] = true // the damage is told: its insurer is not missing beside that
		}
		v.Manifests = append(v.Manifests, Checked{Folder: folder, Signature: SignatureBad})
		return nil, nil
	}
	if m.Rerun == "" {
		v.own[m.Insurer] = true
	} else {
		v.again[m.Insurer] = true
	}
	if v.unasked(folder, m) {
		v.skipped[folder] = true
		v.Skipped = append(v.Skipped, Skipped{folder, m.Campaign, m.Insurer})
		return nil, nil
	}
	sum := m.ControlOf()
	c := Checked{Folder: folder, Campaign: m.Campaign, Insurer: m.Insurer, Rerun: m.Rerun, Signature: SignatureUnknown, Made: m.Made.UTC().Format("2006-01-02T15:04:05Z"),
		Totals: m.Totals(), Without: m.Without, Control: hex.EncodeToString(sum[:])}
	switch {
	case missing:
		c.Signature = SignatureMissing
		v.fault(folder+manifest.SealName, FaultMissing, "nobody says that the manifest beside it is the operator's")
	case len(v.o.Keys) > 0:
		_, by, err := manifest.Open(v.o.Keys, file, string(seal))
		if err != nil {
			c.Signature = SignatureBad
			v.fault(folder+manifest.SealName, FaultSeal, "%v", err)
		} else {
			c.Signature, c.KID = SignatureValid, by.KID
		}
	}
	v.expected(folder, m)
	v.Manifests = append(v.Manifests, c)
	for _, f := range m.Files {
		v.listed[folder+f.Name()] = true
		v.sums[f.SHA256] = append(v.sums[f.SHA256], folder+f.Name())
		v.told[f.Size] = true
	}
	return &opened{folder, m, len(v.Manifests) - 1}, nil
}

// unasked says that a manifest is of none of the insurers that were named, and does not lie where one of theirs belongs.
func (v *verification) unasked(folder string, m *manifest.Manifest) bool {
	return len(v.asked) > 0 && !v.asked[m.Insurer] && !slices.ContainsFunc(strings.Split(folder, "/"), func(part string) bool { return v.asked[part] })
}

// expected refuses a good manifest that was put where another belongs.
func (v *verification) expected(folder string, m *manifest.Manifest) {
	name := folder + manifest.FileName
	if v.o.Campaign != "" && m.Campaign != v.o.Campaign || len(v.asked) > 0 && !v.asked[m.Insurer] {
		v.fault(name, FaultExpected, "it is of campaign %s, insurer %s", m.Campaign, m.Insurer)
		return
	}
	parts := strings.Split(strings.TrimSuffix(folder, "/"), "/")
	if m.Rerun != "" && parts[len(parts)-1] == m.Insurer {
		v.fault(name, FaultExpected, "it speaks for sheets that were made again, and lies where the campaign's own manifest belongs")
		return
	}
	if m.Rerun != "" && len(parts) > 0 && strings.HasPrefix(parts[len(parts)-1], rerunPrefix) {
		parts = parts[:len(parts)-1]
	}
	if n := len(parts); n >= 2 && (parts[n-1] != m.Insurer || parts[n-2] != m.Campaign) || n == 1 && parts[0] != "" && parts[0] != m.Insurer && parts[0] != m.Campaign {
		v.fault(name, FaultExpected, "the folder %s has the manifest of campaign %s, insurer %s", folder, m.Campaign, m.Insurer)
	}
}

// files checks what a manifest lists.
func (v *verification) files(o *opened) error {
	c := newContents(o.m)
	for i, f := range o.m.Files {
		name := o.folder + f.Name()
		size, there := v.sizes[name]
		if !there {
			v.absent[name] = fmt.Sprintf("numbers %d to %d as %s, %s", f.First, f.Last, f.Kind, counted(f.Cards, "card"))
			continue
		}
		if size > max(2*f.Size, 1<<20) { // not read: it can't be
			v.fault(name, FaultChanged, "%s, and the manifest says %s", counted(size, "byte"), grouped(f.Size))
			continue
		}
		b, err := v.depot.Get(v.ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			v.absent[name] = "it went away"
			continue
		}
		if err != nil {
			return err
		}
		v.Files++
		v.Bytes += int64(len(b))
		sum := sha256.Sum256(b)
		text, read := c.check(i, b)
		switch {
		case sum == f.SHA256 && int64(len(b)) == f.Size:
			if text != "" {
				v.fault(name, FaultContent, "%s", text)
			}
			v.Manifests[o.at].Counted += read
		case len(v.sums[sum]) > 0:
			v.fault(name, FaultSwapped, "it has the bytes of %s", v.sums[sum][0])
		case int64(len(b)) < f.Size:
			v.fault(name, FaultTruncated, "%s of %s%s", grouped(int64(len(b))), counted(f.Size, "byte"), behind(text))
		default:
			v.fault(name, FaultChanged, "its SHA-256 is not the manifest's%s", behind(text))
		}
	}
	return nil
}

func behind(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// surplus notes a file that no manifest lists: perhaps a copy of one that is.
func (v *verification) surplus(e depot.Entry) error {
	if v.told[e.Size] {
		b, err := v.depot.Get(v.ctx, e.Name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		all := v.sums[sha256.Sum256(b)]
		for _, of := range all {
			if v.absent[of] != "" {
				delete(v.absent, of)
				v.fault(e.Name, FaultRenamed, "to be named %s", of)
				return nil
			}
		}
		if len(all) > 0 {
			v.fault(e.Name, FaultDoubled, "it has the bytes of %s", all[0])
			return nil
		}
	}
	v.fault(e.Name, FaultSurplus, "no manifest lists it")
	return nil
}
