// Exports of a journal: for a French spreadsheet, and for programs.

package receipt

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"sceau/offline"
	"sceau/rights"
)

// JSONSchema names the document that WriteJSON writes.
const JSONSchema = "sceau-journal-1"

// columns of WriteCSV.
var columns = []string{"Numéro", "Vérifié le (heure de Paris)", "Date des soins", "Domaine", "Bénéficiaire", "Verdict", "Motif", "Détail", "Depuis le", "Carte",
	"Clé de signature", "Liste", "Révision", "Liste publiée le", "Âge de la liste (heures)", "Politique", "Paiement promis jusqu’au", "Plafond (€)", "Mode", "Poste",
	"Entrée", "Empreinte de l’entrée", "Accord", "Réponse de l’organisme"}

// WriteCSV writes records for a French spreadsheet: RFC 4180 with ';' between cells, a byte order mark, and no cell that
// would be taken for a formula. It holds one record at a time. An error of the sequence or of w ends it.
func WriteCSV(w io.Writer, records iter.Seq2[Record, error]) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	c.Comma, c.UseCRLF = ';', true
	if err := c.Write(columns); err != nil {
		return err
	}
	for rec, err := range records {
		if err != nil {
			return err
		}
		if err := c.Write(cells(rec)); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func cells(rec Record) []string {
	r := rec.Receipt
	list, revision, age, person, ceiling := "", "", "", "", ""
	if r.List > 0 {
		list, revision = strconv.FormatUint(uint64(r.List), 10), strconv.FormatUint(r.Revision, 10)
		age = strconv.FormatInt(int64(r.Age/time.Hour), 10)
	}
	if r.Person > 0 {
		person = strconv.Itoa(r.Person)
	}
	if r.PayEuros > 0 {
		ceiling = strconv.Itoa(r.PayEuros)
	}
	row := []string{string(rec.Number), civil(rec.At), r.Care.String(), r.Domain, person, StatusWord(offline.French, r.Status), string(r.Reason), r.Detail,
		r.Since.String(), r.Card, r.KID, list, revision, civil(r.Published), age, r.Policy, civil(r.PayUntil), ceiling, r.Mode, rec.Device,
		strconv.FormatUint(rec.Seq, 10), hex.EncodeToString(rec.Hash[:]), string(r.Accord), AnswerWord(offline.French, rec.Settled.Answer)}
	for i := range row {
		row[i] = Cell(row[i])
	}
	return row
}

// Cell makes a text harmless in a spreadsheet: what begins like a formula gets an apostrophe first.
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func civil(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(rights.Paris()).Format("2006-01-02 15:04:05")
}

// recordText is one record of WriteJSON. receipt is the entry's body as it was hashed.
type recordText struct {
	Number  Number          `json:"number"`
	Device  string          `json:"device"`
	Entry   uint64          `json:"entry"`
	At      string          `json:"at"` // RFC 3339, UTC
	Hash    string          `json:"hash"`
	Receipt json.RawMessage `json:"receipt"`
	Settled *settledText    `json:"settled,omitempty"` // what a service answered for it
}

type settledText struct {
	Answer string `json:"answer"`           // honoured, disputed, noted
	Reason string `json:"reason,omitempty"` // code
	At     string `json:"at"`               // RFC 3339, UTC
}

// WriteJSON writes records as one document {"schema":"sceau-journal-1","records":[…]}, a record a line. It holds one record
// at a time. An error of the sequence or of w ends it, and leaves no whole document behind.
func WriteJSON(w io.Writer, records iter.Seq2[Record, error]) error {
	if _, err := io.WriteString(w, `{"schema":"`+JSONSchema+`","records":[`); err != nil {
		return err
	}
	sep := "\n"
	for rec, err := range records {
		if err != nil {
			return err
		}
		text := recordText{rec.Number, rec.Device, rec.Seq, rec.At.UTC().Format(time.RFC3339Nano), hex.EncodeToString(rec.Hash[:]), rec.Receipt.Body(), nil}
		if t := rec.Settled; t.Answer != "" {
			text.Settled = &settledText{t.Answer, t.Reason, t.At.UTC().Format(time.RFC3339)}
		}
		b, err := json.Marshal(text)
		if err != nil {
			return err
		}
		if _, err := w.Write(append([]byte(sep), b...)); err != nil {
			return err
		}
		sep = ",\n"
	}
	_, err := io.WriteString(w, "\n]}\n")
	return err
}
