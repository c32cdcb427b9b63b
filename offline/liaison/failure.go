// What can go wrong between a counter and a service, in stable codes.

package liaison

import (
	"errors"
	"net"
)

// Families of errors.
var (
	// ErrService is the family of every Failure.
	ErrService = errors.New("liaison: no answer of the service that can be believed")
	// ErrAddress: not the address of a service: https, or http on this computer alone, without user, query and fragment.
	ErrAddress = errors.New("liaison: not an address of a service")
	// ErrCA: not a file of PEM certificates.
	ErrCA = errors.New("liaison: not a file of certificates")
	// ErrSigner: not a key for requests.
	ErrSigner = errors.New("liaison: not a request key")
)

// Codes of a Failure. Those of a service's own problem documents come through as they are, after "service_".
const (
	CodeTimeout     = "timeout"
	CodeUnreachable = "unreachable"
	CodeTLS         = "tls"
	CodeProxy       = "proxy"
	CodeRedirect    = "redirect"
	CodeNotService  = "not_the_service" // what answers is something else: a sign-in page, an empty or cut answer, another server
	CodeTooLong     = "answer_too_long"
	CodeBusy        = "busy" // asked to come back later
	CodeClock       = "clock"
	CodeSuspended   = "suspended"
	CodeRevoked     = "revoked"
	CodeCredential  = "credential"      // the service does not know this counter
	CodeReplayed    = "replayed"        // signed, and the answer to another request; or the service took this one before
	CodeRefused     = "refused"         // the service would not answer this question
	CodeSignature   = "signature"       // signed by no key that the followed repository names
	CodeMismatch    = "answer_mismatch" // signed, and the answer to another question or of another time
	CodeInvitation  = "invitation"      // used up, over, or never given
	CodeOtherRoot   = "other_root"      // the service belongs to another operator than the invitation says
	CodeOpen        = "waiting"         // it did not answer lately: asked again by itself within minutes
	CodeStopped     = "stopped"         // whoever asked went away
	codeOfService   = "service_"
)

// Failure says why nothing was answered. Its text holds the code and nothing of what was sent or received.
type Failure struct {
	Code   string
	Status int // of HTTP; 0 when there was none
	Err    error
}

func (f *Failure) Error() string { return ErrService.Error() + ": " + f.Code }

// Unwrap gives the family, and what lies underneath: for errors.Is alone, never to be shown.
func (f *Failure) Unwrap() []error {
	if f.Err == nil {
		return []error{ErrService}
	}
	return []error{ErrService, f.Err}
}

// CodeOf is the code of the Failure in err's chain; "" for none.
func CodeOf(err error) string {
	var f *Failure
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// isDown says whether err means that asking again at once is useless: the breaker counts it. A service that answers, and
// refuses this one question, is up.
func isDown(err error) bool {
	switch CodeOf(err) {
	case CodeTimeout, CodeUnreachable, CodeTLS, CodeProxy, CodeRedirect, CodeNotService, CodeTooLong, CodeBusy, CodeClock, CodeSuspended, CodeRevoked, CodeCredential, CodeSignature, CodeMismatch, CodeReplayed:
		return true
	}
	return false
}

// opens says whether one such failure opens the breaker alone: it cost the whole limit, it will not pass by itself, or there is
// nobody to connect to. A connection that was cut may be that one's bad luck, and counts as one failure.
func opens(err error) bool {
	return isFinal(err) || CodeOf(err) == CodeUnreachable && noConnection(err)
}

// isFinal says whether asking once more within seconds is useless too.
func isFinal(err error) bool {
	switch CodeOf(err) {
	case CodeTimeout, CodeBusy, CodeSuspended, CodeRevoked, CodeCredential:
		return true
	}
	return false
}

// noConnection says whether not even a connection came about: refused, no way there, or no such name.
func noConnection(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
