// The first line of a roster: which column holds what, and clear words when it does not say.

package roster

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sceau/rights"
)

// column is the meaning of a fixed column; its text is the canonical header.
type column int

const (
	colAMC column = iota
	colAdherent
	colConvention
	colCSR
	colResponsable
	colDebut
	colFin
	colNIR
	colNom
	colPrenom
	colNaissance
	colRang
	colDebutBeneficiaire
	colFinBeneficiaire
	colNotes
	colAdresse1
	colAdresse2
	colAdresse3
	colAdresse4
	colCodePostal
	colVille
	colPays
	colMouvement
	fixedColumns // how many there are
)

// addressLines are the columns of what stands between the name and the postal code.
var addressLines = [rights.MaxAddressLines]column{colAdresse1, colAdresse2, colAdresse3, colAdresse4}

var columnNames = [fixedColumns]string{"amc", "adherent", "convention", "csr", "responsable", "debut", "fin", "nir", "nom",
	"prenom", "naissance", "rang", "debut_beneficiaire", "fin_beneficiaire", "notes", "adresse1", "adresse2", "adresse3", "adresse4", "code_postal", "ville",
	"pays", "mouvement"}

// otherNames are headers that insurers' systems write for some of the optional columns.
var otherNames = map[column]string{
	colAdresse1: "adresse|adresse ligne 1|ligne adresse 1|adr1|adresse ligne1", colAdresse2: "adresse ligne 2|ligne adresse 2|adr2|complément adresse|complément d'adresse",
	colAdresse3: "adresse ligne 3|ligne adresse 3|adr3", colAdresse4: "adresse ligne 4|ligne adresse 4|adr4", colCodePostal: "cp|code postal adresse",
	colVille: "commune|localité|ville adresse", colPays: "code pays|pays adresse", colMouvement: "mvt|code mouvement|type mouvement|type de mouvement|nature mouvement",
}

var requiredColumns = []column{colAMC, colAdherent, colDebut, colFin, colNom, colPrenom, colNaissance}

// FileError refuses a roster as a whole: before its first beneficiary, or where it turns out to be two files or encoded twice. Its text is French, with what to do.
type FileError struct {
	Code  string // stable, snake_case: empty, utf16, header_long, header_encoding, header_quotes, header_missing, …
	Cause string
}

// Error returns the cause.
func (e *FileError) Error() string { return e.Cause }

func fileError(code, format string, args ...any) error {
	return &FileError{code, fmt.Sprintf(format, args...)}
}

// header is a parsed first line.
type header struct {
	separator byte
	width     int               // columns
	at        [fixedColumns]int // position of each fixed column, -1 when absent
	names     []string          // canonical header by position
	domains   []domainColumn
}

// domainColumn is one guarantee column.
type domainColumn struct {
	at   int
	code string
}

// parseHeader reads the first line, decoded and without byte order mark.
func parseHeader(text []byte, codes *rights.Codes) (*header, error) {
	h := &header{separator: ';'}
	if bytes.Count(text, []byte(",")) > bytes.Count(text, []byte(";")) {
		h.separator = ','
	}
	for i := range h.at {
		h.at[i] = -1
	}
	cells, quotes := cut(nil, text, h.separator)
	if quotes != quotesFine {
		return nil, fileError("header_quotes", "la ligne d'en-tête a un guillemet mal placé : retirez-le")
	}
	if len(cells) > 1 && strings.TrimFunc(string(cells[len(cells)-1]), isBlank) == "" {
		return nil, fileError("header_empty_column", "la colonne %d n'a pas d'en-tête : nommez-la ou retirez-la", len(cells))
	}
	if len(cells) > MaxColumns {
		return nil, fileError("header_columns", "le fichier a %d colonnes, plus que les %d admises", len(cells), MaxColumns)
	}
	h.width = len(cells)
	var unknown []string
	for i, cell := range cells {
		name := string(cell)
		fixed := fixedColumn(name)
		code := strings.ToUpper(fold(name))
		switch {
		case fixed >= 0 && h.at[fixed] >= 0:
			return nil, fileError("header_duplicate", "la colonne %s figure deux fois : gardez-en une", columnNames[fixed])
		case fixed >= 0:
			h.at[fixed] = i
			h.names = append(h.names, columnNames[fixed])
		case !slices.Contains(codes.DomainCodes(), code):
			unknown = append(unknown, name)
		case slices.ContainsFunc(h.domains, func(d domainColumn) bool { return d.code == code }):
			return nil, fileError("header_duplicate", "la colonne %s figure deux fois : gardez-en une", code)
		default:
			h.domains = append(h.domains, domainColumn{i, code})
			h.names = append(h.names, code)
		}
	}
	var missing []string
	for _, c := range requiredColumns {
		if h.at[c] < 0 {
			missing = append(missing, columnNames[c])
		}
	}
	if len(missing) > len(requiredColumns)/2 { // not a header at all: show nothing of it, it may be a person
		if bytes.IndexByte(text, '\t') >= 0 && h.width == 1 {
			return nil, fileError("separator", "les colonnes sont séparées par des tabulations : enregistrez le fichier en CSV avec des points-virgules")
		}
		return nil, fileError("header_missing", "la première ligne n'est pas un en-tête reconnu : elle doit nommer les colonnes, dont %s", strings.Join(missing, ", "))
	}
	if len(unknown) > 0 {
		return nil, fileError("header_unknown", "colonne inconnue %s : %s", display(unknown[0]), hint(unknown[0], codes))
	}
	if len(missing) > 0 {
		return nil, fileError("header_required", "il manque la colonne %s : ajoutez-la", strings.Join(missing, ", la colonne "))
	}
	if missing := h.addressMissing(); missing != "" {
		return nil, fileError("header_required", "les colonnes d'adresse vont ensemble, il manque la colonne %s : ajoutez-la, ou retirez les autres", missing)
	}
	if len(h.domains) == 0 {
		return nil, fileError("header_no_domain", "aucune colonne de garantie : ajoutez une colonne par domaine, nommée par son code (PHAR, LABO…)")
	}
	return h, nil
}

// hasAddress says whether the file has columns of addresses.
func (h *header) hasAddress() bool {
	return slices.ContainsFunc([]column{colAdresse1, colAdresse2, colAdresse3, colAdresse4, colCodePostal, colVille, colPays}, func(c column) bool { return h.at[c] >= 0 })
}

// addressMissing names a column that the other columns of addresses need.
func (h *header) addressMissing() string {
	if !h.hasAddress() {
		return ""
	}
	for _, c := range []column{colAdresse1, colCodePostal, colVille} {
		if h.at[c] < 0 {
			return columnNames[c]
		}
	}
	return ""
}

// fixedColumn is the column of a header, or -1.
func fixedColumn(name string) int {
	if c, ok := foldedNames[fold(name)]; ok {
		return int(c)
	}
	return -1
}

var foldedNames = func() map[string]column {
	folded := map[string]column{}
	for c, name := range columnNames {
		folded[fold(name)] = column(c)
		for _, other := range strings.Split(otherNames[column(c)], "|") {
			if other != "" {
				folded[fold(other)] = column(c)
			}
		}
	}
	return folded
}()

// fold keeps what matters of a header: letters and digits, small, without accents.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFD.String(strings.ToValidUTF8(s, "?")))
}

func hint(name string, codes *rights.Codes) string {
	known := append(slices.Clone(columnNames[:]), codes.DomainCodes()...)
	best, distance := "", 0
	for _, k := range known {
		if d := editDistance(fold(name), fold(k)); best == "" || d < distance {
			best, distance = k, d
		}
	}
	if distance <= max(1, len(best)/3) {
		return fmt.Sprintf("vouliez-vous dire %s ?", best)
	}
	return fmt.Sprintf("la plus proche est %s ; retirez-la, ou ajoutez son code à la table des codes si c'est un domaine", best)
}

// display shows a header name safely: quoted, and short.
func display(name string) string {
	if runes := []rune(name); len(runes) > 30 {
		name = string(runes[:30]) + "…"
	}
	return fmt.Sprintf("%+q", name)
}

// editDistance is how many letters must change, appear or go to turn a into b.
func editDistance(a, b string) int {
	if len(a) > 60 {
		a = a[:60]
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

func isBlank(r rune) bool {
	return r == ' ' || r == '\t' || r == '\u00a0' || r == '\u202f'
}
