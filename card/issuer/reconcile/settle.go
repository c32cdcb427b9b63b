// Settlements: the signed answers, as often as they are asked for.

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sceau/card/accord"
	"sceau/card/register"
	"sceau/signing/journal"
)

func opening() Answer { return noted(accord.ReasonOpening) }

func unreadable() Answer { return noted(accord.ReasonNotAReceipt) }

// answerWord is an answer as a settlement says it.
func answerWord(a register.Answer) string {
	switch a {
	case register.Honoured:
		return accord.Honoured
	case register.Disputed:
		return accord.Disputed
	}
	return accord.Noted
}

// settle seals answers; "" for none, and without a signer.
func (r *Reconciler) settle(device, counter string, at time.Time, rows []register.Receipt) (string, error) {
	if len(rows) == 0 || r.Signer == nil {
		return "", nil
	}
	t := &accord.Settlement{Device: device, Counter: counter, At: at}
	for _, row := range rows {
		t.Entries = append(t.Entries, accord.Settled{Seq: row.Seq, Hash: row.Hash, Answer: answerWord(row.Answer), Reason: row.Reason})
	}
	slices.SortFunc(t.Entries, func(a, b accord.Settled) int {
		switch {
		case a.Seq < b.Seq:
			return -1
		case a.Seq > b.Seq:
			return 1
		}
		return strings.Compare(string(a.Hash[:]), string(b.Hash[:]))
	})
	key, err := r.Signer()
	if err != nil {
		return "", fmt.Errorf("reconcile: key of settlements: %w", err)
	}
	return accord.SealSettlement(key, t)
}

// State says how far a chain of a counter is here: Next is the entry to send, Head the one before it. A counter whose own entry
// of that number has another hash looks for its branch among Tips, and sends everything from its base on when it is not there.
type State struct {
	Next uint64
	Head journal.Head
	Tips []journal.Head
}

// own finds a counter's chain by its device's id and, where two chains have that, by its key.
func own(tx register.Documents, counter, device string) (*Chain, error) {
	c, _, err := readChain(tx, device)
	if err == nil && slices.Contains(c.Counters, counter) {
		return c, nil
	}
	if err != nil && !errors.Is(err, register.ErrNotFound) {
		return nil, err
	}
	all, err := tx.DocumentsAfter(chainKind, counter, "", maxChains)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		c := &Chain{ID: d.ID}
		if c.decode(d.Data) == nil && c.Device == device {
			return c, nil
		}
	}
	return nil, ErrUnknownChain
}

// State of a chain; ErrUnknownChain when the counter has none of that device: everything is to be sent.
func (r *Reconciler) State(ctx context.Context, counter, device string) (State, error) {
	return view(ctx, r.Store, func(tx register.Tx) (State, error) {
		c, err := own(tx, counter, device)
		if err != nil {
			return State{}, err
		}
		return State{Next: c.Head.Seq + 1, Head: c.Head, Tips: c.Tips}, nil
	})
}

// Settlements gives the answers to at most accord.MaxSettled entries of a counter's chain after a number: "" when there is none.
// Of entries that have one number all are in one settlement, or none. next is the number to ask after.
func (r *Reconciler) Settlements(ctx context.Context, counter, device string, after uint64) (settlement string, next uint64, err error) {
	var rows []register.Receipt
	err = r.Store.View(ctx, func(tx register.Tx) error {
		c, err := own(tx, counter, device)
		if err != nil {
			return err
		}
		rows, err = tx.ReceiptsOf(c.ID, after, accord.MaxSettled)
		return err
	})
	if err != nil {
		return "", 0, err
	}
	// A page is whole in its last number: what does not fit goes on the next one.
	for n := len(rows); n > accord.MaxSettled; n = len(rows) {
		last := rows[n-1].Seq
		if rows[0].Seq == last {
			rows = rows[:accord.MaxSettled] // of so many branches the others are answered at their upload only
			break
		}
		for rows[len(rows)-1].Seq == last {
			rows = rows[:len(rows)-1]
		}
	}
	if len(rows) == 0 {
		return "", after, nil
	}
	next = rows[len(rows)-1].Seq
	settlement, err = r.settle(device, counter, r.now().UTC().Truncate(time.Second), rows)
	if err != nil {
		return "", 0, err
	}
	return settlement, next, nil
}
