// Every bound on what a contract may hold, with its reason.

package rights

const (
	// MaxAMC is the longest N° AMC in characters: 8 to 10 digits are in use.
	MaxAMC = 10

	// MaxAdherent is the longest N° adhérent in characters: 8 in the Vitale world, about 15 on cards.
	MaxAdherent = 16

	// MaxCSR is the longest critère secondaire de routage in characters.
	MaxCSR = 8

	// MaxConventions bounds the types de convention of a contract; a card shows one to three.
	MaxConventions = 6

	// MaxCircuits bounds the circuits of one guarantee; two are seen on real cards.
	MaxCircuits = 4

	// MaxBeneficiaries is the number of people of one contract; the grid of a card has no room for more.
	MaxBeneficiaries = 12

	// MaxNameRunes bounds nom and prénom, each, in Unicode code points after NFC.
	MaxNameRunes = 64

	// MaxMarks is how many combining marks may follow one letter: no name needs more, and stacks of them hide text.
	MaxMarks = 2

	// MaxNotes and MaxNoteRunes bound the footnotes: the back of a card has room for about nine lines.
	MaxNotes     = 9
	MaxNoteRunes = 120

	// MaxAddressLines and MaxAddressRunes bound an address: NF Z 10-011 has six lines of 38 characters, of which the name and the
	// city take one each.
	MaxAddressLines = 4
	MaxAddressRunes = 38

	// MaxRate is the highest percentage of the base de remboursement: hearing aids and lenses go to several hundred.
	MaxRate = 999

	// MaxEuros is the highest amount of a guarantee in euros.
	MaxEuros = 99999

	// MaxCodesFile is the longest table of codes that ParseCodes reads, in bytes.
	MaxCodesFile = 1 << 20
)

// The first and the last day that a contract may name. An earlier or later day is a slip of the keyboard or of a unit.
const (
	FirstDay Date = 18262 // 2020-01-01
	LastDay  Date = 47481 // 2099-12-31
)
