// The printed receipt, « attestation »: one page of its title, headline, rows and small print.

package receipt

import (
	"io"

	"sceau/card/pdf"
	"sceau/offline"
)

var tones = map[offline.Status]pdf.Tone{offline.Valid: pdf.ToneOpen, offline.Reserve: pdf.ToneReserve, offline.Refused: pdf.ToneRefused, offline.Unknown: pdf.ToneUnknown}

// WritePDF draws the printed receipt of one check. The same record gives the same bytes.
func WritePDF(w io.Writer, lang offline.Language, r Record, who Counter) error {
	said := r.Receipt.Verdict().Words(lang)
	a := pdf.Attestation{Language: string(lang), Title: Title(lang, r), Word: said.Headline, Tone: tones[r.Receipt.Status], Meaning: said.Meaning, Small: SmallPrintOf(lang, r)}
	for _, row := range Lines(lang, r, said.Headline, who) {
		a.Rows = append(a.Rows, pdf.AttestationRow(row))
	}
	return pdf.Attest(w, a)
}
