// Package window shows the desk: in a window of its own, by a browser in app mode, or else in the default browser.
package window

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrNoBrowser: nothing on this computer can show a page.
var ErrNoBrowser = errors.New("window: no browser")

// Window is a page that was opened.
type Window struct {
	// Own says that the page has a window and a process of its own. Without them nobody knows when it is closed.
	Own    bool
	cmd    *exec.Cmd
	closed chan struct{}
	err    error
}

// quiet are the flags that make a browser a window and no more: it asks nothing, fetches nothing, reports nothing, and keeps
// nothing of what was typed.
var quiet = []string{
	"--no-first-run", "--no-default-browser-check", "--disable-default-apps", "--disable-sync", "--disable-extensions",
	"--disable-component-update", "--disable-background-networking", "--disable-client-side-phishing-detection",
	"--disable-domain-reliability", "--disable-breakpad", "--disable-crash-reporter", "--metrics-recording-only", "--no-pings",
	"--disable-session-crashed-bubble", "--hide-crash-restore-bubble", "--disable-search-engine-choice-screen", "--disable-translate",
	"--disable-features=Translate,AutofillServerCommunication,OptimizationHints,MediaRouter,msEdgeSidebarV2,msHubApps,msEdgeTranslate,msImplicitSignin",
	"--disk-cache-size=1", "--password-store=basic", "--use-mock-keychain", "--disable-notifications", "--window-size=1180,860",
	"--lang=fr", // dates in fields are written as the browser's language has them, not the page's
}

// Open shows url. profile is a folder for the browser, made where missing. A window of its own is tried with each browser
// found until one of them stays or gives the page on to a process that shows it already; the default browser comes last.
func Open(url, profile string) (*Window, error) {
	if os.MkdirAll(profile, 0o700) == nil {
		for _, exe := range Browsers() {
			if w, err := start(exe, url, profile); err == nil {
				return w, nil
			}
		}
	}
	return Default(url)
}

func start(exe, url, profile string) (*Window, error) {
	c := exec.Command(exe, append([]string{"--app=" + url, "--user-data-dir=" + profile}, quiet...)...)
	c.Dir = filepath.Dir(profile)
	own(c)
	if err := c.Start(); err != nil {
		return nil, err
	}
	w := &Window{Own: true, cmd: c, closed: make(chan struct{})}
	go func() {
		w.err = c.Wait()
		close(w.closed)
	}()
	// A browser that can't show anything (a profile that it may not write, no display) says so at once.
	select {
	case <-w.closed:
		if w.err != nil {
			return nil, fmt.Errorf("window: %s: %w", filepath.Base(exe), w.err)
		}
		w.Own = false // it handed the page to a process of its profile that still ran: that one is not ours to wait for
	case <-time.After(settle):
	}
	return w, nil
}

// settle is how long a browser is watched before it is taken to stay.
const settle = 700 * time.Millisecond

// Default shows url in the default browser.
func Default(url string) (*Window, error) {
	name, args, err := opener(url)
	if err != nil {
		return nil, err
	}
	c := exec.Command(name, args...)
	own(c)
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBrowser, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrNoBrowser, filepath.Base(name), err)
		}
	case <-time.After(3 * settle): // it may well be the browser itself by now
	}
	return &Window{}, nil
}

// Closed is closed when the window's process has ended; nil, and so never ready, for a page without a window of its own.
func (w *Window) Closed() <-chan struct{} {
	if w == nil || !w.Own {
		return nil
	}
	return w.closed
}

// Close ends the window's process, if there is one, and waits for it.
func (w *Window) Close() {
	if w.Closed() == nil {
		return
	}
	select {
	case <-w.closed:
		return
	default:
	}
	end(w.cmd.Process)
	select {
	case <-w.closed:
	case <-time.After(3 * time.Second):
		w.cmd.Process.Kill()
		<-w.closed
	}
}

// Raise brings the window to the front, and says whether it could.
func (w *Window) Raise() bool {
	if w.Closed() == nil {
		return false
	}
	select {
	case <-w.closed:
		return false
	default:
		return raise(w.cmd.Process.Pid)
	}
}

// existing keeps the files that are there, each once.
func existing(names []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, name := range names {
		key := strings.ToLower(filepath.Clean(name))
		if info, err := os.Stat(name); err != nil || info.IsDir() || seen[key] {
			continue
		}
		seen[key] = true
		out = append(out, name)
	}
	return out
}
