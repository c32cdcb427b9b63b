// keys: which key can do what, new keys in place of old ones, ceremonies of the root, and what to do when a key is stolen.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
)

// ceremoniesName is the folder of protocols and drafts in an operator's folder.
const ceremoniesName = "ceremonies"

const keysLong = `Says which key can do what, replaces keys, and answers thefts. docs/keys.md is the page to read before the first ceremony.

    $ sceau keys audit ./operator                                    # which key can do what, and what its theft would cost
    $ sceau keys rotate ./operator card --insurer 775670482          # the yearly card key
    $ sceau keys rotate ./operator root --medium A --medium B        # a new root, signed by its holders
    $ sceau keys compromise ./operator card KID --to ./public        # the key was stolen: good cards live on
    $ sceau keys passphrase ./operator                               # another passphrase, the same keys
    $ sceau keys page card --out page.pdf                            # what to do in the first hour, for a drawer`

func newKeys(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Audit, replace and answer for keys",
		Long:  keysLong,
		Args:  ui.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeysAudit(p), newKeysReminders(p), newKeysRotate(p), newKeysCeremony(p), newKeysSign(p), newKeysCompromise(p), newKeysPassphrase(p), newKeysPage())
	return c
}

// openPublic opens a register as it is stored, without any passphrase: insurers, publications and public halves of keys are in
// clear. Nothing else can be read, and nothing is to be written.
func (p *place) openPublic(ctx context.Context, dir string) (*operator, error) {
	rows, err := openDatabase(ctx, dir, false)
	if errors.Is(err, os.ErrNotExist) {
		return nil, noOperator(dir)
	}
	if err != nil {
		return nil, err
	}
	media, err := attachedMedia(p.media)
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	none := func() ([]byte, error) { return nil, errors.New("no key is opened here") }
	online := &keys{dir: filepath.Join(dir, onlineName), secret: none}
	offline := &rack{folder: &keys{dir: p.offline(dir), secret: none}, media: media}
	store := readable{rows}
	return &operator{dir: dir, rows: rows, store: store, online: online, offline: offline,
		Issuer: &issuer.Issuer{Store: store, Now: clock.Now, Actor: actor(), Online: online, Offline: offline}}, nil
}

// readable is a register without its passphrase: what is encrypted in it is refused rather than misread, and nothing is written.
type readable struct{ rows database }

func (r readable) Update(context.Context, func(register.Tx) error) error { return register.ErrReadOnly }

func (r readable) View(ctx context.Context, fn func(register.Tx) error) error {
	return r.rows.View(ctx, func(tx register.Tx) error { return fn(readableTx{tx}) })
}

type readableTx struct{ register.Tx }

func (readableTx) Document(string, string) (register.Document, error) {
	return register.Document{}, fmt.Errorf("%w: it is encrypted, and no key was given", register.ErrCorrupt)
}

func (t readableTx) DocumentsAfter(kind, owner, id string, limit int) ([]register.Document, error) {
	found, err := t.Tx.DocumentsAfter(kind, owner, id, 1)
	if err == nil && len(found) > 0 {
		_, err = t.Document(kind, id)
	}
	return nil, err
}

// holding is one place and the keys in it, by kid.
type holding struct {
	where string
	keys  issuer.Keys
	kids  map[string]string // kid → name
}

// offlinePlaces lists where offline keys are: the folder and each medium.
func (o *operator) offlinePlaces() ([]holding, error) {
	var all []holding
	for _, k := range o.offline.all() {
		where := ""
		switch k := k.(type) {
		case *keys:
			where = k.dir
		case *medium:
			where = k.path
		}
		kids, err := kidsOf(k.(publics))
		if err != nil {
			return nil, err
		}
		all = append(all, holding{where, k, kids})
	}
	return all, nil
}

// confirm asks for a yes that can't be given by accident.
func confirm(c *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s Type yes to go on: ", question)
	line, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), 256)).ReadString('\n')
	if strings.TrimSpace(line) == "yes" {
		return nil
	}
	fmt.Fprintln(c.ErrOrStderr())
	if errors.Is(err, io.EOF) && line == "" {
		return ui.WithHint(errors.New("nothing was done: nobody confirmed"), "type yes, or give --yes in a script")
	}
	return errors.New("nothing was done: it was not confirmed")
}

// parseFrom reads --from: a day, whose first second it is in Paris, or a moment.
func parseFrom(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	day, err := parseDay("--from", text)
	if err != nil {
		return time.Time{}, err
	}
	return day.Midnight(), nil
}

// writePaper writes a PDF beside the others of the operator.
func (o *operator) writePaper(name string, write func(io.Writer) error) (string, error) {
	dir := filepath.Join(o.dir, ceremoniesName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	return path, replaceFile(path, true, write)
}
