// The head of the audit chain in what is published: whoever rewrites the register's chain can't rewrite every mirror's copy.

package issuer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sceau/card/register"
	"sceau/signing/journal"
	"sceau/signing/trust"
)

// Anchor is a head as timestamp.json holds it: number, ":" and SHA-256 in lower-case hexadecimal.
func Anchor(h journal.Head) string {
	return strconv.FormatUint(h.Seq, 10) + ":" + hex.EncodeToString(h.Hash[:])
}

// ParseAnchor reads what Anchor wrote, and nothing else.
func ParseAnchor(text string) (journal.Head, error) {
	seq, hash, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(seq, 10, 64)
	b, err2 := hex.DecodeString(hash)
	if err == nil && err2 == nil && n > 0 && len(b) == len(journal.Head{}.Hash) {
		if h := (journal.Head{Seq: n, Hash: [32]byte(b)}); Anchor(h) == text {
			return h, nil
		}
	}
	return journal.Head{}, fmt.Errorf("%w: the anchor is no head of an audit chain", ErrDamaged)
}

// ErrAuditBroken says that the audit chain does not hold since what was published last: entries were changed or taken away.
// Publish refuses then, so that nobody's signature vouches for what is left; the fault is a *journal.Fault.
var ErrAuditBroken = errors.New("issuer: the audit chain does not hold since the last publication")

// checkAnchored walks the entries since the last head that was published, signed, up to the register's own. What is before them is
// audit verify's: a publication must not take longer with every year.
func (e *edition) checkAnchored(tx register.Tx) error {
	start, err := journal.Start(register.AuditChain)
	if text := e.current.Anchor(); err == nil && text != "" {
		start, err = ParseAnchor(text)
	}
	if err != nil {
		return err
	}
	known := []journal.Head{e.head}
	if e.last.Audit.Seq > 0 {
		known = append(known, e.last.Audit)
	}
	_, err = register.CheckAuditSince(tx, start, known...)
	var fault *journal.Fault
	if errors.As(err, &fault) {
		e.broken = fmt.Errorf("%w: %w", ErrAuditBroken, fault)
		return nil
	}
	return err
}

// anchor binds the head that was read with the state that is published to its next publication: every entry up to it is
// committed. The entry of the publication itself is bound by the next one.
func anchor(repo *trust.Repo, h journal.Head) error {
	if h.Seq == 0 { // nothing was ever done
		return nil
	}
	return repo.SetAnchor(Anchor(h))
}
