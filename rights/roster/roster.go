// Package roster reads insurers' files (CSV, one line a beneficiary) as a stream: whole contracts or none, and for every
// line left out its number, its column and its cause. FORMAT.md beside it describes the one layout it reads and writes.
package roster

import (
	"bufio"
	"bytes"
	"hash/maphash"
	"io"

	"sceau/rights"
)

// Options say by what a roster is judged. The zero value is useful.
type Options struct {
	// Codes are the domain and convention tables. Nil means rights.DefaultCodes.
	Codes *rights.Codes

	// Insurers reports whether a N° AMC (its rights.AMC.Key) is one of the operator's. Nil accepts all.
	Insurers func(key string) bool

	// Delta admits the column mouvement: contracts created or changed, and closures, which are contracts without beneficiaries
	// whose To is their last day. Without it that column refuses the file.
	Delta bool

	// OnReject receives each reject in the order of the lines; its error stops the reading. Nil keeps all in memory,
	// for Rejects.
	OnReject func(Reject) error
}

// Lines are the physical line numbers of a contract's beneficiaries, in the same order.
type Lines []int

// Stats count what was read so far. Lines is the sum of Blank, Accepted and Rejected once Next has returned io.EOF.
type Stats struct {
	Lines     int // behind the header
	Blank     int // empty, or separators only: not counted as faults
	Accepted  int // lines of the contracts that Next returned
	Rejected  int // lines with at least one reject
	Contracts int // returned by Next
	Closures  int // of which closures
	Refused   int // runs of lines that made a contract and were left out
}

// Reader reads one roster. It is not for several goroutines.
type Reader struct {
	o       Options
	lines   lines
	decoder decoder
	header  *header
	text    []byte // of the header
	open    bool   // the last line has no end
	rejects []Reject
	stats   Stats
	err     error // sticky

	row     row          // the line in hand
	current *block       // the contract whose lines are being read
	suspect int          // number of an unreadable line that may belong to the next contract, or 0
	seen    seenKeys     // contracts met so far
	seed    maphash.Seed // of their hashes: nobody can prepare a collision

	insurer  knownInsurer // the last N° AMC met
	cells    map[string]*parsedCell
	domainOK []bool      // by header.domains: in force at domainAt
	domainAt rights.Date //
	raw      []byte      // copy of a line with quotes, which cut changes
	facts    []byte      // contract-level cells of the line in hand
	factsAt  []column    // those that the file has

	values, lastValues []byte // guarantee cells of the line in hand and of the last one judged
}

// Read detects the encoding and the separator and checks the header. A *FileError refuses the file as a whole; other
// errors are those of rd.
func Read(rd io.Reader, o Options) (*Reader, error) {
	if o.Codes == nil {
		o.Codes = rights.DefaultCodes()
	}
	r := &Reader{o: o, seed: maphash.MakeSeed(), cells: map[string]*parsedCell{}}
	r.lines.r = bufio.NewReaderSize(rd, bufferSize)
	r.row.reader = r
	r.insurer.err = rights.ErrAMC
	first, err := r.lines.next()
	if err == io.EOF {
		return nil, fileError("empty", "le fichier est vide")
	}
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(first.text, []byte("\xff\xfe")) || bytes.HasPrefix(first.text, []byte("\xfe\xff")) {
		return nil, fileError("utf16", "le fichier est en UTF-16 : réenregistrez-le en CSV UTF-8")
	}
	if err := notText(first.text); err != nil {
		return nil, err
	}
	text := first.text
	if rest, ok := bytes.CutPrefix(text, []byte("\ufeff")); ok {
		text = rest
		r.decoder = decoder{encoding: UTF8BOM, decided: true}
	}
	if first.long {
		return nil, fileError("header_long", "la première ligne dépasse %d octets : vérifiez les fins de ligne du fichier", MaxLine)
	}
	text, ok := r.decoder.decode(text, &r.lines)
	if !ok {
		return nil, fileError("header_encoding", "la ligne d'en-tête n'est lisible ni en UTF-8 ni en Windows-1252 : réenregistrez le fichier en CSV UTF-8")
	}
	if r.decoder.fault != nil {
		return nil, r.decoder.fault
	}
	if bytes.IndexByte(text, '\r') >= 0 {
		return nil, fileError("line_ends", "les fins de ligne sont des CR seuls : réenregistrez le fichier avec des fins de ligne CRLF ou LF")
	}
	if r.header, err = parseHeader(text, o.Codes); err != nil {
		return nil, err
	}
	if r.header.at[colMouvement] >= 0 && !o.Delta {
		return nil, fileError("delta", "le fichier a une colonne mouvement : c'est un fichier de différences, à importer comme tel, ou retirez la colonne")
	}
	r.text, r.open = bytes.Clone(text), first.open
	for _, c := range factColumns {
		if r.header.at[c] >= 0 {
			r.factsAt = append(r.factsAt, c)
		}
	}
	r.domainOK = make([]bool, len(r.header.domains))
	return r, nil
}

// notText refuses what only looks like a roster by its name.
func notText(first []byte) error {
	switch nuls := bytes.Count(first, []byte{0}); {
	case bytes.HasPrefix(first, []byte("\x1f\x8b")):
		return fileError("compressed", "le fichier est compressé (gzip) : décompressez-le d'abord")
	case bytes.HasPrefix(first, []byte("PK\x03\x04")):
		return fileError("compressed", "le fichier est un classeur ou une archive ZIP : enregistrez la feuille en CSV UTF-8")
	case nuls > len(first)/3:
		return fileError("utf16", "le fichier est en UTF-16 : réenregistrez-le en CSV UTF-8")
	case nuls > 0:
		return fileError("binary", "la première ligne contient des octets nuls : le fichier est abîmé ou n'est pas un CSV, demandez-le de nouveau")
	}
	return nil
}

// Encoding returns the encoding found; while only ASCII has been met, UTF8.
func (r *Reader) Encoding() Encoding { return r.decoder.encoding }

// Separator returns ';' or ','.
func (r *Reader) Separator() byte { return r.header.separator }

// HasAddresses says whether the file has columns of addresses: one without says nothing about them.
func (r *Reader) HasAddresses() bool { return r.header.hasAddress() }

// Open says, once the file was read to its end, whether its last line lacks its end: that is lawful, and also how a file looks that
// was cut short.
func (r *Reader) Open() bool { return r.open }

// Has says whether the file read so far names a contract (its rights.AMC.Key and N° adhérent), refused ones included. It may say
// yes of another one, once in 10¹⁶ questions for a file of the largest size.
func (r *Reader) Has(insurer, adherent string) bool {
	_, found := r.seen.find(r.hash(insurer, adherent))
	return found
}

// Domains returns the codes of the guarantee columns in the order of the file.
func (r *Reader) Domains() []string {
	var codes []string
	for _, d := range r.header.domains {
		codes = append(codes, d.code)
	}
	return codes
}

// Rejects returns the rejects so far, in the order of the lines; none when Options.OnReject takes them.
func (r *Reader) Rejects() []Reject { return r.rejects }

// Stats returns the counts so far.
func (r *Reader) Stats() Stats { return r.stats }

// Next returns the next contract without fault, in the order of the file, with the numbers of its lines; io.EOF at the
// end. Contracts with a fault are passed over, and every one of their lines has a reject. Guarantee maps may be shared by
// the beneficiaries of a contract, and the circuits of guarantees by several contracts: they must not be changed.
func (r *Reader) Next() (rights.Contract, Lines, error) {
	for r.err == nil {
		var done *block
		r.err = r.row.read()
		switch r.err {
		case nil:
			done, r.err = r.place()
		case io.EOF:
			done, r.current = r.current, nil
		}
		if done == nil || (r.err != nil && r.err != io.EOF) {
			continue
		}
		if done.cause != 0 {
			r.stats.Refused++
			continue
		}
		r.stats.Contracts++
		if len(done.contract.Beneficiaries) == 0 {
			r.stats.Closures++
		}
		r.stats.Accepted += len(done.lines)
		return done.contract, done.lines, nil
	}
	return rights.Contract{}, nil, r.err
}

// reject reports one fault of a line.
func (r *Reader) reject(f Reject) error {
	if r.o.OnReject != nil {
		return r.o.OnReject(f)
	}
	r.rejects = append(r.rejects, f)
	return nil
}
