// Errors in French, with a code for scripts and what to do.

package comptoir

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"

	"sceau/card/accord"
	"sceau/cmd/internal/ui"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/liaison"
	"sceau/offline/mirror"
	"sceau/offline/optic"
	"sceau/offline/receipt"
	"sceau/offline/refresh"
	"sceau/signing/trust"
)

// trouble is an error family in words. Code is stable.
type trouble struct{ code, what, todo string }

// deskTodos are the advice, by code, where what a terminal says names its commands or flags: the desk has neither.
var deskTodos = map[string]string{
	"claimed":      "prévenir les deux opérateurs ; oublier l’un des deux dépôts dans « Listes »",
	"enrolled":     "retirer d’abord l’inscription",
	"not_enrolled": "les inscriptions sont dans « Listes »",
	"not_followed": "les empreintes des dépôts suivis sont dans « Listes »",
	"damaged":      "mettre les listes à jour dans « Listes » ; si cela persiste, les suivre de nouveau",
	"timeout":      "rien à faire : un nouvel essai est prévu",
}

var troubles = []struct {
	family error
	trouble
}{
	{mirror.ErrClaimed, trouble{"claimed", "cet organisme est déjà suivi par un autre dépôt",
		"prévenir les deux opérateurs ; « comptoir forget » cesse de suivre un dépôt"}},
	{mirror.ErrNewer, trouble{"newer", "ce dossier a été écrit par une version plus récente du programme", "mettre le programme à jour"}},
	{mirror.ErrUnfinished, trouble{"unfinished", "ce dossier est en lecture seule et une mise à jour n’y est pas terminée",
		"l’ouvrir une fois en écriture, ou en refaire la copie"}},
	{mirror.ErrNotFollowed, trouble{"not_followed", "aucun dépôt suivi n’a cette empreinte", "« comptoir status » montre les empreintes"}},
	{mirror.ErrDamaged, trouble{"damaged", "les données de ce comptoir sont abîmées", "lancer « comptoir sync » ; « comptoir fsck » dit ce qui est abîmé"}},
	{refresh.ErrForgotten, trouble{"not_followed", "ce dépôt n’est plus suivi", "rien à faire"}},
	{refresh.ErrOtherRoot, trouble{"other_root", "la source porte un autre dépôt que celui attendu",
		"ne pas poursuivre : demander l’empreinte à l’organisme par un autre moyen"}},
	{refresh.ErrWrongInsurer, trouble{"wrong_insurer", "un organisme a signé des données d’un autre organisme",
		"prévenir l’opérateur ; la dernière liste vérifiée reste en service"}},
	{refresh.ErrShrunk, trouble{"shrunk", "une liste a perdu des fins de droits qu’elle annonçait, ou n’est plus publiée",
		"prévenir l’opérateur, lui seul peut le corriger ; la dernière liste vérifiée reste en service"}},
	{errFrozen, trouble{"frozen", "cette source ne donne plus de liste nouvelle",
		"essayer une autre source (internet, clé USB, confrère) et prévenir l’opérateur ; passé les délais de l’organisme, plus rien n’est garanti"}},
	{refresh.ErrContent, trouble{"content", "la source publie un fichier signé mais inacceptable",
		"prévenir l’opérateur, lui seul peut le corriger ; la dernière liste vérifiée reste en service"}},
	{errNotShare, trouble{"not_a_share", "il y a déjà autre chose à cet endroit, qui est laissé tel quel", "donner un dossier vide ou un autre nom"}},
	{errNewerShare, trouble{"newer_share", "ce qui s’y trouve est plus récent que les listes de ce poste", "mettre d’abord les listes de ce poste à jour depuis cet endroit"}},
	{trust.ErrMoved, trouble{"moved", "une autre synchronisation est en cours", "recommencer"}},
	{context.DeadlineExceeded, trouble{"timeout", "la source n’a pas répondu à temps", "recommencer, ou allonger --timeout"}},
	{context.Canceled, trouble{"canceled", "interrompu", "recommencer ; la dernière liste vérifiée reste en service"}},
	{mirror.ErrFull, trouble{"full", "le disque est plein", "libérer de la place, puis recommencer ; rien de ce qui était enregistré n’est perdu"}},
	{mirror.ErrReadOnly, trouble{"read_only", "ce dossier est en lecture seule", "vérifier les droits du dossier"}},
	{receipt.ErrNumber, trouble{"number", "ce n’est pas un numéro de preuve", "un numéro ressemble à K7QF-1042-M3TZ"}},
	{refresh.ErrTooSlow, trouble{"timeout", "la source n’a pas répondu à temps", "rien à faire : un nouvel essai est prévu"}},
	{refresh.ErrPanicked, trouble{"fault", "la synchronisation a échoué par une faute du programme", "prévenir l’éditeur ; la dernière liste vérifiée reste en service"}},
	{errWatch, trouble{"watch_folder", "ce dossier ne peut pas être surveillé", "donner le chemin complet d’un dossier qui existe, où le comptoir peut écrire, et qui n’est pas le sien"}},
	{mirror.ErrEnrolled, trouble{"enrolled", "ce poste est déjà inscrit auprès de cet opérateur", "« comptoir status » montre les inscriptions ; « comptoir enroll --remove » en retire une"}},
	{mirror.ErrNotEnrolled, trouble{"not_enrolled", "ce poste n’est pas inscrit auprès de cet opérateur", "« comptoir status » montre les inscriptions"}},
	{mirror.ErrEnrolmentKey, trouble{"enrolment_key", "la clé d’inscription de ce poste n’est plus lisible", "retirer l’inscription, puis inscrire le poste de nouveau avec une nouvelle invitation"}},
	{accord.ErrInvitation, trouble{"bad_invitation", "ce n’est pas une invitation, ou elle n’est pas entière", "scanner de nouveau l’invitation, ou donner l’adresse du service et le code"}},
	{liaison.ErrAddress, trouble{"service_address", "cette adresse de service ne peut pas servir", "donner une adresse https sans mot de passe ; http n’est admis que sur ce poste"}},
	{liaison.ErrCA, trouble{"service_ca", "ce fichier ne contient pas de certificats lisibles", "donner un fichier PEM"}},
	{syscall.ENOSPC, trouble{"full", "le disque est plein", "libérer de la place, puis recommencer ; rien de ce qui était enregistré n’est perdu"}},
	{os.ErrPermission, trouble{"permission", "accès refusé à ce fichier ou dossier", "vérifier ses droits"}},
}

// fileTroubles come after the families of package trust, which say more of a source.
var fileTroubles = []struct {
	family error
	trouble
}{
	{syscall.ENOTDIR, trouble{"not_a_folder", "ce n’est pas un dossier", "vérifier le chemin\u00a0: un dossier est attendu là où se trouve un fichier"}},
	{syscall.EISDIR, trouble{"is_a_folder", "c’est un dossier", "donner le chemin d’un fichier"}},
	{os.ErrNotExist, trouble{"no_such_file", "ce fichier ou dossier n’existe pas", "vérifier le chemin"}},
	{os.ErrExist, trouble{"file_exists", "ce fichier ou dossier existe déjà", "donner un autre nom, ou l’enlever d’abord"}},
}

// unknownAuthority has the code of every secure connection that did not come about, and says more.
var unknownAuthority = trouble{"tls", "le certificat du serveur est signé par une autorité que ce poste ne connaît pas",
	"vérifier l’adresse ; si l’opérateur a donné son certificat : « comptoir enroll … --ca FICHIER », qui vaut aussi pour ses listes"}

// failed is an error of no family.
var failed = trouble{"failed", "l’opération a échoué", "recommencer ; si cela persiste, prévenir l’éditeur"}

// duringSync marks an error of a synchronisation: where nobody knows more, the words speak of the lists.
type duringSync struct{ error }

func (d duringSync) Unwrap() error { return d.error }

func inSync(err error) error {
	if err == nil {
		return nil
	}
	return duringSync{err}
}

// pictureTroubles are why a picture gave no code.
var pictureTroubles = []struct {
	family error
	trouble
}{
	{optic.ErrNothing, trouble{"no_code", "aucun code n’a été trouvé dans ce fichier", "le numériser à plat à 200 points par pouce au moins, ou scanner la carte"}},
	{optic.ErrFormat, trouble{"not_a_picture", "ce fichier n’est ni un PDF ni une image lisible", "donner un fichier PNG, JPEG, GIF ou PDF"}},
	{optic.ErrLocked, trouble{"pdf_locked", "ce PDF est protégé par un mot de passe", "demander un fichier sans mot de passe, ou scanner la carte"}},
	{optic.ErrTooLarge, trouble{"too_large", "ce fichier est trop grand", "donner la page de la carte seule"}},
	{optic.ErrTimeout, trouble{"too_slow", "ce fichier n’a pas pu être lu à temps", "donner la page de la carte seule"}},
}

func pictureTrouble(err error) trouble {
	for _, t := range pictureTroubles {
		if errors.Is(err, t.family) {
			return t.trouble
		}
	}
	return trouble{"reader_failed", "la lecture des images ne fonctionne pas", "scanner la carte ; si cela persiste, réinstaller le programme"}
}

// pictureCode is the stable code of why a picture gave no code; "" when it gave one.
func pictureCode(err error) string {
	if err == nil {
		return ""
	}
	return pictureTrouble(err).code
}

// onlinePrefix is before the codes of a rights service's troubles, whose words package counter has.
const onlinePrefix = "online_"

// troubleOf names err's family, from this program's packages or from the trust repository's.
func troubleOf(err error) trouble {
	if code := liaison.CodeOf(err); code != "" {
		what, todo := counter.RescueWords(code, offline.French)
		var unknown x509.UnknownAuthorityError
		if errors.As(err, &unknown) {
			what, todo = unknownAuthority.what, unknownAuthority.todo
		}
		return trouble{onlinePrefix + code, what, todo}
	}
	if errors.Is(err, trust.ErrAuthority) {
		return unknownAuthority
	}
	for _, t := range troubles {
		if errors.Is(err, t.family) {
			return t.trouble
		}
	}
	e := trust.Explain(err)
	if e.Code == "internal" {
		for _, t := range fileTroubles {
			if errors.Is(err, t.family) {
				return t.trouble
			}
		}
		var d duringSync
		if !errors.As(err, &d) {
			return failed
		}
	}
	return trouble{e.Code, e.What, e.Todo}
}

// plain are the families whose sentence says all there is: technical words behind it help nobody.
var plain = []error{liaison.ErrService, liaison.ErrAddress, liaison.ErrCA, accord.ErrInvitation, mirror.ErrEnrolled, mirror.ErrNotEnrolled, refresh.ErrOtherRoot}

// worded is an error whose text is another's words.
type worded struct {
	text string
	err  error
}

func (w worded) Error() string { return w.text }
func (w worded) Unwrap() error { return w.err }

// inFrench puts what happened and what to do around err; the technical words stay behind, in brackets, where they may say more.
func inFrench(where string, err error) error {
	t := troubleOf(err)
	if where != "" {
		where += " : "
	}
	if slices.ContainsFunc(plain, func(family error) bool { return errors.Is(err, family) }) {
		return ui.WithHint(worded{where + t.what, err}, "%s", t.todo)
	}
	return ui.WithHint(fmt.Errorf("%s%s (%w)", where, t.what, err), "%s", t.todo)
}

// shown is a source as it may be shown: without the password that an address may hold.
func shown(spec string) string {
	if u, err := url.Parse(spec); err == nil && u.User != nil && strings.Contains(spec, "://") {
		return u.Redacted()
	}
	return spec
}
