// Package signing seals and opens signed objects: compact JWS (RFC 7515) with
// ES256 and one purpose, a [Kind], for each key. It knows no domain.
//
// A token is three base64url parts, and its protected header is these exact
// bytes, kid being the first 8 bytes of the key's RFC 7638 thumbprint:
//
//	{"alg":"ES256","kid":"Xq3f9aLmQ2s","typ":"tp-card-1"}
//
// One strict reader, [SplitCompact], decides what a token is. It is stricter
// than JOSE: one header and one payload under one key have one text, apart
// from the signature, and of the two signatures (r, s) and (r, n-s) only the
// one with s <= n/2 is known. What it lets through has nothing left that a JOSE
// parser could understand in another way: the algorithm belongs to the key, the
// key is chosen by the caller from what it trusts, and no member of a header
// ever names, carries or fetches a key.
//
// Every refusal is a [*Refusal] with a stable Code; see [Codes].
//
// The package is pure: it opens nothing, asks no clock and keeps no state.
package signing
