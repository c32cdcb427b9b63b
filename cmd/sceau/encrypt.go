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
	var remove, rotate, retire bool
	c := &cobra.Command{
		Use:   "encrypt DIR",
		Short: "Encrypt a register made before registers were encrypted, or change its key",
		Long: `Encrypts the names, birth dates, NIR and N° adhérent of a register that holds them in clear. The encrypted register is
built beside it, compared with it row by row, and takes its name in one step; the plain one is put aside or, with --remove,
removed. Stop every program that uses the register first.

    $ sceau encrypt ./operator
    471 contracts and 471 cards encrypted; ./operator/register.db.plain-20270301T090000 holds them in clear: destroy it

With --rotate, a register that is encrypted gets a new key, and every row is encrypted anew with it, while the service and the
desks go on working: they read the new key when they meet it. What was stopped or killed goes on when the command is run again.
With --retire-old, the keys before are removed once no row uses them; backups and copies made before need them, and hold them. Back
up after it. In PostgreSQL, connect as the owner of the register: the service's role may not write cards anew.

    $ sceau encrypt ./operator --rotate --retire-old
    key 2 of the register in force; 1413 rows encrypted anew; back up ./operator/keys
    1413 rows, none of an older key: 1 older key removed; destroy backups made before when you no longer need them

The key of the look-ups (tokens of the N° adhérent, which are also the contracts' ids in addresses) is not changed by this.`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := interruptible(c)
			defer stop()
			if rotate || retire {
				return changeKey(ctx, c, p, args[0], rotate, retire)
			}
			return encryptRegister(ctx, c, p, args[0], remove)
		},
	}
	c.Flags().BoolVar(&remove, "remove", false, "remove the plain register once the encrypted one is in its place (an SSD or a snapshot may keep its bytes)")
	c.Flags().BoolVar(&rotate, "rotate", false, "give an encrypted register a new key, and encrypt every row anew, while others work")
	c.Flags().BoolVar(&retire, "retire-old", false, "remove the older keys of an encrypted register once no row uses them")
	c.MarkFlagsMutuallyExclusive("remove", "rotate")
	c.MarkFlagsMutuallyExclusive("remove", "retire-old")
	return c
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
