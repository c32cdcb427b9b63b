// The file of --contracts: which contracts a campaign is for.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/cmd/internal/ui"
	"sceau/rights"
)

// maxNameLine bounds a line of the file: an AMC, a separator and a N° adhérent need 27 characters.
const maxNameLine = 256

// openInput opens a file, or stdin for "-".
func openInput(c *cobra.Command, name string) (io.Reader, func(), error) {
	if name == "-" {
		return c.InOrStdin(), func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, ui.Usage("%v", err)
	}
	return f, func() { f.Close() }, nil
}

// readContractNames reads one contract a line: "AMC;ADHERENT", or "ADHERENT" when only names the insurer. Empty lines and a byte order
// mark count for nothing. A fault names the line and the column, never what stands there. It reads at most
// issuer.MaxNamedContracts.
func readContractNames(r io.Reader, only string) ([]register.ContractKey, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, maxNameLine), maxNameLine)
	var out []register.ContractKey
	amcs := map[string]string{} // as written → key, so that a million lines share few texts
	n := 0
	bad := func(format string, args ...any) ([]register.ContractKey, error) {
		return nil, ui.WithHint(ui.Usage("--contracts, line %d: %s", n, fmt.Sprintf(format, args...)), "a line is AMC;ADHERENT, such as 775670482;0012345, or ADHERENT alone with one --insurer")
	}
	for lines.Scan() {
		n++
		b := bytes.TrimSuffix(lines.Bytes(), []byte("\r"))
		if n == 1 {
			b = bytes.TrimPrefix(b, []byte("\uFEFF"))
		}
		line := strings.TrimSpace(string(b))
		if line == "" {
			continue
		}
		if len(out) == issuer.MaxNamedContracts {
			return bad("more than %s contracts: select them by insurer, period or day of change", thousands(issuer.MaxNamedContracts))
		}
		amc, adherent, both := strings.Cut(line, ";")
		if !both {
			if only == "" {
				return bad("no insurer, and there are several")
			}
			amc, adherent = only, line
		}
		key, ok := amcs[amc]
		if !ok {
			parsed, err := rights.ParseAMC(strings.TrimSpace(amc))
			if err != nil {
				return bad("column 1 is no N° AMC")
			}
			key = parsed.Key()
			if len(amcs) < 1000 {
				amcs[strings.Clone(amc)] = key
			}
		}
		adherent = strings.TrimSpace(adherent)
		if rights.CheckAdherent(adherent) != nil {
			return bad("no N° adhérent: 1 to 16 of A-Z 0-9 - /")
		}
		out = append(out, register.ContractKey{Insurer: key, Adherent: strings.Clone(adherent)})
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		n++
		return bad("longer than %d characters", maxNameLine)
	} else if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, ui.Usage("--contracts names no contract")
	}
	return out, nil
}
