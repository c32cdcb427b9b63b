// What each key can do, what its theft would cost and which command answers it, in plain words.

package issuer

import (
	"fmt"

	"sceau/card/issued"
	"sceau/signing"
)

// maxListed is how many cards the list of a stolen key holds.
const maxListed = issued.MaxDigests * issued.MaxParts

// meaning says it of one key. The threshold is how many shares sign a root.
func meaning(k KeyFact, threshold int) (can, cost, verb string) {
	switch k.State {
	case StateUnused:
		return "nothing: nothing that is published names it", "nothing, as long as nothing names it", ""
	case string(signing.StateDead):
		return "nothing: whatever it signed is refused", "nothing more", ""
	}
	switch k.Purpose {
	case PurposeRoot:
		if threshold < 2 {
			return "alone, say which keys are in force",
				"alone everything: every counter must then be told of a new root by hand", "keys compromise DIR root " + k.KID
		}
		return "together with the other holders, say which keys are in force",
			"alone nothing, below the number of signatures that a root needs; as many as that, everything: every counter must then be told of a new root by hand",
			"keys compromise DIR root " + k.KID
	case PurposeTargets:
		return "name insurers and their keys, the tables of codes, the keys of the service and the operator's notices",
			"with the online keys as well, cards of invented insurers; alone nothing, because nothing is published without snapshot and timestamp", "keys compromise DIR targets"
	case PurposeSnapshot:
		return "say which files are one version of the repository",
			"with the timestamp key, old revocations shown as today's; never a false card", "keys compromise DIR online"
	case PurposeTimestamp:
		return "say which version is the newest, and when",
			"counters kept on an old list, which then looks fresh; never a false card", "keys compromise DIR online"
	case PurposeInsurer:
		return "name the insurer's card keys, their states, the lists of stolen ones, and the insurer's notices",
			fmt.Sprintf("with the online keys as well, cards of insurer %s alone; no other insurer is touched", k.Insurer), "keys compromise DIR insurer --insurer " + k.Insurer
	case PurposeStatus:
		return "sign the pages that say which cards have ended",
			fmt.Sprintf("with snapshot and timestamp, good cards of insurer %s shown as ended and ended ones as good, until it is replaced; never a false card", k.Insurer), "keys compromise DIR status --insurer " + k.Insurer
	case PurposeList:
		return "sign the Token Status Lists that wallets and other verifiers read",
			"false lists for those, a week long; counters do not read them", "keys compromise DIR list --insurer " + k.Insurer
	case PurposeAccord:
		return "sign the answers of the online check",
			"false answers to counters whose connection the thief holds too; accords that were given are in the register", "keys compromise DIR accord"
	case PurposeSettlement:
		return "sign the answers to counters' journals",
			"counters told a false answer about their receipts, which the register contradicts", "keys compromise DIR settlement"
	case PurposeManifest:
		return "sign the manifests of print files",
			"with the files in hand as well, a printing house that takes false files for the operator's; never a false card, which its insurer's key signs", "keys compromise DIR manifest"
	case PurposeCard:
		return cardMeaning(k)
	}
	return "", "", ""
}

func cardMeaning(k KeyFact) (can, cost, verb string) {
	verb = "keys compromise DIR card " + k.KID
	switch k.State {
	case string(signing.StateListed):
		return "nothing new: counters believe the cards on its list and no other", "nothing more", ""
	case StateNext:
		can = fmt.Sprintf("sign cards of insurer %s from %s on", k.Insurer, k.From.UTC().Format("2006-01-02"))
	case string(signing.StateRetired):
		can = "sign no more; its cards stand, and so would a forged one with a date of its time"
	default:
		can = fmt.Sprintf("sign cards of insurer %s", k.Insurer)
	}
	cost = fmt.Sprintf("forged cards of insurer %s that no counter can tell, until the key is listed; then none", k.Insurer)
	if k.Cards >= 0 {
		cost += fmt.Sprintf(", and a list of %d kB that saves its %d cards", (k.Cards*issued.DigestSize+999)/1000, k.Cards)
	} else {
		cost += ", and a list of 16 bytes a card that saves the good ones"
	}
	return can, cost, verb
}
