// The watched folder: what pharmacy software drops there is asked of the counter like any scan.

package comptoir

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/comptoir/inbox"
	"sceau/cmd/internal/ui"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/optic"
	"sceau/offline/scan"
)

func newWatch() *cobra.Command {
	var noSync bool
	c := &cobra.Command{
		Use:   "watch DOSSIER-SURVEILLÉ",
		Short: "Répond aux fichiers que le logiciel de la pharmacie dépose dans un dossier",
		Long: `Répond aux fichiers déposés dans un dossier : NOM.txt, .png, .jpg, .jpeg ou .pdf y arrive, renommé une fois complet ; NOM.json
y apparaît, entier, avec le même contenu que « comptoir verify --json » ; puis le fichier déposé disparaît. Une réponse que
personne ne vient chercher est effacée après 10 minutes. Les fichiers cachés, .tmp et .part, les dossiers et les liens sont
laissés. Les listes sont tenues à jour pendant ce temps, sauf avec --no-sync.

NOM.txt contient des codes, un par ligne, ou une question, qui précise le domaine, la date des soins ou le bénéficiaire :

    {"code":"TP1…","domain":"PHAR","date_of_care":"2027-03-02","beneficiary":1}

    $ comptoir watch /srv/lgo/cartes
    dossier surveillé : /srv/lgo/cartes (Ctrl+C pour finir)`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := folder(c)
			if err != nil {
				return err
			}
			name, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), endSignals...)
			defer stop()
			s, err := openShop(dir)
			if err != nil {
				return err
			}
			defer s.close()
			if err := watchable(s.dir, name); err != nil {
				return ui.WithCode(inFrench(name, err), ui.ExitUsage)
			}
			if repos, err := s.lists.repositories(ctx); err == nil && len(repos) == 0 {
				fmt.Fprintf(c.ErrOrStderr(), "ce comptoir ne suit aucune liste\u00a0: aucune carte ne peut être vérifiée\nconseil : comptoir sync %s --from ADRESSE\n", dir)
			}
			fmt.Fprintf(c.OutOrStdout(), "dossier surveillé\u00a0: %s (Ctrl+C pour finir)\n", name)
			var all sync.WaitGroup
			all.Go(func() { s.services.run(ctx, true) })
			if !noSync {
				all.Go(func() { s.sources.run(ctx) })
			}
			s.watchFolder(ctx, name, func(err error) {
				if err != nil {
					ui.French.Report(c.ErrOrStderr(), inFrench(name, err))
				}
			})
			all.Wait()
			return nil
		},
	}
	c.Flags().BoolVar(&noSync, "no-sync", false, "laisse les listes comme elles sont")
	return c
}

// watch answers the folder that the settings name, while they name one.
func (s *shop) watch(ctx context.Context) {
	for ctx.Err() == nil {
		name := s.memory.settings(ctx).Watch
		turn, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if name != "" {
				s.watchFolder(turn, name, func(err error) {
					if err != nil {
						s.log.Warn("watched folder", "code", troubleOf(err).code)
					}
				})
			}
		}()
		select {
		case <-ctx.Done():
		case <-s.renew:
		}
		stop()
		<-done
	}
}

var errWatch = errors.New("comptoir: not a folder that can be watched")

// watchFolder answers a folder until ctx ends.
func (s *shop) watchFolder(ctx context.Context, name string, trouble func(error)) {
	if err := watchable(s.dir, name); err != nil {
		trouble(err)
		<-ctx.Done()
		return
	}
	// File times are the computer's own, whatever clock a test holds.
	box := inbox.Inbox{Folder: name, Answer: s.answerFile, Whole: wholeScan, Now: time.Now}
	box.Run(ctx, trouble)
}

// watchable refuses the counter's own folder: its files are no questions.
func watchable(dir, name string) error {
	if !filepath.IsAbs(name) {
		return errWatch
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	own, err := os.Stat(dir)
	if !info.IsDir() || err == nil && os.SameFile(info, own) {
		return errWatch
	}
	return nil
}

// answerable says whether a folder can be watched and written into, before it becomes a setting. The error wraps errWatch.
func answerable(dir, name string) error {
	if err := watchable(dir, name); err != nil {
		return errors.Join(errWatch, err)
	}
	f, err := os.CreateTemp(name, ".comptoir-*.tmp") // hidden: nobody's question
	if err != nil {
		return errors.Join(errWatch, err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return errors.Join(errWatch, err)
	}
	return nil
}

// wholeScan says whether a text is a question, or every line of it a code, so that nothing is to be waited for.
func wholeScan(text string) bool {
	if object, is := isQuestion(text); is {
		return json.Valid([]byte(object))
	}
	codes := typedCodes(text)
	for _, typed := range codes {
		if _, _, err := scan.Undo(typed); err != nil {
			return false
		}
	}
	return len(codes) > 0
}

// typedCodes are the scans in a text: one a line, or several.
func typedCodes(text string) []string {
	var out []string
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		out = append(out, scan.Split(line)...)
	}
	return out
}

// answerFile asks what a file holds: one document for each code, one a line.
func (s *shop) answerFile(ctx context.Context, f inbox.File) []byte {
	settings := s.memory.settings(ctx)
	var q counter.Question
	var typed []string
	misread := ""
	object, asked := isQuestion(string(f.Data))
	switch {
	case f.Err != nil:
		misread = f.Err.Error()
	case f.Picture:
		found, err := s.readPicture(ctx, bytes.NewReader(f.Data))
		typed, misread = found.Texts, pictureCode(err)
	case asked:
		var err error
		if q, err = parseQuestion(object); err != nil {
			misread = err.Error()
		}
		typed = []string{q.Scan.Text}
	case isBinary(f.Data[:min(len(f.Data), binarySample)]):
		misread = pictureCode(optic.ErrFormat)
	default:
		typed = typedCodes(string(f.Data))
	}
	if len(typed) == 0 {
		typed = []string{""} // not read is an answer too
	}
	var out bytes.Buffer
	q.Learnt, q.Domains = settings.Learnt, settings.Domains()
	for _, text := range typed {
		q.Scan = scan.Typed{Text: text}
		a := s.ask(ctx, q)
		writeDocument(&out, a, misread, settings.Language)
	}
	return out.Bytes()
}

// writeDocument writes an answer as one line of JSON. misread, when there is one, is why nothing could be asked.
func writeDocument(w interface{ Write([]byte) (int, error) }, a counter.Answer, misread string, lang offline.Language) error {
	d := a.Document(lang)
	if misread != "" {
		d.Misread = misread
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(d)
}
