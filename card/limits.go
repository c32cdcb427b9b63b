// Every bound on what a card may hold, with its reason. All are checked when issuing and again when reading.

package card

import "sceau/rights"

const (
	// MaxToken is the longest text Parse looks at, in bytes: the largest QR symbol holds 4,296 alphanumeric characters,
	// and a real card needs about 500.
	MaxToken = 4096

	// MaxInflated is the most that a payload may inflate to, in bytes. DEFLATE expands up to 1032 times, so a token of
	// 4 KiB could claim 3 MB; a card of 12 people with nine footnotes has about 4 KiB of claims.
	MaxInflated = 16 << 10

	// MaxDepth is how deep JSON values may nest, the outermost object being 1. Claims need 4.
	MaxDepth = 6

	// MaxVersion is the highest QR version (error correction M) that may be issued: 97 modules in 30 mm are 0.31 mm
	// each, about what an ordinary 2D imager reads from paper.
	MaxVersion = 20

	// MaxCodeText is the alphanumeric capacity of QR version MaxVersion at level M, in characters.
	MaxCodeText = 970

	// MaxPeople is the number of beneficiaries of one card; the grid has no room for more.
	MaxPeople = rights.MaxBeneficiaries

	// MaxList and MaxIndex bound a place: a list holds 2^20 cards so that its page stays a file of a few megabytes.
	MaxList  = 1<<31 - 1
	MaxIndex = 1<<20 - 1

	// MaxConventions bounds the types de convention of one card.
	MaxConventions = rights.MaxConventions

	// MaxGroups bounds the guarantee groups. Real households need 1 to 6; comparing groups costs their number squared.
	MaxGroups = 64

	// MaxDomains bounds the domain values of one group: about 30 domain codes exist.
	MaxDomains = 40

	// MaxNotes bounds the footnotes. How long each text may be is said in package rights, by the checks of its fields.
	MaxNotes = rights.MaxNotes

	// MinTime and MaxTime bound every date of a card, in seconds since 1970: 2020-01-01 and 2100-01-01 in Paris. A
	// later moment is a mistake of unit or a wish to be valid for ever.
	MinTime = 1577833200
	MaxTime = 4102441200

	// MaxCardKeys and MaxStatusKeys bound the keys of one insurer: two a year for thirty years, and one a year.
	MaxCardKeys   = 64
	MaxStatusKeys = 32

	// MaxRefuseHours and MaxPayableEuros bound an outage policy: a year without a list, and the dearest single care.
	MaxRefuseHours  = 366 * 24
	MaxPayableEuros = 100_000

	// MaxIssuerFile is the longest issuer.json that ParseInsurer reads, in bytes.
	MaxIssuerFile = 64 << 10
)
