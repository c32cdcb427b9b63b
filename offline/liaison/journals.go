// The journal on its way: what the service has of a chain, a batch of entries, and the answers to them.

package liaison

import (
	"context"
	"errors"
	"strings"

	"sceau/card"
	"sceau/card/accord"
	"sceau/offline"
	"sceau/offline/receipt"
)

const (
	maxUploadAnswer = accord.MaxSettlement + 64<<10
	batchMedia      = "application/octet-stream"
)

// UploadState is what a service has of one chain.
type UploadState struct {
	Next uint64 // the entry that it wants next
}

// Alarm is what a service noticed about a chain: "FORK", "GAP" and the like, with the entries that it is about.
type Alarm struct {
	Code string `json:"code"`
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Uploaded is the answer to a batch.
type Uploaded struct {
	Settlement *accord.Settlement // answers for the entries of the batch; nil when it had none
	Next       uint64
	Alarms     []Alarm
}

func isAlarm(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

// UploadState asks what the service has of a chain.
func (c *Client) UploadState(ctx context.Context, device string) (UploadState, error) {
	got, err := c.limited(ctx, request{method: "GET", path: "/v1/journals/" + device, most: maxFacts})
	if err != nil {
		return UploadState{}, err
	}
	var said struct {
		Next uint64 `json:"next"`
	}
	if err := decode(got.body, &said); err != nil || said.Next == 0 {
		return UploadState{}, &Failure{Code: CodeNotService, Status: 200, Err: err}
	}
	return UploadState{said.Next}, nil
}

// Upload sends a batch, and returns the answers: signed by a settlement key of the service, for this counter, this chain and
// exactly the entries sent. Sending a batch again gives the same answers.
func (c *Client) Upload(ctx context.Context, b receipt.Batch, s *card.Service) (Uploaded, error) {
	body, err := b.Encode()
	if err != nil {
		return Uploaded{}, &Failure{Code: CodeRefused, Err: err}
	}
	got, err := c.limited(ctx, request{method: "POST", path: "/v1/journals/" + b.Device + "/entries", media: batchMedia, body: body, most: maxUploadAnswer})
	if err != nil {
		return Uploaded{}, err
	}
	var said struct {
		Settlement string  `json:"settlement"`
		Next       uint64  `json:"next"`
		Alarms     []Alarm `json:"alarms"`
	}
	if err := decode(got.body, &said); err != nil || len(said.Alarms) > 1000 {
		return Uploaded{}, &Failure{Code: CodeNotService, Status: 200, Err: err}
	}
	out := Uploaded{Next: said.Next, Alarms: said.Alarms}
	for _, a := range out.Alarms {
		if !isAlarm(a.Code) {
			return Uploaded{}, &Failure{Code: CodeNotService, Status: 200}
		}
	}
	if len(b.Entries) == 0 {
		return out, nil
	}
	if out.Settlement, err = c.settlement(said.Settlement, b.Device, s); err != nil {
		return Uploaded{}, err
	}
	if !answers(out.Settlement, b) {
		return Uploaded{}, &Failure{Code: CodeMismatch, Status: 200}
	}
	return out, nil
}

func (c *Client) settlement(token, device string, s *card.Service) (*accord.Settlement, error) {
	t, err := opened(s.SettlementKeys, accord.OpenSettlement, token)
	if err != nil {
		return nil, err
	}
	if t.Device != device || t.Counter != c.o.Counter {
		return nil, &Failure{Code: CodeMismatch, Status: 200}
	}
	return t, nil
}

// answers says whether a settlement answers each entry of a batch, and nothing else.
func answers(t *accord.Settlement, b receipt.Batch) bool {
	if len(t.Entries) != len(b.Entries) {
		return false
	}
	for i, e := range b.Entries {
		if t.Entries[i].Seq != e.Seq || t.Entries[i].Hash != e.Hash() {
			return false
		}
	}
	return true
}

// believed leaves out what a service may not say: that it honours or disputes a check of a card whose insurer its operator does
// not speak for. The entry itself counts as sent.
func (s *Sender) believed(ctx context.Context, t *accord.Settlement, b receipt.Batch) (*accord.Settlement, error) {
	if t == nil {
		return nil, nil
	}
	insurers := make(map[uint64]string, len(b.Entries))
	for _, e := range b.Entries {
		if r, err := receipt.Decode(e.Body); err == nil && r.Card != "" {
			insurers[e.Seq], _, _ = strings.Cut(r.Card, "/")
		}
	}
	out := *t
	out.Entries = nil
	spoken := map[string]bool{"": false} // openings, and cards that were not authentic, are nobody's
	for _, e := range t.Entries {
		insurer := insurers[e.Seq]
		if _, asked := spoken[insurer]; !asked && e.Answer != accord.Noted && s.Speaks != nil {
			speaks, err := s.Speaks(ctx, insurer)
			if err != nil && !errors.Is(err, offline.ErrUnknownIssuer) {
				return nil, &Failure{Code: CodeSignature, Err: err}
			}
			spoken[insurer] = speaks && err == nil
		}
		if e.Answer == accord.Noted || spoken[insurer] {
			out.Entries = append(out.Entries, e)
		}
	}
	return &out, nil
}
