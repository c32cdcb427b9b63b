// The desk at the size of a country: from the last key to the painted verdict, its start, its memory, and what it does when nobody asks.

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"

	"sceau/fixtures/browser"
)

const (
	paintLimit  = 100.0 // ms
	openLimit   = time.Second
	deskMemory  = 200.0 // MB resident
	idleLimit   = 1.0   // % of a core
	idleSeconds = 30
)

// desk opens the real program on a counter's folder and types a card a hundred times, as a scanner of 500 characters a second.
func (b *bench) desk(bin, counter, code string) error {
	ctx, end, err := browser.Open(browser.Options{})
	if err != nil {
		return err
	}
	defer end()
	var starts []float64
	var program *exec.Cmd
	for range 5 {
		if program != nil {
			if err := stop(program); err != nil {
				return err
			}
		}
		start := time.Now()
		var address string
		if program, address, err = openDesk(bin, counter); err != nil {
			return err
		}
		if err := visit(ctx, address); err != nil {
			return err
		}
		starts = append(starts, float64(time.Since(start)))
	}
	defer stop(program)
	b.add("comptoir: start to usable page, the browser being open", fmt.Sprintf("%.0f ms", median(starts)/1e6), "1 s", median(starts)/float64(openLimit), 1)

	paints, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](fmt.Sprintf(typing, code), chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	slices.Sort(paints)
	p95 := paints[len(paints)*95/100]
	b.add(fmt.Sprintf("comptoir: last key to painted verdict, 95 %% of %d scans", len(paints)), fmt.Sprintf("%.0f ms (median %.0f)", p95, median(paints)), "100 ms", p95/paintLimit, 1)

	memory, err := kernelSays(program, "VmHWM:")
	if err != nil {
		return err
	}
	b.add("comptoir: resident memory at its highest, with that list", fmt.Sprintf("%.0f MB", memory/1024), "200 MB", memory/1024/deskMemory, 1)

	before, err := used(program)
	if err != nil {
		return err
	}
	time.Sleep(idleSeconds * time.Second)
	after, err := used(program)
	if err != nil {
		return err
	}
	idle := 100 * float64(after-before) / float64(idleSeconds*time.Second)
	b.add(fmt.Sprintf("comptoir: an idle desk with its page open, over %d s", idleSeconds), fmt.Sprintf("%.2f %% of a core", idle), "1 %", idle/idleLimit, 1)
	return nil
}

// typing scans a code a hundred times; every tenth is another day's question to the same card. It returns milliseconds from the last key to
// the frame after the verdict is there.
const typing = `(async () => {
  const code = %q, out = [], sleep = (ms) => new Promise((ok) => setTimeout(ok, ms)), frame = () => new Promise((ok) => requestAnimationFrame(ok));
  const verdict = document.getElementById('verdict');
  const key = (k, c, shift) => { for (const type of ['keydown', 'keyup']) document.body.dispatchEvent(new KeyboardEvent(type, {key: k, code: c, shiftKey: shift, bubbles: true, cancelable: true})); };
  for (let i = 0; i < 100; i++) {
    for (let n = 0; n < code.length; n++) {
      const c = code[n], digit = c >= '0' && c <= '9';
      key(c, (digit ? 'Digit' : 'Key') + c, !digit);
      if (n %% 10 === 9) await sleep(20);
    }
    const start = performance.now();
    key('Enter', 'Enter', false);
    while (verdict.hidden || !verdict.dataset.status || !document.getElementById('receipt-number')) {
      if (performance.now() - start > 5000) throw new Error('no verdict: ' + verdict.textContent);
      await frame();
    }
    await new Promise((ok) => requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = ok; c.port2.postMessage(0); }));
    out.push(performance.now() - start);
    await sleep(150);
  }
  return out;
})()`

func openDesk(bin, counter string) (*exec.Cmd, string, error) {
	c := exec.Command(bin, "--dir", counter, "--no-window")
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := c.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, "", fmt.Errorf("the desk said no address: %w", err)
	}
	return c, strings.TrimSpace(line), nil
}

func visit(ctx context.Context, address string) error {
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		return err
	}
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`new Promise((ok) => {
		const look = () => document.documentElement.dataset.ready ? ok(location.hash = '#verify') : setTimeout(look, 2); look(); }).then(() => true)`, chromedp.EvalAwaitPromise))
	return err
}

func stop(c *exec.Cmd) error {
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.Wait()
}

// kernelSays reads a figure in kB of a running process.
func kernelSays(c *exec.Cmd, name string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("no %s", name)
}

// used is the CPU time of a running process.
func used(c *exec.Cmd) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, err // clock ticks of 100 Hz, as on every Linux that Go runs on
}
