// Documents: what the service remembers beside cards, in small JSON documents under a kind and an id.

package register

import "time"

// Document is one small thing that the service remembers: an enrolled counter, an invitation, an API key, a session, a
// request for a second pair of eyes, an idempotency key, a job, a journal's chain, an alarm. Each kind has one owner package,
// which alone writes it and which says in a comment what its Data holds.
type Document struct {
	Kind    string    // 1 to 32 of a-z and "-"
	ID      string    // 1 to 128 bytes of printable ASCII, unique in its kind; never a name, a NIR or a N° adhérent
	Owner   string    // insurer's key, counter's id or "" for the operator, never AnyOwner: what lists are narrowed by
	Version int64     // 1 for the first, one more for each change
	Until   time.Time // to the second; after it the document may be dropped; zero keeps it
	Data    []byte    // at most MaxDocument bytes
}

// MaxDocument is the longest Data, in bytes.
const MaxDocument = 1 << 20

// SealRoom is what a store keeps beyond MaxDocument, in bytes, for one that encrypts above it.
const SealRoom = 64

// AnyOwner narrows no list of documents.
const AnyOwner = "*"

// Documents keeps them.
type Documents interface {
	// Document returns ErrNotFound for an unknown id, also for one that no document may have: ids come from requests. One that
	// is over (Until) is still returned until it is dropped.
	Document(kind, id string) (Document, error)
	// PutDocument stores version 1 of a new document or the next version of a known one; any other version is ErrConflict.
	// Kind, ID and Owner of a known document don't change: ErrConflict. What Valid refuses is refused, whatever its version.
	// A document that was dropped is unknown again.
	PutDocument(Document) error
	// DocumentsAfter returns at most limit documents of a kind whose id comes after the given one in byte order ("" begins);
	// owner narrows them ("" to the operator's own), AnyOwner does not.
	DocumentsAfter(kind, owner, id string, limit int) ([]Document, error)
	// DropDocument removes one; an unknown id is not an error.
	DropDocument(kind, id string) error
	// DropDocuments removes those of a kind that were over before a moment, and returns how many.
	DropDocuments(kind string, before time.Time) (int64, error)
}
