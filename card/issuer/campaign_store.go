// Campaigns in the register: which documents they are, and how these are read and written.

package issuer

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/register"
)

// The documents of campaigns. Ids in the order of their bytes are in the order of their numbers. Owner is the insurer, but that of
// kindCampaign, which is the campaign's own: "" for the operator.
const (
	kindCampaign = "campaign"        // id: storedCampaign
	kindPart     = "campaign-part"   // id/insurer: storedPart
	kindShard    = "campaign-shard"  // id/insurer/number: gzipped storedShard
	kindFile     = "campaign-file"   // id/insurer/number: gzipped storedFile, once it is drawn
	kindLeft     = "campaign-left"   // id/insurer/number: gzipped []leftItem, what planning left out and somebody should look at
	kindLease    = "campaign-lease"  // id, or id/insurer/work: storedLease
	kindFrozen   = "campaign-frozen" // id/insurer/theme, /issuer or /codes: the bytes
	kindSort     = "campaign-sort"   // id/insurer/run-chunk: gzipped []sortEntry, while planning
)

// campaignKinds are all of them but the campaign itself, which goes last.
var campaignKinds = []string{kindSort, kindLease, kindLeft, kindShard, kindFile, kindFrozen, kindPart}

type storedCampaign struct {
	Spec     CampaignSpec  `json:"spec"`
	State    CampaignState `json:"state"`
	Insurers []string      `json:"insurers"`
	Asked    string        `json:"asked"` // digest of what was asked for
	By       string        `json:"by"`    // digest of the person who did
	Created  time.Time     `json:"created"`
	Started  time.Time     `json:"started,omitzero"`
	Ended    time.Time     `json:"ended,omitzero"`
}

// storedPart has what is done as one bit for each shard and file: 5 million cards need 625 bytes.
type storedPart struct {
	CampaignPart
	ShardBits bits `json:"shard_bits,omitempty"`
	FileBits  bits `json:"file_bits,omitempty"`
}

// bits are numbered from 1.
type bits []byte

func (b bits) has(n int) bool { return (n-1)/8 < len(b) && b[(n-1)/8]&(1<<((n-1)%8)) != 0 }

func (b *bits) set(n int) {
	for len(*b) <= (n-1)/8 {
		*b = append(*b, 0)
	}
	(*b)[(n-1)/8] |= 1 << ((n - 1) % 8)
}

type storedShard struct {
	First int64        `json:"first"` // sequence number
	Items []storedItem `json:"items"`
	Done  bool         `json:"done,omitempty"`
}

// storedItem has short names: a campaign has millions.
type storedItem struct {
	Adherent string     `json:"a"`
	Person   int        `json:"p"`
	Who      string     `json:"h,omitempty"`
	Place    card.Place `json:"k,omitzero"`
	Cause    string     `json:"c,omitempty"`
	Address  []string   `json:"w,omitempty"`
}

type storedFile struct {
	Outputs []OutputFact     `json:"outputs"`
	Undrawn map[int64]string `json:"undrawn,omitempty"`
}

type storedLease struct {
	Worker string    `json:"worker"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until"`
}

// leftItem is a card that planning left out.
type leftItem struct {
	Adherent string `json:"a"`
	Person   int    `json:"p"`
	Cause    string `json:"c"`
}

func partID(id, insurer string) string            { return id + "/" + insurer }
func numberedID(id, insurer string, n int) string { return fmt.Sprintf("%s/%s/%06d", id, insurer, n) }
func leaseID(id, insurer, what string, n int) string {
	return fmt.Sprintf("%s/%s/%s%06d", id, insurer, what, n)
}
func (p *storedPart) shardsOfFile(s CampaignSpec) int { return s.FileSize / s.ShardSize }

// file is the extent of a file of a part.
func (p *storedPart) file(id string, s CampaignSpec, n int) CampaignFile {
	per := p.shardsOfFile(s)
	f := CampaignFile{Campaign: id, Spec: s, Insurer: p.Insurer, N: n, FirstShard: (n-1)*per + 1, LastShard: min(n*per, p.Shards), Total: p.Cards}
	f.First, f.Last = int64(f.FirstShard-1)*int64(s.ShardSize)+1, min(int64(f.LastShard)*int64(s.ShardSize), p.Cards)
	return f
}

// drawable says that a file's shards are done and the file is not.
func (p *storedPart) drawable(s CampaignSpec, n int) bool {
	if p.FileBits.has(n) {
		return false
	}
	f := p.file("", s, n)
	for i := f.FirstShard; i <= f.LastShard; i++ {
		if !p.ShardBits.has(i) {
			return false
		}
	}
	return true
}

// over says that nothing of the part waits.
func (p *storedPart) over() bool { return p.Cards == 0 || p.Manifest != nil }

// campaign reads a campaign for whoever may know it; the document is for the next version.
func campaign(tx register.Tx, id string) (register.Document, storedCampaign, error) {
	var c storedCampaign
	d, err := readDocument(tx, kindCampaign, "*", id, &c)
	if errors.Is(err, ErrUnknownDocument) {
		err = fmt.Errorf("%w %.40q", ErrUnknownCampaign, id)
	}
	return d, c, err
}

func campaignPart(tx register.Tx, id, insurer string) (register.Document, storedPart, error) {
	var p storedPart
	d, err := readDocument(tx, kindPart, "*", partID(id, insurer), &p)
	if errors.Is(err, ErrUnknownDocument) {
		err = fmt.Errorf("%w: %.40q has no part of insurer %.10q", ErrUnknownCampaign, id, insurer)
	}
	return d, p, err
}

// campaignAndPart reads a campaign and one insurer's part of it, with the part's document.
func campaignAndPart(tx register.Tx, id, insurer string) (storedCampaign, register.Document, storedPart, error) {
	_, c, err := campaign(tx, id)
	if err != nil {
		return storedCampaign{}, register.Document{}, storedPart{}, err
	}
	d, p, err := campaignPart(tx, id, insurer)
	return c, d, p, err
}

// packed reads a gzipped document.
func packed(tx register.Tx, kind, id string, v any) (register.Document, error) {
	d, err := tx.Document(kind, id)
	if errors.Is(err, register.ErrNotFound) {
		return register.Document{}, fmt.Errorf("%w: %.80q", ErrUnknownCampaign, id)
	}
	if err != nil {
		return register.Document{}, err
	}
	return d, unpack(d, v)
}

func unpack(d register.Document, v any) error {
	z, err := gzip.NewReader(bytes.NewReader(d.Data))
	if err == nil {
		// No document that was packed here unpacks to more than 20 times what a document holds.
		err = json.NewDecoder(io.LimitReader(z, 20*register.MaxDocument)).Decode(v)
	}
	if err != nil {
		return fmt.Errorf("%w: a document of kind %s", ErrDamaged, d.Kind)
	}
	return nil
}

// pack makes the data of a gzipped document. The same value is the same bytes.
func pack(v any) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		err = errors.Join(json.NewEncoder(z).Encode(v), z.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("issuer: pack a document: %w", err)
	}
	if b.Len() > register.MaxDocument {
		return nil, fmt.Errorf("%w: a part of a campaign needs %d bytes: make --shard smaller", ErrCampaignSpec, b.Len())
	}
	return b.Bytes(), nil
}

// putPacked stores the next version of a gzipped document.
func putPacked(tx register.Tx, d register.Document, v any) error {
	b, err := pack(v)
	if err != nil {
		return err
	}
	d.Data = b
	d.Version++
	return tx.PutDocument(d)
}

// eachBelow reads the documents of a kind whose id begins with prefix, in order, a page in each transaction.
func (s *Issuer) eachBelow(ctx context.Context, kind, prefix string, page int, fn func(register.Document) error) error {
	after := prefix
	for {
		var docs []register.Document
		err := s.Store.View(ctx, func(tx register.Tx) (err error) {
			docs, err = tx.DocumentsAfter(kind, register.AnyOwner, after, page)
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range docs {
			if !strings.HasPrefix(d.ID, prefix) {
				return nil
			}
			if err := fn(d); err != nil {
				return err
			}
			after = d.ID
		}
		if len(docs) < page {
			return nil
		}
	}
}

// dropBelow forgets the documents of some kinds whose id begins with prefix, some in each transaction. guard is called in each.
func (s *Issuer) dropBelow(ctx context.Context, kinds []string, prefix string, guard func(register.Tx) error) error {
	for _, kind := range kinds {
		for more := true; more; {
			err := s.Store.Update(ctx, func(tx register.Tx) error {
				docs, err := tx.DocumentsAfter(kind, register.AnyOwner, prefix, campaignDropAtOnce)
				if err != nil {
					return err
				}
				end := slices.IndexFunc(docs, func(d register.Document) bool { return !strings.HasPrefix(d.ID, prefix) })
				if end < 0 {
					end = len(docs)
				}
				more = end == campaignDropAtOnce
				if end == 0 {
					return nil
				}
				if guard != nil {
					if err := guard(tx); err != nil {
						return err
					}
				}
				for _, d := range docs[:end] {
					if err := tx.DropDocument(kind, d.ID); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetCampaigns drops what belongs to campaigns that were over long ago. What a crash leaves of one goes with the next.
func (s *Issuer) forgetCampaigns(ctx context.Context) error {
	var old []string
	now := s.second()
	err := s.eachBelow(ctx, kindCampaign, "", 500, func(d register.Document) error {
		if !d.Until.IsZero() && d.Until.Before(now) {
			old = append(old, d.ID)
		}
		return nil
	})
	for _, id := range old {
		if err == nil {
			err = s.dropBelow(ctx, campaignKinds, id+"/", nil)
		}
		if err == nil {
			err = s.Store.Update(ctx, func(tx register.Tx) error { return tx.DropDocument(kindCampaign, id) })
		}
	}
	return err
}

// lease takes or refuses a piece of work.
func (s *Issuer) lease(tx register.Tx, id, owner string, c Claim) error {
	if !documentID(c.Worker) {
		return fmt.Errorf("%w: a worker needs a name of 1 to 128 printable characters", ErrCampaignSpec)
	}
	if c.For <= 0 {
		c.For = DefaultLease
	}
	var l storedLease
	d, err := readDocument(tx, kindLease, "*", id, &l)
	now := s.now()
	switch {
	case errors.Is(err, ErrUnknownDocument):
		d = register.Document{Kind: kindLease, ID: id, Owner: owner}
	case err != nil:
		return err
	case l.Worker != c.Worker && now.Before(l.Until):
		return fmt.Errorf("%w until %s", ErrLeased, l.Until.Format(time.RFC3339))
	}
	return writeDocument(tx, d, storedLease{c.Worker, now.UTC(), now.Add(c.For).UTC()})
}

// release gives a piece of work back, if it still is that worker's.
func release(tx register.Tx, id, worker string) error {
	var l storedLease
	_, err := readDocument(tx, kindLease, "*", id, &l)
	if errors.Is(err, ErrUnknownDocument) || err == nil && l.Worker != worker {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.DropDocument(kindLease, id)
}
