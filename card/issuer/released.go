// What each publication said, kept for later: an insurer judges a counter's receipt by what that counter could have known.

package issuer

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"

	"crypto/sha256"

	"sceau/card/register"
	"sceau/signing/trust"
)

// Kinds of documents of this file.
const (
	// publishedKind: id is the publication's version in 19 digits, owner "", data a releasedText.
	publishedKind = "published"
	// factsKind: id is "<insurer's key>.<policy>", owner the insurer's key, data an issuer.json that was published.
	factsKind = "issuer-facts"
)

// Released is what one publication said.
type Released struct {
	Version  int64
	At       time.Time         // the date that counters show
	Expires  time.Time         // after it no counter goes green
	Lists    map[uint32]uint64 // revision of each list's page
	Policies map[string]string // by insurer's key: Policy of its issuer.json
}

type releasedText struct {
	At       int64             `json:"at"`      // seconds since 1970
	Expires  int64             `json:"expires"` // likewise
	Lists    map[uint32]uint64 `json:"lists"`
	Policies map[string]string `json:"policies"`
}

// Policy names an issuer.json as receipts do: the first 16 hexadecimal digits of its SHA-256.
func Policy(document []byte) string {
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:8])
}

func releasedID(version int64) string { return fmt.Sprintf("%019d", version) }

// remember keeps what a publication says, in its transaction.
func remember(tx register.Tx, view *trust.Trusted, now time.Time) error {
	text := releasedText{At: now.Unix(), Expires: view.Expires().Unix(), Lists: map[uint32]uint64{}, Policies: map[string]string{}}
	lists, err := tx.Lists()
	if err != nil {
		return err
	}
	for _, l := range lists {
		if _, err := view.Target(pagePath(l.Insurer, l.Number)); errors.Is(err, trust.ErrNotFound) {
			continue // opened since
		} else if err != nil {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
		text.Lists[l.Number] = l.Revision
	}
	insurers, err := tx.Insurers()
	if err != nil {
		return err
	}
	for _, i := range insurers {
		info, err := view.Target(insurerPath(i.Key))
		if errors.Is(err, trust.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: published metadata: %w", ErrDamaged, err)
		}
		if info.Check(i.Document) != nil {
			// Changed since and not published yet: what was published before still is.
			last, err := ReadReleased(tx, view.Version()-1)
			if err == nil && last.Policies[i.Key] != "" {
				text.Policies[i.Key] = last.Policies[i.Key]
			} else if err != nil && !errors.Is(err, register.ErrNotFound) {
				return err
			}
			continue
		}
		text.Policies[i.Key] = Policy(i.Document)
		id := i.Key + "." + text.Policies[i.Key]
		if _, err := tx.Document(factsKind, id); err == nil {
			continue
		} else if !errors.Is(err, register.ErrNotFound) {
			return err
		}
		if err := tx.PutDocument(register.Document{Kind: factsKind, ID: id, Owner: i.Key, Version: 1, Data: i.Document}); err != nil {
			return err
		}
	}
	data, err := json.Marshal(text)
	if err != nil {
		return fmt.Errorf("issuer: remember a publication: %w", err)
	}
	return tx.PutDocument(register.Document{Kind: publishedKind, ID: releasedID(view.Version()), Version: 1, Data: data})
}

// ReadReleased returns what a publication said, or register.ErrNotFound for one that was never made, and for those that were
// made before publications were remembered.
func ReadReleased(tx register.Documents, version int64) (Released, error) {
	if version < 1 {
		return Released{}, register.ErrNotFound
	}
	d, err := tx.Document(publishedKind, releasedID(version))
	if err != nil {
		return Released{}, err
	}
	var text releasedText
	if err := json.Unmarshal(d.Data, &text); err != nil {
		return Released{}, fmt.Errorf("%w: publication %d: %w", ErrDamaged, version, err)
	}
	return Released{Version: version, At: time.Unix(text.At, 0).UTC(), Expires: time.Unix(text.Expires, 0).UTC(),
		Lists: text.Lists, Policies: text.Policies}, nil
}

// maxTwins bounds how many publications of one second are returned.
const maxTwins = 16

// ReleasedAt returns the publications with that date, oldest first: as a rule one or none. It reads a number of rows that grows
// with the logarithm of their count. first is the oldest that is remembered, nil when
// none is.
func ReleasedAt(tx interface {
	register.Documents
	register.Publications
}, at time.Time) (found []Released, first *Released, err error) {
	last, err := tx.LastPublication()
	if errors.Is(err, register.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	oldest, err := tx.DocumentsAfter(publishedKind, "*", "", 1)
	if err != nil || len(oldest) == 0 {
		return nil, nil, err
	}
	var low int64
	if _, err := fmt.Sscanf(oldest[0].ID, "%d", &low); err != nil {
		return nil, nil, fmt.Errorf("%w: a publication's number", ErrDamaged)
	}
	begun, err := ReadReleased(tx, low)
	if err != nil {
		return nil, nil, err
	}
	// Dates never go back from one version to the next.
	var failed error
	n := sort.Search(int(last.Version-low+1), func(i int) bool {
		r, err := ReadReleased(tx, low+int64(i))
		if err != nil {
			failed = err
			return true
		}
		return !r.At.Before(at)
	})
	for v := low + int64(n); failed == nil && v <= last.Version && len(found) < maxTwins; v++ {
		r, err := ReadReleased(tx, v)
		if err != nil {
			failed = err
			break
		}
		if !r.At.Equal(at) {
			break
		}
		found = append(found, r)
	}
	if failed != nil {
		return nil, nil, fmt.Errorf("issuer: look for a publication: %w", failed)
	}
	return found, &begun, nil
}

// ReleasedFacts returns the issuer.json of an insurer that was published under that Policy, or register.ErrNotFound.
func ReleasedFacts(tx register.Documents, insurer, policy string) ([]byte, error) {
	d, err := tx.Document(factsKind, insurer+"."+policy)
	if err != nil {
		return nil, err
	}
	if Policy(d.Data) != policy {
		return nil, fmt.Errorf("%w: an issuer.json of %s that was published is not what it was", ErrDamaged, insurer)
	}
	return d.Data, nil
}
