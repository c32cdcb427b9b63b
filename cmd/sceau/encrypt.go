// encrypt: a register that was made before registers were encrypted, and new keys for one that is.

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/sealed"
	"sceau/card/register/sqlite"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/signing/journal"
)

// plainSuffix follows the name of a plain register that was put aside.
const plainSuffix = ".plain-"

func newEncrypt(p *place) *cobra.Command {
	var remove, rotate bool
	c := &cobra.Command{
		Use:   "encrypt DIR",
		Short: "Encrypt a register made before registers were encrypted, or give it a new key",
		Long: `Encrypts the names, birth dates, NIR and N° adhérent of a register that holds them in clear. The encrypted register is
built beside it, compared with it row by row, and takes its name in one step; the plain one is put aside or, with --remove,
removed. Stop every program that uses the register first.

    $ sceau encrypt ./operator
    471 contracts and 471 cards encrypted; ./operator/register.db.plain-20270301T090000 holds them in clear: destroy it

With --rotate, a register that is encrypted gets a new key for what is written from now on; what was written before stays
readable with the keys before. Back up DIR/keys after it.`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := interruptible(c)
			defer stop()
			if rotate {
				return rotateKeys(ctx, c, p, args[0])
			}
			return encryptRegister(ctx, c, p, args[0], remove)
		},
	}
	c.Flags().BoolVar(&remove, "remove", false, "remove the plain register once the encrypted one is in its place (an SSD or a snapshot may keep its bytes)")
	c.Flags().BoolVar(&rotate, "rotate", false, "only add a new key to a register that is encrypted")
	c.MarkFlagsMutuallyExclusive("remove", "rotate")
	return c
}

func rotateKeys(ctx context.Context, c *cobra.Command, p *place, dir string) error {
	op, err := p.openContext(ctx, dir)
	if err != nil {
		return err
	}
	defer op.Close()
	folder, err := op.online.open()
	if err != nil {
		return err
	}
	keys, n, err := registerKeys(folder)
	if err != nil {
		return err
	}
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
	fmt.Fprintf(c.OutOrStdout(), "key %d of the register made: programs use it from their next start; back up %s\n", n+1, op.online.dir)
	return nil
}

func encryptRegister(ctx context.Context, c *cobra.Command, p *place, dir string, remove bool) error {
	if address, err := databaseAddress(dir); err != nil || address != "" {
		return errors.Join(err, errors.New("a register in PostgreSQL is encrypted from its first row"))
	}
	path := filepath.Join(dir, registerName)
	plain, err := sqlite.Open(path, sqlite.Options{})
	if errors.Is(err, os.ErrNotExist) {
		return noOperator(dir)
	}
	if err != nil {
		return err
	}
	defer plain.Close()
	online := &keys{dir: filepath.Join(dir, onlineName), secret: sync.OnceValues(func() ([]byte, error) { return openPassphrase(dir, p.passphraseFile) })}
	folder, err := online.open()
	if err != nil {
		return err
	}
	k, _, err := registerKeys(folder)
	if errors.Is(err, errPlainRegister) {
		if err = keysMissing(ctx, online, plain); errors.Is(err, errPlainRegister) {
			k, err = ensureRegisterKeys(folder)
		}
	}
	if err != nil {
		return err
	}
	switch err := sealed.New(plain, k).Check(ctx); {
	case err == nil:
		fmt.Fprintf(c.OutOrStdout(), "the register of %s is encrypted already\n", dir)
		return sayPlain(c, path)
	case !errors.Is(err, sealed.ErrUnsealed):
		return fmt.Errorf("the keys in %s are not those of the register: %w", online.dir, err)
	}
	next := path + ".encrypting"
	if err := removeRegister(next); err != nil {
		return err
	}
	report, head, err := rewriteSealed(ctx, plain, next, k)
	if err == nil {
		err = plain.Close()
	}
	var aside string
	if err == nil {
		aside, err = takePlace(path, next)
	}
	if err != nil {
		return ui.WithHint(errors.Join(err, removeRegister(next)), "nothing was changed")
	}
	// A program that had the register open, whatever this one could see, may have written to it meanwhile.
	if err := unchanged(ctx, aside, head); err != nil {
		return ui.WithHint(errors.Join(err, os.Rename(aside, path)), "nothing was changed; stop every program that uses the register")
	}
	fmt.Fprintf(c.OutOrStdout(), "%s and %s encrypted\n", plural(int(report.Contracts), "contract"), plural(int(report.Cards), "card"))
	if remove {
		if err := removeRegister(aside); err != nil {
			return err
		}
	}
	return sayPlain(c, path)
}

// sayPlain names every plain register that lies beside the encrypted one.
func sayPlain(c *cobra.Command, path string) error {
	left, err := filepath.Glob(path + plainSuffix + "*")
	for _, name := range left {
		fmt.Fprintf(c.OutOrStdout(), "%s holds names and NIR in clear: destroy it, and every backup of before\n", name)
	}
	return err
}

// rewriteSealed makes the encrypted register at next and proves it: row by row, and by fsck, which must find in both the same.
func rewriteSealed(ctx context.Context, plain *sqlite.Store, next string, k *sealed.Keys) (*issuer.FsckReport, journal.Head, error) {
	fail := func(err error) (*issuer.FsckReport, journal.Head, error) { return nil, journal.Head{}, err }
	before, err := (&issuer.Issuer{Store: plain, Now: clock.Now}).Fsck(ctx, issuer.FsckOptions{})
	if err != nil {
		return fail(err)
	}
	err = plain.Rewrite(ctx, next, sqlite.Rewriting{
		Contract: k.SealContract, Card: k.SealCard, Document: k.SealDocument,
		Import: func(i register.Import) (register.Import, error) { row, _ := k.SealImport(i); return row, nil },
	})
	if err != nil {
		return fail(err)
	}
	rows, err := sqlite.Open(next, sqlite.Options{})
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	s := sealed.New(rows, k)
	if err := s.Adopt(ctx, plain); err != nil {
		return fail(err)
	}
	if err := sealed.Compare(ctx, plain, s); err != nil {
		return fail(err)
	}
	after, err := (&issuer.Issuer{Store: s.Powers(), Now: clock.Now}).Fsck(ctx, issuer.FsckOptions{})
	if err != nil {
		return fail(err)
	}
	if !reflect.DeepEqual(before, after) {
		return fail(errors.New("fsck does not find the same in the encrypted register as in the plain one"))
	}
	var head journal.Head
	if err := s.View(ctx, func(tx register.Tx) (err error) { head, err = tx.AuditHead(); return err }); err != nil {
		return fail(err)
	}
	return after, head, rows.Close()
}

// takePlace puts the register at path aside under a name of its own, and next in its place. At every moment there is a whole
// register at path.
func takePlace(path, next string) (aside string, err error) {
	for _, name := range []string{path, next} { // the last to close a register folds its log in and removes it
		if _, err := os.Lstat(name + "-wal"); !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("another program has %s open: stop it", name)
		}
	}
	aside = path + plainSuffix + clock.Now().UTC().Format("20060102T150405")
	if err := os.Link(path, aside); err != nil {
		return "", err
	}
	if err := os.Rename(next, path); err != nil {
		return "", errors.Join(err, os.Remove(aside))
	}
	return aside, syncFolder(filepath.Dir(path))
}

// unchanged says that the register that was put aside ends where the encrypted one does.
func unchanged(ctx context.Context, path string, head journal.Head) error {
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		return err
	}
	var now journal.Head
	err = s.View(ctx, func(tx register.Tx) (err error) { now, err = tx.AuditHead(); return err })
	if err = errors.Join(err, s.Close()); err == nil && now != head {
		err = errors.New("the register was changed while it was being encrypted")
	}
	return err
}

// removeRegister removes a register's file and what SQLite keeps beside it.
func removeRegister(path string) error {
	var err error
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if e := os.Remove(name); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
