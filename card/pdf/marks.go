// Marks by which an inserting machine knows a letter from the next, and misses none.
//
// A letter of a run with marks carries nine places at the left edge of its first panel, in one column, each a black bar or
// nothing. From the top:
//
//	1      start, always printed
//	2      first sheet of an envelope: always printed, a letter being one sheet
//	3      last sheet of an envelope, which inserts it: always printed, for the same reason
//	4 to 7 the sequence number modulo 16, in binary: 8, 4, 2, 1
//	8      parity: printed when without it the number of bars is odd
//	9      safety, always printed: where it is missing the sheet was fed askew
//
// Bars are 10 mm long and 0.5 mm thick, 4.233 mm (1/6 inch) apart, between 5 and 15 mm from the left edge, the first 42 mm from
// the top. A strip from 2 to 18 mm from the edge, 20 mm longer than the bars at both ends, shows nothing else. These are the
// measures that manufacturers ask for (Pitney Bowes D1600, manual SV40221: bars of 0.35 to 0.7 mm and 10 mm or more, 2.54 mm
// apart or more, 70 mm in all, their middle 59 to 108 mm from that of the sheet, 20 mm from its leading edge, clear 3 mm at the
// sides and 20 mm before and after).

package pdf

const (
	markPlaces = 9
	markLeft   = 5.0
	markLength = 10.0
	markThick  = 0.5
	markTop    = 42.0 // middle of the first bar
	markPitch  = 25.4 / 6
)

// barsOf returns the places that carry a bar, bit 0 being the first.
func barsOf(sequence int64) uint {
	bars, count := uint(1<<0|1<<1|1<<2|1<<8), 4
	for i := range 4 {
		if sequence>>(3-i)&1 != 0 {
			bars |= 1 << (3 + i)
			count++
		}
	}
	if count%2 != 0 {
		bars |= 1 << 7
	}
	return bars
}

// drawMarks prints the bars of a letter, and its number for people.
func (r *Run) drawMarks(c *canvas, sequence int64) {
	bars := barsOf(sequence)
	for i := range markPlaces {
		if bars>>i&1 != 0 {
			c.rect(markLeft, markTop+float64(i)*markPitch-markThick/2, markLength, markThick, black)
		}
	}
	c.text(letterMargin, 292.2, style{cond, 6.5}, ink, r.set.sequence(sequence))
}
