// What operators and insurers tell this counter: signed messages that came with the lists, for the desk and the terminal.

package comptoir

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"sceau/card/notice"
	"sceau/cmd/internal/clock"
	"sceau/offline/counter"
	"sceau/offline/desk"
	"sceau/offline/mirror"
	"sceau/signing/trust"
)

// noticeState is one message in the JSON of status.
type noticeState struct {
	ID         string `json:"id"`
	Kind       string `json:"kind"`
	Insurer    string `json:"insurer,omitempty"` // AMC key; missing when the operator speaks
	Author     string `json:"author,omitempty"`
	Issued     string `json:"issued"`
	Until      string `json:"until"`
	Title      string `json:"title"`
	Text       string `json:"text"`
	Guaranteed string `json:"guaranteed,omitempty"`
	Phone      string `json:"phone,omitempty"`
	Received   string `json:"received"` // published time of the list that brought it
}

// message is one signed notice, and what carried it.
type message struct {
	desk.Notice
	repository string    // fingerprint
	published  time.Time // of that repository
}

// signedNotices reads the messages of a view. A file that can't be read is passed over: it stands in nobody's way, and fsck
// names it.
func signedNotices(v *mirror.View) ([]message, error) {
	files, err := v.Notices()
	if err != nil {
		return nil, err
	}
	var out []message
	for _, f := range files {
		all, err := notice.Parse(f.Insurer, f.Data)
		if err != nil {
			continue
		}
		author := authorOf(v, f)
		for _, n := range all {
			out = append(out, message{desk.Notice{Notice: n, Insurer: f.Insurer, Author: author}, f.Repository, f.Published})
		}
	}
	return out, nil
}

// authorOf is how whoever signed a file is called; "" for an operator without a service.
func authorOf(v *mirror.View, f mirror.Notices) string {
	if f.Insurer == "" {
		if s, err := v.Service(f.Repository); err == nil {
			return s.Name
		}
		return ""
	}
	if i, err := v.Issuer(f.Insurer); err == nil {
		return i.Insurer.Name
	}
	return f.Insurer
}

// current are those that hold at a moment. Of a list that was signed later than this counter's clock says it is, the list's own
// time counts: a clock that stands back revives nothing.
func current(all []message, now time.Time) []noticeState {
	out := []noticeState{}
	for _, m := range all {
		at := now
		if m.published.After(at) {
			at = m.published
		}
		n := m.Notice
		if len(notice.Current([]notice.Notice{n.Notice}, at)) == 1 {
			out = append(out, noticeState{n.ID, string(n.Kind), n.Insurer, n.Author, n.Issued.Format(rfc3339), n.Until.Format(rfc3339), n.Title, n.Text, n.Guaranteed, n.Phone,
				m.published.UTC().Format(rfc3339)})
		}
	}
	return out
}

// notices are the current messages of a folder's lists.
func (l *lists) notices(ctx context.Context) ([]noticeState, error) {
	facts, release, err := l.Facts(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	v, ok := facts.(*mirror.View)
	if !ok {
		return []noticeState{}, nil
	}
	all, err := signedNotices(v)
	if err != nil {
		return nil, err
	}
	return current(all, clock.Now()), nil
}

// noticesOf gives each repository of the desk what its authors say.
func noticesOf(facts counter.Facts, repos []desk.Repository) error {
	v, ok := facts.(*mirror.View)
	if !ok {
		return nil
	}
	all, err := signedNotices(v)
	if err != nil {
		return err
	}
	for i := range repos {
		for _, m := range all {
			if trust.SameFingerprint(m.repository, repos[i].Fingerprint) {
				repos[i].Notices = append(repos[i].Notices, m.Notice)
			}
		}
	}
	return nil
}

// sayNotices prints messages whole, for status.
func sayNotices(out io.Writer, all []noticeState) {
	for _, n := range all {
		fmt.Fprintf(out, "message signé par %s : %s\n", signer(n), heading(n))
		fmt.Fprintf(out, "  %s\n", n.Text)
		if n.Guaranteed != "" {
			fmt.Fprintf(out, "  reste garanti : %s\n", n.Guaranteed)
		}
		if n.Phone != "" {
			fmt.Fprintf(out, "  qui appeler : %s\n", n.Phone)
		}
		fmt.Fprintf(out, "  publié le %s, valable jusqu’au %s ; reçu avec la liste du %s\n", instantOf(n.Issued), endOf(n.Until), instantOf(n.Received))
	}
}

// sayNoticesBriefly prints one line for each, below a verdict.
func sayNoticesBriefly(out io.Writer, all []noticeState) {
	for _, n := range all {
		line := fmt.Sprintf("message signé par %s : %s ; valable jusqu’au %s", signer(n), heading(n), endOf(n.Until))
		if n.Phone != "" {
			line += ", appeler le " + n.Phone
		}
		fmt.Fprintln(out, line)
	}
}

// endOf says with what moment a message ends: midnight is the day that it ends, whole.
func endOf(until string) string {
	t := parseTime(until)
	if day, whole := (notice.Notice{Until: t}).LastDay(); whole {
		return day.French() + " inclus"
	}
	return instant(t)
}

func heading(n noticeState) string {
	return strings.ToUpper(notice.Kind(n.Kind).French()) + " – " + n.Title
}

func signer(n noticeState) string {
	if n.Author == "" {
		return "l’opérateur des listes"
	}
	return n.Author
}
