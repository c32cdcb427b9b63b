package static

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
	"time"
)

func TestZip(t *testing.T) {
	make := func() []byte {
		var b bytes.Buffer
		z := NewZip(&b, time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC))
		for _, p := range []string{"amc/1/status/ab.3", "1.root.json", "timestamp.json"} {
			if err := z.Put(p, []byte("data of "+p)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	b := make()
	if !bytes.Equal(b, make()) {
		t.Error("the same files give other bytes")
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(r.File) != 3 || r.File[2].Name != "timestamp.json" {
		t.Fatal(err)
	}
	f, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != "data of amc/1/status/ab.3" {
		t.Errorf("%q %v", got, err)
	}
}
