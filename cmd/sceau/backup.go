// backup: everything that an operator needs to begin again elsewhere, in one encrypted file.

package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/register"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/signing/keystore"
)

// A backup is a tar encrypted by age: first what it is, then the register, then files of the operator's folder.
const (
	backupSchema    = "sceau-backup-1"
	backupManifest  = "backup.json"
	backupRegister  = "register" // the snapshot, in the form of the database that made it
	backupThemes    = "themes"
	snapshotPattern = ".backup-*"
)

// backupFacts is the manifest.
type backupFacts struct {
	Schema      string    `json:"schema"`
	Database    string    `json:"database"` // sqlite or postgres
	Made        time.Time `json:"made"`
	Publication int64     `json:"publication"` // the last one; 0 for none
	Published   time.Time `json:"published,omitzero"`
}

// snapshotter is a database that can be copied in one committed state while others write to it.
type snapshotter interface {
	Snapshot(ctx context.Context, path string) error
}

func newBackup(p *place) *cobra.Command {
	var to string
	var recipients []string
	var offline bool
	c := &cobra.Command{
		Use:   "backup DIR --to FILE",
		Short: "Back up the register, its keys and the settings into one encrypted file",
		Long: `Writes one committed state of the register, the online keys, the settings, the themes and the protocols of ceremonies into an
encrypted file (age), while other programs go on working. The file is opened by the passphrase of the keys, or by whoever holds an age identity when
--recipient is given. The offline keys are not in it: they have their own copies elsewhere.

    $ sceau backup ./operator --to /mnt/backup/sceau-2027-03-01.age
    publication 12 of 2027-03-01 08:00 UTC and everything since saved in /mnt/backup/sceau-2027-03-01.age (1.4 MB)

Copying register.db while programs use it is no backup: what was done last may be missing from the copy, or it may be broken.`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if to == "" {
				return ui.WithHint(ui.Usage("a backup needs a file to be written to"), "--to FILE")
			}
			if _, err := os.Lstat(to); err == nil {
				return ui.Usage("%s is there already: a backup overwrites nothing", to)
			}
			ctx, stop := interruptible(c)
			defer stop()
			op, err := p.openContext(ctx, args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			facts, size, err := op.backup(ctx, to, recipients, offline, p)
			if err != nil {
				return err
			}
			state := "a register that never published"
			if facts.Publication > 0 {
				state = fmt.Sprintf("publication %d of %s and everything since", facts.Publication, facts.Published.UTC().Format("2006-01-02 15:04 UTC"))
			}
			fmt.Fprintf(c.OutOrStdout(), "%s saved in %s (%.1f MB)\n", state, to, float64(size)/1e6)
			return nil
		},
	}
	c.Flags().StringVar(&to, "to", "", "file to write; it must not exist")
	c.Flags().StringArrayVar(&recipients, "recipient", nil, "age recipient (age1…) instead of the passphrase; may be repeated")
	c.Flags().BoolVar(&offline, "with-offline-keys", false, "also save the offline keys: whoever opens the backup with the passphrase can then make a new root")
	return c
}

// backup writes the file under another name and gives it its own when it is whole.
func (o *operator) backup(ctx context.Context, to string, recipients []string, offline bool, p *place) (facts backupFacts, size int64, err error) {
	source, ok := o.rows.(snapshotter)
	if !ok {
		return facts, 0, errors.New("this database can't be backed up by this program")
	}
	passphrase, err := o.online.secret()
	if err != nil {
		return facts, 0, err
	}
	if err := removeMatching(filepath.Join(o.dir, snapshotPattern)); err != nil { // of a backup that was killed
		return facts, 0, err
	}
	f, err := os.CreateTemp(o.dir, snapshotPattern) // its rows are encrypted, so the operator's own disk may hold it
	if err != nil {
		return facts, 0, err
	}
	snapshot := f.Name()
	if err := errors.Join(f.Close(), os.Remove(snapshot)); err != nil {
		return facts, 0, err
	}
	defer func() { err = errors.Join(err, removeRegister(snapshot)) }()
	if facts, err = o.facts(ctx); err != nil {
		return facts, 0, err
	}
	unlock, err := lockKeys(ctx, o.dir)
	if err != nil {
		return facts, 0, err
	}
	defer unlock()
	// The register first: keys are only added while this lock is held, so that those it names are there when the folder is read after it.
	if err := source.Snapshot(ctx, snapshot); err != nil {
		return facts, 0, err
	}
	folders := map[string]string{onlineName: o.online.dir}
	if offline {
		folders[offlineName] = p.offline(o.dir)
	}
	err = replaceFile(to, true, func(w io.Writer) error {
		sealed, err := encryptBackup(w, passphrase, recipients)
		if err != nil {
			return err
		}
		a := &archive{tar: tar.NewWriter(sealed), made: facts.Made}
		err = a.write(ctx, facts, snapshot, o.dir, folders)
		return errors.Join(err, a.tar.Close(), sealed.Close())
	})
	if err != nil {
		return facts, 0, err
	}
	info, err := os.Stat(to)
	if err != nil {
		return facts, 0, err
	}
	return facts, info.Size(), syncFolder(filepath.Dir(to))
}

func encryptBackup(w io.Writer, passphrase []byte, recipients []string) (io.WriteCloser, error) {
	if len(recipients) > 0 {
		return keystore.EncryptTo(w, recipients)
	}
	s := secret{passphrase: passphrase, generated: generatedForm.Match(passphrase)}
	return keystore.EncryptWithPassphrase(w, passphrase, keystore.Options{ScryptLogN: s.logN()})
}

// generatedForm is that of keystore.NewPassphrase, which needs no stretching.
var generatedForm = regexp.MustCompile(`^([a-z2-7]{4}-){7}[a-z2-7]{4}$`)

// facts is read before the snapshot is taken: a register only grows, so that the snapshot has at least this.
func (o *operator) facts(ctx context.Context) (backupFacts, error) {
	facts := backupFacts{Schema: backupSchema, Database: databaseKind(o.rows), Made: clock.Now().UTC().Truncate(time.Second)}
	var last register.Publication
	err := o.store.View(ctx, func(tx register.Tx) (err error) { last, err = tx.LastPublication(); return err })
	if err != nil && !errors.Is(err, register.ErrNotFound) {
		return facts, err
	}
	facts.Publication, facts.Published = last.Version, last.At
	return facts, nil
}

// archive is the tar of a backup.
type archive struct {
	tar  *tar.Writer
	made time.Time
}

func (a *archive) write(ctx context.Context, facts backupFacts, snapshot, dir string, folders map[string]string) error {
	b, err := json.Marshal(facts)
	if err != nil {
		return err
	}
	if err := a.header(backupManifest, int64(len(b))); err != nil {
		return err
	}
	if _, err := a.tar.Write(b); err != nil {
		return err
	}
	if err := a.file(ctx, backupRegister, snapshot); err != nil {
		return err
	}
	for _, name := range []string{configName, themeName, codesName} {
		if err := a.file(ctx, name, filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range []string{backupThemes, ceremoniesName} {
		if err := a.folder(ctx, name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, name := range []string{onlineName, offlineName} {
		from, ok := folders[name]
		if !ok {
			continue
		}
		if !exists(from) {
			return ui.WithHint(fmt.Errorf("no keys in %s", from), "attach the medium that holds them, or give --offline-keys")
		}
		if err := a.folder(ctx, name, from); err != nil {
			return err
		}
	}
	return nil
}

// folder adds the regular files of a folder; one that is not there has none.
func (a *archive) folder(ctx context.Context, name, from string) error {
	list, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		if !e.Type().IsRegular() || e.Name()[0] == '.' { // locks, and what is being written
			continue
		}
		if err := a.file(ctx, name+"/"+e.Name(), filepath.Join(from, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) file(ctx context.Context, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := a.header(name, info.Size()); err != nil {
		return err
	}
	_, err = io.Copy(a.tar, contextReader{ctx, f}) // a file that grew or shrank meanwhile is an error of tar's
	return err
}

func (a *archive) header(name string, size int64) error {
	return a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: a.made, Format: tar.FormatPAX})
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func removeMatching(pattern string) error {
	names, err := filepath.Glob(pattern)
	for _, name := range names {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// syncFolder makes the names in a folder durable. Windows has no such call.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
