// Package card is the signed card itself: its claims, its code text (what a QR holds and a scanner types), and the only
// way from a text to a card that may be believed: Parse → *Unverified → Verify → *Card. It is pure: no file, no network,
// no clock. The formats are specified in FORMAT.md beside this file.
//
// # Life of a card
//
// The issuer makes Claims (FromContract), a Draft (Prepare), writes the draft's signing input to its register, and only
// then seals it into a Token. The counter parses the token's code text into an Unverified, picks the public key that the
// trust repository gives for IssuerUnsafe and KID, and verifies.
package card

import "sceau/signing"

// Kind is the typ of a card of this version. The version is inside the signed bytes: another version has another typ,
// another code prefix and possibly another dictionary.
const Kind signing.Kind = "tp-card-1"

// StatusListKind is the typ of the IETF Token Status List that mirrors the status pages for wallets.
const StatusListKind signing.Kind = "statuslist+jwt"
