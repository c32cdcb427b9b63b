package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/sqlite"
)

// T19: any of 1,000 audit rows edited, deleted or inserted by whoever has the database: the first bad row is named.
func TestAuditVerifyNamesTheFirstBadRow(t *testing.T) {
	const rows = 1000
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "register.db")
	store, err := sqlite.Create(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	err = store.Update(ctx, func(tx register.Tx) error {
		for i := range rows {
			body, err := register.AuditRecord{Actor: "test", Act: fmt.Sprint("act ", i)}.Body()
			if err == nil {
				_, err = tx.AppendAudit(body, time.Unix(1_800_000_000+int64(i), 0))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	op := &issuer.Issuer{Store: store}
	verify := func() *auditVerdict {
		t.Helper()
		v, err := verifyAudit(ctx, op, nil)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	sound := verify()
	if !sound.whole() || sound.Entries != rows {
		t.Fatalf("%+v", sound)
	}

	// The administrator of the database: foreign to the program, and not held by its triggers.
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	run := func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	run("DROP TRIGGER audit_keep")
	run("DROP TRIGGER audit_same")
	run("CREATE TABLE spare AS SELECT * FROM audit")
	step := 1
	if testing.Short() {
		step = 29
	}
	named := 0
	for k := 1; k <= rows; k += step {
		for _, w := range []struct {
			how  string
			do   func()
			undo func()
		}{
			{"edited", func() {
				run("UPDATE audit SET body = CAST(replace(CAST(body AS TEXT), 'test', 'evil') AS BLOB) WHERE seq = ?", k)
			},
				func() { run("UPDATE audit SET body = (SELECT body FROM spare WHERE seq = ?1) WHERE seq = ?1", k) }},
			{"deleted", func() { run("DELETE FROM audit WHERE seq = ?", k) },
				func() { run("INSERT INTO audit SELECT * FROM spare WHERE seq = ?", k) }},
			{"inserted", func() { // the rows behind it move up
				run("UPDATE audit SET seq = seq + 1000001 WHERE seq >= ?", k)
				run("UPDATE audit SET seq = seq - 1000000 WHERE seq > 1000000")
				run("INSERT INTO audit (seq, at, body, prev) SELECT seq, at, CAST('{\"actor\":\"evil\",\"act\":\"act\"}' AS BLOB), prev FROM spare WHERE seq = ?", k)
			}, func() {
				run("DELETE FROM audit WHERE seq = ?", k)
				run("UPDATE audit SET seq = seq + 999999 WHERE seq > ?", k)
				run("UPDATE audit SET seq = seq - 1000000 WHERE seq > 1000000")
			}},
		} {
			w.do()
			v := verify()
			if v.whole() || v.Bad != uint64(k) {
				t.Fatalf("row %d %s: %+v", k, w.how, v)
			}
			var out bytes.Buffer
			if err := v.write(&out, false); err != nil || !strings.HasPrefix(out.String(), fmt.Sprintf("audit: entry %d: ", k)) {
				t.Fatalf("%q %v", out.String(), err)
			}
			named++
			w.undo()
		}
		if k%100 == 1 {
			if v := verify(); !v.whole() {
				t.Fatalf("restored: %+v", v)
			}
		}
	}
	t.Logf("%d tampered chains, all named at their first bad row", named)

	// A chain that was computed anew is whole; the head that was noted elsewhere shows it.
	noted, err := parseHead(sound.Head)
	if err != nil {
		t.Fatal(err)
	}
	noted.Hash[0] ^= 1
	v, err := verifyAudit(ctx, op, []vouched{{noted, "--head"}})
	if err != nil || v.whole() {
		t.Errorf("%+v %v", v, err)
	}
	for _, bad := range []string{"", "1", ":", "1:zz", "0:" + strings.Repeat("0", 64), "x:" + strings.Repeat("0", 64), "1:" + strings.Repeat("0", 62)} {
		if _, err := parseHead(bad); err == nil {
			t.Errorf("%q is a head", bad)
		}
	}
}
