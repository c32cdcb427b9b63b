package optic

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The modules are other people's machine code: exactly these bytes were looked at, and a NOTICE says whose they are.
func TestModulesArePinned(t *testing.T) {
	const zxing = "../desk/web/vendor/zxing"
	pins := []struct{ folder, file, want string }{
		{"wasm", "pdfium.wasm", "71aec412a303a0405baee21c3d6d3f30ad2033dc02444130fe476be3976e2d09"},
		{"wasm", "rxing.wasm", "a2a5a0a9329b95873e3cbbd73daf7f5e7af883e5bc95d9b06742170b6754ee3f"},
		{zxing, "share.js", "4d327f8a1418f28f978ef2c08a5439a826fa2f06289e66ae540d69765a8c27d4"},
		{zxing, "reader/index.js", "d90c69a827aff3b7c8c8ca310efebe91671ef076f7a0ec83722bfc542814f484"},
		{zxing, "reader/zxing_reader.wasm", "e8af31edb56d0522f4de74495839385ef019ba8bc90d38e5ecb2f18795d86fb2"},
	}
	for _, p := range pins {
		b, err := os.ReadFile(filepath.Join(p.folder, p.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != p.want {
			t.Errorf("%s is %s", p.file, got)
		}
		notice, err := os.ReadFile(filepath.Join(p.folder, "NOTICE"))
		if err != nil || !strings.Contains(string(notice), "\n"+p.want+"  "+p.file+"\n") {
			t.Errorf("the NOTICE of %s does not say its sum: %v", p.file, err)
		}
	}
	for file, embedded := range map[string][]byte{"wasm/pdfium.wasm": pdfiumWasm, "wasm/rxing.wasm": rxingWasm} {
		if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, embedded) {
			t.Errorf("%s is not what is embedded: %v", file, err)
		}
	}
}

func TestMaxMemory(t *testing.T) {
	module := func(section ...byte) []byte {
		b := append([]byte("\x00asm\x01\x00\x00\x00"), 1, 2, 9, 9) // a section before it
		return append(append(b, section...), 10, 1, 7)
	}
	got, err := withMaxMemory(module(5, 7, 1, 1, 0x9c, 0x02, 0x80, 0x80, 0x02), 1792)
	if err != nil || !bytes.Equal(got, module(5, 7, 1, 1, 0x9c, 0x02, 0x80, 0x8e, 0x00)) {
		t.Errorf("%x, %v", got, err)
	}
	for name, m := range map[string][]byte{
		"empty": nil, "no memory": module(), "two memories": module(5, 4, 2, 1, 1, 1), "no maximum": module(5, 3, 1, 0, 1),
		"cut": module(5, 100, 1, 1, 1, 1), "more than the maximum from the start": module(5, 6, 1, 1, 0x80, 0x7f, 0x80, 0x7f), "no room for the number": module(5, 4, 1, 1, 1, 0x7f),
	} {
		if _, err := withMaxMemory(m, 1792); err == nil {
			t.Errorf("%s was changed", name)
		}
	}
}
