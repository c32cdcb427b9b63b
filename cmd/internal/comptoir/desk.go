// The program without a verb: the desk, in a window of its own, until that window is closed.

package comptoir

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/comptoir/window"
	"sceau/cmd/internal/ui"
	"sceau/offline"
	"sceau/offline/desk"
	"sceau/offline/mirror"
)

type deskFlags struct {
	noWindow bool
	port     int
	lang     string
}

func (f *deskFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.noWindow, "no-window", false, "n’ouvre pas de fenêtre et affiche l’adresse, qui sert une fois et pendant une minute ; relancer la commande en donne une autre")
	c.Flags().IntVar(&f.port, "port", 0, "`PORT`port souhaité sur 127.0.0.1 ; celui des réglages, ou un port libre par défaut")
	c.Flags().StringVar(&f.lang, "lang", "", "`LANGUE`langue de la page : fr ou en ; celle des réglages par défaut")
}

// stopTime is granted to answers under way when the program is told to end.
const stopTime = 3 * time.Second

func runDesk(c *cobra.Command, f deskFlags) error {
	alone := leaveConsole()
	err := f.run(c)
	if err != nil && alone {
		var text strings.Builder
		ui.French.Report(&text, err)
		box(text.String())
	}
	return err
}

func (f deskFlags) run(c *cobra.Command) error {
	if f.port != 0 && (f.port < 1024 || f.port > 65535) {
		return ui.Usage("--port %d : un port de 1024 à 65535", f.port)
	}
	if f.lang != "" && f.lang != string(offline.French) && f.lang != string(offline.English) {
		return ui.Usage("--lang %q : fr ou en", f.lang)
	}
	if err := noDrill(); err != nil {
		return err
	}
	dir, err := folder(c)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), endSignals...)
	defer stop()
	if err := mirror.MakeFolder(dir); err != nil {
		return inFrench(dir, err)
	}
	first, address, release, err := claim(ctx, dir, f.noWindow)
	switch {
	case errors.Is(err, errFirst):
		return ui.WithHint(fmt.Errorf("un autre comptoir est ouvert sur ce dossier et ne répond pas"), "le fermer, ou redémarrer l’ordinateur ; les autres commandes fonctionnent")
	case err != nil:
		return inFrench(dir, err)
	case !first && address != "":
		fmt.Fprintln(c.ErrOrStderr(), "le comptoir est déjà ouvert ; nouvelle adresse, qui sert une fois et pendant une minute\u00a0:")
		fmt.Fprintln(c.OutOrStdout(), address)
		return nil
	case !first:
		fmt.Fprintln(c.OutOrStdout(), "le comptoir est déjà ouvert : sa fenêtre passe au premier plan")
		return nil
	}
	defer release()
	return f.serve(ctx, c, dir)
}

// serve opens the desk of a folder that is this program's own, and returns when it is closed.
func (f deskFlags) serve(ctx context.Context, c *cobra.Command, dir string) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	log, closeLog := openLog(dir)
	defer closeLog.Close()
	sp := newShop(dir, log)
	sp.lang = offline.Language(f.lang)
	defer sp.close()
	if kept, err := sp.prepare(); kept != "" {
		log.Warn("damaged lists set aside", "kept", filepath.Base(kept))
		fmt.Fprintf(c.ErrOrStderr(), "les données abîmées du comptoir sont mises de côté : %s\n", kept)
	} else if err != nil {
		log.Warn("lists not open", "code", troubleOf(err).code)
	}
	key, err := token(dir)
	if err != nil {
		log.Warn("no token for software", "code", troubleOf(err).code)
		key = ""
	}
	glass := &glass{profile: filepath.Join(dir, profileName), log: log}
	o := sp.options()
	o.Token, o.Log, o.Version = key, log, ui.Version()
	if !f.noWindow {
		o.Front, o.Gone = glass.front, end
	}
	server, err := desk.New(o)
	if err != nil {
		return err
	}
	glass.server = server
	sp.changed = server.Changed
	background, wait := sp.start(ctx)
	defer func() { background(); wait() }()
	if err := server.Start(ctx, f.port); err != nil {
		return ui.WithHint(fmt.Errorf("aucun port de cet ordinateur ne peut servir au comptoir (%w)", err), "redémarrer l’ordinateur ; en attendant, « comptoir verify » fonctionne")
	}
	if err := announce(dir, server.Info()); err != nil {
		log.Warn("not announced", "code", troubleOf(err).code)
	} else {
		defer os.Remove(filepath.Join(dir, infoName))
	}
	if f.noWindow {
		fmt.Fprintln(c.OutOrStdout(), server.Launch())
	} else if err := glass.open(); err != nil {
		log.Warn("no browser")
		fmt.Fprintf(c.ErrOrStderr(), "aucun navigateur n’a été trouvé ; ouvrir cette adresse, qui ne sert qu’une fois :\n")
		fmt.Fprintln(c.OutOrStdout(), server.Launch())
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	glass.watch(ctx, end)
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	log.Info("desk closing")
	closing, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	err = errors.Join(err, ignoreTimeout(server.Close(closing)))
	glass.close()
	return err
}

func ignoreTimeout(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // a page that was open all along; its answers were given
	}
	return err
}

// glass is the window that shows the desk.
type glass struct {
	server  *desk.Server
	profile string
	log     *slog.Logger

	mu     sync.Mutex
	window *window.Window
}

func (g *glass) open() error {
	w, err := window.Open(g.server.Launch(), g.profile)
	if err != nil {
		return err
	}
	g.mu.Lock()
	if w.Own {
		g.window = w
	}
	g.mu.Unlock()
	g.log.Info("page opened", "own_window", w.Own)
	return nil
}

// front brings the window up where that can be done from here, or opens another one.
func (g *glass) front(ctx context.Context) error {
	g.mu.Lock()
	w := g.window
	g.mu.Unlock()
	if g.server.Clients() > 0 && w.Raise() {
		return nil
	}
	go func() {
		if err := g.open(); err != nil {
			g.log.Warn("no browser")
		}
	}()
	return nil
}

// blink is how long a page's connection may outlive its window's process.
const blink = time.Second

// watch ends the desk when its window was closed and no page is open any more. A page without a window of its own, or one that
// a browser gave on to another process, is the server's to watch.
func (g *glass) watch(ctx context.Context, end func()) {
	g.mu.Lock()
	w := g.window
	g.mu.Unlock()
	if w.Closed() == nil {
		return
	}
	go func() {
		select {
		case <-ctx.Done():
			return
		case <-w.Closed():
		}
		select {
		case <-ctx.Done():
		case <-time.After(blink):
			if g.server.Clients() == 0 {
				end()
			}
		}
	}()
}

func (g *glass) close() {
	g.mu.Lock()
	w := g.window
	g.mu.Unlock()
	w.Close()
}
