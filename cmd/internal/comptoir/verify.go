// verify: what was scanned, in; the verdict, its words and its exit code, out.

package comptoir

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"sceau/card"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/mirror"
	"sceau/offline/optic"
	"sceau/offline/scan"
	"sceau/rights"
)

const verifyLong = `Vérifie les codes lus par la douchette (un par ligne), un fichier, ou l’entrée standard. Un fichier PNG, JPEG, GIF ou
PDF est lu lui aussi, à l’écart, dans un processus qui ne peut rien faire d’autre.
Une frappe abîmée par la disposition du clavier ou par Verr. Maj. est réparée ; la signature juge.

    $ comptoir verify ./counter --domain PHAR --on 2027-03-02 < scan.txt
    ✓ DROITS OUVERTS
      Carte authentique. Tiers payant possible : Pharmacie (PHAR) 100% de la base de remboursement, Sécurité sociale incluse.
      carte 3-583021 de Mutuelle Exemple, soins du 02/03/2027
      liste 3, révision 2, du 02/03/2027 à 08:00 (il y a 2 heures), vérifiée hors ligne
      …
      preuve n° K7QF-1042-M3TZ

    $ comptoir verify ordonnance.pdf
    ✓ DROITS OUVERTS
      …

Chaque vérification est inscrite au journal avant d’être affichée ; son numéro de preuve se reporte sur la facture. Quand rien n’a
pu être inscrit, la réponse dit « non enregistrée » et pourquoi : elle vaut pour le patient, pas comme preuve.
Sans DOSSIER : celui de --dir, de COMPTOIR_DIR, ou de l’utilisateur. Sans --domain, la question est celle de la page du comptoir : le
premier domaine de la profession des réglages que la carte porte ; sans profession, la carte seule.
Un poste inscrit auprès du service de l’organisme (« comptoir enroll ») l’interroge d’abord ; sa réponse, plus récente que toute liste,
porte un numéro d’accord, qui se reporte alors sur la facture. Sans réponse en une seconde et demie, les listes répondent, et c’est dit.

Avec --json, un objet par code et par ligne : status (valid, reserve, refused, unknown), reason (code stable),
card, list (revision, age en secondes), people, payment, words, mode (online, offline), rescue_reason, accord, told_online, receipt, invoice_number, recorded. Les codes ne changent pas, les mots peuvent changer.`

type verifyFlags struct {
	json   bool
	domain string
	on     string
	person int
	lang   string
	local  bool
}

func newVerify() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify [DOSSIER] [FICHIER|-]",
		Short: "Dit si les droits d’une carte sont ouverts",
		Long:  verifyLong,
		Args:  ui.Args(cobra.RangeArgs(0, 2)),
		RunE: func(c *cobra.Command, args []string) error {
			return runVerify(c, args, f)
		},
	}
	c.Flags().BoolVar(&f.json, "json", false, "un objet JSON par code")
	c.Flags().StringVar(&f.domain, "domain", "", "`CODE`domaine de soins, par exemple PHAR ; par défaut, le premier de la profession des réglages que la carte porte, sinon la carte seule")
	c.Flags().StringVar(&f.on, "on", "", "`DATE`date des soins, AAAA-MM-JJ ou JJ/MM/AAAA ; aujourd’hui par défaut")
	c.Flags().IntVar(&f.person, "beneficiary", 0, "numéro du bénéficiaire sur la carte (1 à 12) ; tous par défaut")
	c.Flags().StringVar(&f.lang, "lang", "fr", "`LANGUE`langue des mots : fr ou en")
	c.Flags().BoolVar(&f.local, "offline", false, "n’interroge aucun service en ligne : les listes seules répondent")
	return c
}

func runVerify(c *cobra.Command, args []string, f verifyFlags) error {
	question, err := f.question()
	if err != nil {
		return err
	}
	dir, file, err := verifyArgs(c, args)
	if err != nil {
		return err
	}
	input, closeInput, err := openInput(c.InOrStdin(), file)
	if err != nil {
		return err
	}
	defer closeInput()
	s, err := openShop(dir)
	if err != nil {
		return err
	}
	defer s.close()
	if f.local {
		s.counter.Online = nil
	} else {
		background, stop := context.WithCancel(c.Context())
		var probing sync.WaitGroup
		probing.Go(func() { s.services.run(background, false) })
		defer func() { stop(); probing.Wait() }()
	}
	if err := s.knownDomain(c.Context(), question); err != nil {
		return err
	}
	if in, ok := input.(*os.File); ok && ui.IsTerminal(in) && !f.json {
		fmt.Fprintln(c.ErrOrStderr(), "scanner une carte (Ctrl+D pour finir) :")
	}
	v := &verifying{shop: s, out: c.OutOrStdout(), messages: c.ErrOrStderr(), question: question, json: f.json, lang: offline.Language(f.lang)}
	settings := s.memory.settings(c.Context())
	v.question.Learnt, v.question.Domains = settings.Learnt, settings.Domains()
	if notice := s.memory.notice(); notice != "" {
		fmt.Fprintln(c.ErrOrStderr(), notice)
	}
	if err := v.all(c.Context(), input, file); err != nil {
		return notVerified(err)
	}
	return ui.Exit(v.worst)
}

// verifyArgs tells a counter's folder from a file to read: a lone argument that is a file is not the folder.
func verifyArgs(c *cobra.Command, args []string) (dir, file string, err error) {
	if len(args) == 1 {
		info, err := os.Stat(args[0])
		if args[0] == "-" || err == nil && !info.IsDir() {
			dir, err = folder(c)
			return dir, args[0], err
		}
	}
	file = "-"
	if len(args) == 2 {
		file = args[1]
	}
	dir, _, err = folderArg(c, args, 0)
	return dir, file, err
}

// openShop opens a folder to ask it. One that is not there is a mistake on the command line; one that can't be believed still
// gives an answer for each code: not verified.
func openShop(dir string) (*shop, error) {
	if _, err := os.Stat(filepath.Join(dir, mirror.FileName)); errors.Is(err, os.ErrNotExist) {
		return nil, ui.WithHint(ui.Usage("aucun comptoir dans %s", dir), "comptoir sync %s --from ADRESSE", dir)
	} else if err != nil {
		return nil, notVerified(inFrench(dir, err))
	}
	s := newShop(dir, silent)
	err := s.lists.read(func(*mirror.Mirror) error { return nil })
	if err != nil && !mirror.IsDamaged(err) {
		s.close()
		return nil, notVerified(inFrench(dir, err))
	}
	return s, nil
}

// verifying is one run of the command.
type verifying struct {
	*shop
	out, messages io.Writer
	question      counter.Question
	json          bool
	lang          offline.Language
	worst         int
	late          bool // a card showed that the lists are behind, and that was printed
	told          bool // what operators and insurers say was printed
}

func (v *verifying) all(ctx context.Context, input io.Reader, name string) error {
	buffered := bufio.NewReader(input)
	if isPicture(buffered, name != "-") {
		return v.picture(ctx, buffered)
	}
	if noText(buffered, input, name) {
		return v.noPicture(ctx, optic.ErrFormat)
	}
	n := 0
	// A scan is answered as soon as its line ends: the next one may come in an hour.
	lines := bufio.NewScanner(buffered)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	lines.Split(scanLines)
	for lines.Scan() {
		for _, typed := range scan.Split(lines.Text()) {
			n++
			if err := v.one(ctx, typed, ""); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return inFrench(name, err)
	}
	if n == 0 {
		return v.one(ctx, "", "") // nothing read is an unreadable code, and scripts always get an answer
	}
	return nil
}

// picture answers every code of a picture or a PDF.
func (v *verifying) picture(ctx context.Context, src io.Reader) error {
	found, err := v.readPicture(ctx, src)
	if err != nil {
		return v.noPicture(ctx, err)
	}
	for _, text := range found.Texts {
		if err := v.one(ctx, text, ""); err != nil {
			return err
		}
	}
	return nil
}

// noPicture answers once for a file that gave no code.
func (v *verifying) noPicture(ctx context.Context, err error) error {
	t := pictureTrouble(err)
	ui.French.Report(v.messages, ui.WithHint(errors.New(t.what), "%s", t.todo))
	return v.one(ctx, "", t.code)
}

// one asks and answers. misread is why a picture gave nothing to ask.
func (v *verifying) one(ctx context.Context, typed, misread string) error {
	q := v.question
	q.Scan = scan.Typed{Text: typed}
	a := v.ask(ctx, q)
	v.worst = graver(v.worst, exitCode(a.Status))
	if v.json {
		return writeDocument(v.out, a, misread, v.lang)
	}
	if err := writeText(v.out, a, v.lang); err != nil {
		return err
	}
	if a.Behind && !v.late {
		v.late = true
		fmt.Fprintf(v.messages, "la carte en sait plus que les listes de ce poste\nconseil : comptoir sync %s\n", v.dir)
	}
	if v.told {
		return nil
	}
	v.told = true
	if all, err := v.lists.notices(ctx); err == nil { // a message never stands between a card and its verdict
		sayNoticesBriefly(v.messages, all)
	}
	return nil
}

// notVerified is a failure that says nothing about any card: never exit code 1, which is a refusal.
func notVerified(err error) error { return ui.WithCode(err, exitUnknown) }

const exitUnknown = 4

// scanLines ends a line at LF or at CR: a scanner sends either.
func scanLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// isPicture looks at the first bytes, whatever the name says. A PDF may have something before its mark; on a pipe, where
// waiting for more would keep a scan from being answered, it may not.
func isPicture(r *bufio.Reader, whole bool) bool {
	first, err := r.Peek(1)
	if err != nil {
		return false
	}
	if whole {
		if start, _ := r.Peek(1024); bytes.Contains(start, []byte("%PDF-")) {
			return true
		}
	}
	for _, magic := range []string{"\x89PNG", "\xff\xd8\xff", "GIF8", "%PDF-"} {
		if first[0] != magic[0] {
			continue
		}
		if start, err := r.Peek(len(magic)); err == nil && string(start) == magic {
			return true
		}
	}
	return false
}

// binarySample is how much of a file is looked at to tell text from anything else.
const binarySample = 4 << 10

// noText says whether a file, whole and not a picture, is not one of codes either: by its name, or by its first bytes. On a pipe or
// at a terminal nothing is waited for, and every line is answered.
func noText(r *bufio.Reader, input io.Reader, name string) bool {
	if name != "-" && slices.Contains([]string{".pdf", ".png", ".jpg", ".jpeg", ".gif"}, strings.ToLower(filepath.Ext(name))) {
		return true
	}
	f, ok := input.(*os.File)
	if !ok {
		return false
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	start, _ := r.Peek(binarySample)
	return isBinary(start)
}

// isBinary says whether the start of a file is no text: it has a NUL, or more than three in ten of its bytes are no UTF-8. A scan
// typed in another encoding has fewer.
func isBinary(start []byte) bool {
	if bytes.IndexByte(start, 0) >= 0 {
		return true
	}
	bad := 0
	for rest := start; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			bad++
		}
		rest = rest[n:]
	}
	return bad*10 > len(start)*3
}

func (f verifyFlags) question() (counter.Question, error) {
	q := counter.Question{Domain: strings.ToUpper(strings.TrimSpace(f.domain)), Person: f.person}
	if f.lang != "fr" && f.lang != "en" {
		return q, ui.Usage("--lang %q : fr ou en", f.lang)
	}
	if f.person < 0 || f.person > card.MaxPeople {
		return q, ui.Usage("--beneficiary %d : un numéro de 1 à %d", f.person, card.MaxPeople)
	}
	var err error
	q.Care, err = dayFlag("on", f.on)
	return q, err
}

// dayFlag reads a day as programs or as people write it; 0 for none.
func dayFlag(name, text string) (rights.Date, error) {
	if text == "" {
		return 0, nil
	}
	d, err := rights.ParseDate(text)
	if err != nil && len(text) == 10 && text[2] == '/' && text[5] == '/' {
		d, err = rights.ParseDate(text[6:] + "-" + text[3:5] + "-" + text[:2])
	}
	if err != nil {
		return 0, ui.WithHint(ui.Usage("--%s %q n’est pas une date", name, text), "--%s 2027-03-02 ou --%s 02/03/2027", name, name)
	}
	return d, nil
}

// knownDomain refuses a code that no table has, of the program or of an operator, and that could only be a typing mistake.
func (s *shop) knownDomain(ctx context.Context, q counter.Question) error {
	if q.Domain == "" {
		return nil
	}
	day := q.Care
	if day == 0 {
		day = rights.DateAt(clock.Now())
	}
	codes := []*rights.Codes{rights.DefaultCodes()}
	if facts, release, err := s.lists.Facts(ctx); err == nil {
		codes = facts.Codes()
		release()
	}
	known, ok := counter.KnownDomain(codes, q.Domain, day)
	if ok {
		return nil
	}
	return ui.WithHint(ui.Usage("--domain %q : domaine inconnu", q.Domain), "domaines : %s", strings.Join(known, " "))
}

// maxLine bounds one line of input, many times the longest scan.
const maxLine = 1 << 20

func openInput(stdin io.Reader, file string) (io.Reader, func(), error) {
	if file == "-" {
		return stdin, func() {}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, ui.WithHint(ui.Usage("fichier illisible : %v", err), "donner un fichier de codes, une image ou un PDF, ou - pour l’entrée standard")
	}
	return f, func() { f.Close() }, nil
}

const rfc3339 = "2006-01-02T15:04:05Z07:00"
