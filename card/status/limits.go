// Every bound on what comes from outside, with its reason.

package status

import "sceau/rights"

const (
	// indexBits: a list has 2^20 places, so that an index drawn at random says nothing and a page stays below 100 kB at three per cent.
	indexBits = 20
	// MaxIndex is the highest index of a list.
	MaxIndex = 1<<indexBits - 1
	// maxList keeps a list number in a signed 32-bit column and in every language's int.
	maxList = 1<<31 - 1
	// maxRevision leaves room for sums of two revisions in 64 bits.
	maxRevision = 1<<62 - 1
	// maxIssuer is the longest N° AMC.
	maxIssuer = 10
	// MaxEntries is four events for every place of a list: 50 MB in memory, ten times what a year of one list has shown.
	MaxEntries = 4 << indexBits
	// MaxBytes bounds a page or its changes on the wire.
	MaxBytes = 4 << 20
	// entriesPerByte: every entry costs at least one whole bit (FORMAT.md section 4.2), so a count above it is a lie and allocates nothing.
	entriesPerByte = 8
	// sureEntries always fit in MaxBytes: no entry costs more than 64 bits on average.
	sureEntries = MaxBytes / 8
	// treeBits is the deepest modelled tree, eleven years of days; lower bits are written raw. It bounds the decoder's tables to 32 KiB.
	treeBits = 12
	// fewDays: published days that span less than this are written as they are, others as distance to the first day of the event.
	fewDays = 32
	// lastDay is 9999-12-31.
	lastDay rights.Date = 2932896
)
