// encrypt --rotate: another key for a register that is in use, and the end of the one before.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/card/register/sealed"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/signing/keystore"
)

// lockKeys waits for another program that changes or copies the register's keys.
func lockKeys(ctx context.Context, dir string) (unlock func(), err error) {
	lock := flock.New(filepath.Join(dir, ".keys.lock"), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return nil, fmt.Errorf("the keys of the register are being changed or copied: %w", err)
	}
	return func() { lock.Unlock() }, nil
}

func changeKey(ctx context.Context, c *cobra.Command, p *place, dir string, rotate, retire bool) error {
	op, err := p.openContext(ctx, dir)
	if err != nil {
		return err
	}
	defer op.Close()
	folder, err := op.online.open()
	if err != nil {
		return err
	}
	unlock, err := lockKeys(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	if rotate {
		err = rotateKey(ctx, c, op, folder)
	}
	if err == nil && retire {
		err = retireKeys(ctx, c, op, folder)
	}
	if errors.Is(err, postgres.ErrRole) {
		return ui.WithHint(err, "connect as the owner of the register for this: SCEAU_DATABASE=postgres://OWNER@…")
	}
	return err
}

// rotateKey makes a new key unless a rotation was cut short, and brings every row to it.
func rotateKey(ctx context.Context, c *cobra.Command, op *operator, folder *keystore.Store) error {
	keys, n, err := registerKeys(folder)
	if err != nil {
		return err
	}
	s := sealed.New(op.rows, keys)
	_, old, err := s.Count(ctx)
	if err != nil {
		return err
	}
	if old == 0 {
		secret, err := folder.GenerateSecret(secretName(n+1), func() ([]byte, error) {
			next, err := keys.Rotated()
			if err != nil {
				return nil, err
			}
			return next.Secret()
		})
		clear(secret)
		if err != nil {
			return err
		}
		if keys, n, err = registerKeys(folder); err != nil {
			return err
		}
		s = sealed.New(op.rows, keys)
	} else {
		fmt.Fprintf(c.OutOrStdout(), "%s of an older key: a rotation that was cut short goes on\n", plural(int(old), "row"))
	}
	if err := op.noteKeys(ctx, s, "register.rotate", map[string]int{"key": n}); err != nil {
		return err
	}
	if err := patiently(ctx, func() error { _, err := s.Turn(ctx); return err }); err != nil {
		return err
	}
	rows := int64(0)
	err = patiently(ctx, func() error { n, err := s.Rotate(ctx, restBetween(ctx)); rows += n; return err })
	if err != nil {
		return ui.WithHint(err, "nothing was lost, %s encrypted anew so far; the same command goes on", plural(int(rows), "row"))
	}
	fmt.Fprintf(c.OutOrStdout(), "key %d of the register in force; %s encrypted anew; back up %s\n", n, plural(int(rows), "row"), op.online.dir)
	return nil
}

// restBetween leaves others half of the time: it waits as long as the batch took.
func restBetween(ctx context.Context) func(int64) error {
	last := time.Now()
	return func(int64) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(time.Since(last), time.Second)):
		}
		last = time.Now()
		return nil
	}
}

// retireKeys removes the older keys: from the keys in force, and their files.
func retireKeys(ctx context.Context, c *cobra.Command, op *operator, folder *keystore.Store) error {
	keys, n, err := registerKeys(folder)
	if err != nil {
		return err
	}
	s := sealed.New(op.rows, keys)
	turned := false
	err = patiently(ctx, func() (err error) { turned, err = s.Turn(ctx); return err }) // a mark of an older key lets others write with it
	if err != nil {
		return err
	}
	all, old, err := s.Count(ctx)
	if err != nil {
		return err
	}
	if turned || old > 0 {
		return ui.WithHint(fmt.Errorf("%s still of an older key", plural(int(old), "row")), "sceau encrypt %s --rotate --retire-old", op.dir)
	}
	gone := keys.Len() - 1
	if gone > 0 {
		if err := op.noteKeys(ctx, s, "register.retire", map[string]int{"key": n + 1, "removed": gone}); err != nil {
			return err
		}
		secret, err := folder.GenerateSecret(secretName(n+1), func() ([]byte, error) {
			alone, err := keys.Alone()
			if err != nil {
				return nil, err
			}
			return alone.Secret()
		})
		clear(secret)
		if err != nil {
			return err
		}
		n++
	}
	numbers, err := keyNumbers(folder)
	if err != nil {
		return err
	}
	for _, i := range numbers { // also those that a killed run left
		if i < n {
			if err := folder.RemoveSecret(secretName(i)); err != nil {
				return err
			}
		}
	}
	if gone == 0 {
		fmt.Fprintf(c.OutOrStdout(), "%s, none of an older key: there is none to remove\n", plural(int(all), "row"))
		return nil
	}
	fmt.Fprintf(c.OutOrStdout(), "%s, none of an older key: %s removed; destroy backups made before when you no longer need them\n", plural(int(all), "row"), plural(gone, "older key"))
	return nil
}

// noteKeys writes to the audit chain what is done with the register's keys.
func (o *operator) noteKeys(ctx context.Context, s *sealed.Store, act string, detail map[string]int) error {
	b, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	body, err := register.AuditRecord{Actor: o.Actor, Act: act, Detail: b}.Body()
	if err != nil {
		return err
	}
	return patiently(ctx, func() error {
		return s.Update(ctx, func(tx register.Tx) error { _, err := tx.AppendAudit(body, clock.Now()); return err })
	})
}

// patiently asks again while others keep the register busy, which stored nothing: a service under load leaves few gaps.
func patiently(ctx context.Context, do func() error) error {
	for until := time.Now().Add(5 * time.Minute); ; {
		if err := do(); !errors.Is(err, register.ErrBusy) || ctx.Err() != nil || time.Now().After(until) {
			return err
		}
	}
}
