// All bounds on what a repository may send, each with its reason.
package trust

import "time"

const (
	// A root holds some ten keys of 300 bytes and as many signatures.
	maxRoot = 512 << 10
	// A timestamp names one file: 600 bytes in practice. It is the only file
	// whose length nothing announces on each refresh, so its cap is tight.
	maxTimestamp = 16 << 10
	// 300 bytes for each insurer's two roles: room for 6,000 insurers.
	maxSnapshot = 2 << 20
	// 530 bytes for each insurer (top level), 180 for each status page.
	maxTargets = 4 << 20
	// A page of a million revocations has about 3 MB; the list of every card
	// of a stolen key takes 16 bytes a card, so 4 million cards.
	maxTarget = 64 << 20
	// What one refresh may bring in all: a full first sync of a large
	// operator, and no more than any counter's disk can take.
	maxRefreshTotal = 1 << 30
	// France has a few hundred complementary insurers.
	maxInsurers = 2048

	// One rotation a month, missed for five years, is still followed.
	maxRootSteps = 64
	// A publication each minute for two years stays under a million; a step
	// beyond is a fast-forward attack, which would leave no number to publish.
	maxVersionStep = 1_000_000
	// The largest integer that every JSON reader holds exactly.
	maxVersion = 1<<53 - 1
	// Clocks of counters drift by minutes, not more; a list from the future
	// would forbid every honest list until that date.
	maxFuture = 10 * time.Minute

	// JSON nesting: signed > delegations > keys > id > keyval is 6, and a
	// target's custom member adds a little.
	maxDepth = 10
	// A root change carries the signatures of the old and the new keys.
	maxSignatures = 32
	// A path is at most 200 characters: with a 64-character hash and a folder
	// it fits the 260 of Windows.
	maxPath = 200
	// An anchor is a number and a digest.
	maxAnchor = 128
	// A draft carries every root since the first: 4 KB each, ten a year for a
	// century.
	maxDraft = 4 << 20
	// Custom data is a revision number, not content.
	maxCustom = 1 << 10

	// Requests in flight when roles are fetched: hides the round trip of a
	// mobile link without hammering a small web server.
	fetchers = 6
)
