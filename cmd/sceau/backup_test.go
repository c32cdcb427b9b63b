package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"sceau/card/register"
	"sceau/card/register/sqlite"
	"sceau/signing/keystore"
)

// writer goes on committing pairs, an audit entry and a document with the same number, and says how many it committed.
type writer struct {
	mu   sync.Mutex
	done int
	stop chan struct{}
	wg   sync.WaitGroup
}

func (w *writer) committed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done
}

func write(t *testing.T, store register.Store) *writer {
	w := &writer{stop: make(chan struct{})}
	w.wg.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-w.stop:
				return
			default:
			}
			err := store.Update(context.Background(), func(tx register.Tx) error {
				_, err := tx.AppendAudit(fmt.Appendf(nil, `{"actor":"test","act":"load","detail":%d}`, n), time.Now())
				return errors.Join(err, tx.PutDocument(register.Document{Kind: "job", ID: fmt.Sprintf("%08d", n), Version: 1, Data: bytes.Repeat([]byte{byte(n)}, 3000)}))
			})
			if err != nil {
				t.Error(err)
				return
			}
			w.mu.Lock()
			w.done = n
			w.mu.Unlock()
		}
	})
	return w
}

func (w *writer) end() { close(w.stop); w.wg.Wait() }

// pairs counts the documents and the audit entries of a register; both are whole and equal in any committed state.
func pairs(ctx context.Context, store register.Store) (documents, entries int, err error) {
	err = store.View(ctx, func(tx register.Tx) error {
		if _, err := register.CheckAudit(tx); err != nil {
			return err
		}
		for seq := uint64(0); ; {
			page, err := tx.AuditAfter(seq, 1000)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				if bytes.Contains(e.Body, []byte(`"load"`)) {
					entries++
				}
				seq = e.Seq
			}
		}
		for after := ""; ; {
			page, err := tx.DocumentsAfter("job", register.AnyOwner, after, 1000)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, d := range page {
				documents++
				if d.ID != fmt.Sprintf("%08d", documents) {
					return fmt.Errorf("document %d is missing", documents)
				}
				after = d.ID
			}
		}
	})
	return documents, entries, err
}

// TestBackupUnderLoad: backups taken while others write restore to a state that was committed between their beginning and
// their end. Copying the file, as the control, does not.
func TestBackupUnderLoad(t *testing.T) {
	dir := newFolder(t, 40)
	op, err := new(place).open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	w := write(t, op.store)
	defer func() { w.end() }()
	await(t, func() bool { return w.committed() > 20 })
	behind := 0
	for i := range 5 {
		from := w.committed()
		name := filepath.Join(t.TempDir(), fmt.Sprint(i))
		sceau(t, "backup", dir, "--to", name).want(t, 0, "saved in")
		to := w.committed() + 1 // one more may have been committed before it was counted
		into := filepath.Join(t.TempDir(), "restored")
		sceau(t, "recover", name, into).want(t, 0, "40 contracts, 40 cards, 40 signatures restored", "no finding", "NOT in it")
		restored, err := new(place).open(into)
		if err != nil {
			t.Fatal(err)
		}
		documents, entries, err := pairs(t.Context(), restored.store)
		if err != nil || documents != entries || documents < from || documents > to {
			t.Errorf("backup %d: %d documents, %d entries, committed before %d, after %d: %v", i, documents, entries, from, to, err)
		}
		if err := restored.Close(); err != nil {
			t.Error(err)
		}
		await(t, func() bool { return w.committed() > to+5 })

		// The control: the file alone, while the same load runs.
		from = w.committed()
		b, err := os.ReadFile(filepath.Join(dir, registerName))
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(copied, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := sqlite.Open(copied, sqlite.Options{}); err != nil {
			behind++
		} else {
			documents, entries, err := pairs(t.Context(), rawPairs{s})
			if err != nil || documents != entries || documents < from {
				behind++
			}
			s.Close()
		}
	}
	if behind == 0 {
		t.Error("no copy of the file was behind or broken: the control controls nothing")
	}
	t.Logf("count: 5 backups whole, %d of 5 copies of the file behind or broken", behind)
}

// rawPairs reads a register without its keys: ids and audit entries are in clear.
type rawPairs struct{ register.Store }

func await(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatal("the load does not move")
		}
		time.Sleep(time.Millisecond) // a real writer is awaited
	}
}

func TestBackupHolds(t *testing.T) {
	dir := newFolder(t, 5)
	for name, text := range map[string]string{"theme.json": `{"theme":1}`, "themes/775670482.json": `{"theme":2}`, "sceau.toml": "# settings\n", "ceremonies/root-2.pdf": "%PDF", "other.txt": "not saved"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, into := filepath.Join(t.TempDir(), "b.age"), filepath.Join(t.TempDir(), "deep", "restored")
	sceau(t, "backup", dir, "--to", file).want(t, 0, "publication 1 of ")
	sceau(t, "backup", dir, "--to", file).want(t, 2, "overwrites nothing")
	sceau(t, "backup", dir).want(t, 2, "--to FILE")
	sceau(t, "recover", file, into).want(t, 0)
	for _, name := range []string{"theme.json", "themes/775670482.json", "sceau.toml", "ceremonies/root-2.pdf", "keys/identity.age", "keys/register.secret", registerName} {
		if !exists(filepath.Join(into, name)) {
			t.Errorf("%s is not restored", name)
		}
	}
	for _, name := range []string{"other.txt", offlineName, generatedName, backupManifest, backupRegister} {
		if exists(filepath.Join(into, name)) {
			t.Errorf("%s is restored", name)
		}
	}
	sceau(t, "recover", file, into).want(t, 2, "overwrites nothing")
	sceau(t, "fsck", into, "--keys", "--offline-keys", filepath.Join(dir, offlineName)).want(t, 0, "no finding")
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	left = slices.DeleteFunc(left, func(name string) bool { return filepath.Base(name) == ".keys.lock" }) // it stays, and holds nothing
	if err != nil || len(left) != 0 {
		t.Errorf("left in the operator's folder: %v %v", left, err)
	}

	with := filepath.Join(t.TempDir(), "with.age")
	sceau(t, "backup", dir, "--to", with, "--with-offline-keys").want(t, 0)
	whole := filepath.Join(t.TempDir(), "whole")
	sceau(t, "recover", with, whole).want(t, 0)
	sceau(t, "fsck", whole, "--keys").want(t, 0, "no finding")
	sceau(t, "insurer", "add", whole, "--insurer", "302976568", "--name", "Mutuelle du Littoral").want(t, 0)
	for _, name := range []string{file, with} {
		b, err := os.ReadFile(name)
		if err != nil || bytes.Contains(b, []byte("SQLite format")) || bytes.Contains(b, []byte(backupManifest)) {
			t.Errorf("%s is in clear: %v", filepath.Base(name), err)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is readable by others: %v", filepath.Base(name), err)
		}
	}
}

func TestBackupToRecipient(t *testing.T) {
	dir := newFolder(t, 5)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file, key := filepath.Join(t.TempDir(), "b.age"), filepath.Join(t.TempDir(), "identity")
	if err := os.WriteFile(key, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sceau(t, "backup", dir, "--to", file, "--recipient", id.String()).want(t, 1, "not an age recipient")
	if p := sceau(t, "backup", dir, "--to", file, "--recipient", id.String()); strings.Contains(p.out+p.err, id.String()) || exists(file) {
		t.Error("a secret key given for a recipient was printed, or a file is left")
	}
	sceau(t, "backup", dir, "--to", file, "--recipient", id.Recipient().String()).want(t, 0)
	into := filepath.Join(t.TempDir(), "restored")
	sceau(t, "recover", file, into).want(t, 1, "does not open the backup", "--identity")
	sceau(t, "recover", file, into, "--identity", key).want(t, 0, "no finding")
}

// TestRecoverRefuses: nothing is left where a backup is not whole, and every byte counts.
func TestRecoverRefuses(t *testing.T) {
	dir := newFolder(t, 5)
	file := filepath.Join(t.TempDir(), "b.age")
	sceau(t, "backup", dir, "--to", file).want(t, 0)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := t.TempDir()
	refused := func(what string, b []byte, texts ...string) {
		t.Helper()
		bad := filepath.Join(at, "bad.age")
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		sceau(t, "recover", bad, filepath.Join(at, "into")).want(t, 1, texts...)
		if left, err := filepath.Glob(filepath.Join(at, "*into*")); err != nil || len(left) > 0 {
			t.Errorf("%s left %v %v", what, left, err)
		}
		if left, err := filepath.Glob(filepath.Join(at, ".*")); err != nil || len(left) > 0 {
			t.Errorf("%s left %v %v", what, left, err)
		}
	}
	for n := 0; n < len(good); n += len(good)/40 + 1 {
		b := bytes.Clone(good)
		b[n] ^= 1
		refused(fmt.Sprint("a flip at ", n), b)
		refused(fmt.Sprint("cut at ", n), good[:n])
	}
	refused("one byte less", good[:len(good)-1])
	refused("nothing", nil)
	pass, err := os.ReadFile(filepath.Join(dir, generatedName))
	if err != nil {
		t.Fatal(err)
	}
	pass = bytes.TrimSpace(pass)
	// Whoever has the passphrase can write what backup never does: it stays inside the folder all the same.
	snapshot, err := os.ReadFile(filepath.Join(dir, registerName))
	if err != nil {
		t.Fatal(err)
	}
	facts, err := json.Marshal(backupFacts{Schema: backupSchema, Database: "sqlite"})
	if err != nil {
		t.Fatal(err)
	}
	type member struct {
		name string
		kind byte
		data []byte
	}
	manifest, reg := member{backupManifest, tar.TypeReg, facts}, member{backupRegister, tar.TypeReg, snapshot}
	whole := []member{manifest, reg}
	keyFiles, err := filepath.Glob(filepath.Join(dir, onlineName, "[a-z]*"))
	if err != nil || len(keyFiles) < 5 {
		t.Fatal(keyFiles, err)
	}
	for _, name := range keyFiles {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, member{onlineName + "/" + filepath.Base(name), tar.TypeReg, b})
	}
	with := func(name string, kind byte) []member {
		return append(whole[:len(whole):len(whole)], member{name, kind, nil})
	}
	cases := map[string][]member{
		"no manifest": whole[1:], "no register": append([]member{manifest}, whole[2:]...), "two registers": append(whole[:len(whole):len(whole)], reg), "nothing in it": {},
		"another version":     append([]member{{backupManifest, tar.TypeReg, []byte(`{"schema":"sceau-backup-2","database":"sqlite"}`)}}, whole[1:]...),
		"no JSON":             append([]member{{backupManifest, tar.TypeReg, []byte(`x`)}}, whole[1:]...),
		"PostgreSQL":          append([]member{{backupManifest, tar.TypeReg, []byte(`{"schema":"sceau-backup-1","database":"postgres"}`)}}, whole[1:]...),
		"a later publication": append([]member{{backupManifest, tar.TypeReg, []byte(`{"schema":"sceau-backup-1","database":"sqlite","publication":9}`)}}, whole[1:]...),
		"a parent":            with("../escaped", tar.TypeReg), "a parent below": with("keys/../../escaped", tar.TypeReg), "a parent inside": with("keys/../escaped", tar.TypeReg),
		"absolute": with(filepath.Join(at, "escaped"), tar.TypeReg), "deeper": with("keys/deep/x", tar.TypeReg), "hidden": with("keys/.lock", tar.TypeReg),
		"a backslash": with(`keys\..\x`, tar.TypeReg), "a link": with("keys/x", tar.TypeSymlink), "a hard link": with("keys/x", tar.TypeLink), "a folder": with("keys", tar.TypeDir),
		"the passphrase": with(generatedName, tar.TypeReg), "a program": with("x.sh", tar.TypeReg), "a key twice": append(whole[:len(whole):len(whole)], whole[2]), "another folder": with("other/x", tar.TypeReg),
		"no keys": {manifest, reg}, "a text register": append([]member{manifest, {backupRegister, tar.TypeReg, []byte("no database")}}, whole[2:]...),
		"": whole, // nothing is wrong with it
	}
	for what, members := range cases {
		var b bytes.Buffer
		w, err := keystore.EncryptWithPassphrase(&b, pass, keystore.Options{ScryptLogN: 10})
		if err != nil {
			t.Fatal(err)
		}
		a := tar.NewWriter(w)
		for _, m := range members {
			h := &tar.Header{Typeflag: m.kind, Name: m.name, Size: int64(len(m.data)), Mode: 0o600}
			if m.kind == tar.TypeSymlink || m.kind == tar.TypeLink {
				h.Linkname = "/etc/passwd"
			}
			if err := a.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Write(m.data); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(a.Close(), w.Close()); err != nil {
			t.Fatal(err)
		}
		if what == "" {
			name, into := filepath.Join(t.TempDir(), "whole.age"), filepath.Join(t.TempDir(), "into")
			if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			sceau(t, "recover", name, into).want(t, 0, "no finding")
			continue
		}
		refused(what, b.Bytes())
		if left, err := filepath.Glob(filepath.Join(at, "*escaped*")); err != nil || len(left) > 0 {
			t.Fatalf("%s escaped: %v %v", what, left, err)
		}
	}
	t.Setenv("SCEAU_PASSPHRASE_FILE", "")
	refused("no passphrase", good, "no passphrase")
	t.Setenv("SCEAU_PASSPHRASE", string(keystore.NewPassphrase()))
	refused("another passphrase", good, "does not open the backup")
	sceau(t, "recover", filepath.Join(at, "nowhere"), filepath.Join(at, "into")).want(t, 2)
}

// TestRecoverOlder: a backup from before the last publication says so, and publish refuses to go back.
func TestRecoverOlder(t *testing.T) {
	dir := newFolder(t, 5)
	public, file, into := filepath.Join(t.TempDir(), "public"), filepath.Join(t.TempDir(), "b.age"), filepath.Join(t.TempDir(), "restored")
	sceau(t, "publish", dir, "--to", public).want(t, 0)
	sceau(t, "backup", dir, "--to", file).want(t, 0, "publication 2 of ")
	sceau(t, "recover", file, into, "--public", public).want(t, 0, "nothing was published after the backup")
	sceau(t, "publish", dir, "--to", public).want(t, 0)
	older := filepath.Join(t.TempDir(), "older")
	sceau(t, "recover", file, older, "--public", public).want(t, exitPartial, "WARNING", "holds publication 3, the register ends with 2", "Do not issue")
	sceau(t, "publish", older, "--to", public).want(t, 1, "the register is older than what was published")
}
