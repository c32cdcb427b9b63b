// The operators' rights services, as people at the desk deal with them: how they stand, and enrolling with one.

package desk

import (
	"context"
	"slices"
	"time"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/signing/trust"
)

// Enroller makes and removes enrolments. Errors of every method go through Options.Explain.
type Enroller interface {
	// Propose shows the service this counter's new key and the invitation's code, which uses the code up, and returns what the
	// operator registered. This counter is changed by Accept alone; the same invitation proposed here again is no error.
	Propose(ctx context.Context, i Invitation) (Proposal, error)
	// Accept enrols this counter as a person has seen it proposed, and follows the operator's lists. What keeps it from
	// following them is no error of the enrolment: it is in Accepted.
	Accept(ctx context.Context, p Proposal) (Accepted, error)
	// Remove forgets an enrolment. The lists stay.
	Remove(ctx context.Context, root string) error
}

// Invitation is what an operator gives to a counter. It is a secret until it was used.
type Invitation struct {
	Address string
	Code    [10]byte
	Root    string // fingerprint, as an invitation that was scanned names it; "" when address and code were typed
}

// Proposal is what an operator registered for this counter. Its texts are the service's own: they are shown, never interpreted.
type Proposal struct {
	Address    string
	Lists      string // address of the operator's lists
	Root       string // fingerprint of the operator's repository
	Known      bool   // that repository is already followed
	Counter    string // id of this counter at the service
	FINESS     string
	Profession string // a code of counter.Professions, or one that this program does not know
	Name       string
	Networks   []string
}

// Accepted says what came of an enrolment.
type Accepted struct {
	Lists error // why the operator's lists are not followed yet; nil when they are
}

// Standing is how all services stand, as far as is known without asking.
type Standing struct {
	Mode     string    // "online" or "rescue": what the next check relies on
	Code     string    // why it is rescue, of counter.RescueWords: counter.RescueNone, counter.RescueOff, …
	Since    time.Time // when that began; zero when nobody knows
	Services []Service
}

// Service is one enrolment.
type Service struct {
	Operator   string // as the followed repository names it; "" while that is not known
	Address    string
	Root       string
	Counter    string
	FINESS     string
	Profession string
	Name       string
	Networks   []string
	Enrolled   time.Time
	Code       string    // why it is not asked; "" while it is
	Since      time.Time // when that began
	Next       time.Time // next attempt, while it is not asked
	Waiting    int       // entries of the journal that it has not acknowledged
	Sending    bool
	SendCode   string // why the last sending failed
	Alarms     []Alarm
}

// Alarm is what a service found wrong with a journal as it arrived there.
type Alarm struct {
	Code     string // GAP, FORK, …
	Device   string
	From, To uint64
}

// Disputes counts what insurers dispute.
type Disputes struct {
	All    int
	New    int // since a moment
	Newest time.Time
}

// serviceState is one service on the page.
type serviceState struct {
	Operator   string       `json:"operator,omitempty"`
	Address    string       `json:"address"`
	Root       string       `json:"root"`
	Counter    string       `json:"counter"`
	FINESS     string       `json:"finess,omitempty"`
	Profession string       `json:"profession,omitempty"`
	Name       string       `json:"name,omitempty"`
	Networks   []string     `json:"networks"`
	Enrolled   time.Time    `json:"enrolled,omitzero"`
	Rescue     *rescueState `json:"rescue,omitempty"` // why it is not asked; null while it is
	Next       time.Time    `json:"next,omitzero"`
	Waiting    int          `json:"waiting"`
	Sending    bool         `json:"sending"`
	SendError  *rescueState `json:"send_error,omitempty"`
	Alarms     []alarmState `json:"alarms,omitempty"`
}

// rescueState says why a service is not asked. It holds words of this program alone, and phones that insurers signed.
type rescueState struct {
	Code  string      `json:"code"`
	What  string      `json:"what"`
	Todo  string      `json:"todo"`
	Since time.Time   `json:"since,omitzero"`
	Call  []phoneCall `json:"call,omitempty"`
}

// phoneCall is whom to call.
type phoneCall struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
}

type alarmState struct {
	Code string `json:"code"`
	What string `json:"what"`
	Todo string `json:"todo"`
}

func rescueOf(code string, since time.Time, lang offline.Language) *rescueState {
	what, todo := counter.RescueWords(code, lang)
	return &rescueState{Code: code, What: what, Todo: todo, Since: since}
}

// needsCall are the codes after which only the operator can help.
var needsCall = []string{"suspended", "revoked", "credential", "no_service_keys", "signature", "replayed"}

// maxPhones is how many numbers are shown for one operator.
const maxPhones = 3

// services writes the standing into a state. It comes after the lists, which know whom to call.
func (s *Server) services(ctx context.Context, out *situation, lang offline.Language) {
	out.Mode, out.Services = "rescue", []serviceState{}
	settings := s.wishes.get()
	st := Standing{Mode: "rescue", Code: counter.RescueNone}
	if s.o.Standing != nil {
		var err error
		if st, err = s.o.Standing(ctx); err != nil {
			_, t := s.explain(outer{err}, lang)
			out.ServicesError = &t
			st = Standing{Mode: "rescue", Code: counter.RescueUnknown}
		}
	}
	out.CanEnrol = s.o.Enrol != nil
	if out.Offline = !settings.OfflineSince.IsZero(); out.Offline && len(st.Services) > 0 {
		st.Mode, st.Code, st.Since = "rescue", counter.RescueOff, settings.OfflineSince
	}
	for _, v := range st.Services {
		out.Services = append(out.Services, serviceOf(v, out.Lists, lang))
		out.Waiting += v.Waiting
		out.Sending = out.Sending || v.Sending
	}
	if st.Mode == counter.ModeOnline {
		out.Mode, out.OnlineSince = st.Mode, st.Since
		return
	}
	out.Rescue = rescueOf(st.Code, st.Since, lang)
	for _, one := range out.Services {
		if one.Rescue != nil && one.Rescue.Code == st.Code {
			out.Rescue.Call = one.Rescue.Call
		}
	}
}

func serviceOf(v Service, lists []listState, lang offline.Language) serviceState {
	one := serviceState{Operator: v.Operator, Address: v.Address, Root: v.Root, Counter: v.Counter, FINESS: v.FINESS, Profession: professionOf(v.Profession, lang), Name: v.Name,
		Networks: append([]string{}, v.Networks...), Enrolled: v.Enrolled, Waiting: v.Waiting, Sending: v.Sending}
	if v.Code != "" {
		one.Rescue, one.Next = rescueOf(v.Code, v.Since, lang), v.Next
		if slices.Contains(needsCall, v.Code) {
			one.Rescue.Call = callsOf(v.Root, lists)
		}
	}
	if v.SendCode != "" {
		one.SendError = rescueOf(v.SendCode, time.Time{}, lang)
	}
	for _, a := range v.Alarms {
		next := alarmOf(a, lang)
		if !slices.Contains(one.Alarms, next) {
			one.Alarms = append(one.Alarms, next)
		}
	}
	return one
}

// callsOf are the numbers for professionals of an operator's insurers.
func callsOf(root string, lists []listState) []phoneCall {
	var out []phoneCall
	for _, l := range lists {
		if !trust.SameFingerprint(l.Fingerprint, root) {
			continue
		}
		for _, i := range l.Insurers {
			if len(i.Phones) > 0 && len(out) < maxPhones {
				out = append(out, phoneCall{i.Name, i.Phones[0]})
			}
		}
	}
	return out
}

// professionOf says a profession; a code that this program does not know stays as it is.
func professionOf(code string, lang offline.Language) string {
	for _, p := range counter.Professions() {
		if p.Code == code && lang == offline.English {
			return p.English
		} else if p.Code == code {
			return p.French
		}
	}
	return code
}
