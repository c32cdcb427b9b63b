// What a card costs to issue in a print run, and what the parts cost beside peers.

package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"sceau/card"
	"sceau/card/pdf"
	"sceau/card/qr"
	"sceau/fixtures/gen"
	"sceau/rights"
	"sceau/signing"
)

const (
	runCards   = 1000
	cardLimit  = 16  // raw signatures that a card may cost
	coresLimit = 1.8 // times as fast on two cores as on one
)

// household sizes of the print run, in turn.
var sizes = []int{1, 3, 6}

func insurerFor(s *signing.Signer) *card.Insurer {
	key := s.Public()
	key.Owner = "775670482"
	return &card.Insurer{AMC: "775670482", Name: "Mutuelle Exemple", PhoneMembers: "01 00 00 00 00", CardKeys: []*signing.PublicKey{key}}
}

func (b *bench) issue() error {
	signer, private, err := newSigner()
	if err != nil {
		return err
	}
	insurer, codes, printer := insurerFor(signer), rights.DefaultCodes(), qr.NewPrinter()
	households := make([]rights.Contract, runCards)
	for i := range households {
		households[i] = gen.Household(uint64(i), sizes[i%len(sizes)])
		households[i].Insurer = insurer.AMC
	}
	var bytesOut int64
	whole := func() error {
		run, err := pdf.NewRun(pdf.LayoutA4, nil)
		if err != nil {
			return err
		}
		for i, c := range households {
			token, claims, err := seal(signer, c, place(i), at)
			if err != nil {
				return err
			}
			symbol, err := printer.Encode(token.CodeText())
			if err != nil {
				return err
			}
			if err := run.Add(pdf.Sheet{Claims: claims, Symbol: symbol, Insurer: insurer, Codes: codes}); err != nil {
				return err
			}
		}
		bytesOut, err = run.WriteTo(io.Discard)
		return err
	}
	raw := func() error {
		for i := range runCards {
			digest := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
			if _, err := ecdsa.SignASN1(rand.Reader, private, digest[:]); err != nil {
				return err
			}
		}
		return nil
	}
	signOnly := func() error {
		for i, c := range households {
			if _, _, err := seal(signer, c, place(i), at); err != nil {
				return err
			}
		}
		return nil
	}
	if err := whole(); err != nil { // plans and fonts are read once
		return err
	}
	t, err := interleaved(5, whole, raw, signOnly)
	if err != nil {
		return err
	}
	perCard, perSign := t[0]/runCards, t[1]/runCards
	b.add("issue a card: sign, verify it, symbol, page of a 1,000-card PDF", us(perCard), "one ecdsa.Sign, "+us(perSign), perCard/perSign, cardLimit)
	b.add("of which claims, DEFLATE, signature, verification", us(t[2]/runCards), "one ecdsa.Sign, "+us(perSign), t[2]/runCards/perSign, 0)
	b.add("disk for a card in that PDF", fmt.Sprintf("%d bytes", bytesOut/runCards), "3,000 bytes", float64(bytesOut)/runCards/3000, 1)
	return b.cores(signer, insurer, households)
}

// cores has two workers issue and draw half of the cards each, on one core and on two in turn. It is the one figure of time on
// the wall: what else runs on the machine shows.
func (b *bench) cores(signer *signing.Signer, insurer *card.Insurer, households []rights.Contract) error {
	if runtime.NumCPU() < 2 {
		return errors.New("two cores are needed to measure what the second one brings")
	}
	codes := rights.DefaultCodes()
	half := func(from, to int) error {
		printer := qr.NewPrinter()
		run, err := pdf.NewRun(pdf.LayoutA4, nil)
		if err != nil {
			return err
		}
		for i, c := range households[from:to] {
			token, claims, err := seal(signer, c, place(from+i), at)
			if err != nil {
				return err
			}
			symbol, err := printer.Encode(token.CodeText())
			if err != nil {
				return err
			}
			if err := run.Add(pdf.Sheet{Claims: claims, Symbol: symbol, Insurer: insurer, Codes: codes}); err != nil {
				return err
			}
		}
		_, err = run.WriteTo(io.Discard)
		return err
	}
	on := func(cores int) (time.Duration, error) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		errs := make([]error, 2)
		start := time.Now()
		var wg sync.WaitGroup
		for n := range errs {
			wg.Go(func() { errs[n] = half(n*runCards/2, (n+1)*runCards/2) })
		}
		wg.Wait()
		return time.Since(start), errors.Join(errs...)
	}
	var faster []float64
	for range 9 {
		one, err := on(1)
		if err != nil {
			return err
		}
		two, err := on(2)
		if err != nil {
			return err
		}
		faster = append(faster, float64(one)/float64(two))
	}
	times := median(faster)
	b.add("issue a card: 1 to 2 cores, two workers, time on the wall", fmt.Sprintf("%.2f × as fast", times), fmt.Sprintf("%.1f ×", coresLimit), coresLimit/times, 1)
	return nil
}

// peers sets the parts beside programs that others wrote.
func (b *bench) peers() error {
	signer, _, err := newSigner()
	if err != nil {
		return err
	}
	var texts []string
	for i := range 100 {
		token, _, err := seal(signer, gen.Household(uint64(i), 3), place(i), at)
		if err != nil {
			return err
		}
		texts = append(texts, token.CodeText())
	}
	printer := qr.NewPrinter()
	all := func(encode func(string) (*qr.Matrix, error)) func() error {
		return func() error {
			for _, text := range texts {
				if _, err := encode(text); err != nil {
					return err
				}
			}
			return nil
		}
	}
	t, err := interleaved(5, all(printer.Encode), all(qr.Encode))
	if err != nil {
		return err
	}
	n := float64(len(texts))
	b.add("symbol of a print run", us(t[0]/n), "skip2/go-qrcode, "+us(t[1]/n), t[0]/t[1], 0)
	var times, starts []float64
	for _, text := range texts {
		for _, ask := range []struct {
			text string
			into *[]float64
		}{{text, &times}, {"1", &starts}} {
			p, err := measure(0, "", "qrencode", "-l", "M", "-t", "ASCII", "-o", os.DevNull, ask.text)
			if err != nil {
				return missing(err)
			}
			*ask.into = append(*ask.into, float64(p.cpu))
		}
	}
	encode := median(times) - median(starts)
	b.add("symbol of a print run", us(t[0]/n), "qrencode, less what it takes for one character (process start): "+us(encode), t[0]/n/encode, 0)
	if err := b.zbar(texts, printer); err != nil {
		return err
	}
	return b.reportlab(t[0]/n, encode)
}

// missing says what to do about a peer that can't be run: a table without it would pass for the whole.
func missing(err error) error { return fmt.Errorf("%w: run scripts/setup test", err) }

// zbar reads what the print run drew, with a reader that we did not write.
func (b *bench) zbar(texts []string, printer *qr.Printer) error {
	if _, err := exec.LookPath("zbarimg"); err != nil {
		return missing(err)
	}
	read := 0
	for i, text := range texts {
		m, err := printer.Encode(text)
		if err != nil {
			return err
		}
		name := filepath.Join(b.tmp, fmt.Sprintf("%d.png", i))
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		if err := m.PNG(f, 4); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		out, err := exec.Command("zbarimg", "--quiet", "--raw", name).Output()
		if err == nil && strings.TrimSpace(string(out)) == text {
			read++
		}
	}
	b.add("symbols of a print run that zbarimg reads", fmt.Sprint(read), fmt.Sprint(len(texts), " drawn"), float64(len(texts))/float64(max(read, 1)), 1)
	return nil
}

// reportlab draws as many pages of the same kind in Python. What a symbol costs us and qrencode was measured before.
func (b *bench) reportlab(symbol, qrencode float64) error {
	const pages = 200
	script := "card/pdf/testdata/peer_reportlab.py"
	if err := exec.Command("/usr/bin/python3", "-c", "import reportlab").Run(); err != nil {
		return missing(fmt.Errorf("reportlab: %w", err))
	}
	var times []float64
	for range 3 {
		one, err := measure(0, "", "/usr/bin/python3", script, "1", os.DevNull)
		if err != nil {
			return err
		}
		many, err := measure(0, "", "/usr/bin/python3", script, fmt.Sprint(pages+1), os.DevNull)
		if err != nil {
			return err
		}
		times = append(times, float64(many.cpu-one.cpu)/pages)
	}
	signer, _, err := newSigner()
	if err != nil {
		return err
	}
	insurer, codes, printer := insurerFor(signer), rights.DefaultCodes(), qr.NewPrinter()
	var sheets []pdf.Sheet
	for i := range pages { // the same sizes in turn as the script's
		token, claims, err := seal(signer, gen.Household(uint64(i), sizes[i%len(sizes)]), place(i), at)
		if err != nil {
			return err
		}
		symbol, err := printer.Encode(token.CodeText())
		if err != nil {
			return err
		}
		claims.Issuer = insurer.AMC
		sheets = append(sheets, pdf.Sheet{Claims: claims, Symbol: symbol, Insurer: insurer, Codes: codes})
	}
	t, err := interleaved(5, func() error {
		run, err := pdf.NewRun(pdf.LayoutA4, nil)
		if err != nil {
			return err
		}
		for _, s := range sheets {
			if err := run.Add(s); err != nil {
				return err
			}
		}
		_, err = run.WriteTo(io.Discard)
		return err
	})
	if err != nil {
		return err
	}
	b.add("page of a print run, 1, 3 and 6 people in turn", us(t[0]/pages), "reportlab, "+us(median(times)), t[0]/pages/median(times), 0)
	ours, theirs := t[0]/pages+symbol, median(times)+qrencode
	b.add("that page and its symbol", us(ours), "reportlab and qrencode, "+us(theirs), ours/theirs, 0)
	return nil
}
