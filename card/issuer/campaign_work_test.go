package issuer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sceau/card"
	"sceau/card/register"
)

// machine is a campaign that several workers work on, some of which die, while it is paused and resumed and time passes.
type machine struct {
	w       *world
	store   *brokenStore
	id      string
	shards  []*CampaignShard // that some worker has in hand, or had
	files   []*CampaignFile
	parts   int // manifests that somebody was asked for
	worker  int
	stopped bool // paused
}

func (m *machine) claim() Claim { m.worker++; return Claim{Worker: fmt.Sprintf("worker-%d", m.worker)} }

// expected are the errors that a worker may meet in a campaign that lives.
func (m *machine) expected(t *rapid.T, what string, err error) {
	t.Helper()
	for _, e := range []error{ErrLeased, ErrIncomplete, errCrash, register.ErrOutcomeUnknown} {
		if errors.Is(err, e) {
			return
		}
	}
	if m.stopped && errors.Is(err, ErrPaused) {
		return
	}
	t.Fatalf("%s: %v", what, err)
}

func outputsOf(f *CampaignFile) []OutputFact {
	cards := int64(0)
	for _, it := range f.Items {
		if it.Place != (card.Place{}) {
			cards++
		}
	}
	return []OutputFact{{Name: fmt.Sprintf("%s/%06d.pdf", f.Insurer, f.N), Kind: OutputPDF, SHA256: fmt.Sprint(f.First), Size: 100 * cards, Cards: cards, People: cards, Pages: cards}}
}

// take looks for work and takes the first piece.
func (m *machine) take(t *rapid.T) {
	refs, err := m.w.issuer.NextShards(context.Background(), m.id, 4)
	if err != nil {
		m.expected(t, "next", err)
		return
	}
	if len(refs) == 0 {
		return
	}
	m.open(t, refs[rapid.IntRange(0, len(refs)-1).Draw(t, "which")], m.claim())
}

func (m *machine) open(t *rapid.T, r ShardRef, c Claim) {
	err := crashing(func() error {
		switch r.Why {
		case WhyShard:
			sh, err := m.w.issuer.OpenShard(context.Background(), r.Campaign, r.Insurer, r.N, c)
			if err == nil {
				m.shards = append(m.shards, sh)
			}
			return err
		case WhyFile:
			f, err := m.w.issuer.OpenFile(context.Background(), r.Campaign, r.Insurer, (r.N+1)/2, c)
			if err == nil {
				m.files = append(m.files, f)
			}
			return err
		}
		_, _, _, err := m.w.issuer.OpenPart(context.Background(), r.Campaign, r.Insurer, c)
		if err == nil {
			m.parts++
		}
		return err
	})
	if err != nil {
		m.expected(t, "open "+r.Why, err)
	}
}

// end ends a piece of work that somebody has, or had.
func (m *machine) end(t *rapid.T) {
	err := crashing(func() error {
		switch {
		case m.parts > 0:
			_, err := m.w.issuer.EndPart(context.Background(), m.id, amc, ManifestFact{Name: "manifest.json", SHA256: "aa"})
			if err == nil {
				m.parts--
			}
			return err
		case len(m.files) > 0:
			f := m.files[rapid.IntRange(0, len(m.files)-1).Draw(t, "file")]
			if f.Items == nil {
				whole, err := m.w.issuer.OpenFile(context.Background(), f.Campaign, f.Insurer, f.N, Claim{Worker: f.Worker})
				if err != nil {
					return err
				}
				*f = *whole
			}
			undrawn := map[int64]string{}
			if f.First%4 == 1 {
				undrawn[f.First] = CauseGlyph
			}
			done, err := m.w.issuer.EndFile(context.Background(), f, outputsOf(f), undrawn)
			if done {
				m.parts++
			}
			return err
		case len(m.shards) > 0:
			sh := m.shards[rapid.IntRange(0, len(m.shards)-1).Draw(t, "shard")]
			f, err := m.w.issuer.EndShard(context.Background(), sh, pretend(sh))
			if f != nil {
				m.files = append(m.files, f)
			}
			return err
		}
		return nil
	})
	if err != nil {
		m.expected(t, "end", err)
	}
}

// TestWorkersAndDeaths: whatever workers do, die of and do again, every number counts once and nothing is lost.
func TestWorkersAndDeaths(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(22)
	checks := flag.Lookup("rapid.checks").Value
	was := checks.String()
	if os.Getenv("SCEAU_CAMPAIGN_CHECKS") != "" {
		checks.Set(os.Getenv("SCEAU_CAMPAIGN_CHECKS"))
	} else {
		checks.Set("12")
	}
	defer checks.Set(was)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		broken := &brokenStore{Store: w.store}
		w.issuer.Store = broken
		defer func() { w.issuer.Store = w.store }()
		c := w.plan(year2027(fmt.Sprint("Campagne ", run)))
		m := &machine{w: w, store: broken, id: c.ID}
		must(w.issuer.StartCampaign(context.Background(), operatorStaff, c.ID))(w.t)
		steps := 0
		t.Repeat(map[string]func(*rapid.T){
			"take": m.take,
			"end":  m.end,
			"forget": func(t *rapid.T) { // the worker is gone; its leases are not
				m.shards, m.files, m.parts = nil, nil, 0
			},
			"again": func(t *rapid.T) {
				m.open(t, ShardRef{m.id, amc, rapid.IntRange(1, 8).Draw(t, "n"), WhyShard}, m.claim())
			},
			"wait": func(t *rapid.T) {
				w.clock = w.clock.Add(time.Duration(rapid.IntRange(1, 150).Draw(t, "seconds")) * time.Second)
			},
			"crash": func(t *rapid.T) {
				broken.at = broken.seen + 1
				broken.how = rapid.SampledFrom([]string{"fail", "panic", "unknown"}).Draw(t, "how")
				rapid.SampledFrom([]func(*rapid.T){m.take, m.end}).Draw(t, "what")(t)
				broken.at = 0
			},
			"pause": func(t *rapid.T) {
				state := must(w.issuer.CampaignOf(context.Background(), operatorStaff, m.id))(w.t).State
				var err error
				if m.stopped {
					_, err = w.issuer.ResumeCampaign(context.Background(), operatorStaff, m.id)
				} else {
					_, err = w.issuer.PauseCampaign(context.Background(), operatorStaff, m.id)
				}
				if state == CampaignDone && errors.Is(err, ErrCampaignState) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				m.stopped = !m.stopped
			},
			"": func(t *rapid.T) {
				if steps++; steps%10 == 0 {
					m.check(t, false)
				}
			},
		})
		m.finish(t)
		m.check(t, true)
	})
}

// finish lets one worker that never dies do the rest.
func (m *machine) finish(t *rapid.T) {
	if must(m.w.issuer.CampaignOf(context.Background(), operatorStaff, m.id))(m.w.t).State == CampaignPaused {
		must(m.w.issuer.ResumeCampaign(context.Background(), operatorStaff, m.id))(m.w.t)
	}
	m.stopped = false
	m.w.clock = m.w.clock.Add(DefaultLease + time.Second)
	for step := 0; ; step++ {
		refs := must(m.w.issuer.NextShards(context.Background(), m.id, 2))(m.w.t)
		if len(refs) == 0 {
			return
		}
		if step > 100 {
			t.Fatalf("%+v is offered again and again", refs)
		}
		m.shards, m.files, m.parts = nil, nil, 0
		m.open(t, refs[0], m.claim())
		for m.parts+len(m.files)+len(m.shards) > 0 {
			files, parts := len(m.files), m.parts
			m.end(t)
			if parts > 0 {
				break
			}
			if files > 0 {
				m.files = nil
			}
			m.shards = nil
		}
	}
}

// check compares the counts of the part with the numbers themselves.
func (m *machine) check(t *rapid.T, over bool) {
	m.store.at = 0
	c := must(m.w.issuer.CampaignOf(context.Background(), operatorStaff, m.id))(m.w.t)
	p := c.Parts[0]
	var done, made, seen int64
	rejects := map[string]int64{}
	for i, it := range m.w.items(m.id) {
		if it.Sequence != int64(i+1) {
			t.Fatalf("number %d stands at %d", it.Sequence, i)
		}
		seen++
		if it.Place != (card.Place{}) {
			made++
		}
		if it.Cause != "" {
			rejects[it.Cause]++
		}
		if it.Cause != "" || it.Place != (card.Place{}) {
			done++
		}
	}
	if p.Done != done || p.Made != made || p.Issued != made || seen != 22 || p.Cards != 22 || p.DoneShards != m.shardsDone(p) || fmt.Sprint(rejects) != fmt.Sprint(p.Rejects) {
		t.Fatalf("counted %d done, %d made, %v; the part says %+v", done, made, rejects, p)
	}
	files, bytes := 0, int64(0)
	err := m.w.issuer.CampaignFiles(context.Background(), m.id, amc, func(f CampaignFile) error {
		files++
		bytes += f.Outputs[0].Size
		if f.Outputs[0].SHA256 != fmt.Sprint(f.First) {
			t.Errorf("file %d has the facts of another", f.N)
		}
		return nil
	})
	if err != nil || files != p.DoneFiles || bytes != p.Bytes {
		t.Fatalf("%d files of %d bytes, %v; the part says %+v", files, bytes, err, p)
	}
	if over && (c.State != CampaignDone || p.DoneShards != 8 || p.DoneFiles != 4 || p.Manifest == nil || made != 19) {
		t.Fatalf("at the end: %+v", c)
	}
}

func (m *machine) shardsDone(p CampaignPart) int {
	n := 0
	for i := 1; i <= p.Shards; i++ {
		if must(m.w.issuer.shardIsDone(m.id, i))(m.w.t) {
			n++
		}
	}
	return n
}

// shardIsDone reads whether a shard's own document says that it is done.
func (s *Issuer) shardIsDone(id string, n int) (bool, error) {
	var v storedShard
	err := s.Store.View(context.Background(), func(tx register.Tx) error {
		_, err := packed(tx, kindShard, numberedID(id, amc, n), &v)
		return err
	})
	return v.Done, err
}
