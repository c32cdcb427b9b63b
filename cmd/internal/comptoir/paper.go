// receipt, calibrate: what the counter prints.

package comptoir

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sceau/card/qr"
	"sceau/cmd/internal/ui"
	"sceau/offline"
	"sceau/offline/mirror"
	"sceau/offline/receipt"
	"sceau/offline/scan"
)

func newReceipt() *cobra.Command {
	var out, lang string
	c := &cobra.Command{
		Use:   "receipt [DOSSIER] NUMÉRO --out FICHIER.pdf",
		Short: "Écrit l’attestation d’une vérification, en PDF",
		Long: `Écrit l’attestation d’une vérification sur une page A4. Elle ne contient ni nom, ni numéro d’adhérent, ni NIR.

    $ comptoir receipt ./counter K7QF-2-M3TZ --out preuve.pdf
    attestation écrite dans preuve.pdf`,
		Args: ui.Args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if err := noDrill(); err != nil {
				return err
			}
			dir, number, err := numberArgs(c, args)
			if err != nil {
				return err
			}
			if out == "" {
				return ui.WithHint(ui.Usage("où écrire l’attestation ?"), "--out preuve.pdf")
			}
			l := offline.Language(lang)
			if l != offline.French && l != offline.English {
				return ui.Usage("--lang %q : fr ou en", lang)
			}
			return withBook(dir, func(b *mirror.Book) error {
				r, err := find(c.Context(), b, dir, number)
				if err != nil {
					return err
				}
				m := newMemory(dir)
				defer m.Close()
				s := m.settings(c.Context())
				if err := writeOut(out, func(w io.Writer) error {
					return receipt.WritePDF(w, l, r, receipt.Counter{Name: s.Name, FINESS: s.FINESS})
				}); err != nil {
					return inFrench(out, err)
				}
				fmt.Fprintf(c.OutOrStdout(), "attestation écrite dans %s\n", out)
				return nil
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "`FICHIER`fichier PDF à écrire")
	c.Flags().StringVar(&lang, "lang", "fr", "`LANGUE`langue : fr ou en")
	return c
}

func newCalibrate() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "calibrate --out FICHIER",
		Short: "Écrit le code qui apprend au comptoir le clavier de la douchette",
		Long: `Écrit le code d’étalonnage, en SVG ou en PNG. Le scanner une fois dans la page d’étalonnage du comptoir lui apprend une disposition
de clavier qu’il ne connaît pas.

    $ comptoir calibrate --out etalonnage.svg
    code d’étalonnage écrit dans etalonnage.svg`,
		Args: ui.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			m, err := qr.Encode(scan.CalibrationText())
			if err != nil {
				return err
			}
			write := map[string]func(io.Writer) error{".svg": m.SVG, ".png": func(w io.Writer) error { return m.PNG(w, calibrationDots) }}[strings.ToLower(filepath.Ext(out))]
			if write == nil {
				return ui.WithHint(ui.Usage("--out %q : un fichier .svg ou .png", out), "--out etalonnage.svg")
			}
			if err := writeOut(out, write); err != nil {
				return inFrench(out, err)
			}
			fmt.Fprintf(c.OutOrStdout(), "code d’étalonnage écrit dans %s\n", out)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "`FICHIER`fichier .svg ou .png à écrire")
	return c
}

// calibrationDots is the size of a module: 8 cm on paper at 300 points per inch, and easily read from a screen.
const calibrationDots = 12

// writeOut puts a file in place whole, or not at all.
func writeOut(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return writePrivate(name, b.Bytes())
}
