// From drawn files to delivered ones: written whole, told to the register, sealed.

package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/manifest"
)

// file draws and delivers a file whose shards are all done. One that is done already is left alone. sealable says that its part
// lacks only the manifest, or may.
func (w *Worker) file(ctx context.Context, campaign, insurer string, n int) (sealable bool, err error) {
	f, err := w.Issuer.OpenFile(ctx, campaign, insurer, n, w.claim(0, 0))
	if err != nil {
		return false, err
	}
	if f.Done {
		return true, nil // a crash may have come before its manifest: seal looks
	}
	began := w.now()
	facts, undrawn, err := w.deliverFile(ctx, f)
	if err != nil {
		return false, errors.Join(err, w.Issuer.ReleaseFile(context.WithoutCancel(ctx), f))
	}
	sealable, err = w.Issuer.EndFile(ctx, f, facts, undrawn)
	if errors.Is(err, issuer.ErrDamaged) {
		// Another worker ended it meanwhile, and a card ended between its drawing and this one: what was said first stands.
		if again := w.Redraw(ctx, campaign, insurer, n); again != nil {
			return false, errors.Join(err, again)
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	w.Log.Info("file written", "campaign", campaign, "insurer", insurer, "first", f.First, "last", f.Last, "ms", w.now().Sub(began).Milliseconds())
	return sealable, nil
}

// deliverFile draws a file and writes it.
func (w *Worker) deliverFile(ctx context.Context, f *issuer.CampaignFile) ([]issuer.OutputFact, map[int64]string, error) {
	l, err := w.lookOf(ctx, f.Campaign, f.Insurer)
	if err != nil {
		return nil, nil, err
	}
	to, err := w.destination(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	entries, ended, err := w.entries(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	d, err := w.draw(l, manifest.Range{First: f.First, Last: f.Last}, f.Total, outputsOf(l.spec.Outputs), entries)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(d.undrawn, ended)
	facts := d.facts(l.folder())
	return facts, d.undrawn, d.write(ctx, to, l.folder())
}

// entries are the cards of a file in their order. A card that ended since it was issued gets a cause instead: no letter brings it.
// A file that was drawn before is drawn as it was.
func (w *Worker) entries(ctx context.Context, f *issuer.CampaignFile) ([]entry, map[int64]string, error) {
	fresh := w.fresh.take(fileKey{f.Campaign, f.Insurer, f.N}, w.now())
	var stored []card.Place
	for _, i := range f.Items {
		if _, known := fresh[i.Place]; i.Cause == "" && !known {
			stored = append(stored, i.Place)
		}
	}
	recalled, err := w.Issuer.Recall(ctx, stored)
	if err != nil {
		return nil, nil, err
	}
	var all []entry
	ended := map[int64]string{}
	for _, i := range f.Items {
		if i.Cause != "" {
			continue
		}
		c, known := fresh[i.Place]
		if !known {
			c = recalled[0].Issued
			cause := endedCause(recalled[0])
			recalled = recalled[1:]
			if cause != "" && !f.Done {
				ended[i.Sequence] = cause
				continue
			}
		}
		all = append(all, entry{i.Sequence, i.Address, c})
	}
	return all, ended, nil
}

// ErrNotTheSame says that a file made again is not what the register says was delivered. It was not written.
var ErrNotTheSame = errors.New("batch: made again, the file is not the same")

// Redraw makes a finished file again from the register and writes it where it is missing or another: the same bytes, or ErrNotTheSame.
func (w *Worker) Redraw(ctx context.Context, campaign, insurer string, n int) error {
	w.begin()
	f, err := w.Issuer.OpenFile(ctx, campaign, insurer, n, w.claim(0, 0))
	if err != nil {
		return err
	}
	if !f.Done {
		return fmt.Errorf("%w: file %d of insurer %s in campaign %s is not drawn", issuer.ErrIncomplete, n, insurer, campaign)
	}
	l, err := w.lookOf(ctx, campaign, insurer)
	if err != nil {
		return err
	}
	entries, _, err := w.entries(ctx, f)
	if err != nil {
		return err
	}
	d, err := w.draw(l, manifest.Range{First: f.First, Last: f.Last}, f.Total, outputsOf(l.spec.Outputs), entries)
	if err != nil {
		return err
	}
	if !slices.Equal(d.facts(l.folder()), f.Outputs) {
		return fmt.Errorf("%w: file %d of insurer %s in campaign %s", ErrNotTheSame, n, insurer, campaign)
	}
	to, err := w.destination(ctx, l)
	if err != nil {
		return err
	}
	return d.write(ctx, to, l.folder())
}

// facts are what the register keeps of the files.
func (d *drawn) facts(folder string) []issuer.OutputFact {
	var facts []issuer.OutputFact
	for _, f := range d.files {
		facts = append(facts, issuer.OutputFact{Name: folder + f.Name(), Kind: f.Kind, SHA256: hex.EncodeToString(f.SHA256[:]), Size: f.Size,
			Cards: f.Cards, People: f.People, Pages: f.Pages, Control: hex.EncodeToString(f.Control[:])})
	}
	return facts
}

// write puts the files into the destination, each whole or not at all.
func (d *drawn) write(ctx context.Context, to depot.Depot, folder string) error {
	for i, f := range d.files {
		name := folder + f.Name()
		if _, err := to.Put(ctx, name, d.data[i]); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		d.data[i] = nil
	}
	return nil
}

// fileOf reads a fact back.
func fileOf(f issuer.CampaignFile, o issuer.OutputFact) (manifest.File, error) {
	out := manifest.File{Kind: o.Kind, Size: o.Size, First: f.First, Last: f.Last, Cards: o.Cards, People: o.People, Pages: o.Pages}
	for _, d := range []struct {
		to   []byte
		text string
	}{{out.SHA256[:], o.SHA256}, {out.Control[:], o.Control}} {
		b, err := hex.DecodeString(d.text)
		if err != nil || len(b) != len(d.to) {
			return out, fmt.Errorf("%w: facts of file %d", issuer.ErrDamaged, f.N)
		}
		copy(d.to, b)
	}
	return out, nil
}

// opening is what a manifest says of the campaign.
func (l *look) opening(total int64, made time.Time) *manifest.Manifest {
	return &manifest.Manifest{Campaign: l.campaign, Name: l.spec.Name, Insurer: l.key, Insured: l.insurer.Name, From: l.spec.First, To: l.spec.Last,
		Layout: l.spec.Layout, Window: l.spec.Window, Marks: l.spec.Marks, Made: made.UTC().Truncate(time.Second), Total: total, Outputs: outputsOf(l.spec.Outputs)}
}

// outputsOf puts outputs in the manifest's order.
func outputsOf(asked []string) []string {
	var out []string
	for _, kind := range manifest.FileKinds() {
		if slices.Contains(asked, kind) {
			out = append(out, kind)
		}
	}
	return out
}

// seal ends a part whose files are all done: its manifest, sealed, then the register. Another worker's is left to it.
func (w *Worker) seal(ctx context.Context, campaign, insurer string) error {
	part, _, done, err := w.Issuer.OpenPart(ctx, campaign, insurer, w.claim(0, 0))
	if errors.Is(err, issuer.ErrIncomplete) || errors.Is(err, issuer.ErrLeased) || err == nil && done {
		return nil
	}
	if err != nil {
		return err
	}
	// Two workers that overtake each other write the same manifest.json: then the seal of either is good.
	made := part.Drawn
	if age := w.now().Sub(made); age < 0 || age > sameManifest {
		made = w.now() // a key that is newer than the last file could not vouch for that time
	}
	return w.sealAt(ctx, campaign, insurer, part.Cards, made)
}

// sameManifest is how long after the last file its time is the manifest's.
const sameManifest = 10 * time.Minute

func (w *Worker) part(ctx context.Context, campaign, insurer string) (*issuer.CampaignPart, error) {
	c, err := w.Issuer.CampaignOf(ctx, issuer.Staff{Actor: w.Issuer.Actor}, campaign)
	if err != nil {
		return nil, err
	}
	for i := range c.Parts {
		if c.Parts[i].Insurer == insurer {
			return &c.Parts[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %s has no part of insurer %s", issuer.ErrUnknownCampaign, campaign, insurer)
}

func (w *Worker) sealAt(ctx context.Context, campaign, insurer string, total int64, made time.Time) error {
	l, err := w.lookOf(ctx, campaign, insurer)
	if err != nil {
		return err
	}
	m := l.opening(total, made)
	m.Ranges = []manifest.Range{{First: 1, Last: total}}
	err = w.Issuer.CampaignFiles(ctx, campaign, insurer, func(f issuer.CampaignFile) error {
		for _, o := range f.Outputs {
			one, err := fileOf(f, o)
			if err != nil {
				return err
			}
			m.Files = append(m.Files, one)
		}
		return nil
	})
	if err != nil {
		return err
	}
	causes := map[string][]manifest.Range{}
	err = w.Issuer.CampaignItems(ctx, campaign, insurer, 0, 0, func(i issuer.CampaignItem) error {
		if i.Cause != "" {
			causes[i.Cause] = manifest.Join(causes[i.Cause], i.Sequence)
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.Without = withoutOf(causes)
	to, err := w.destination(ctx, l)
	if err != nil {
		return err
	}
	fact, err := w.deliver(ctx, to, l.folder(), m)
	if err != nil {
		return err
	}
	if _, err := w.Issuer.EndPart(ctx, campaign, insurer, *fact); err != nil {
		return err
	}
	w.Log.Info("manifest sealed", "campaign", campaign, "insurer", insurer, "kid", fact.KID, "files", len(m.Files))
	return nil
}

func withoutOf(causes map[string][]manifest.Range) []manifest.Without {
	var out []manifest.Without
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		out = append(out, manifest.Without{Cause: cause, Ranges: causes[cause]})
	}
	return out
}

// deliver seals a manifest and writes both its files, the seal last.
func (w *Worker) deliver(ctx context.Context, to depot.Depot, folder string, m *manifest.Manifest) (*issuer.ManifestFact, error) {
	signer, err := w.Issuer.ManifestSigner()
	if err != nil {
		return nil, err
	}
	file, seal, err := m.Seal(signer)
	if err != nil {
		return nil, fmt.Errorf("manifest of campaign %s, insurer %s: %w", m.Campaign, m.Insurer, err)
	}
	name := folder + manifest.FileName
	_, err = to.Put(ctx, name, file)
	if err == nil {
		_, err = to.Put(ctx, folder+manifest.SealName, []byte(seal))
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	sum := sha256.Sum256(file)
	return &issuer.ManifestFact{Name: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(file)), KID: signer.KID(), Made: m.Made}, nil
}

// Reseal signs the manifests of a campaign's finished parts with the present key, made anew from the register: after the key that
// signed them was declared stolen, or when they were lost. Files are not touched.
func (w *Worker) Reseal(ctx context.Context, campaign string) (parts int, err error) {
	w.begin()
	c, err := w.Issuer.CampaignOf(ctx, issuer.Staff{Actor: w.Issuer.Actor}, campaign)
	if err != nil {
		return 0, err
	}
	for _, p := range c.Parts {
		if p.Manifest == nil {
			continue
		}
		if one := w.sealAt(ctx, campaign, p.Insurer, p.Cards, w.now()); one != nil {
			err = errors.Join(err, one)
			continue
		}
		parts++
	}
	return parts, err
}
