// What a drill counts, what each figure must be, and the controls that can be left out.

package main

import "fmt"

// drillFigure is one line of the table.
type drillFigure struct {
	Act   string `json:"act"` // "" for the head of the table
	Code  string `json:"code"`
	Value int64  `json:"value"`
	Of    int64  `json:"of,omitempty"`   // out of how many; 0: none
	Unit  string `json:"unit,omitempty"` // cents, seconds; "" for a count
	Want  string `json:"want,omitempty"` // rule: "=N", ">0", "=of"; "" for a figure that only informs
	words [2]string
}

// drillFault is a figure that is not what it must be.
type drillFault struct {
	Code  string `json:"code"`
	Value int64  `json:"value"`
	Want  string `json:"want"`
	Note  string `json:"note,omitempty"` // the first of what was wrong
}

// off says whether a figure breaks its rule.
func (f drillFigure) off() bool {
	switch f.Want {
	case "":
		return false
	case ">0":
		return f.Value <= 0
	case "=of":
		return f.Value != f.Of
	case "<of":
		return f.Value >= f.Of
	}
	return f.Want != fmt.Sprintf("=%d", f.Value)
}

// figure adds a line.
func (w *drillWorld) figure(act, code string, value, of int64, want, french, english string) {
	w.figures = append(w.figures, drillFigure{Act: act, Code: code, Value: value, Of: of, Want: want, words: [2]string{french, english}})
}

// unit says what the last figure counts.
func (w *drillWorld) unit(u string) { w.figures[len(w.figures)-1].Unit = u }

// faults are the figures that are off.
func (w *drillWorld) faults() []drillFault {
	out := []drillFault{}
	for _, f := range w.figures {
		if f.off() {
			out = append(out, drillFault{f.Code, f.Value, f.Want, w.notes[f.Code]})
		}
	}
	return out
}

// note keeps the first example of what makes a figure wrong.
func (w *drillWorld) note(code, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.notes[code] == "" {
		w.notes[code] = fmt.Sprintf(format, args...)
	}
}

// drillControl is what can be left out, and the figures that it protects.
type drillControl struct {
	name            string
	french, english string
	protects        []string
}

var drillControls = []drillControl{
	{"suspension", "le compte qui harcèle le service est rétabli chaque fois qu’il est suspendu",
		"a counter that is suspended for what it asks is restored each time", []string{"exposed", "stolen_read"}},
	{"stick", "aucune clé USB n’est portée aux comptoirs sans réseau", "nobody carries a stick to counters without a network",
		[]string{"wrong", "ended_refused", "outage_wrong", "forged_after", "forged_wrong", "mirror_wrong", "notice", "unpaid"}},
	{"mirrors", "un seul miroir, celui qui est pris", "one mirror only, the one that is taken over", []string{"wrong", "mirror_moved", "mirror_wrong", "forged_wrong"}},
	{"issued-list", "la clé copiée reste en service (l’autre choix, la tuer, ferait réimprimer toutes les cartes)", "the stolen key stays in use (the other choice, to end it, would have all cards printed again)",
		[]string{"wrong", "forged_after", "forged_wrong", "unpaid"}},
	{"journal", "les comptoirs ne gardent pas leur journal", "counters don't keep their journal", []string{"unpaid", "settled"}},
	{"notices", "aucun message signé n’est publié", "no signed notice is published", []string{"notice"}},
}

func controlNamed(name string) *drillControl {
	for i := range drillControls {
		if drillControls[i].name == name {
			return &drillControls[i]
		}
	}
	return nil
}
