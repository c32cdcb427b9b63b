// Rejects grouped by cause: a file with a million of them has a handful of mistakes.

package issuer

import (
	"cmp"
	"slices"

	"sceau/rights/roster"
)

// RejectCause is one kind of fault, and how often a file has it.
type RejectCause struct {
	Code   string `json:"code"`
	Cause  string `json:"cause"` // French, of the first
	Count  int    `json:"count"`
	Line   int    `json:"first_line"`
	Column string `json:"column,omitempty"` // of the first
}

// causes are grouped by code: there are some dozens.
type causes map[string]*RejectCause

func (c causes) add(r roster.Reject) {
	g := c[r.Code]
	if g == nil {
		g = &RejectCause{Code: r.Code, Cause: r.Cause, Line: r.Line, Column: r.Column}
		c[r.Code] = g
	}
	g.Count++
}

// list has the most frequent first.
func (c causes) list() []RejectCause {
	var all []RejectCause
	for _, g := range c {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b RejectCause) int {
		return cmp.Or(b.Count-a.Count, a.Line-b.Line, cmp.Compare(a.Code, b.Code))
	})
	return all
}
