// The desk as a person has it: the real program, a real Chromium, real signed lists.

package cmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"sceau/card/pdf"
	"sceau/fixtures/browser"
	"sceau/fixtures/scans"
)

// shopDay is when these tests take place.
const shopDay = "2027-03-02T10:00:00+01:00"

// shop is one counter that follows the sample insurer, and the cards of that insurer.
type shop struct {
	dir   string            // the counter's folder
	env   []string          // for every program
	cards map[string]string // card number → code text
}

// newShop makes an operator with the sample roster and a counter that has its lists.
func newShop(t testing.TB) *shop {
	t.Helper()
	work := t.TempDir()
	s := &shop{dir: filepath.Join(work, "counter"), cards: map[string]string{}, env: append(os.Environ(), "NO_COLOR=1",
		"SCEAU_CLOCK="+filepath.Join(work, ".clock"), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))}
	if err := setClock(work, shopDay); err != nil {
		t.Fatal(err)
	}
	sample, err := filepath.Abs("../fixtures/sample/roster.csv")
	if err != nil {
		t.Fatal(err)
	}
	operator, cards, public := filepath.Join(work, "operator"), filepath.Join(work, "cards"), filepath.Join(work, "public")
	s.run(t, 0, "sceau", "init", operator, "--insurer", "775670482", "--name", "Mutuelle Exemple", "--phone-professionals", "01 99 00 12 34")
	s.run(t, 3, "sceau", "import", operator, sample)
	s.run(t, 0, "sceau", "issue", operator, "--all", "--out", cards)
	s.run(t, 0, "sceau", "publish", operator, "--to", public)
	s.run(t, 0, "comptoir", "sync", s.dir, "--from", public)
	names, err := filepath.Glob(filepath.Join(cards, "*.txt"))
	if err != nil || len(names) < 100 {
		t.Fatalf("%d cards, %v", len(names), err)
	}
	for _, name := range names[:60] {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s.cards[strings.TrimSuffix(filepath.Base(name), ".txt")] = strings.TrimSpace(string(b))
	}
	return s
}

// run runs one of the programs, which must exit with a code.
func (s *shop) run(t testing.TB, code int, name string, args ...string) []byte {
	t.Helper()
	c := exec.Command(filepath.Join(bin, name), args...)
	c.Env = s.env
	var messages bytes.Buffer
	c.Stderr = &messages
	out, err := c.Output()
	if c.ProcessState == nil || c.ProcessState.ExitCode() != code {
		t.Fatalf("%s %v: %v, want exit code %d\n%s%s", name, args, err, code, out, messages.Bytes())
	}
	return out
}

// open starts the desk without a window and returns its address, good for one page, and what ends it before the test does.
func (s *shop) open(t testing.TB) (address string, end func()) {
	t.Helper()
	c := exec.Command(filepath.Join(bin, "comptoir"), "--dir", s.dir, "--no-window")
	c.Env, c.Stderr = s.env, os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() {
		c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil {
			t.Error("the desk did not end well:", err)
		}
	})
	t.Cleanup(end)
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "http://127.0.0.1:") {
		t.Fatalf("no address: %q, %v", line, err)
	}
	go io.Copy(io.Discard, lines)
	return strings.TrimSpace(line), end
}

// before makes a script run before any of the page's own.
func before(t testing.TB, ctx context.Context, script string) {
	t.Helper()
	err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// visit opens the desk's page and waits until it can be used.
func visit(t testing.TB, ctx context.Context, address string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	evaluate[bool](t, ctx, `new Promise((ok) => { const look = () => document.documentElement.dataset.ready ? ok(true) : setTimeout(look, 5); look(); })`)
	evaluate[bool](t, ctx, `(location.hash = '#verify', true)`)
}

func evaluate[T any](t testing.TB, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// spy keeps what the page asks the server, and can make the way there bad: late, cut, refused, garbled, answered with another
// question's number.
const spy = `(() => {
  const real = window.fetch, sleep = (ms) => new Promise((ok) => setTimeout(ok, ms));
  let seed = 7;
  const random = () => { seed = (seed + 0x6D2B79F5) | 0; let x = Math.imul(seed ^ seed >>> 15, 1 | seed); x = x + Math.imul(x ^ x >>> 7, 61 | x) ^ x; return ((x ^ x >>> 14) >>> 0) / 4294967296; };
  window.spy = {asked: [], bad: false, faults: 0, random, sleep};
  window.fetch = async (where, options) => {
    if (!/(^|\/)scan(\?|$)/.test(String(where))) return real(where, options);
    spy.asked.push(JSON.parse(options.body).typed);
    if (!spy.bad) return real(where, options);
    await sleep(random() * 60);
    const dice = random();
    if (dice < 0.25) spy.faults++;
    if (dice < 0.07) throw new TypeError('cut');
    if (dice < 0.14) return new Response('', {status: 500});
    if (dice < 0.18) return new Response('<html>', {status: 200});
    const answer = await real(where, options);
    if (dice < 0.25) { const d = await answer.json(); d.id--; return new Response(JSON.stringify(d), {status: 200, headers: {'Content-Type': 'application/json'}}); }
    if (dice < 0.5) await sleep(random() * 150);
    return answer;
  };
  // A scanner set to a US keyboard on a computer that has one, all at once.
  window.scan = (text) => {
    const key = (k, code, shiftKey) => { for (const type of ['keydown', 'keyup']) document.body.dispatchEvent(new KeyboardEvent(type, {key: k, code, shiftKey, bubbles: true, cancelable: true})); };
    for (const c of text) key(c, (c < 'A' ? 'Digit' : 'Key') + c, c >= 'A');
    key('Enter', 'Enter', false);
  };
})()`

// A thousand scans in a hurry over a bad way to the server: at no painted frame does the screen say of one card what belongs to
// another, and where no answer came it says so.
func TestInterleavedScans(t *testing.T) {
	s := newShop(t)
	type expected struct {
		Code  string   `json:"code"`
		Names []string `json:"names"`
	}
	var all []expected
	for _, code := range s.cards {
		var d struct {
			People []struct{ Nom, Prenom string }
		}
		c := exec.Command(filepath.Join(bin, "comptoir"), "verify", s.dir, "--json")
		c.Env, c.Stdin = s.env, strings.NewReader(code+"\n")
		out, err := c.Output()
		if len(out) == 0 {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &d); err != nil {
			t.Fatal(err)
		}
		e := expected{Code: code}
		for _, p := range d.People {
			e.Names = append(e.Names, p.Nom+" "+p.Prenom)
		}
		if all = append(all, e); len(all) == 25 {
			break
		}
	}
	ctx := browser.Start(t, browser.Options{})
	before(t, ctx, spy)
	address, _ := s.open(t)
	visit(t, ctx, address)
	const scanned = 1000
	got := evaluate[struct {
		Mixed    []string `json:"mixed"`
		Verdicts int      `json:"verdicts"`
		Failures int      `json:"failures"`
		Faults   int      `json:"faults"`
		Frames   int      `json:"frames"`
	}](t, ctx, fmt.Sprintf(`(async () => {
	  const all = %s, out = {mixed: [], verdicts: 0, failures: 0, faults: 0, frames: 0};
	  let current = null, counted = false, over = false;
	  const verdict = document.getElementById('verdict');
	  const look = () => {
	    out.frames++;
	    if (current && !verdict.hidden && verdict.childElementCount) {
	      const shown = [...verdict.querySelectorAll('.people .name')].map((n) => n.querySelector('.nom').textContent + ' ' + n.querySelector('.prenom').textContent);
	      const head = document.getElementById('headline').textContent;
	      const failed = verdict.dataset.status === 'unknown' && shown.length === 0 && /NON V.RIFI/.test(head.toUpperCase());
	      if (!failed && JSON.stringify(shown) !== JSON.stringify(current.names)) out.mixed.push(head + ' / ' + shown.join() + ' for ' + current.names.join());
	      if (!counted) { counted = true; if (failed) out.failures++; else out.verdicts++; }
	    }
	    if (!over) requestAnimationFrame(look);
	  };
	  requestAnimationFrame(look);
	  spy.bad = true;
	  for (let i = 0; i < %d; i++) {
	    current = all[Math.floor(spy.random() * all.length)];
	    counted = false;
	    scan(current.code);
	    const dice = spy.random();
	    await spy.sleep(dice < 0.6 ? dice * 20 : dice * 120);
	  }
	  await spy.sleep(6000); // longer than the page waits for an answer
	  over = true;
	  out.faults = spy.faults;
	  return out;
	})()`, asJSON(t, all), scanned))
	for _, m := range got.Mixed[:min(len(got.Mixed), 5)] {
		t.Error("mixed verdict:", m)
	}
	if got.Verdicts < 100 || got.Failures < 20 || got.Faults < 100 {
		t.Errorf("the run proves little: %+v", got)
	}
	t.Logf("count: %d interleaved scans, %d verdicts and %d failures painted in %d frames, %d faults on the way, %d mixed", scanned, got.Verdicts, got.Failures, got.Frames, got.Faults, len(got.Mixed))
}

// Files dropped on the page: exports, scans askew and pale, photographs, PDF. What the page asks the server is what is printed.
func TestDroppedFiles(t *testing.T) {
	set, err := scans.Set(60)
	if err != nil {
		t.Fatal(err)
	}
	s := newShop(t)
	ctx := browser.Start(t, browser.Options{Timeout: 5 * time.Minute})
	before(t, ctx, spy)
	address, _ := s.open(t)
	visit(t, ctx, address)
	types := map[string]string{"pdf": "application/pdf", "png": "image/png", "jpeg": "image/jpeg"}
	read, wrong := 0, 0
	for _, file := range set {
		got := evaluate[string](t, ctx, fmt.Sprintf(`(async () => {
		  const bytes = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0));
		  const data = new DataTransfer();
		  data.items.add(new File([bytes], %q, {type: %q}));
		  spy.asked.length = 0;
		  document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
		  for (let i = 0; i < 3000; i++) {
		    await spy.sleep(5);
		    const verdict = document.getElementById('verdict');
		    if (i > 4 && !verdict.hidden && verdict.childElementCount) return spy.asked[0] ?? '';
		  }
		  return 'no end';
		})()`, base64.StdEncoding.EncodeToString(file.Data), file.Name, types[file.Format]))
		switch got {
		case file.Code:
			read++
		case "":
			t.Log("not read:", file.Name)
		default:
			wrong++
			t.Errorf("%s: read as %q", file.Name, got)
		}
	}
	if len(set) != 60 || read*100 < 95*len(set) || wrong > 0 {
		t.Errorf("%d of %d read, %d wrong", read, len(set), wrong)
	}
	t.Logf("count: %d of %d dropped files read, %d wrong", read, len(set), wrong)
}

// A card held before the camera, in a hand that is never quite still: Chromium plays the film as its camera, from its first
// frame each time that it is opened.
func TestCamera(t *testing.T) {
	const cards = 3
	s := newShop(t)
	read := 0
	for i := range cards {
		doc, code, err := scans.Document(i, pdf.LayoutCard)
		if err != nil {
			t.Fatal(err)
		}
		drawn, err := scans.Draw(doc, 300)
		if err != nil {
			t.Fatal(err)
		}
		film := filepath.Join(t.TempDir(), "film.y4m")
		if err := os.WriteFile(film, y4m(drawn), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx := browser.Start(t, browser.Options{Video: film})
		before(t, ctx, spy)
		address, end := s.open(t)
		visit(t, ctx, address)
		got := evaluate[[]string](t, ctx, `(async () => {
		  document.getElementById('camera').click();
		  for (let i = 0; i < 2000 && !spy.asked.length; i++) await spy.sleep(10);
		  await spy.sleep(300);
		  return [spy.asked[0] ?? '', String(document.getElementById('video').srcObject === null)];
		})()`)
		end()
		if got[0] == code {
			read++
		} else {
			t.Errorf("card %d: read %q", i, got[0])
		}
		if got[1] != "true" {
			t.Error("the camera was not let go")
		}
	}
	t.Logf("count: %d of %d cards read by a camera", read, cards)
}

// y4m is a film of two seconds: nothing, then the card.
func y4m(card *image.Gray) []byte {
	const width, height, perSecond = 1280, 720, 10
	var out bytes.Buffer
	fmt.Fprintf(&out, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", width, height, perSecond)
	for n := range 2 * perSecond {
		out.WriteString("FRAME\n")
		if n < perSecond/2 {
			out.Write(bytes.Repeat([]byte{90}, width*height))
		} else {
			out.Write(held(card, width, height, n))
		}
		out.Write(bytes.Repeat([]byte{128}, width*height/2))
	}
	return out.Bytes()
}

// held is a frame of a card in a hand that is never quite still.
func held(card *image.Gray, width, height, n int) []byte {
	frame := bytes.Repeat([]byte{90}, width*height)
	b := card.Bounds()
	left, top := (width-b.Dx())/2+n%5-2, (height-b.Dy())/2+n%3-1
	for y := range height {
		for x := range width {
			cx, cy := x-left, y-top
			if cx >= 0 && cy >= 0 && cx < b.Dx() && cy < b.Dy() {
				frame[y*width+x] = 16 + card.GrayAt(b.Min.X+cx, b.Min.Y+cy).Y/255*200
			}
		}
	}
	return frame
}
