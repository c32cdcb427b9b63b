//go:build unix

package keystore

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/signing"
)

// socketAt is a short path: the system allows about 100 bytes.
func socketAt(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sceau-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s", "token.sock")
}

// served is a holder behind a socket, until the test ends or stop is called.
func serving(t testing.TB, socket string, h Holder) (stop func()) {
	t.Helper()
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, h, func(string) {}) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func folder(t testing.TB) *Store {
	t.Helper()
	s, err := Create(filepath.Join(t.TempDir(), "keys"), NewPassphrase(), Options{ScryptLogN: 10})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRemote(t *testing.T) {
	socket, s := socketAt(t), folder(t)
	if _, err := Dial(socket); !errors.Is(err, ErrNoStore) {
		t.Errorf("no socket: %v", err)
	}
	stop := serving(t, socket, s)
	h, err := Attach(socket, func() ([]byte, error) { t.Error("a socket needs no passphrase"); return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	r := h.(*Remote)
	if names, err := r.Names(); err != nil || len(names) != 0 {
		t.Errorf("%v %v", names, err)
	}
	made, err := h.Generate("root-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Generate("card-1.2"); err != nil {
		t.Fatal(err)
	}
	if names, err := h.Names(); err != nil || fmt.Sprint(names) != "[card-1.2 root-1]" {
		t.Errorf("%v %v", names, err)
	}
	again, err := h.Signer("root-1")
	if err != nil || !again.Public().(*ecdsa.PublicKey).Equal(made.Public()) {
		t.Fatalf("%v", err)
	}
	public, err := r.Public("root-1")
	if own, err2 := s.Public("root-1"); err != nil || err2 != nil || public.KID != own.KID {
		t.Errorf("%v %v", err, err2)
	}
	digest := sha256.Sum256([]byte("text"))
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 8 {
				der, err := again.Sign(rand.Reader, digest[:], crypto.SHA256)
				if err != nil || !ecdsa.VerifyASN1(made.Public().(*ecdsa.PublicKey), digest[:], der) {
					t.Errorf("sign: %v", err)
				}
			}
		})
	}
	all.Wait()
	if n := len(r.idle); n < 1 || n > idleConns {
		t.Errorf("%d connections are kept", n)
	}
	// As a card's key: the package that signs cards takes it.
	sealer, err := signing.NewSigner("card", again)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealer.Seal([]byte(`{"v":1}`)); err != nil {
		t.Error(err)
	}
	for what, c := range map[string]struct {
		do   func() error
		want error
	}{
		"unknown key":  {func() error { _, err := h.Signer("root-2"); return err }, ErrNoKey},
		"unknown half": {func() error { _, err := r.Public("root-2"); return err }, ErrNoKey},
		"taken":        {func() error { _, err := h.Generate("root-1"); return err }, ErrExists},
		"no name":      {func() error { _, err := h.Signer("../x"); return err }, ErrName},
		"no name made": {func() error { _, err := h.Generate("Root"); return err }, ErrName},
		"served twice": {func() error { _, err := Listen(socket); return err }, ErrExists},
	} {
		if err := c.do(); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", what, err, c.want)
		}
	}
	for _, bad := range []struct {
		digest []byte
		opts   crypto.SignerOpts
	}{{digest[:31], crypto.SHA256}, {digest[:], crypto.SHA512}, {digest[:], crypto.Hash(0)}, {nil, nil}, {append(digest[:], 0), crypto.SHA256}} {
		if _, err := again.Sign(rand.Reader, bad.digest, bad.opts); err == nil {
			t.Errorf("%d bytes with %v were signed", len(bad.digest), bad.opts)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", again, again, r, r); strings.Contains(text, "0x") || !strings.Contains(text, public.KID) {
		t.Errorf("printed: %s", text)
	}

	// The program is stopped and started again: the same signer goes on.
	stop()
	if _, err := again.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, ErrUnreachable) {
		t.Errorf("while it is stopped: %v", err)
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
	serving(t, socket, s)
	if _, err := again.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
		t.Errorf("after it was started again: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := again.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// TestAttach: what is at the path decides, and who else can read it.
func TestAttach(t *testing.T) {
	asked := 0
	secret := func() ([]byte, error) { asked++; return NewPassphrase(), nil }
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{filepath.Join(dir, "none"): ErrNoStore, file: ErrNoStore, open: ErrExposed} {
		if _, err := Attach(path, secret); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
	if asked > 0 {
		t.Error("a passphrase was asked for in vain")
	}
	pass := NewPassphrase()
	s, err := Create(filepath.Join(dir, "keys"), pass, Options{ScryptLogN: 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Attach(s.Dir(), secret); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	refused := errors.New("nobody is there")
	if _, err := Attach(s.Dir(), func() ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("no passphrase: %v", err)
	}
	if h, err := Attach(s.Dir(), func() ([]byte, error) { return pass, nil }); err != nil || h.(*Store).Dir() != s.Dir() {
		t.Errorf("%v %v", h, err)
	}

	socket := socketAt(t)
	serving(t, socket, s)
	for _, path := range []string{socket, filepath.Dir(socket)} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := Attach(path, secret); !errors.Is(err, ErrExposed) {
			t.Errorf("%s readable by others: %v", path, err)
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Listen(filepath.Join(open, "s")); !errors.Is(err, ErrExposed) {
		t.Errorf("a socket in an open folder: %v", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file); !errors.Is(err, ErrExists) {
		t.Errorf("a socket in place of a file: %v", err)
	}
	if _, err := Dial(file); !errors.Is(err, ErrNoStore) {
		t.Errorf("a file for a socket: %v", err)
	}
	// A socket whose program was killed.
	dead := filepath.Join(dir, "dead")
	l, err := net.Listen("unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(l.Close(), os.Chmod(dead, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(dead); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a dead socket: %v", err)
	}
	serving(t, dead, s)
	if _, err := Dial(dead); err != nil {
		t.Errorf("a dead socket taken over: %v", err)
	}
}

// raw sends bytes and reads until the other side ends.
func raw(t *testing.T, socket string, send []byte) string {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		_, _ = c.Write(send) // it may be cut off
		_ = c.(*net.UnixConn).CloseWrite()
	}()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(c) // a reset is an end, too
	return string(b)
}

// TestHostileClients: whatever is sent, the program answers the honest ones, and signs nothing that was not asked for exactly.
func TestHostileClients(t *testing.T) {
	socket, s := socketAt(t), folder(t)
	if _, err := s.Generate("root-1"); err != nil {
		t.Fatal(err)
	}
	serving(t, socket, s)
	d := strings.Repeat("ab", 32)
	good := `{"op":"sign","name":"root-1","digest":"` + d + `"}`
	if a := raw(t, socket, []byte(good+"\n"+good+"\n")); strings.Count(a, `"signature":"30`) != 2 {
		t.Errorf("two requests at once: %s", a)
	}
	for what, line := range map[string]string{
		"nothing": "\n", "garbage": "\x00\xff\xfe\n", "an array": "[]\n", "no object": "1\n", "no op": "{}\n", "another op": `{"op":"delete","name":"root-1"}` + "\n",
		"a space": `{"op": "list"}` + "\n", "other order": `{"name":"root-1","op":"public"}` + "\n", "twice": `{"op":"list","op":"list"}` + "\n",
		"capitals": `{"Op":"list"}` + "\n", "more": `{"op":"list","x":1}` + "\n", "after it": `{"op":"list"}{"op":"list"}` + "\n", "carriage return": `{"op":"list"}` + "\r\n",
		"list with a name": `{"op":"list","name":"root-1"}` + "\n", "public with a digest": `{"op":"public","name":"root-1","digest":"` + d + `"}` + "\n",
		"short digest": `{"op":"sign","name":"root-1","digest":"ab"}` + "\n", "capital digest": strings.ToUpper(good) + "\n",
		"no digest": `{"op":"sign","name":"root-1"}` + "\n", "digest of 33": `{"op":"sign","name":"root-1","digest":"` + d + `ab"}` + "\n",
		"a list as op": `{"op":["list"]}` + "\n", "null": "null\n", "huge": strings.Repeat("a", 1<<20) + "\n", "no end": strings.Repeat("a", 1<<20),
		"deep": strings.Repeat("[", 500) + "\n",
	} {
		a := raw(t, socket, []byte(line))
		if strings.Contains(a, "signature") || strings.Contains(a, `"ok"`) || strings.Count(a, "\n") > 1 || a != "" && !strings.Contains(a, `"error":"request"`) {
			t.Errorf("%s: %q", what, a)
		}
	}
	for what, line := range map[string]string{"a path": `{"op":"public","name":"../root-1"}`, "no name": `{"op":"public"}`} {
		if a := raw(t, socket, []byte(line+"\n")); !strings.Contains(a, `"error":"name"`) {
			t.Errorf("%s: %q", what, a)
		}
	}
	if a := raw(t, socket, []byte(good[:40])); a != "" {
		t.Errorf("half a line: %q", a)
	}

	// 1,000 connections that say nothing, or half a line: honest ones are answered.
	var silent []net.Conn
	defer func() {
		for _, c := range silent {
			c.Close()
		}
	}()
	for i := range 1000 {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
		if i%2 == 0 {
			_, _ = c.Write([]byte(`{"op":`)) // it may be cut off
		}
	}
	r, err := Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.Signer("root-1")
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
		t.Error(err)
	}
}

// TestHostileServer: what a program in the token's place says is refused, or is the truth.
func TestHostileServer(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point := func(k *ecdsa.PrivateKey) string { b, _ := k.PublicKey.Bytes(); return hex.EncodeToString(b) }
	digest := sha256.Sum256([]byte("text"))
	sig := func(k *ecdsa.PrivateKey, d []byte) string {
		der, err := k.Sign(rand.Reader, d, crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(der)
	}
	wrong := sha256.Sum256([]byte("another text"))
	offCurve := point(key)[:128] + "00"
	public := `{"ok":true,"public":"` + point(key) + `"}`
	type script struct {
		list, public, sign string
		want               error
	}
	for what, c := range map[string]script{
		"signature of another key":  {sign: `{"ok":true,"signature":"` + sig(other, digest[:]) + `"}`, want: ErrProtocol},
		"signature of another text": {sign: `{"ok":true,"signature":"` + sig(key, wrong[:]) + `"}`, want: ErrProtocol},
		"trailing bytes":            {sign: `{"ok":true,"signature":"` + sig(key, digest[:]) + `00"}`, want: ErrProtocol},
		"no hexadecimal":            {sign: `{"ok":true,"signature":"zz"}`, want: ErrProtocol},
		"empty":                     {sign: `{"ok":true}`, want: ErrProtocol},
		"both":                      {sign: `{"ok":true,"signature":"` + sig(key, digest[:]) + `","error":"token"}`, want: ErrProtocol},
		"two members":               {sign: `{"ok":true,"public":"` + point(key) + `","signature":"` + sig(key, digest[:]) + `"}`, want: ErrProtocol},
		"two answers":               {sign: `{"ok":true,"signature":"` + sig(key, digest[:]) + `"}` + "\n{}", want: ErrProtocol},
		"garbage":                   {sign: "\x00", want: ErrProtocol},
		"unknown error":             {sign: `{"error":"xyz"}`, want: ErrProtocol},
		"terminal codes":            {sign: `{"error":"token","detail":"\u001b[2J"}`, want: ErrProtocol},
		"token":                     {sign: `{"error":"token","detail":"it was taken out"}`, want: ErrToken},
		"endless":                   {sign: strings.Repeat("a", 1<<20), want: ErrProtocol},
		"silence":                   {sign: "-", want: ErrUnreachable},
		"hung up":                   {sign: "!", want: ErrUnreachable},
		"off the curve":             {public: `{"ok":true,"public":"` + offCurve + `"}`, want: ErrProtocol},
		"P-384":                     {public: `{"ok":true,"public":"` + point(p384) + `"}`, want: ErrProtocol},
		"no point":                  {public: `{"ok":true,"public":"04"}`, want: ErrProtocol},
		"infinity":                  {public: `{"ok":true,"public":"00"}`, want: ErrProtocol},
		"names out of order":        {list: `{"ok":true,"names":["b","a"]}`, want: ErrProtocol},
		"a name twice":              {list: `{"ok":true,"names":["a","a"]}`, want: ErrProtocol},
		"no name":                   {list: `{"ok":true,"names":["../a"]}`, want: ErrProtocol},
		"a signature for a list":    {list: `{"ok":true,"signature":"30"}`, want: ErrProtocol},
		"list with spaces":          {list: `{"ok": true}`, want: ErrProtocol},
	} {
		socket := socketAt(t)
		l, err := Listen(socket)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					r := bufio.NewReader(conn)
					for {
						line, err := r.ReadString('\n')
						if err != nil {
							return
						}
						say := map[string]string{"list": c.list, "publ": c.public, "sign": c.sign}[line[7:11]]
						if say == "" {
							say = map[string]string{"list": `{"ok":true}`, "publ": public}[line[7:11]]
						}
						switch say {
						case "-":
							_, _ = io.Copy(io.Discard, r) // until the client gives up
							return
						case "!":
							return
						}
						if _, err := io.WriteString(conn, say+"\n"); err != nil {
							return
						}
					}
				}()
			}
		}()
		r := &Remote{socket: socket, sign: 20 * time.Second, generate: time.Second}
		if c.list == "-" || c.public == "-" || c.sign == "-" {
			r.sign = 300 * time.Millisecond // what is waited for in vain
		}
		_, err = r.Names()
		if err == nil {
			var k crypto.Signer
			if k, err = r.Signer("root-1"); err == nil {
				_, err = k.Sign(rand.Reader, digest[:], crypto.SHA256)
			}
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", what, err, c.want)
		}
		if err != nil && strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%s: the error holds the terminal's codes", what)
		}
		if err := errors.Join(r.Close(), l.Close()); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"op":"list"}`))
	f.Add([]byte(`{"op":"sign","name":"root-1","digest":"` + strings.Repeat("00", 32) + `"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, digest, err := parseRequest(b)
		if err != nil {
			if !errors.Is(err, errWire) && !errors.Is(err, ErrName) {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := json.Marshal(q)
		if err != nil || !bytes.Equal(again, b) || (q.Op == opSign) != (len(digest) == 32) || q.Op != opList && CheckName(q.Name) != nil {
			t.Errorf("%q: %+v", b, q)
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	f.Add("list", []byte(`{"ok":true,"names":["a","b"]}`))
	f.Add("sign", []byte(`{"ok":true,"signature":"30"}`))
	f.Add("public", []byte(`{"error":"token","detail":"x"}`))
	f.Fuzz(func(t *testing.T, op string, b []byte) {
		a, err := parseAnswer(op, b)
		if err == nil && (!a.OK || a.Error != "") || err != nil && len(err.Error()) > 400 {
			t.Errorf("%q: %+v %v", b, a, err)
		}
	})
}

// BenchmarkSign compares a key in this process with the same behind a socket.
func BenchmarkSign(b *testing.B) {
	socket, s := socketAt(b), folder(b)
	if _, err := s.Generate("card-1"); err != nil {
		b.Fatal(err)
	}
	serving(b, socket, s)
	r, err := Dial(socket)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	for name, h := range map[string]Holder{"file": s, "socket": r} {
		k, err := h.Signer("card-1")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
