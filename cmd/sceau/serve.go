// serve: the rights service, until it is told to stop.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/issuer/httpapi"
	"sceau/card/pdf"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
)

const serveLong = `Runs the rights service: published lists below /repo/, enrolment and online checks of counters, contracts and cards for
insurers. It publishes by itself (publish_every). Settings: sceau config show DIR.

    $ sceau serve ./operator
    listening on http://127.0.0.1:8080

SIGTERM and Ctrl-C stop it after the requests under way; SIGHUP reads the TLS certificate again.`

// servedName is the folder with the last published files, for a start without the register.
const servedName = "served"

// stopChecks is how long traces that are being stored are waited for, beside stop_after: one transaction's patience.
const stopChecks = 10 * time.Second

// spoolName is the folder in which rosters wait, encrypted.
const spoolName = "spool"

func newServe(p *place) *cobra.Command {
	var listen, admin, public string
	var behind bool
	c := &cobra.Command{
		Use:   "serve DIR",
		Short: "Run the rights service",
		Long:  serveLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			config, err := readConfig(args[0])
			if err != nil {
				return err
			}
			for name, set := range map[string]func(){"listen": func() { config.Listen = listen }, "admin-listen": func() { config.AdminListen = admin },
				"public-url": func() { config.PublicURL = public }, "behind-proxy": func() { config.BehindProxy = behind }} {
				if c.Flags().Changed(name) {
					set()
				}
			}
			if err := config.check(); err != nil {
				return ui.WithHint(err, "sceau config show %s says what each setting means", args[0])
			}
			if err := noDrillBeyond(config); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			s, err := p.newService(ctx, args[0], config, c)
			if err != nil {
				return err
			}
			return s.run(ctx)
		},
	}
	c.Flags().StringVar(&listen, "listen", "", "address and port of the service")
	c.Flags().StringVar(&admin, "admin-listen", "", "address and port of /metrics for administrators, or off")
	c.Flags().StringVar(&public, "public-url", "", "origin under which the service is reached")
	c.Flags().BoolVar(&behind, "behind-proxy", false, "take plain HTTP from elsewhere, because a proxy does TLS")
	return c
}

// service is a running sceau serve.
type service struct {
	op     *operator
	config Config
	log    *slog.Logger
	say    func(format string, args ...any)

	api         *httpapi.Server
	certificate *certificate // nil without TLS by files
	public      net.Listener
	admin       net.Listener // nil for none
	publisher   *publisher
}

// newService opens everything and listens; it answers nothing yet.
func (p *place) newService(ctx context.Context, dir string, config Config, c *cobra.Command) (_ *service, err error) {
	level, err := config.level()
	if err != nil {
		return nil, err
	}
	if config.MemoryLimitMB > 0 {
		debug.SetMemoryLimit(int64(config.MemoryLimitMB) << 20)
	}
	op, err := p.openContext(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &service{op: op, config: config, log: slog.New(slog.NewJSONHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: level})),
		say: func(format string, args ...any) { fmt.Fprintf(c.OutOrStdout(), format+"\n", args...) }}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	op.Offline = nil // what needs them is done by a person, with their medium attached
	op.Actor = "service"
	op.Report = func(err error) {
		s.log.Error("work in the background failed and will be tried again", "error", err.Error())
	}
	if s.public, err = listenOn("listen", config.Listen); err != nil {
		return nil, err
	}
	if config.AdminListen != "off" {
		if s.admin, err = listenOn("admin_listen", config.AdminListen); err != nil {
			return nil, err
		}
	}
	if s.config.PublicURL == "" {
		s.config.PublicURL = "http://" + s.public.Addr().String() // the port may have been 0
	}
	if err := os.MkdirAll(filepath.Join(dir, spoolName), 0o700); err != nil {
		return nil, err
	}
	op.PublicURL = s.config.publicURL() + "/repo/"
	proxies, err := config.proxies()
	if err != nil {
		return nil, err
	}
	theme, err := readTheme(filepath.Join(dir, themeName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	people, err := config.OIDC.provider(s.config.publicURL())
	if err != nil {
		return nil, err
	}
	op.Limits = issuer.Limits{StatusChanges: config.StatusChanges, Cards: config.CardsPerDay}
	options := httpapi.Options{Issuer: op.Issuer, Staff: httpapi.NewStaff(op.Issuer), Office: httpapi.Office{People: people, Theme: func(string) *pdf.Theme { return theme }, Spool: filepath.Join(dir, spoolName), Roster: int64(config.RosterMB) << 20}, PublicURL: s.config.publicURL(), Version: ui.Version(), Now: clock.Now, Log: s.log, Proxies: proxies,
		Copy: filepath.Join(dir, servedName), Fresh: time.Duration(config.ReadyAge),
		Budgets: httpapi.Budgets{Counter: httpapi.Budget{PerSecond: config.CounterRate, Burst: config.CounterBurst},
			Staff:  httpapi.Budget{PerSecond: config.StaffRate, Burst: config.StaffBurst},
			Public: httpapi.Budget{PerSecond: config.PublicRate, Burst: config.PublicBurst}},
		Bounds: httpapi.Bounds{Connections: config.Connections, PerSource: config.PerSource}}
	if options.Campaigns, err = s.campaigns(ctx); err != nil {
		return nil, err
	}
	if s.api, err = httpapi.New(options); err != nil {
		return nil, err
	}
	s.publisher = newPublisher(op, time.Duration(config.PublishEvery), config.PublishTo, s.log, s.api.Registry())
	return s, nil
}

// listenOn takes the port of a setting.
func listenOn(setting, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, ui.WithHint(fmt.Errorf("%s: %w", setting, err), "give another address or port: --%s, SCEAU_%s, or %s in %s",
			strings.ReplaceAll(setting, "_", "-"), strings.ToUpper(setting), setting, configName)
	}
	return l, nil
}

func (s *service) close() error {
	var err error
	for _, l := range []net.Listener{s.public, s.admin} {
		if l != nil {
			if e := l.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
				err = errors.Join(err, e)
			}
		}
	}
	return errors.Join(err, s.op.Close())
}

// run serves until ctx ends, then finishes what is under way.
func (s *service) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.close()) }()
	front := s.api.HTTP()
	listener := s.api.Listen(s.public)
	scheme := "http"
	if listener, scheme, err = s.encrypted(front, listener); err != nil {
		return err
	}
	// Requests under way, and what they need, outlive the signal.
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ended := make(chan error, 8)
	tasks := 0
	start := func(name string, task func() error) {
		tasks++
		go func() {
			err := guarded(task)
			if errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.Canceled) {
				err = nil
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			ended <- err
		}()
	}
	start("published files", func() error { return s.api.Run(work) })
	start("watch", func() error { return s.op.Watch(work) })
	start("publication", func() error { return s.publisher.run(work) })
	start("sweeping", func() error { return s.api.Sweep(work) })
	start("campaigns", func() error { return s.work(ctx, work) })
	start("certificate", func() error { return s.reload(work) })
	start("service", func() error { return front.Serve(listener) })
	var back *http.Server
	if s.admin != nil {
		back = &http.Server{Handler: s.api.Admin(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
		start("administration", func() error { return back.Serve(s.admin) })
		s.say("administration on http://%s", s.admin.Addr())
	}
	s.say("listening on %s://%s", scheme, s.public.Addr())
	s.log.Info("service open", "listen", s.public.Addr().String(), "public", s.config.publicURL(), "version", ui.Version())
	notify("READY=1")
	s.op.remind(ctx, func(r reminder, when string) {
		s.log.Warn("a key needs somebody", "what", r.what, "day", day(r.at), "when", when, "do", r.do)
	})

	select {
	case <-ctx.Done():
		s.log.Info("stopping")
	case err = <-ended: // none of them ends by itself
		tasks--
		s.log.Error("a part of the service ended", "error", fmt.Sprint(err))
		if err == nil {
			err = errors.New("a part of the service ended by itself")
		}
	}
	notify("STOPPING=1")
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(s.config.StopAfter))
	defer cancel()
	if e := front.Shutdown(patience); e != nil {
		s.log.Warn("requests were still under way")
		_ = front.Close() // what is left is cut
	}
	// A handler that was cut may still wait for its trace: the register is not closed under it.
	tracing, enough := context.WithTimeout(context.WithoutCancel(ctx), stopChecks)
	defer enough()
	if e := s.op.StopChecks(tracing); e != nil {
		s.log.Warn("traces of checks were still being stored")
	}
	if back != nil {
		_ = back.Close()
	}
	end()
	s.api.StopImports()
	for ; tasks > 0; tasks-- {
		err = errors.Join(err, <-ended)
	}
	return err
}

// guarded turns a panic into an error: the service then stops in order, and says so.
func guarded(task func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic of type %T at %s", p, debug.Stack())
		}
	}()
	return task()
}
