// Spoiled sheets made again: the same cards, the same numbers, nothing issued.

package batch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/manifest"
	"sceau/card/register"
	"sceau/rights"
)

// RerunRequest says which pages of a campaign to make again.
type RerunRequest struct {
	Campaign  string
	Insurer   string           // rights.AMC.Key
	Ranges    []manifest.Range // sequence numbers, ascending and apart; or
	Contract  string           // N° adhérent of one contract: a file for each of its cards
	Outputs   []string         // none: the campaign's
	Reason    string           // for the manifest and the audit chain, by the rule of rights.CheckNote; never a person's name
	AlsoEnded bool             // cards that were revoked, suspended or replaced since are printed too
	To        depot.Depot
}

// RerunReport says what was made.
type RerunReport struct {
	Folder string             `json:"folder"` // in the destination
	Cards  int64              `json:"cards"`
	Pages  int64              `json:"pages"`
	Files  int                `json:"files"`
	Left   []manifest.Without `json:"left,omitempty"` // numbers without a page, by cause
	KID    string             `json:"kid"`
}

// Errors of Rerun.
var (
	// ErrRerun says what of the request can't be; nothing was written.
	ErrRerun = errors.New("these sheets can't be made again")
	// ErrAsked is the kind of ErrRerun that another request would not meet: it asks for what no campaign, or not this one, has.
	ErrAsked = fmt.Errorf("%w as asked", ErrRerun)
	// ErrNoPages says that none of the cards asked for can be printed; the report says why of each.
	ErrNoPages = errors.New("batch: no card is left to print")
)

// causeReplaced is a card in whose place another was issued since: that one has a page of its own elsewhere.
const causeReplaced = "replaced"

// endedCause is why a card that was issued is not printed any more, "" for a live one.
func endedCause(r issuer.Recalled) string {
	switch r.State {
	case register.Live:
		return ""
	case register.Suspended:
		return issuer.CauseSuspended
	case register.Replaced:
		return causeReplaced
	}
	return issuer.CauseWithheld
}

// Rerun makes pages of a campaign again from the register and what was frozen, with a sealed manifest of their own in a folder of
// their own. It never issues: the sign log does not grow. It is written into the audit chain first.
//
// Errors: ErrRerun, issuer.ErrUnknownCampaign, ErrNoPages.
func (w *Worker) Rerun(ctx context.Context, req RerunRequest) (*RerunReport, error) {
	w.begin()
	if _, err := w.Issuer.ManifestSigner(); err != nil {
		return nil, err
	}
	part, err := w.part(ctx, req.Campaign, req.Insurer)
	if err != nil {
		return nil, err
	}
	l, err := w.lookOf(ctx, req.Campaign, req.Insurer)
	if err != nil {
		return nil, err
	}
	if err := req.check(l, part.Cards); err != nil {
		return nil, err
	}
	items, err := w.asked(ctx, &req)
	if err != nil {
		return nil, err
	}
	entries, causes, err := w.again(ctx, items, req.AlsoEnded)
	if err != nil {
		return nil, err
	}
	made := w.now().UTC()
	folder := l.folder() + rerunFolder(made)
	if err := w.Issuer.NoteRerun(ctx, req.Campaign, req.Insurer, rangesText(req.Ranges), int64(len(entries)), req.Reason, req.AlsoEnded); err != nil {
		return nil, err
	}
	m := l.opening(part.Cards, made)
	m.Rerun, m.Outputs, m.Ranges = req.Reason, outputsOf(req.Outputs), req.Ranges
	r := &RerunReport{Folder: folder}
	var written []string
	giveUp := func(err error) (*RerunReport, error) {
		for _, name := range written { // files that no manifest lists help nobody
			err = errors.Join(err, req.To.Delete(context.WithoutCancel(ctx), name))
		}
		return nil, err
	}
	for len(entries) > 0 {
		n := min(len(entries), manifest.MaxCards)
		if req.Contract != "" {
			n = 1
		}
		some := entries[:n]
		entries = entries[n:]
		d, err := w.draw(l, manifest.Range{First: some[0].sequence, Last: some[n-1].sequence}, part.Cards, m.Outputs, some)
		if err != nil {
			return giveUp(err)
		}
		for sequence, cause := range d.undrawn {
			causes[cause] = append(causes[cause], manifest.Range{First: sequence, Last: sequence})
		}
		for _, f := range d.files {
			written = append(written, r.Folder+f.Name())
		}
		if err := d.write(ctx, req.To, r.Folder); err != nil {
			return giveUp(err)
		}
		m.Files = append(m.Files, d.files...)
	}
	for cause, all := range causes {
		causes[cause] = tidy(all)
	}
	m.Without = withoutOf(causes)
	r.Left = m.Without
	t := m.Totals()
	r.Cards, r.Pages, r.Files = t.Cards, t.Pages, len(m.Files)
	if len(m.Files) == 0 {
		return r, ErrNoPages
	}
	written = append(written, r.Folder+manifest.FileName, r.Folder+manifest.SealName)
	fact, err := w.deliver(ctx, req.To, r.Folder, m)
	if err != nil {
		return giveUp(err)
	}
	r.KID = fact.KID
	return r, nil
}

// rerunFolder names the folder of one rerun: its time, and as much chance that two of one second, which can't see each other's files
// before they are written, never share one.
func rerunFolder(made time.Time) string {
	return rerunPrefix + made.Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:10]) + "/"
}

// rerunPrefix begins the names of such folders.
const rerunPrefix = "rerun-"

func (req *RerunRequest) check(l *look, total int64) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrAsked}, args...)...)
	}
	if len(req.Outputs) == 0 {
		req.Outputs = l.spec.Outputs
	}
	for _, o := range req.Outputs {
		if !slices.Contains(manifest.FileKinds(), o) {
			return refuse("no output %.20q: pdf, csv, ndjson or png", o)
		}
	}
	if err := rights.CheckNote(req.Reason); err != nil {
		return refuse("the reason is 1 to %d characters of one line: %w", rights.MaxNoteRunes, err)
	}
	if (req.Contract == "") == (len(req.Ranges) == 0) {
		return refuse("either sequence numbers or one contract")
	}
	end := int64(0)
	for _, r := range req.Ranges {
		if r.Last > total {
			return refuse("there are the numbers 1 to %s, and %s goes beyond", grouped(total), rangesText([]manifest.Range{r}))
		}
		if r.First <= end || r.Last < r.First {
			return refuse("the numbers %d-%d do not follow those before them", r.First, r.Last)
		}
		end = r.Last
	}
	return nil
}

// asked gives the items asked for, and turns a contract into its numbers and touching ranges into one.
func (w *Worker) asked(ctx context.Context, req *RerunRequest) ([]issuer.CampaignItem, error) {
	var items []issuer.CampaignItem
	if req.Contract == "" {
		req.Ranges = tidy(req.Ranges)
		for _, r := range req.Ranges {
			err := w.Issuer.CampaignItems(ctx, req.Campaign, req.Insurer, r.First, r.Last, func(i issuer.CampaignItem) error { items = append(items, i); return nil })
			if err != nil {
				return nil, err
			}
		}
		return items, nil
	}
	err := w.Issuer.CampaignItems(ctx, req.Campaign, req.Insurer, 0, 0, func(i issuer.CampaignItem) error {
		if i.Contract.Adherent == req.Contract {
			items = append(items, i)
			req.Ranges = manifest.Join(req.Ranges, i.Sequence)
		}
		return nil
	})
	if err == nil && len(items) == 0 {
		err = fmt.Errorf("%w: the campaign has no card of this contract", ErrRerun)
	}
	return items, err
}

// again opens the cards of items. A number without one, or whose card ended since, goes to its cause.
func (w *Worker) again(ctx context.Context, items []issuer.CampaignItem, ended bool) ([]entry, map[string][]manifest.Range, error) {
	causes := map[string][]manifest.Range{}
	var with []issuer.CampaignItem
	var places []card.Place
	for _, i := range items {
		switch {
		case i.Cause != "":
			causes[i.Cause] = manifest.Join(causes[i.Cause], i.Sequence)
		case i.Place == card.Place{}:
			return nil, nil, fmt.Errorf("%w: number %d has no card yet", ErrRerun, i.Sequence)
		default:
			with, places = append(with, i), append(places, i.Place)
		}
	}
	recalled, err := w.Issuer.Recall(ctx, places)
	if err != nil {
		return nil, nil, err
	}
	var all []entry
	for n, i := range with {
		if cause := endedCause(recalled[n]); cause != "" && !ended {
			causes[cause] = manifest.Join(causes[cause], i.Sequence)
			continue
		}
		all = append(all, entry{i.Sequence, i.Address, recalled[n].Issued})
	}
	return all, causes, nil
}

// tidy sorts ranges and joins those that touch.
func tidy(all []manifest.Range) []manifest.Range {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b manifest.Range) int { return int(a.First - b.First) })
	var out []manifest.Range
	for _, r := range all {
		if n := len(out); n > 0 && r.First <= out[n-1].Last+1 {
			out[n-1].Last = max(out[n-1].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out
}

func rangesText(all []manifest.Range) string {
	var b strings.Builder
	for i, r := range all {
		if i == 100 {
			return b.String() + ",…"
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(r.First, 10))
		if r.Last > r.First {
			b.WriteString("-" + strconv.FormatInt(r.Last, 10))
		}
	}
	return b.String()
}
