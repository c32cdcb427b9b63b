// What the service knows about a chain: whose it is, how far it reaches without a gap, and what was wrong with it.

package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/offline/receipt"
	"sceau/signing"
	"sceau/signing/journal"
)

// chainKind are documents of one chain each: id is the id under which its receipts are stored, owner the counter that brought
// it first, data a chainText.
const chainKind = "chain"

// Bounds of what is kept about one chain. Beyond them the oldest goes; the alarms stay.
const (
	maxTips   = 8
	maxSpans  = 32
	maxAlarms = 200 // of one chain
)

// Chain is what the service knows about one chain.
type Chain struct {
	ID       string   // under which receipts are stored: the device's, or one made of it when another counter has that
	Device   string   // the chain's name
	Key      []byte   // canonical public JWK
	FINESS   string   // of the counter
	Counters []string // ids of the counter: more than one when it was enrolled again
	Foreign  bool     // another counter has this chain under the same key
	Base     journal.Head
	Head     journal.Head // the last entry up to which everything is here, or was removed by the counter's retention
	At       time.Time    // of that entry
	Tips     []journal.Head
	Said     []Statement // signed heads that wait for their entry
	SaidSeq  uint64      // the newest signed head
	SaidAt   time.Time
	Forks    []journal.Head // first entries of other branches
	Gaps     []Span         // entries that are missing below others that are here
	Pruned   []Span         // entries that the counter's retention removed before they were sent
	Entries  int64          // stored
	Alarms   int            // raised
	Seen     time.Time      // last upload
}

// Statement is a signed head that waits for its entry.
type Statement struct {
	Head journal.Head
	At   time.Time
}

// Span is a run of entries.
type Span struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

type headText struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
	At   int64  `json:"at,omitempty"`
}

type chainText struct {
	Device   string          `json:"device"`
	Key      json.RawMessage `json:"key"`
	FINESS   string          `json:"finess"`
	Counters []string        `json:"counters"`
	Foreign  bool            `json:"foreign,omitempty"`
	Base     headText        `json:"base"`
	Head     headText        `json:"head"` // at in microseconds
	Tips     []headText      `json:"tips,omitempty"`
	Said     []headText      `json:"said,omitempty"`
	SaidSeq  uint64          `json:"said_seq,omitempty"`
	SaidAt   int64           `json:"said_at,omitempty"`
	Forks    []headText      `json:"forks,omitempty"`
	Gaps     []Span          `json:"gaps,omitempty"`
	Pruned   []Span          `json:"pruned,omitempty"`
	Entries  int64           `json:"entries"`
	Alarms   int             `json:"alarms,omitempty"`
	Seen     int64           `json:"seen"`
}

func textOf(h journal.Head) headText {
	return headText{Seq: h.Seq, Hash: hex.EncodeToString(h.Hash[:])}
}

func (t headText) head() (journal.Head, error) {
	b, err := hex.DecodeString(t.Hash)
	if err != nil || len(b) != 32 {
		return journal.Head{}, errors.New("reconcile: a stored hash")
	}
	return journal.Head{Seq: t.Seq, Hash: [32]byte(b)}, nil
}

func heads(texts []headText) ([]journal.Head, error) {
	var out []journal.Head
	for _, t := range texts {
		h, err := t.head()
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

func texts(hs []journal.Head) []headText {
	var out []headText
	for _, h := range hs {
		out = append(out, textOf(h))
	}
	return out
}

func (c *Chain) encode() ([]byte, error) {
	t := chainText{Device: c.Device, Key: c.Key, FINESS: c.FINESS, Counters: c.Counters, Foreign: c.Foreign, Base: textOf(c.Base), Head: textOf(c.Head),
		Tips: texts(c.Tips), SaidSeq: c.SaidSeq, SaidAt: c.SaidAt.Unix(), Forks: texts(c.Forks), Gaps: c.Gaps, Pruned: c.Pruned,
		Entries: c.Entries, Alarms: c.Alarms, Seen: c.Seen.Unix()}
	t.Head.At = c.At.UnixMicro()
	for _, s := range c.Said {
		h := textOf(s.Head)
		h.At = s.At.Unix()
		t.Said = append(t.Said, h)
	}
	return json.Marshal(t)
}

func (c *Chain) decode(b []byte) error {
	var t chainText
	if err := json.Unmarshal(b, &t); err != nil {
		return err
	}
	var faults [4]error
	out := Chain{ID: c.ID, Device: t.Device, Key: t.Key, FINESS: t.FINESS, Counters: t.Counters, Foreign: t.Foreign, At: time.UnixMicro(t.Head.At).UTC(),
		SaidSeq: t.SaidSeq, SaidAt: time.Unix(t.SaidAt, 0).UTC(), Gaps: t.Gaps, Pruned: t.Pruned, Entries: t.Entries, Alarms: t.Alarms, Seen: time.Unix(t.Seen, 0).UTC()}
	out.Base, faults[0] = t.Base.head()
	out.Head, faults[1] = t.Head.head()
	out.Tips, faults[2] = heads(t.Tips)
	out.Forks, faults[3] = heads(t.Forks)
	for _, s := range t.Said {
		h, err := s.head()
		faults[0] = errors.Join(faults[0], err)
		out.Said = append(out.Said, Statement{h, time.Unix(s.At, 0).UTC()})
	}
	*c = out
	return errors.Join(faults[:]...)
}

// readChain reads a chain; register.ErrNotFound for an unknown one.
func readChain(tx register.Documents, id string) (*Chain, register.Document, error) {
	c := &Chain{ID: id}
	d, err := document(tx, chainKind, id, c.decode)
	if err != nil {
		return nil, register.Document{}, err
	}
	return c, d, nil
}

// alias is the id of a chain whose device's id is taken: by another key, or by another counter under the same key.
func alias(device, what string) string {
	sum := sha256.Sum256([]byte("sceau-chain-alias-1\x00" + device + "\x00" + what))
	return hex.EncodeToString(sum[:receipt.DeviceDigits/2])
}

// place finds the chain of a counter's batch, or the id and form of a new one. The first to bring a chain has it. The same
// establishment that was enrolled again goes on with its chain; whoever else brings it gets a chain of its own beside it, so
// that nobody's upload touches another's.
func place(tx register.Documents, who issuer.Counter, b receipt.Batch) (c *Chain, d register.Document, news []string, err error) {
	fresh := func(id string, foreign bool) *Chain {
		start, _ := journal.Start(b.Device) // a batch's device is a lawful name
		return &Chain{ID: id, Device: b.Device, Key: b.Key, FINESS: who.FINESS, Counters: []string{who.ID}, Foreign: foreign, Base: start, Head: start}
	}
	mine := func(id string, foreign bool) error {
		if c, d, err = readChain(tx, id); errors.Is(err, register.ErrNotFound) {
			c, d, err = fresh(id, foreign), register.Document{Kind: chainKind, ID: id, Owner: who.ID}, nil
		}
		return err
	}
	if err := mine(b.Device, false); err != nil {
		return nil, register.Document{}, nil, err
	}
	if !bytes.Equal(c.Key, b.Key) {
		// Two devices of one name: only someone who has seen it can take it, so neither is held against the other.
		news = append(news, AlarmName)
		if err := mine(alias(b.Device, string(b.Key)), false); err != nil {
			return nil, register.Document{}, nil, err
		}
	}
	switch {
	case slices.Contains(c.Counters, who.ID):
	case c.FINESS == who.FINESS && who.FINESS != "":
		c.Counters = append(c.Counters, who.ID)
		news = append(news, AlarmEnrolled)
	default:
		news = append(news, AlarmCounter)
		if err := mine(alias(b.Device, string(b.Key)+"\x00"+who.ID), true); err != nil {
			return nil, register.Document{}, nil, err
		}
	}
	return c, d, news, nil
}

// keys are the device keys by which a counter can sign: that of the chain, then those of its other chains. A chain whose key is
// gone is vouched for by a later one of the same counter.
func keys(tx register.Documents, who issuer.Counter, own []byte) ([]*signing.PublicKey, error) {
	first, err := headKey(own)
	if err != nil {
		return nil, fmt.Errorf("%w: key", ErrBatch)
	}
	out := []*signing.PublicKey{first}
	all, err := tx.DocumentsAfter(chainKind, who.ID, "", maxChains)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		c := Chain{ID: d.ID}
		if c.decode(d.Data) != nil {
			return nil, fmt.Errorf("%w: chain document", register.ErrCorrupt)
		}
		if k, err := headKey(c.Key); err == nil && !bytes.Equal(c.Key, own) && !c.Foreign {
			out = append(out, k)
		}
	}
	return out, nil
}

// maxChains bounds the chains of one counter: a new one begins when a journal is damaged or a computer replaced.
const maxChains = 64

func headKey(jwk []byte) (*signing.PublicKey, error) {
	k, err := signing.ParseJWK(jwk)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(k.JWK(), jwk) {
		return nil, errors.New("reconcile: a key spelled in another way")
	}
	k.Kind = journal.HeadKind
	return k, nil
}

// openHead verifies a signed head of a device under any of the keys.
func openHead(all []*signing.PublicKey, device, token string) (journal.Statement, error) {
	for _, k := range all {
		if st, err := journal.OpenHead(k, token); err == nil && st.Name == device {
			return st, nil
		}
	}
	return journal.Statement{}, ErrUnsigned
}
