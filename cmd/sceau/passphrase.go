// Where the passphrase of the key folders comes from: a file, the environment, or a person at a terminal.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"sceau/cmd/internal/ui"
	"sceau/signing/keystore"
)

// generatedName is the file in which init leaves a passphrase that it had to make itself.
const generatedName = "passphrase"

// strongLogN and generatedLogN are scrypt work factors: a person's passphrase is stretched, 160 random bits need not be.
const (
	strongLogN    = 18
	generatedLogN = 10
)

// secret is a passphrase and how much stretching it needs.
type secret struct {
	passphrase []byte
	generated  bool
}

func (s secret) logN() int {
	if s.generated {
		return generatedLogN
	}
	return strongLogN
}

// givenPassphrase looks where a passphrase may have been given without asking anybody: flag, then environment.
// It returns nil when none was.
func givenPassphrase(flag string) ([]byte, error) {
	file := flag
	if file == "" {
		file = os.Getenv("SCEAU_PASSPHRASE_FILE")
	}
	if file != "" {
		return readPassphraseFile(file)
	}
	if p := os.Getenv("SCEAU_PASSPHRASE"); p != "" {
		return []byte(p), nil
	}
	return nil, nil
}

func readPassphraseFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("passphrase file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return nil, fmt.Errorf("passphrase file: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, fmt.Errorf("passphrase file %s: its first line is empty", name)
	}
	return line, nil
}

// openPassphrase finds the passphrase of an operator that exists.
func openPassphrase(dir, flag string) ([]byte, error) {
	if p, err := givenPassphrase(flag); p != nil || err != nil {
		return p, err
	}
	p, err := readPassphraseFile(filepath.Join(dir, generatedName))
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return p, err
	}
	if !atTerminal() {
		return nil, ui.WithHint(errors.New("no passphrase for the keys"), "set SCEAU_PASSPHRASE_FILE or SCEAU_PASSPHRASE, or give --passphrase-file")
	}
	return ask("passphrase: ")
}

// newPassphrase finds the passphrase of an operator to be made; where nobody gives one, it makes one and leaves it in a
// file that the caller must speak of.
func newPassphrase(dir, flag string) (secret, error) {
	if p, err := givenPassphrase(flag); p != nil || err != nil {
		return secret{passphrase: p}, err
	}
	if atTerminal() {
		p, err := askTwice("new passphrase for the keys (empty: make one): ")
		if err != nil {
			return secret{}, err
		}
		if len(p) > 0 {
			return secret{passphrase: p}, nil
		}
	}
	return makePassphrase(filepath.Join(dir, generatedName))
}

// makePassphrase leaves a new passphrase in a file.
func makePassphrase(name string) (secret, error) {
	p := keystore.NewPassphrase()
	if err := replaceFile(name, true, func(w io.Writer) error { _, err := fmt.Fprintf(w, "%s\n", p); return err }); err != nil {
		return secret{}, fmt.Errorf("passphrase: %w", err)
	}
	return secret{passphrase: p, generated: true}, nil
}

func atTerminal() bool {
	return term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd()))
}

func ask(prompt string) ([]byte, error) {
	fmt.Fprint(os.Stderr, prompt)
	p, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	return p, nil
}

// askTwice asks for a new passphrase at a terminal.
func askTwice(prompt string) ([]byte, error) {
	p, err := ask(prompt)
	if err != nil || len(p) == 0 {
		return p, err
	}
	again, err := ask("once more: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(p, again) {
		return nil, errors.New("the two passphrases differ")
	}
	return p, nil
}
