// What the screen says about each family of errors: French, never about the card.
package trust

import (
	"errors"
	"sort"
)

// Explanation is an error family in words for people. Code is stable, for
// scripts; What says what happened and Todo what to do, both in French.
type Explanation struct {
	Code string
	What string
	Todo string
}

var explanations = []struct {
	family error
	Explanation
}{
	{ErrMalformed, Explanation{"malformed", "un fichier reçu n’a pas la forme attendue", "recommencer ; si cela persiste, changer de source et prévenir l’opérateur"}},
	{ErrSignature, Explanation{"bad_signature", "un fichier reçu n’est pas signé comme il doit l’être", "ne plus utiliser cette source et prévenir l’opérateur ; la dernière liste valable reste en service"}},
	{ErrRollback, Explanation{"rollback", "la source donne une liste plus ancienne que celle de ce poste", "vérifier que la clé USB ou le miroir est à jour ; la liste de ce poste reste en service"}},
	{ErrForked, Explanation{"forked", "deux listes différentes portent le même numéro", "prévenir l’opérateur ; la liste de ce poste reste en service"}},
	{ErrFastForward, Explanation{"fast_forward", "la source annonce un numéro de version anormalement grand", "prévenir l’opérateur ; la dernière liste valable reste en service"}},
	// Before ErrMixed: a file that does not end where it was signed to is both.
	{ErrTooLarge, Explanation{"too_large", "un fichier reçu est plus gros que ce qui est permis", "changer de source et prévenir l’opérateur"}},
	{ErrMixed, Explanation{"mixed", "les fichiers reçus ne vont pas ensemble, ou l’un d’eux est abîmé", "recommencer dans quelques minutes, ou recopier la clé USB en entier"}},
	{ErrExpiredAtPublication, Explanation{"expired_at_publication", "l’opérateur a publié avec une signature périmée", "prévenir l’opérateur, lui seul peut publier de nouveau"}},
	{ErrMissingPublished, Explanation{"missing_published", "la liste reçue ne porte pas sa date de publication", "prévenir l’opérateur"}},
	{ErrFromFuture, Explanation{"from_future", "la liste reçue est datée du futur par rapport à l’horloge de ce poste", "mettre ce poste à l’heure puis recommencer"}},
	{ErrUnsafePath, Explanation{"unsafe_path", "la source contient un nom de fichier interdit", "ne plus utiliser cette source et prévenir l’opérateur"}},
	{ErrScope, Explanation{"out_of_scope", "un organisme a signé pour un autre que lui-même", "prévenir l’opérateur ; la dernière liste valable reste en service"}},
	{ErrTooManyRoots, Explanation{"too_many_roots", "ce poste a trop de changements de clés de retard", "ajouter de nouveau le dépôt de cet opérateur avec son empreinte actuelle"}},
	{ErrUnreachable, Explanation{"unreachable", "la source des listes ne répond pas", "vérifier le réseau, l’adresse ou la clé USB ; la vérification continue avec la dernière liste"}},
	{ErrNotRepository, Explanation{"not_a_repository", "ce qui répond n’est pas un dépôt de listes", "ouvrir la page de connexion du réseau s’il en a une, ou corriger l’adresse"}},
	{ErrForbidden, Explanation{"forbidden", "le serveur refuse l’accès aux listes", "demander l’accès à l’opérateur ou corriger l’adresse"}},
	{ErrProxy, Explanation{"proxy", "le serveur mandataire demande un mot de passe", "voir le réglage du mandataire avec l’informaticien"}},
	{ErrTLS, Explanation{"tls", "la connexion sécurisée n’a pas pu être établie", "vérifier la date et l’heure du poste, puis l’adresse"}},
	{ErrRedirect, Explanation{"redirect", "le serveur renvoie vers une autre machine", "ouvrir la page de connexion du réseau s’il en a une, ou corriger l’adresse"}},
	{ErrInterrupted, Explanation{"interrupted", "le transfert s’est arrêté avant la fin", "recommencer"}},
	{ErrBadSource, Explanation{"bad_source", "cette source de listes n’est pas utilisable", "indiquer une adresse http(s), un dossier ou un fichier .zip publié par l’opérateur"}},
	{ErrNoSigner, Explanation{"no_signer", "une clé de signature nécessaire n’est pas disponible", "déverrouiller ou brancher la clé de ce rôle puis recommencer"}},
	{ErrWrongKey, Explanation{"wrong_key", "la clé présentée n’est pas celle de ce rôle", "présenter la clé du rôle indiqué"}},
	{ErrClockBackwards, Explanation{"clock_backwards", "l’horloge est en retard sur la dernière publication", "mettre la machine à l’heure puis recommencer"}},
	{ErrStaleDraft, Explanation{"stale_draft", "ce projet de racine ne suit pas la racine en vigueur", "préparer un nouveau projet à partir de la racine en vigueur"}},
	{ErrInsurerExists, Explanation{"insurer_exists", "cet organisme existe déjà avec d’autres clés", "garder ses clés, ou faire un remplacement de clés"}},
	{ErrNotFound, Explanation{"not_found", "un fichier attendu manque dans la source", "vérifier que la copie est complète ou que l’adresse est la bonne"}},
}

// Explain gives the words for err's family; an error of no family of this
// package gets the code "internal".
func Explain(err error) Explanation {
	for _, e := range explanations {
		if errors.Is(err, e.family) {
			return e.Explanation
		}
	}
	return Explanation{"internal", "la mise à jour des listes a échoué", "recommencer ; la dernière liste valable reste en service"}
}

// Codes lists every code that Explain can give, sorted.
func Codes() []string {
	codes := []string{"internal"}
	for _, e := range explanations {
		codes = append(codes, e.Code)
	}
	sort.Strings(codes)
	return codes
}
