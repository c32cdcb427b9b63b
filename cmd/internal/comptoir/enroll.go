// enroll: with an operator's invitation the counter may ask its service; without one it goes on with the lists alone.

package comptoir

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"sceau/card/accord"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline/counter"
	"sceau/offline/desk"
	"sceau/offline/liaison"
	"sceau/offline/mirror"
	"sceau/offline/refresh"
	"sceau/offline/scan"
	"sceau/signing/assertion"
	"sceau/signing/trust"
)

type enrollFlags struct {
	service, code, root, ca, remove string
}

func newEnroll() *cobra.Command {
	var f enrollFlags
	c := &cobra.Command{
		Use:   "enroll [DOSSIER] INVITATION | --service ADRESSE --code CODE",
		Short: "Inscrit ce poste auprès du service en ligne d’un opérateur",
		Long: `Inscrit ce poste auprès du service en ligne d’un opérateur : il est alors interrogé avant les listes, et le journal lui est envoyé.
L’invitation se scanne (TPE1…) ou se donne par son adresse et son code ; avec -, elle est lue sur l’entrée standard. Elle ne sert
qu’une fois. La clé qui signe les questions est créée ici et ne quitte pas ce poste. Les listes de l’opérateur sont suivies du même
coup quand elles ne l’étaient pas.

    $ comptoir enroll ./counter TPE1AEBAGBAF…
    poste inscrit auprès de https://droits.example : Pharmacie du Port, FINESS 290000017
    empreinte de l’opérateur : 3F0A 91C4 …

    $ comptoir enroll ./counter --service https://droits.example --code K7QF-XM3T-9ABC-D2EF --root "3F0A 91C4 …"

    $ comptoir enroll ./counter --remove "3F0A 91C4 …"
    poste désinscrit ; les listes continuent de répondre

Sans invitation ni --root, l’empreinte de l’opérateur est montrée : la comparer avec celle qu’il communique par un autre moyen.`,
		Args: ui.Args(cobra.MaximumNArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			needs := 1
			if f.remove != "" || f.service != "" || f.code != "" {
				needs = 0
			}
			if len(args) == 1 {
				if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
					needs = 0 // a folder, and no invitation
				}
			}
			dir, rest, err := folderArg(c, args, needs)
			if err != nil {
				return err
			}
			if len(rest) > needs {
				return ui.WithHint(ui.Usage("trop d’arguments"), "une invitation, ou --service et --code")
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			if f.remove != "" {
				return f.removed(ctx, c, dir)
			}
			return f.enrolled(ctx, c, dir, rest)
		},
	}
	c.Flags().StringVar(&f.service, "service", "", "`ADRESSE`adresse du service, en https")
	c.Flags().StringVar(&f.code, "code", "", "`CODE`code à usage unique de l’invitation, par exemple K7QF-XM3T-9ABC-D2EF")
	c.Flags().StringVar(&f.root, "root", "", "`EMPREINTE`empreinte attendue de l’opérateur ; toute autre est refusée")
	c.Flags().StringVar(&f.ca, "ca", "", "`FICHIER`certificats (PEM) qui peuvent signer celui du service, en plus de ceux du système")
	c.Flags().StringVar(&f.remove, "remove", "", "`EMPREINTE`désinscrit ce poste de l’opérateur de cette empreinte")
	return c
}

// invited is what an invitation says.
type invited struct {
	address, root string
	code          [10]byte
}

// invitation reads what was given, and never quotes it: it holds a secret.
func (f enrollFlags) invitation(in io.Reader, args []string) (invited, error) {
	hint := "comptoir enroll TPE1… ou comptoir enroll --service ADRESSE --code CODE"
	if len(args) == 0 {
		if f.service == "" || f.code == "" {
			return invited{}, ui.WithHint(ui.Usage("quelle invitation ?"), "%s", hint)
		}
		code, err := accord.ParseCode(f.code)
		if err != nil {
			return invited{}, ui.WithHint(ui.Usage("--code n’est pas un code d’invitation"), "un code ressemble à K7QF-XM3T-9ABC-D2EF")
		}
		return invited{f.service, f.root, code}, nil
	}
	text := args[0]
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(in, 16<<10))
		if err != nil {
			return invited{}, err
		}
		text = string(b)
	}
	i, err := readInvitation(scan.Typed{Text: text}, nil)
	if err != nil {
		return invited{}, ui.WithHint(ui.Usage("ce n’est pas une invitation, ou elle n’est pas entière"), "%s", hint)
	}
	if f.root != "" && !trust.SameFingerprint(f.root, i.root) {
		return invited{}, inFrench("", refresh.ErrOtherRoot)
	}
	return i, nil
}

// readInvitation undoes what a keyboard did to a scanned invitation. The error is accord.ErrInvitation.
func readInvitation(t scan.Typed, learnt *scan.Map) (invited, error) {
	text, _, err := scan.Invitation(t, learnt)
	if err != nil {
		return invited{}, accord.ErrInvitation
	}
	i, err := accord.ParseInvitation(text)
	if err != nil {
		return invited{}, err
	}
	return invited{i.Address, hex.EncodeToString(i.Root[:]), i.Code}, nil
}

func (f enrollFlags) enrolled(ctx context.Context, c *cobra.Command, dir string, args []string) error {
	i, err := f.invitation(c.InOrStdin(), args)
	if err != nil {
		return err
	}
	if f.ca != "" {
		if f.ca, err = filepath.Abs(f.ca); err != nil {
			return err
		}
	}
	if err := mirror.MakeFolder(dir); err != nil {
		return inFrench(dir, err)
	}
	s := newShop(dir, silent)
	defer s.close()
	if kept, err := s.prepare(); err != nil {
		return inFrench(dir, err)
	} else if kept != "" {
		fmt.Fprintf(c.ErrOrStderr(), "les données abîmées du comptoir sont mises de côté : %s\n", kept)
	}
	facts, err := s.services.enrol(ctx, i, f.ca)
	if err != nil {
		return inFrench("", err)
	}
	if err := s.memory.register(ctx, facts); err != nil {
		ui.French.Report(c.ErrOrStderr(), inFrench(dir, err)) // the desk asks for it
	}
	out := c.OutOrStdout()
	who := "FINESS " + facts.FINESS
	if facts.Name != "" {
		who = facts.Name + ", " + who
	}
	fmt.Fprintf(out, "poste inscrit auprès de %s\u00a0: %s\n", i.address, who)
	fmt.Fprintf(out, "empreinte de l’opérateur\u00a0: %s\n", facts.Root)
	if i.root == "" {
		fmt.Fprintln(out, "la comparer avec celle que l’opérateur communique par un autre moyen")
	}
	followed, err := s.services.follow(ctx, facts.Published(), facts.Root)
	switch {
	case err != nil:
		ui.French.Report(c.ErrOrStderr(), inFrench(shown(facts.Published()), inSync(err)))
		fmt.Fprintf(out, "ses listes ne sont pas encore suivies\u00a0: comptoir sync --from %s\n", facts.Published())
	case followed:
		fmt.Fprintf(out, "ses listes sont suivies depuis %s\n", facts.Published())
	}
	return nil
}

func (f enrollFlags) removed(ctx context.Context, c *cobra.Command, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, mirror.BookName)); errors.Is(err, os.ErrNotExist) {
		return inFrench(dir, mirror.ErrNotEnrolled)
	}
	s := newShop(dir, silent)
	defer s.close()
	if err := s.memory.opened().RemoveEnrolment(ctx, f.remove); err != nil {
		return inFrench(dir, err)
	}
	fmt.Fprintln(c.OutOrStdout(), "poste désinscrit ; les listes continuent de répondre")
	return nil
}

// register answers the questions of the desk's first start with what the operator knows of the counter. Settings that can't be
// read stay as they are.
func (m *memory) register(ctx context.Context, facts liaison.Facts) error {
	old := counter.DefaultSettings()
	b, err := m.Settings(ctx)
	if err == nil && len(b) > 0 {
		old, err = counter.ParseSettings(b)
	}
	if err != nil {
		return err
	}
	if b, err = desk.Registered(old, desk.Proposal{FINESS: facts.FINESS, Profession: facts.Profession, Name: facts.Name}).Bytes(); err != nil {
		return err
	}
	return m.SaveSettings(ctx, b)
}

// begin uses up an invitation. The key is kept before anything is sent, so that nothing that is cut costs the invitation.
func (s *services) begin(ctx context.Context, i invited, ca string) (liaison.Facts, error) {
	book := s.memory.opened()
	all, err := book.Enrolments(ctx)
	if err != nil {
		return liaison.Facts{}, err
	}
	for _, e := range all {
		if i.root != "" && trust.SameFingerprint(e.Root, i.root) {
			return liaison.Facts{}, mirror.ErrEnrolled
		}
	}
	certificates, err := readCA(ca)
	if err != nil {
		return liaison.Facts{}, err
	}
	o := liaison.Options{Address: i.address, CA: certificates, Now: clock.Now}
	if o.Signer, err = book.BeginEnrolment(ctx, i.address, assertion.Kind); err != nil {
		return liaison.Facts{}, err
	}
	return liaison.Enrol(ctx, o, i.code, i.root)
}

// enrol is begin and finish.
func (s *services) enrol(ctx context.Context, i invited, ca string) (liaison.Facts, error) {
	facts, err := s.begin(ctx, i, ca)
	if err != nil {
		return liaison.Facts{}, err
	}
	if err := s.finish(ctx, i.address, ca, facts); err != nil {
		return liaison.Facts{}, err
	}
	return facts, nil
}

// follow follows the lists of the operator, unless they are already. Whatever the service says, only the repository of that
// fingerprint is.
func (s *services) follow(ctx context.Context, published, root string) (bool, error) {
	repos, err := s.lists.repositories(ctx)
	if err != nil {
		return false, err
	}
	for _, r := range repos {
		if trust.SameFingerprint(r.Fingerprint, root) {
			return false, nil
		}
	}
	_, err = s.sources.bring(ctx, strings.TrimRight(published, "/"), root, func(string, int64) {}, true, false)
	return err == nil, err
}
