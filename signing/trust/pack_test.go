package trust

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestPack(t *testing.T) {
	files := []File{{"1.snapshot.json", []byte("{}")}, {"amc/1/status/3.1-2", nil}, {"x", bytes.Repeat([]byte{7}, 70_000)}}
	b, err := EncodePack(files)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodePack(b)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d files, %v", len(got), err)
	}
	for i, f := range files {
		if got[i].Path != f.Path || !bytes.Equal(got[i].Data, f.Data) {
			t.Errorf("%s is not what it was", f.Path)
		}
	}
	for n := range len(b) {
		if _, err := DecodePack(b[:n]); err == nil {
			t.Fatalf("cut at %d: accepted", n)
		}
	}
	huge := []File{{"x", make([]byte, maxUnpacked+1)}}
	many := make([]File, maxPacked+1)
	for i := range many {
		many[i].Path = "x"
	}
	for name, f := range map[string][]File{"bomb": huge, "crowd": many} {
		if _, err := EncodePack(f); !errors.Is(err, ErrTooLarge) {
			t.Errorf("a pack that nobody takes apart, %s: %v", name, err)
		}
	}
	bomb, crowd := rawPack(t, huge), rawPack(t, many)
	unsafe, err := EncodePack([]File{{"../x", nil}})
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"empty": nil, "magic": []byte("TPK\x02"), "more behind": append(bytes.Clone(b), 0), "bomb": bomb, "crowd": crowd} {
		if _, err := DecodePack(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodePack(unsafe); !errors.Is(err, ErrUnsafePath) {
		t.Errorf("a path that leads out: %v", err)
	}
	if !strings.HasSuffix(MetadataPack(3), "/3.pack") || CheckPath(MetadataPack(3)) != nil || ChangesPack(3, 7) != "changes/3-7.pack" || CheckPath(ChangesPack(3, 7)) != nil {
		t.Error("names of packs")
	}
}

// rawPack is EncodePack without its limits.
func rawPack(t *testing.T, files []File) []byte {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(packMagic)
	z, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b := append(binary.AppendUvarint(nil, uint64(len(f.Path))), f.Path...)
		b = append(binary.AppendUvarint(b, uint64(len(f.Data))), f.Data...)
		if _, err := z.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func FuzzDecodePack(f *testing.F) {
	b, err := EncodePack([]File{{"a.json", []byte("{}")}, {"b", []byte("b")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(packMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := DecodePack(b)
		if err != nil {
			return
		}
		again, err := EncodePack(files)
		if err != nil {
			return // longer than a pack may be, as another compressor packs more tightly
		}
		got, err := DecodePack(again)
		if err != nil || len(got) != len(files) {
			t.Fatalf("%d files, then %d: %v", len(files), len(got), err)
		}
	})
}

func TestPackIndex(t *testing.T) {
	x := PackIndex{{0, 1, 0}, {1, 2, 10}, {0, 2, MaxPack}}
	got, err := ParsePackIndex(x.Encode())
	if err != nil || !slices.Equal(got, x) {
		t.Fatalf("%v, %v", got, err)
	}
	if got, err := ParsePackIndex(nil); err != nil || len(got) != 0 {
		t.Errorf("nothing: %v, %v", got, err)
	}
	for name, bad := range map[string]string{
		"of before": "1\n2 10\n", "words": "a b c\n", "a fourth": "1 2 3 4\n", "negative": "-1 2 3\n", "signed": "+1 2 3\n", "backwards": "2 1 3\n", "no way": "2 2 3\n",
		"too long a pack": fmt.Sprintf("1 2 %d\n", MaxPack+1), "too large a number": "1 9223372036854775807 3\n", "two spaces": "1  2 3\n", "an empty line": "1 2 3\n\n",
		"endless": strings.Repeat("1 2 3\n", maxPackIndex/6+1), "return": "1 2 3\r\n", "zeros": "01 2 3\n", "no end": "1 2 3",
	} {
		if x, err := ParsePackIndex([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", name, x, err)
		}
	}
}

func FuzzPackIndex(f *testing.F) {
	f.Add([]byte("1 2 3\n0 2 0\n"))
	f.Add([]byte("1\n2 10\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ParsePackIndex(b)
		if err != nil {
			return
		}
		if !bytes.Equal(x.Encode(), b) {
			t.Fatalf("%q reads as %v", b, x)
		}
	})
}
