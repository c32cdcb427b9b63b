// Resealing: rows of a register that is encrypted, written anew under another key while everybody works.

package register

import "context"

// RowKind is a kind of row that holds ciphertext in one column.
type RowKind string

// All of them. The column: contract.canonical, card.payload, document.data.
const (
	ContractRows RowKind = "contract"
	CardRows     RowKind = "card"
	DocumentRows RowKind = "document"
)

// SealedRow is one row as it is stored; of the three, the one of its kind is set.
type SealedRow struct {
	Contract Contract
	Card     Card
	Document Document
}

// Resealer is the optional power of a store on which an encrypting one can change its keys. A ciphertext begins with bytes that
// name its key.
type Resealer interface {
	// Unlike finds at most limit rows of a kind whose ciphertext begins otherwise, after a mark ("" begins), in an order that
	// never changes; it returns their marks, in that order. It writes nothing and stops no writer.
	Unlike(ctx context.Context, kind RowKind, beginning []byte, after string, limit int) (marks []string, err error)
	// Reseal stores, in one transaction like Update's, what fn makes of the rows of these marks; nil leaves one as it is, and a row
	// that is gone is left out. Nothing else of a row changes: not its version, and no guard is taken away for others.
	Reseal(ctx context.Context, kind RowKind, marks []string, fn func(SealedRow) ([]byte, error)) error
	// Beginnings counts the rows of a kind by the first n bytes of their ciphertext, in one committed state.
	Beginnings(ctx context.Context, kind RowKind, n int) (map[string]int64, error)
}
