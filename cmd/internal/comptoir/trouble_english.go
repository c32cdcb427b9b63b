// The desk's errors for those who switched it to English. Commands speak French.

package comptoir

import (
	"strings"

	"sceau/offline"
	"sceau/offline/counter"
)

// english holds what happened and what to do at the desk, by code.
var english = map[string][2]string{
	"claimed":         {"this insurer is already followed through another repository", "tell both operators; forget one of the two repositories in “Lists”"},
	"newer":           {"this folder was written by a later version of the program", "update the program"},
	"unfinished":      {"this folder is read-only and an update in it is not finished", "open it once where it can be written, or copy it again"},
	"not_followed":    {"no repository followed has this fingerprint", "the fingerprints of what is followed are in “Lists”"},
	"damaged":         {"what this counter keeps is damaged", "update the lists in “Lists”; if it goes on, follow them again"},
	"other_root":      {"the source carries another repository than the expected one", "do not go on: ask the insurer for the fingerprint by another way"},
	"content":         {"the source publishes a signed file that can't be accepted", "tell the operator, who alone can mend it; the last verified list stays in use"},
	"wrong_insurer":   {"an insurer signed data of another one", "tell the operator; the last verified list stays in use"},
	"shrunk":          {"a list lost ends of rights that it had announced, or is no longer published", "tell the operator, who alone can mend it; the last verified list stays in use"},
	"not_a_share":     {"something else is there already, and is left as it is", "give an empty folder or another name"},
	"newer_share":     {"what is there is newer than this computer's lists", "bring this computer's lists up to date from there first"},
	"frozen":          {"this source gives no new list any more", "try another source (internet, USB stick, neighbour) and tell the operator"},
	"moved":           {"another update is under way", "try again"},
	"timeout":         {"the source did not answer in time", "nothing to do: another attempt is planned"},
	"canceled":        {"interrupted", "try again; the last verified list stays in use"},
	"full":            {"the disk is full", "make room, then try again; nothing that was recorded is lost"},
	"read_only":       {"this folder is read-only", "check the folder's rights"},
	"number":          {"this is not a receipt number", "a number looks like K7QF-1042-M3TZ"},
	"fault":           {"the update failed through a fault of the program", "tell its publisher; the last verified list stays in use"},
	"watch_folder":    {"this folder can't be watched", "give the full path of a folder that exists, where the counter can write, and that is not its own"},
	"enrolled":        {"this counter is already enrolled with this operator", "remove the enrolment first"},
	"not_enrolled":    {"this counter is not enrolled with this operator", "the enrolments are in “Lists”"},
	"enrolment_key":   {"the key of this counter's enrolment can't be read any more", "remove the enrolment, then enrol the counter again with a new invitation"},
	"bad_invitation":  {"this is not an invitation, or it is not whole", "scan the invitation again, or give the address of the service and the code"},
	"service_address": {"this address of a service can't be used", "give an https address without a password; http is only for this computer"},
	"service_ca":      {"this file holds no certificates that can be read", "give a PEM file"},
	"permission":      {"access to this file or folder is refused", "check its rights"},
	"not_a_folder":    {"this is not a folder", "check the path: a folder is expected where a file is"},
	"is_a_folder":     {"this is a folder", "give the path of a file"},
	"no_such_file":    {"this file or folder does not exist", "check the path"},
	"file_exists":     {"this file or folder exists already", "give another name, or remove it first"},
	"failed":          {"the operation failed", "try again; if it goes on, tell the publisher of the program"},

	"no_code":       {"no code was found in this file", "scan it flat at 200 dots per inch or more, or scan the card itself"},
	"not_a_picture": {"this file is neither a PDF nor a picture that can be read", "give a PNG, JPEG, GIF or PDF file"},
	"pdf_locked":    {"this PDF is protected by a password", "ask for a file without one, or scan the card"},
	"too_slow":      {"this file could not be read in time", "give the card's page alone"},
	"reader_failed": {"reading pictures does not work", "scan the card; if it goes on, install the program again"},

	"malformed":              {"a file received does not have the expected form", "try again; if it goes on, change the source and tell the operator"},
	"bad_signature":          {"a file received is not signed as it must be", "no longer use this source and tell the operator; the last good list stays in use"},
	"rollback":               {"the source gives an older list than this computer's", "check that the stick or mirror is up to date; this computer's list stays in use"},
	"forked":                 {"two different lists have the same number", "tell the operator; this computer's list stays in use"},
	"fast_forward":           {"the source announces an abnormally large version number", "tell the operator; the last good list stays in use"},
	"mixed":                  {"the files received do not belong together, or one is damaged", "try again in a few minutes, or copy the whole stick again"},
	"too_large":              {"a file received is larger than allowed", "change the source and tell the operator"},
	"expired_at_publication": {"the operator published with an expired signature", "tell the operator, who alone can publish again"},
	"missing_published":      {"the list received has no date of publication", "tell the operator"},
	"from_future":            {"the list received is dated in the future by this computer's clock", "set this computer's time, then try again"},
	"unsafe_path":            {"the source holds a forbidden file name", "no longer use this source and tell the operator"},
	"out_of_scope":           {"an insurer signed for another one", "tell the operator; the last good list stays in use"},
	"too_many_roots":         {"this computer missed too many changes of keys", "add the operator's repository again, with its present fingerprint"},
	"unreachable":            {"the source of the lists does not answer", "check the network, the address or the stick; checks go on with the last list"},
	"not_a_repository":       {"what answers is not a repository of lists", "open the network's login page if it has one, or correct the address"},
	"forbidden":              {"the server refuses access to the lists", "ask the operator for access, or correct the address"},
	"proxy":                  {"the proxy asks for a password", "see the proxy's settings with your computer service"},
	"tls":                    {"the secure connection could not be made", "check this computer's date and time, then the address"},
	"redirect":               {"the server sends on to another machine", "open the network's login page if it has one, or correct the address"},
	"interrupted":            {"the transfer stopped before its end", "try again"},
	"bad_source":             {"this source of lists can't be used", "give an http(s) address, a folder or a .zip file published by the operator"},
	"no_signer":              {"a signing key that is needed is not available", "unlock or plug in this role's key, then try again"},
	"wrong_key":              {"the key presented is not this role's", "present the key of the role named"},
	"clock_backwards":        {"the clock is behind the last publication", "set the machine's time, then try again"},
	"stale_draft":            {"this draft of a root does not follow the root in force", "make a new draft from the root in force"},
	"insurer_exists":         {"this insurer exists already with other keys", "keep its keys, or replace them"},
	"not_found":              {"an expected file is missing at the source", "check that the copy is complete, or the address right"},
	"internal":               {"the update of the lists failed", "try again; the last good list stays in use"},
}

func inEnglish(t trouble) trouble {
	if code, online := strings.CutPrefix(t.code, onlinePrefix); online {
		t.what, t.todo = counter.RescueWords(code, offline.English)
		return t
	}
	if words, ok := english[t.code]; ok {
		t.what, t.todo = words[0], words[1]
	}
	return t
}
