//go:build cgo

// Sceau-pkcs11 lets sceau sign with keys that stay on a token (smart card, HSM). It is a program of its own, because a PKCS#11
// module is foreign code: it holds the PIN and the module, and sceau reaches it by a socket. See PROTOCOL.md.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sceau/cmd/internal/ui"
	"sceau/signing/keystore"
)

const about = `Sceau-pkcs11 signs for sceau with the keys of a token, which never leave it. It asks for the PIN once, and
answers programs of the same user, at a socket in a folder that only this user can enter, until it is stopped.

    $ sceau-pkcs11 --module /usr/lib/softhsm/libsofthsm2.so --token root-a --socket ~/.sceau/root-a.sock
    PIN of token root-a:
    token root-a: 1 key, at /home/operator/.sceau/root-a.sock

PIN: --pin-file, SCEAU_PKCS11_PIN, or a prompt. A PIN that the token refused is never given a second time.
Exit codes: 0 stopped, 1 failure, 2 usage.`

func main() { os.Exit(ui.Main(newRoot(), ui.English)) }

func newRoot() *cobra.Command {
	var module, label, socket, pinFile string
	c := &cobra.Command{
		Use:     "sceau-pkcs11 --module FILE --token LABEL --socket PATH",
		Short:   "Signs for sceau with the keys of a token",
		Long:    about,
		Version: ui.Version(),
		Args:    ui.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if module == "" || label == "" || socket == "" {
				return ui.WithHint(ui.Usage("--module, --token and --socket are needed"), "%s", c.UseLine())
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return run(ctx, c, module, label, socket, pinFile)
		},
	}
	c.Flags().StringVar(&module, "module", "", "the token's PKCS#11 module, a shared library")
	c.Flags().StringVar(&label, "token", "", "label of the token")
	c.Flags().StringVar(&socket, "socket", "", "where to answer; its folder has mode 0700 or is made")
	c.Flags().StringVar(&pinFile, "pin-file", "", "file of mode 0600 whose first line is the PIN")
	return c
}

func run(ctx context.Context, c *cobra.Command, module, label, socket, pinFile string) error {
	if len(label) > 32 {
		return ui.Usage("--token: a label has at most 32 bytes")
	}
	l, err := keystore.Listen(socket) // before a try of the PIN is spent
	if err != nil {
		return err
	}
	defer l.Close()
	pin, err := readPIN(label, pinFile)
	if err != nil {
		return err
	}
	t, err := openToken(module, label, pin)
	clear(pin)
	if err != nil {
		return ui.WithHint(fmt.Errorf("token %s: %w", label, err), "check --module, --token and the PIN; pkcs11-tool --module %s --list-slots shows the tokens", module)
	}
	names, err := t.Names()
	if err != nil {
		return errors.Join(err, t.Close())
	}
	keys := fmt.Sprintf("%d keys", len(names))
	if len(names) == 1 {
		keys = "1 key"
	}
	fmt.Fprintf(c.OutOrStdout(), "token %s: %s, at %s\n", label, keys, socket)
	err = keystore.Serve(ctx, l, t, func(line string) { fmt.Fprintln(c.ErrOrStderr(), line) })
	return errors.Join(err, t.Close())
}

const pinVariable = "SCEAU_PKCS11_PIN"

// readPIN finds the PIN: file, environment, or a person at a terminal.
func readPIN(label, file string) ([]byte, error) {
	if file != "" {
		return pinOfFile(file)
	}
	if p := os.Getenv(pinVariable); p != "" {
		// The module is foreign code, and what it starts inherits the environment.
		return []byte(p), os.Unsetenv(pinVariable)
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, ui.WithHint(errors.New("no PIN"), "give --pin-file or %s", pinVariable)
	}
	fmt.Fprintf(os.Stderr, "PIN of token %s: ", label)
	p, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return nil, fmt.Errorf("PIN: %w", err)
	}
	if len(p) == 0 { // the token would count it as a wrong one
		return nil, errors.New("no PIN")
	}
	return p, nil
}

func pinOfFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("PIN file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("PIN file: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, ui.WithHint(fmt.Errorf("PIN file %s is readable by others", name), "chmod 600 %s", filepath.Clean(name))
	}
	b, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return nil, fmt.Errorf("PIN file: %w", err)
	}
	defer clear(b)
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, fmt.Errorf("PIN file %s: its first line is empty", name)
	}
	return bytes.Clone(line), nil
}
