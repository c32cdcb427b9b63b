// keys passphrase: another passphrase for a folder of keys, which stay what they are.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
	"sceau/signing/keystore"
)

const keysPassphraseLong = `Changes the passphrase of an operator's keys, or of one medium. The keys stay the same. The old passphrase is found as always, and
the new one is asked for, or read from a file; a file that does not exist is made, with a passphrase of 160 random bits.

    $ sceau keys passphrase ./operator --new-passphrase-file new.txt
    a passphrase was made in new.txt; keep it away from the keys and the backups
    operator/keys opens with the new passphrase
    operator/offline opens with the new passphrase
    operator/passphrase holds the new one
    back up now, backups made before open with the old one: sceau backup operator --to FILE
    $ sceau keys passphrase /media/a/share=a.txt --new-passphrase-file a2.txt

An operator's folder of offline keys opens with the same passphrase, and must be at hand. Where the command was interrupted, the
same command again finishes.

A passphrase that was stolen is not answered by this: copies of the folder and backups made before open with the old one for ever.
Where somebody may have both, the keys must be replaced: "sceau keys page passphrase" says in which order.`

func newKeysPassphrase(p *place) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "passphrase DIR | MEDIUM | MEDIUM=PASSPHRASE_FILE",
		Short: "Change the passphrase of an operator's keys or of a medium",
		Long:  keysPassphraseLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if dir := filepath.Clean(args[0]); exists(filepath.Join(dir, registerName)) || exists(filepath.Join(dir, onlineName)) {
				return p.changePassphrase(c, dir, file)
			}
			m, err := newMedium(args[0])
			if err != nil {
				return err
			}
			if m.isSocket() {
				return ui.WithHint(ui.Usage("%s is a token's program: it has a PIN, which the token's own tools change", m.path), "%s", c.UseLine())
			}
			if !exists(filepath.Join(m.path, "identity.age")) {
				return ui.WithHint(fmt.Errorf("no keys at %s", m.path), "attach the medium, or check its path")
			}
			old, err := m.passphrase()
			if err != nil {
				return err
			}
			return changeFolders(c, []string{m.path}, old, file, func([]byte) error { return nil })
		},
	}
	c.Flags().StringVar(&file, "new-passphrase-file", "", "file with the new passphrase on its first line; one that does not exist is made")
	return c
}

// changePassphrase changes both folders of an operator, and the file in which init may have left their passphrase.
func (p *place) changePassphrase(c *cobra.Command, dir, file string) error {
	folders := []string{filepath.Join(dir, onlineName), p.offline(dir)}
	for _, f := range folders {
		if err := insideDrill(f, ""); err != nil {
			return err
		}
		if !exists(filepath.Join(f, "identity.age")) {
			return ui.WithHint(fmt.Errorf("no keys in %s: the server's and the offline keys open with one passphrase, and both must be at hand", f), "attach the medium that holds them, or give --offline-keys")
		}
	}
	old, err := openPassphrase(dir, p.passphraseFile)
	if err != nil {
		return err
	}
	left := filepath.Join(dir, generatedName)
	stale, err := readPassphraseFile(left)
	rewrite := err == nil && bytes.Equal(stale, old)
	if err := changeFolders(c, folders, old, file, func(next []byte) error {
		if !rewrite {
			return nil
		}
		if err := replaceFile(left, true, func(w io.Writer) error { _, err := fmt.Fprintf(w, "%s\n", next); return err }); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%s holds the new one\n", left)
		return syncFolder(dir)
	}); err != nil {
		return err
	}
	if !rewrite {
		fmt.Fprintln(c.OutOrStdout(), "give the new one from now on: --passphrase-file, SCEAU_PASSPHRASE_FILE or SCEAU_PASSPHRASE")
	}
	fmt.Fprintf(c.OutOrStdout(), "back up now, backups made before open with the old one: sceau backup %s --to FILE\n", shellWord(dir))
	return nil
}

// changeFolders gives folders of one passphrase another one. Every folder is opened before the first is changed; one that opens
// with the new passphrase was changed before an interruption. then keeps the new passphrase where the old one was.
func changeFolders(c *cobra.Command, folders []string, old []byte, file string, then func(next []byte) error) error {
	defer clear(old)
	fresh := &medium{path: folders[0], file: file}
	if file == "" && !atTerminal() {
		return ui.WithHint(errors.New("no new passphrase"), "--new-passphrase-file FILE; one that does not exist is made")
	}
	opening := func(passphrase []byte) (closed []string, err error) {
		for _, f := range folders {
			switch _, err := keystore.Open(f, passphrase); {
			case errors.Is(err, keystore.ErrPassphrase):
				closed = append(closed, f)
			case errors.Is(err, keystore.ErrExposed):
				return nil, ui.WithHint(err, "chmod -R go= %s", shellWord(f))
			case err != nil:
				return nil, err
			}
		}
		return closed, nil
	}
	closed, err := opening(old)
	if err != nil {
		return err
	}
	wrong := func(f string) error {
		return ui.WithHint(fmt.Errorf("keys in %s: %w", f, keystore.ErrPassphrase), "nothing was changed: the passphrase asked for first is the old one")
	}
	if len(closed) == len(folders) && (file == "" || !exists(file)) {
		return wrong(closed[0]) // before a new one is asked for or made
	}
	made := file != "" && !exists(file)
	next, err := fresh.newPassphrase()
	if err != nil {
		return err
	}
	defer clear(next.passphrase)
	if bytes.Equal(next.passphrase, old) {
		return ui.WithHint(ui.Usage("the new passphrase is the old one"), "--new-passphrase-file with another one; a file that does not exist is made")
	}
	if made { // it is kept before anything depends on it
		if err := syncFolder(filepath.Dir(file)); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "a passphrase was made in %s; keep it away from the keys and the backups\n", file)
	}
	for _, f := range closed {
		if _, err := keystore.Open(f, next.passphrase); err != nil {
			return wrong(f)
		}
	}
	for _, f := range folders {
		err := keystore.ChangePassphrase(f, old, next.passphrase, keystore.Options{ScryptLogN: next.logN()})
		if errors.Is(err, keystore.ErrPassphrase) {
			_, err = keystore.Open(f, next.passphrase)
		}
		if err != nil {
			return ui.WithHint(err, "run the same command again")
		}
		fmt.Fprintf(c.OutOrStdout(), "%s opens with the new passphrase\n", f)
	}
	if err := then(next.passphrase); err != nil {
		return err
	}
	fmt.Fprintln(c.ErrOrStderr(), "copies made before open with the old one: if somebody may have both, replace the keys (sceau keys page passphrase --out FILE.pdf)")
	return nil
}
