// This file holds every bound on what the package reads, each with its reason.

package signing

const (
	// MaxToken is the longest compact text that [PublicKey.Open] and
	// [SplitCompact] read, in bytes. The largest card is below 1.2 kB; 4 KiB is
	// what a QR code could carry at most, so nothing longer was ever scanned.
	MaxToken = 4 << 10

	// MaxLargeToken is the longest text that [Signer.Seal] makes and that
	// [PublicKey.OpenUpTo] can be asked to read, in bytes. A Token Status List of
	// 2^20 cards at 2 bits, incompressible, is base64url twice: 466 kB.
	MaxLargeToken = 1 << 20

	// MaxHeader is the longest decoded header that is looked at to name what is
	// wrong with it, in bytes. The exact header is at most 75 bytes long.
	MaxHeader = 2 << 10

	// MaxKind is the longest [Kind], in bytes; the longest in use has 20.
	MaxKind = 32

	// MaxJWK is the longest JWK text read, in bytes. The canonical one has 192.
	MaxJWK = 1 << 10

	kidBytes  = 8  // of the thumbprint: 2^64 work to meet another key's kid
	kidChars  = 11 // the same in base64url
	sigBytes  = 64 // r and s, 32 bytes each (RFC 7518 section 3.4)
	coordSize = 32 // one P-256 coordinate or scalar
)
