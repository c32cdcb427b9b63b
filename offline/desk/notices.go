// What operators and insurers tell counters, as the page and software get it: signed before it came, shown while it holds.

package desk

import (
	"slices"
	"time"

	"sceau/card/notice"
)

// Notice is one signed message of a followed repository. Its texts are its author's: they are shown, never interpreted.
type Notice struct {
	notice.Notice
	Insurer string // AMC key of the insurer that signed it; "" when the operator did
	Author  string // how that author is called; "" when the operator published no name
}

// maxNoticesShown bounds what is sent to a page at each change. More than that many authors who speak at once are counted.
const maxNoticesShown = 64

// noticeState is one notice on the page.
type noticeState struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Insurer    string    `json:"insurer,omitempty"`
	Author     string    `json:"author,omitempty"`
	Issued     time.Time `json:"issued"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
	Title      string    `json:"title"`
	Text       string    `json:"text"`
	Guaranteed string    `json:"guaranteed,omitempty"`
	Phone      string    `json:"phone,omitempty"`
	Received   time.Time `json:"received"` // published time of the list that brought it
}

// notices writes into a state what holds now: operators first, then the gravest, then the newest. Of a list that was signed
// later than this counter's clock says it is, the list's own time counts: a clock that stands back revives nothing.
func (s *Server) notices(out *situation, repos []Repository, now time.Time) {
	out.Notices = []noticeState{}
	var all []noticeState
	for _, r := range repos {
		at := now
		if r.Published.After(at) {
			at = r.Published
		}
		for _, n := range r.Notices {
			if len(notice.Current([]notice.Notice{n.Notice}, at)) == 0 {
				continue
			}
			all = append(all, noticeState{ID: n.ID, Kind: string(n.Kind), Insurer: n.Insurer, Author: n.Author, Issued: n.Issued, From: n.From, Until: n.Until,
				Title: spaced(n.Title), Text: spaced(n.Text), Guaranteed: spaced(n.Guaranteed), Phone: n.Phone, Received: r.Published})
		}
	}
	slices.SortStableFunc(all, func(a, b noticeState) int {
		if operator := func(n noticeState) bool { return n.Insurer == "" }; operator(a) != operator(b) {
			if operator(a) {
				return -1
			}
			return 1
		}
		if d := gravity(a.Kind) - gravity(b.Kind); d != 0 {
			return d
		}
		return b.Issued.Compare(a.Issued)
	})
	if len(all) > maxNoticesShown {
		out.NoticesLeftOut = len(all) - maxNoticesShown
		all = all[:maxNoticesShown]
	}
	out.Notices = append(out.Notices, all...)
}

func gravity(kind string) int { return slices.Index(notice.Kinds(), notice.Kind(kind)) }

// StatusNotice is one notice in the answer to software.
type StatusNotice struct {
	ID         string    `json:"id" doc:"unique for its author"`
	Kind       string    `json:"kind" enum:"theft,outage,degraded,restored,info" doc:"later versions may add some"`
	Insurer    string    `json:"insurer,omitempty" doc:"AMC key of the insurer that signed it; missing when the operator did"`
	Author     string    `json:"author,omitempty" doc:"name of who signed it"`
	Issued     time.Time `json:"issued"`
	Until      time.Time `json:"until" doc:"it holds before this moment"`
	Title      string    `json:"title" doc:"in its author's words, as all texts; never a link"`
	Text       string    `json:"text"`
	Guaranteed string    `json:"guaranteed,omitempty" doc:"what stays guaranteed"`
	Phone      string    `json:"phone,omitempty" doc:"whom to call"`
	Received   time.Time `json:"received" doc:"published time of the list that brought it"`
}

func statusNotices(all []noticeState) []StatusNotice {
	out := make([]StatusNotice, 0, len(all))
	for _, n := range all {
		out = append(out, StatusNotice{n.ID, n.Kind, n.Insurer, n.Author, n.Issued, n.Until, n.Title, n.Text, n.Guaranteed, n.Phone, n.Received})
	}
	return out
}
