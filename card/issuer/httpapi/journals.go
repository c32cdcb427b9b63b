// Counters' journals: how far one was sent, sending more of it, and the signed answers. A counter sees its own chains only.

package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer/reconcile"
	"sceau/offline/receipt"
)

const batchMedia = "application/octet-stream"

// JournalHead is an entry of a chain.
type JournalHead struct {
	Seq  uint64 `json:"seq" doc:"number of the entry"`
	Hash string `json:"hash" doc:"SHA-256 of the entry, hexadecimal"`
}

// JournalState says how far a chain is here.
type JournalState struct {
	Next uint64        `json:"next" doc:"entry to send next; 1 for a chain that is not here"`
	Head string        `json:"head" doc:"hash of the entry before it, hexadecimal; empty when there is none"`
	Tips []JournalHead `json:"tips" nullable:"false" doc:"ends of other branches, and of what lies beyond a gap"`
}

// JournalAlarm is what was noticed about a chain.
type JournalAlarm struct {
	Code string `json:"code" doc:"stable code, such as FORK or GAP"`
	From uint64 `json:"from" doc:"first entry"`
	To   uint64 `json:"to" doc:"last entry"`
}

// JournalTaken answers an upload.
type JournalTaken struct {
	Settlement string         `json:"settlement" doc:"signed answers to every entry of the batch (JWS of kind tp-settlement-1); empty for an empty batch"`
	Next       uint64         `json:"next" doc:"entry to send next"`
	Alarms     []JournalAlarm `json:"alarms" nullable:"false"`
}

// JournalSettled is one page of answers.
type JournalSettled struct {
	Settlement string `json:"settlement" doc:"signed answers (JWS of kind tp-settlement-1); empty when there are no more"`
	Next       uint64 `json:"next" doc:"ask after this number; 0 when there are no more"`
}

type journalInput struct {
	Device string `path:"device" pattern:"^[0-9a-f]{32}$" doc:"the chain's device"`
}

type settlementsInput struct {
	Device string `path:"device" pattern:"^[0-9a-f]{32}$" doc:"the chain's device"`
	After  uint64 `query:"after" minimum:"0" doc:"number of an entry"`
}

type journalState struct {
	CacheControl string `header:"Cache-Control"`
	Body         JournalState
}

type journalSettled struct {
	CacheControl string `header:"Cache-Control"`
	Body         JournalSettled
}

func (s *Server) journalRoutes() {
	p := Policy{Roles: []Role{RoleCounter}, Tenant: OwnCounter}
	add(s, huma.Operation{OperationID: "journal", Method: http.MethodGet, Path: "/v1/journals/{device}", Summary: "How far a journal was sent"}, p, s.journalAt)
	add(s, huma.Operation{OperationID: "settlements", Method: http.MethodGet, Path: "/v1/journals/{device}/settlements", Summary: "The answers to a journal's entries, again"}, p, s.settledAfter)
	p.Body, p.Media = receipt.MaxBatch, []string{batchMedia}
	s.raw(http.MethodPost, "/v1/journals/{device}/entries", p, s.takeEntries)
}

// reconciler works on the server's register.
func (s *Server) reconciler() *reconcile.Reconciler {
	return &reconcile.Reconciler{Store: s.o.Issuer.Store, Now: s.now, Signer: s.o.Issuer.SettlementSigner}
}

func (s *Server) journalAt(ctx context.Context, who Principal, in *journalInput) (*journalState, error) {
	out := &journalState{CacheControl: "no-store", Body: JournalState{Next: 1, Tips: []JournalHead{}}}
	st, err := s.reconciler().State(ctx, who.ID, in.Device)
	if errors.Is(err, reconcile.ErrUnknownChain) {
		return out, nil // also for the chain of another counter: nobody learns which there are
	}
	if err != nil {
		return nil, err
	}
	out.Body.Next = st.Next
	if st.Head.Seq > 0 {
		out.Body.Head = hex.EncodeToString(st.Head.Hash[:])
	}
	for _, t := range st.Tips {
		out.Body.Tips = append(out.Body.Tips, JournalHead{t.Seq, hex.EncodeToString(t.Hash[:])})
	}
	return out, nil
}

func (s *Server) settledAfter(ctx context.Context, who Principal, in *settlementsInput) (*journalSettled, error) {
	out := &journalSettled{CacheControl: "no-store"}
	token, next, err := s.reconciler().Settlements(ctx, who.ID, in.Device, in.After)
	if errors.Is(err, reconcile.ErrUnknownChain) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	if token != "" {
		out.Body = JournalSettled{token, next}
	}
	return out, nil
}

func (s *Server) takeEntries(w http.ResponseWriter, r *http.Request, who Principal) {
	v := visitOf(r.Context())
	taken, err := s.entries(r, v, who)
	if err != nil {
		s.fail(w, v, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(taken) // whoever asked may have left
}

func (s *Server) entries(r *http.Request, v *visit, who Principal) (*JournalTaken, error) {
	if err := v.read(r); err != nil {
		return nil, err
	}
	body, err := unpacked(r.Header.Values("Content-Encoding"), v.body)
	if err != nil {
		return nil, err
	}
	b, err := receipt.DecodeBatch(body)
	if err != nil {
		return nil, errBatch.because(err)
	}
	res, err := s.reconciler().Upload(r.Context(), who.Counter, r.PathValue("device"), b)
	if err != nil {
		return nil, err
	}
	out := &JournalTaken{Settlement: res.Settlement, Next: res.Next, Alarms: []JournalAlarm{}}
	for _, a := range res.Alarms {
		out.Alarms = append(out.Alarms, JournalAlarm{a.Code, a.From, a.To})
	}
	return out, nil
}

// unpacked undoes gzip, and never gives more than a batch may have.
func unpacked(encoding []string, body []byte) ([]byte, error) {
	switch {
	case len(encoding) == 0:
		return body, nil
	case len(encoding) > 1 || encoding[0] != "gzip":
		return nil, errMedia
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, errBatch.because(err)
	}
	out, err := io.ReadAll(io.LimitReader(z, receipt.MaxBatch+1))
	if err != nil {
		return nil, errBatch.because(err)
	}
	if len(out) > receipt.MaxBatch {
		return nil, errLong
	}
	return out, nil
}

// Refusals of journals and reports.
var (
	errBatch  = refusing(http.StatusUnprocessableEntity, "batch", "the body is no batch of a journal's entries")
	errReport = refusing(http.StatusUnprocessableEntity, "report", "a parameter of the report is not of its form or out of range")
)

func init() {
	faults = append(faults,
		fault{reconcile.ErrBatch, errBatch},
		fault{reconcile.ErrUnsigned, refusing(http.StatusUnprocessableEntity, "unsigned", "no signed head of this counter's journal vouches for these entries")},
		fault{reconcile.ErrForks, refusing(http.StatusUnprocessableEntity, "forks", "this journal has too many branches: the operator must look at it")},
		fault{reconcile.ErrChains, refusing(http.StatusUnprocessableEntity, "chains", "this counter has too many journals: the operator must look at it")},
		fault{reconcile.ErrUnknownChain, errAbsent},
		fault{reconcile.ErrRequest, errReport})
}
