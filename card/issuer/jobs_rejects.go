// The rejects of a job: kept in parts beside it, so that any server can show them.

package issuer

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"sceau/card/register"
	"sceau/rights/roster"
)

// keep gathers rejects, which quote no value of the file.
func (j *ImportJob) keep(ctx context.Context, r roster.Reject) error {
	if j.kept >= maxRejects {
		return nil
	}
	j.kept++
	if j.part = append(j.part, r); len(j.part) < rejectPart {
		return nil
	}
	return j.flush(ctx)
}

// flush stores the rejects in hand.
func (j *ImportJob) flush(ctx context.Context) error {
	if len(j.part) == 0 {
		return nil
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(z).Encode(j.part), z.Close()); err != nil {
		return fmt.Errorf("issuer: keep rejects: %w", err)
	}
	d := register.Document{Kind: kindRejects, ID: rejectsID(j.id, j.parts), Owner: j.who.Insurer, Until: j.issuer.second().Add(jobKept)}
	err := j.issuer.Store.Update(ctx, func(tx register.Tx) error {
		d.Version, d.Data = 1, b.Bytes()
		return tx.PutDocument(d)
	})
	if err == nil {
		j.part, j.parts = j.part[:0], j.parts+1
	}
	return err
}

func rejectsID(job string, part int) string { return fmt.Sprintf("%s.%04d", job, part) }

// EachReject calls fn for the kept rejects of a job of the tenant, in the order of the lines.
func (s *Issuer) EachReject(ctx context.Context, insurerKey, id string, fn func(roster.Reject) error) error {
	if _, err := s.JobOf(ctx, insurerKey, id); err != nil {
		return err
	}
	for part := 0; ; part++ {
		var data []byte
		err := s.Store.View(ctx, func(tx register.Tx) error {
			d, err := tx.Document(kindRejects, rejectsID(id, part))
			data = d.Data
			return err
		})
		if errors.Is(err, register.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		var page []roster.Reject
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err == nil {
			err = json.NewDecoder(z).Decode(&page)
		}
		if err != nil {
			return fmt.Errorf("%w: rejects of job %s", ErrDamaged, id)
		}
		for _, r := range page {
			if err := fn(r); err != nil {
				return err
			}
		}
	}
}
