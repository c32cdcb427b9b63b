// recover: an operator's folder from a backup, in an empty place, checked before it takes its name.

package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/cmd/internal/ui"
	"sceau/signing/keystore"
)

// maxBackupFile bounds every file of a backup but the register.
const maxBackupFile = 64 << 20

func newRecover(p *place) *cobra.Command {
	var identity, public string
	var goOn bool
	c := &cobra.Command{
		Use:   "recover FILE DIR",
		Short: "Restore an operator from a backup into an empty folder",
		Long: `Restores what "sceau backup" saved into a folder that does not exist or is empty, and checks it as fsck does before it takes
its name. A register in PostgreSQL is restored into the empty database that SCEAU_DATABASE names, and DIR/sceau.toml remembers it.

    $ sceau recover /mnt/backup/sceau-2027-03-01.age ./operator --public /srv/sceau/public
    471 contracts, 471 cards, 471 signatures restored in ./operator: no finding
    the register ends with publication 12 of 2027-03-01 08:00 UTC

What was issued, ended, imported or published after the backup is not in it. With --public, the published folder is compared:
exit code 3 when it is ahead of the register. Then look for a newer backup before anything else: counters refuse lists older
than those they have, and places of cards issued since would be given to other people. Where there is none, --go-on brings back
what the published folder still knows: ends of rights are recorded again, new cards get places in new lists, and the keys to
rotate are named, so that counters follow again.`,
		Args: ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			if goOn && public == "" {
				return ui.WithHint(ui.Usage("--go-on reads what was published"), "--public FOLDER")
			}
			ctx, stop := interruptible(c)
			defer stop()
			r := &recovery{goOn: goOn, place: p, command: c, identity: identity, public: public, dir: filepath.Clean(args[1])}
			return r.run(ctx, args[0])
		},
	}
	c.Flags().StringVar(&identity, "identity", "", "age identity file, for a backup made with --recipient")
	c.Flags().StringVar(&public, "public", "", "published folder to compare with")
	c.Flags().BoolVar(&goOn, "go-on", false, "when --public is ahead and no newer backup exists: go on from what it knows")
	return c
}

// recovery is one recover under way.
type recovery struct {
	place            *place
	command          *cobra.Command
	identity, public string
	dir              string
	facts            backupFacts
	goOn             bool
	moved            bool // the address of the database was written to the settings
}

func (r *recovery) run(ctx context.Context, file string) error {
	if list, err := os.ReadDir(r.dir); err == nil && len(list) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
		err = errors.Join(ui.Usage("%s is not an empty folder: recover overwrites nothing", r.dir), err)
		if r.goOn { // restored without --go-on before
			err = ui.WithHint(err, "where nothing but recover wrote to it, take it away (rm -r %s; a database in PostgreSQL: empty it) and run the same command again", shellWord(r.dir))
		}
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return ui.Usage("%v", err)
	}
	defer f.Close()
	passphrase, err := r.passphrase()
	if err != nil {
		return err
	}
	plain, err := r.decrypt(f, passphrase)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.dir), 0o700); err != nil {
		return err
	}
	building, err := os.MkdirTemp(filepath.Dir(r.dir), "."+filepath.Base(r.dir)+".restoring-") // mode 0700
	if err != nil {
		return err
	}
	err = r.unpack(ctx, tar.NewReader(plain), building)
	if err == nil {
		_, err = io.Copy(io.Discard, plain) // its very end says that nothing was cut
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(building))
	}
	report, last, err := r.check(ctx, building, passphrase)
	if err != nil {
		return errors.Join(err, os.RemoveAll(building))
	}
	if n := len(report.Findings); n > 0 {
		for _, f := range report.Findings {
			fmt.Fprintf(r.command.ErrOrStderr(), "%s: %s: %s\n", f.Code, f.Where, f.What)
		}
		return ui.WithHint(fmt.Errorf("the backup is not sound: %s; it was left in %s", findings(report), building), "try an older backup")
	}
	if r.moved, err = moveDatabase(building); err != nil {
		return errors.Join(err, os.RemoveAll(building))
	}
	if err := os.Remove(r.dir); err != nil && !errors.Is(err, os.ErrNotExist) { // it is empty
		return err
	}
	if err := os.Rename(building, r.dir); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(r.dir)); err != nil {
		return err
	}
	return r.say(ctx, passphrase, report, last)
}

func (r *recovery) passphrase() ([]byte, error) {
	if p, err := givenPassphrase(r.place.passphraseFile); p != nil || err != nil {
		return p, err
	}
	if !atTerminal() {
		return nil, ui.WithHint(errors.New("no passphrase for the keys"), "set SCEAU_PASSPHRASE_FILE or SCEAU_PASSPHRASE, or give --passphrase-file")
	}
	return ask("passphrase: ")
}

func (r *recovery) decrypt(f io.Reader, passphrase []byte) (io.Reader, error) {
	if r.identity == "" {
		plain, err := keystore.DecryptWithPassphrase(f, passphrase)
		if errors.Is(err, keystore.ErrPassphrase) {
			return nil, ui.WithHint(errors.New("the passphrase does not open the backup"), "give --identity when it was made with --recipient")
		}
		return plain, err
	}
	b, err := os.ReadFile(r.identity)
	if err != nil {
		return nil, ui.Usage("--identity: %v", err)
	}
	defer clear(b)
	plain, err := keystore.DecryptWith(f, b)
	if errors.Is(err, keystore.ErrPassphrase) {
		return nil, errors.New("the identity does not open the backup")
	}
	return plain, err
}

// unpack writes the files of a backup into an empty folder. A backup is authenticated, and read all the same as if it were
// not: names are those that backup writes, and nothing leaves the folder.
func (r *recovery) unpack(ctx context.Context, t *tar.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	broken := func(what string) error { return fmt.Errorf("the file is no whole backup: %s", what) }
	h, err := t.Next()
	if err != nil || h.Name != backupManifest || h.Size > maxBackupFile {
		return errors.Join(broken("it does not begin as one"), damagedOnly(err))
	}
	if err := json.NewDecoder(t).Decode(&r.facts); err != nil || r.facts.Schema != backupSchema {
		return broken("it is of another version of this program")
	}
	seen := map[string]bool{}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(broken("it was cut or changed"), damagedOnly(err))
		}
		if h.Typeflag != tar.TypeReg || seen[h.Name] || !backupName(h.Name) || h.Name != backupRegister && h.Size > maxBackupFile {
			return broken("it holds a file that no backup has")
		}
		seen[h.Name] = true
		name := h.Name
		if name == backupRegister {
			name = registerName
		}
		if err := r.extract(ctx, root, name, t); err != nil {
			return errors.Join(broken("it was cut or changed"), err)
		}
	}
	if !seen[backupRegister] {
		return broken("it holds no register")
	}
	return syncFolder(dir)
}

// damagedOnly keeps the errors that say something to a person.
func damagedOnly(err error) error {
	if errors.Is(err, keystore.ErrDamaged) || errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// backupName says whether a backup may hold a file of that name, apart from its manifest.
func backupName(name string) bool {
	switch name {
	case backupRegister, configName, themeName, codesName:
		return true
	}
	folder, file, ok := strings.Cut(name, "/")
	return ok && (folder == onlineName || folder == offlineName || folder == backupThemes || folder == ceremoniesName) &&
		path.Base(name) == file && file != "" && file[0] != '.' && filepath.IsLocal(filepath.FromSlash(name)) && !strings.ContainsAny(file, `\:`)
}

func (r *recovery) extract(ctx context.Context, root *os.Root, name string, from io.Reader) error {
	name = filepath.FromSlash(name)
	if folder := filepath.Dir(name); folder != "." {
		if err := root.Mkdir(folder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, contextReader{ctx, from})
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// check opens what was restored with its keys and reads everything.
func (r *recovery) check(ctx context.Context, dir string, passphrase []byte) (*issuer.FsckReport, register.Publication, error) {
	fail := func(err error) (*issuer.FsckReport, register.Publication, error) {
		return nil, register.Publication{}, err
	}
	if err := r.load(ctx, dir); err != nil {
		return fail(err)
	}
	op, err := r.place.openWith(ctx, dir, func() ([]byte, error) { return passphrase, nil })
	if err != nil {
		return fail(err)
	}
	defer op.Close()
	report, err := op.Fsck(ctx, issuer.FsckOptions{})
	if err != nil {
		return fail(err)
	}
	var last register.Publication
	err = op.store.View(ctx, func(tx register.Tx) (err error) { last, err = tx.LastPublication(); return err })
	if err != nil && !errors.Is(err, register.ErrNotFound) {
		return fail(err)
	}
	if last.Version < r.facts.Publication {
		return fail(fmt.Errorf("the backup says publication %d, its register ends with %d", r.facts.Publication, last.Version))
	}
	return report, last, op.Close()
}

// load brings a PostgreSQL snapshot into its database; a SQLite one is a register already.
func (r *recovery) load(ctx context.Context, dir string) error {
	address, err := databaseAddress(dir)
	if err != nil {
		return err
	}
	switch {
	case r.facts.Database == "sqlite" && address == "":
		return nil
	case r.facts.Database == "postgres" && address != "":
		return loadPostgres(ctx, address, filepath.Join(dir, registerName))
	}
	return ui.WithHint(fmt.Errorf("the backup is of a register in %s, the folder's settings name another database", r.facts.Database),
		"set SCEAU_DATABASE to an empty PostgreSQL database, or take the setting away")
}

// say ends with what matters most afterwards: what is not in the register any more.
func (r *recovery) say(ctx context.Context, passphrase []byte, report *issuer.FsckReport, last register.Publication) error {
	out, loud := r.command.OutOrStdout(), r.command.ErrOrStderr()
	fmt.Fprintf(out, "%s, %s, %s restored in %s: %s\n", plural(int(report.Contracts), "contract"), plural(int(report.Cards), "card"),
		plural(int(report.Signatures), "signature"), r.dir, findings(report))
	if r.moved {
		fmt.Fprintf(out, "the address of the database was written to %s\n", filepath.Join(r.dir, configName))
	}
	if last.Version == 0 {
		fmt.Fprintln(out, "the register never published")
	} else {
		fmt.Fprintf(out, "the register ends with publication %d of %s\n", last.Version, last.At.UTC().Format("2006-01-02 15:04 UTC"))
	}
	fmt.Fprintf(loud, "saved on %s: what was issued, ended, imported or published since is NOT in it\n", r.facts.Made.UTC().Format("2006-01-02 15:04 UTC"))
	if r.public == "" {
		fmt.Fprintln(loud, "before issuing or publishing, compare with what counters have: sceau publish refuses a folder that is ahead, sceau recover --public says so at once")
		return nil
	}
	there, err := publishedVersion(r.public)
	if err != nil {
		return err
	}
	if there > last.Version && r.goOn {
		op, err := r.place.openWith(ctx, r.dir, func() ([]byte, error) { return passphrase, nil })
		if err != nil {
			return err
		}
		defer op.Close()
		published, err := op.readLost(ctx, r.public)
		if err != nil {
			return ui.WithHint(err, "%s is restored as the backup has it; nothing of %s was taken", r.dir, r.public)
		}
		l, err := op.adopt(ctx, published)
		if err != nil {
			return ui.WithHint(err, "issue nothing: not all of %s was taken; remove %s (a database in PostgreSQL: empty it) and run the same command again", r.public, r.dir)
		}
		r.sayLost(l)
		return ui.Exit(exitPartial)
	}
	if there > last.Version {
		fmt.Fprintf(loud, "WARNING: %s holds publication %d, the register ends with %d. Cards and ends of rights of the publications between are unknown here.\n"+
			"Look for a newer backup. Do not issue: places of cards issued since would be given to other people, and counters refuse older lists.\n", r.public, there, last.Version)
		fmt.Fprintf(loud, "Where there is no newer backup: take %s away (a database in PostgreSQL: empty it), and run this command again with --go-on\n", r.dir)
		return ui.Exit(exitPartial)
	}
	fmt.Fprintf(out, "%s holds publication %d: nothing was published after the backup\n", r.public, there)
	return nil
}
