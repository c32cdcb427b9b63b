// The folder of an exposure: private, complete or not there.

package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"sceau/card/issuer"
	"sceau/card/pdf"
	"sceau/cmd/internal/ui"
	"sceau/offline/receipt"
	"sceau/rights"
)

const (
	unfinished       = ".unfinished" // behind the name of a folder that is being written
	lettersInAFolder = 1000
)

// exposureFiles writes people as they come, into a folder beside the one that is asked for, which takes its name at the end.
type exposureFiles struct {
	letterFacts
	out, dir  string
	reference string
	letters   int64
	people    *os.File
	mail      *os.File
	rows      *csv.Writer
	lines     *bufio.Writer
}

func newExposureFiles(out string, facts letterFacts) (*exposureFiles, error) {
	f := &exposureFiles{letterFacts: facts, out: filepath.Clean(out), dir: filepath.Clean(out) + unfinished}
	f.reference = "EXPO-" + f.at.Format("20060102-1504")
	err := os.Mkdir(f.dir, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil, ui.WithHint(fmt.Errorf("%s is there: an exposure was interrupted", f.dir), "it may hold names: look at nothing, remove it, and ask again")
	}
	if err != nil {
		return nil, err
	}
	if f.people, err = f.create("personnes.csv"); err == nil {
		f.mail, err = f.create("lettres.ndjson")
	}
	if err == nil {
		_, err = f.people.WriteString("\ufeff")
	}
	if err != nil {
		return nil, errors.Join(err, f.discard())
	}
	f.rows, f.lines = csv.NewWriter(f.people), bufio.NewWriter(f.mail)
	f.rows.Comma, f.rows.UseCRLF = ';', true
	err = f.rows.Write([]string{"Numéro", "Organisme", "N° d’adhérent", "Nom", "Prénom", "Naissance", "Rang", "Destinataire", "Mineur", "Lecture enregistrée", "À portée", "Incertain"})
	if err != nil {
		return nil, errors.Join(err, f.discard())
	}
	return f, nil
}

func (f *exposureFiles) create(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(f.dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// person takes one person: a row, a letter, and a line of the file for a mailing house.
func (f *exposureFiles) person(p issuer.Exposed) error {
	if f.contact == "" {
		return ui.WithHint(ui.Usage("there are letters to write, and they must say whom to call: --contact is missing"), "--contact \"Prénom Nom, 01 99 00 12 34\": the data protection officer, or whoever answers")
	}
	f.letters++
	minor := issuer.Minor(p.Birth, rights.DateAt(f.at))
	l := f.letterOf(p, fmt.Sprintf("%s-%07d", f.reference, f.letters), minor)
	yes := map[bool]string{true: "oui", false: "non"}
	row := []string{fmt.Sprintf("%07d", f.letters), p.InsurerName, p.Adherent, p.Nom, p.Prenom, p.Birth.French(), strconv.Itoa(p.Rang), l.To, yes[minor],
		dataList(p.Read), dataList(p.Could), yes[p.Unsure]}
	for i := range row {
		row[i] = receipt.Cell(row[i])
	}
	if err := f.rows.Write(row); err != nil {
		return err
	}
	folder := filepath.Join("lettres", fmt.Sprintf("%04d", (f.letters-1)/lettersInAFolder))
	if (f.letters-1)%lettersInAFolder == 0 {
		if err := os.MkdirAll(filepath.Join(f.dir, folder), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(f.dir, folder, fmt.Sprintf("%07d.txt", f.letters)), []byte(l.Text), 0o600); err != nil {
		return err
	}
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = f.lines.Write(append(b, '\n'))
	return err
}

// finish writes the report and closes everything.
func (f *exposureFiles) finish(r *exposureReport) error {
	r.reference, r.made = f.reference, f.at
	f.rows.Flush()
	err := errors.Join(f.rows.Error(), f.lines.Flush(), f.people.Sync(), f.mail.Sync())
	if err = errors.Join(err, f.people.Close(), f.mail.Close()); err != nil {
		return err
	}
	f.people, f.mail = nil, nil
	paper, err := r.paper()
	if err != nil {
		return err
	}
	for _, w := range []struct {
		name  string
		write func(*os.File) error
	}{
		{"rapport.pdf", func(out *os.File) error { return pdf.WritePaper(out, paper) }},
		{"rapport.json", func(out *os.File) error {
			enc := json.NewEncoder(out)
			enc.SetIndent("", "  ")
			enc.SetEscapeHTML(false)
			return enc.Encode(r.document())
		}},
	} {
		out, err := f.create(w.name)
		if err != nil {
			return err
		}
		if err := errors.Join(w.write(out), out.Sync(), out.Close()); err != nil {
			return err
		}
	}
	return nil
}

// publish gives the folder its name.
func (f *exposureFiles) publish() error {
	if err := os.Rename(f.dir, f.out); err != nil {
		return err
	}
	f.dir = ""
	return nil
}

// discard removes what has not got its name.
func (f *exposureFiles) discard() error {
	if f.dir == "" {
		return nil
	}
	for _, o := range []*os.File{f.people, f.mail} {
		if o != nil {
			o.Close()
		}
	}
	return os.RemoveAll(f.dir)
}
