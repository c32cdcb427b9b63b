// What the operators and insurers that are followed have to say today: signed notices, verified as every other file.

package mirror

import (
	"time"

	"sceau/offline"
)

// Notices is one signed notices.json.
type Notices struct {
	Repository string    // fingerprint
	Insurer    string    // AMC key of the insurer that signed; "" when the operator did
	Published  time.Time // signed time of the publication that carried it
	Data       []byte
}

// Notices returns the notices of every repository that is followed, the operator's own first, then those of the insurers
// that are followed through it. What is damaged is passed over: a notice never stands between a card and its verdict, and
// fsck names it.
func (v *View) Notices() ([]Notices, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ids, err := v.repositoryIDs()
	if err != nil {
		return nil, damaged("%w", err)
	}
	var out []Notices
	for _, id := range ids {
		r, err := v.repository(id)
		if err != nil {
			continue
		}
		routed, err := v.texts("SELECT key FROM insurer WHERE repository = ? ORDER BY key", id)
		if err != nil {
			return nil, damaged("%w", err)
		}
		for _, key := range append([]string{""}, routed...) {
			path := offline.NoticesPath
			if key != "" {
				path = offline.InsurerNoticesPath(key)
			}
			if data, err := v.target(r, path); err == nil {
				out = append(out, Notices{Repository: r.fingerprint, Insurer: key, Published: r.trusted.Published(), Data: data})
			}
		}
	}
	return out, nil
}
