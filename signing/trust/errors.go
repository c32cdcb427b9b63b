// The families of errors: what a caller can tell apart and a screen can say.
package trust

import (
	"errors"
	"fmt"
)

// Refusals of content. Each means: the last good state stays in use.
var (
	// ErrMalformed: not the one spelling this format gives a file.
	ErrMalformed = errors.New("malformed metadata")
	// ErrSignature: signatures are missing, false, or of keys without this role.
	ErrSignature = errors.New("signature not accepted")
	// ErrRollback: older than what is already trusted.
	ErrRollback = errors.New("older than what is already trusted")
	// ErrForked: two different contents under one version: the operator's
	// register has been cloned or restored.
	ErrForked = errors.New("two contents under one version")
	// ErrFastForward: a version so far ahead that it would use up the numbers.
	ErrFastForward = errors.New("version too far ahead")
	// ErrMixed: a file whose length, hash or version is not the one signed for
	// it: two states mixed, or a damaged file.
	ErrMixed = errors.New("file does not belong to this state of the repository")
	// ErrTooLarge: more bytes than announced or than any such file may have.
	ErrTooLarge = errors.New("file too large")
	// ErrExpiredAtPublication: a role was already expired when the operator
	// published: only the operator can mend that.
	ErrExpiredAtPublication = errors.New("already expired when published")
	// ErrMissingPublished: the timestamp does not say when it was published.
	ErrMissingPublished = errors.New("publication time missing")
	// ErrFromFuture: published later than this machine's clock allows.
	ErrFromFuture = errors.New("published in the future")
	// ErrUnsafePath: a name outside the grammar of target paths.
	ErrUnsafePath = errors.New("unsafe path")
	// ErrScope: a role speaks about what was not delegated to it.
	ErrScope = errors.New("outside the role's scope")
	// ErrTooManyRoots: the chain of roots is longer than one refresh follows.
	ErrTooManyRoots = errors.New("chain of roots too long")
	// ErrNotFound: no such file, target or insurer.
	ErrNotFound = errors.New("not found")
)

// Troubles of a source. They say nothing about the content; all match ErrSource.
var (
	ErrSource = errors.New("source of lists")
	// ErrUnreachable: no connection, no answer, or the medium is gone.
	ErrUnreachable = fmt.Errorf("%w: not reachable", ErrSource)
	// ErrNotRepository: something answers, but with a web page or a status that
	// no static file has: sign-in page of a network, wrong address.
	ErrNotRepository = fmt.Errorf("%w: the answer is not a trust repository", ErrSource)
	// ErrForbidden: the server refuses access.
	ErrForbidden = fmt.Errorf("%w: access refused", ErrSource)
	// ErrProxy: the proxy wants credentials.
	ErrProxy = fmt.Errorf("%w: the proxy asks for credentials", ErrSource)
	// ErrTLS: the certificate is not accepted.
	ErrTLS = fmt.Errorf("%w: secure connection not established", ErrSource)
	// ErrAuthority: nobody whom this machine trusts signed the certificate.
	ErrAuthority = fmt.Errorf("%w: certificate of an unknown authority", ErrTLS)
	// ErrRedirect: sent to another machine, or round in circles.
	ErrRedirect = fmt.Errorf("%w: redirected elsewhere", ErrSource)
	// ErrInterrupted: the file stopped before its announced end.
	ErrInterrupted = fmt.Errorf("%w: transfer interrupted", ErrSource)
	// ErrBadSource: the address, folder or archive cannot be used as it is.
	ErrBadSource = fmt.Errorf("%w: not usable", ErrSource)
)

// Refusals of the writer.
var (
	// ErrNoSigner: returned by a SignerFor that does not hold the role's key now.
	ErrNoSigner = errors.New("signing key not available")
	// ErrWrongKey: a key that is not the role's, or that already has another role.
	ErrWrongKey = errors.New("wrong key for this role")
	// ErrClockBackwards: the clock is before the last publication.
	ErrClockBackwards = errors.New("clock is before the last publication")
	// ErrStaleDraft: a root's draft that does not follow the root in force:
	// drafted before another change, or for another repository.
	ErrStaleDraft = errors.New("the draft does not follow the root in force")
	// ErrInsurerExists: the insurer is already there, with other keys.
	ErrInsurerExists = errors.New("insurer already present with other keys")
)
