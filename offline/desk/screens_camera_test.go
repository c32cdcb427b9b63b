// The webcam, with a film of a card in front of it.

package desk_test

import (
	"bufio"
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sceau/fixtures/browser"
	"sceau/offline"
)

// film writes a film of one still picture, in the form that the browser's file-backed camera reads.
func film(t *testing.T, picture []byte) string {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	const w, h = 640, 480
	name := filepath.Join(t.TempDir(), "card.y4m")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(f)
	fmt.Fprintf(out, "YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n", w, h)
	luma := make([]byte, w*h)
	box := m.Bounds()
	for y := range h {
		for x := range w {
			luma[y*w+x] = 200
			if px, py := x-(w-box.Dx())/2, y-(h-box.Dy())/2; px >= 0 && py >= 0 && px < box.Dx() && py < box.Dy() {
				r, _, _, _ := m.At(box.Min.X+px, box.Min.Y+py).RGBA()
				luma[y*w+x] = byte(r >> 8)
			}
		}
	}
	for range 5 {
		out.WriteString("FRAME\n")
		out.Write(luma)
		out.Write(bytes.Repeat([]byte{128}, w*h/2))
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// A card held before the camera is read, and the camera's light goes off.
func TestCamera(t *testing.T) {
	code := "TP1" + strings.Repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 12)
	s := newStand(t)
	s.verdicts(document(offline.French, offline.OK, nil))
	b := openTab(t, browser.Options{Video: film(t, qrPicture(t, code))}).at(t, s)
	b.open("")
	eval[any](b, `globalThis.tracks = []; const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (w) => { const s = await real(w); tracks.push(...s.getTracks()); return s; }; document.querySelector('#camera').click(); 1`)
	b.until("document.querySelector('#headline')?.textContent === 'DROITS OUVERTS'")
	if got := s.questions("POST scan"); len(got) != 1 || !strings.Contains(got[0], code) {
		t.Errorf("asked %q", got)
	}
	if !eval[bool](b, "tracks.length === 1 && tracks[0].readyState === 'ended' && document.querySelector('#video').srcObject === null") {
		t.Error("the camera is still on")
	}
	// A page that starts to film, and is then used for something else, films no more.
	eval[any](b, "document.querySelector('#clear').click(); document.querySelector('#camera').click(); location.hash = '#lists'; 1")
	b.until("!document.querySelector('#lists').hidden && tracks.length === 2 && tracks[1].readyState === 'ended'")
	b.quiet("camera")
}
