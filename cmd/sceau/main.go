// Sceau is the issuer's program: it imports insured people, issues signed tiers payant cards, and publishes what counters
// need to check them, online or not.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
)

const about = `Sceau issues signed tiers payant cards and publishes the signed lists with which counters check them.

    $ sceau init ./operator --insurer 775670482 --name "Mutuelle Exemple"
    $ sceau import ./operator roster.csv
    $ sceau issue ./operator --all --out ./cards
    $ sceau publish ./operator --to ./public
    $ comptoir sync ./counter --from ./public
    $ comptoir verify ./counter --domain PHAR --on 2027-03-02 < scanned.txt

"sceau demo" plays all of this on 500 generated households.

Exit codes: 0 done, 1 failure or a finding of fsck, 2 usage, 3 done with lines rejected or cards not made.
Passphrase of the keys: --passphrase-file, SCEAU_PASSPHRASE_FILE, SCEAU_PASSPHRASE, the file that init made, or a prompt.`

// exitPartial means that the work was done, but not for every line or contract.
const exitPartial = 3

func main() { os.Exit(ui.Main(newRoot(), ui.English)) }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:     "sceau",
		Short:   "Issues signed tiers payant cards",
		Long:    about,
		Version: ui.Version(),
		Args:    ui.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	p := new(place)
	root.PersistentFlags().StringVar(&p.passphraseFile, "passphrase-file", "", "file whose first line is the passphrase of the keys")
	root.PersistentFlags().StringVar(&p.offlineDir, "offline-keys", "", "folder of the offline keys (default DIR/offline)")
	root.PersistentFlags().StringArrayVar(&p.media, "medium", nil, "medium with a share of the root: PATH or PATH=PASSPHRASE_FILE, a key folder or the socket of sceau-pkcs11; may be repeated")
	root.PersistentFlags().StringVar(&p.cardKeys, "card-keys", "", "where card keys are and are made, when not among the online keys: the socket of sceau-pkcs11, or FOLDER[=PASSPHRASE_FILE]")
	root.AddCommand(newInit(p), newInsurer(p), newImport(p), newIssue(p), newReprint(p),
		newStatusChange(p, revoke), newStatusChange(p, suspend), newStatusChange(p, restore),
		newPublish(p), newMirror(p), newCards(p), newFsck(p), newSample(), newDemo(),
		newServe(p), newWorker(p), newRoutes(), newConfig())
	root.AddCommand(newAPIKey(p), newCounter(p), newApproval(p))
	root.AddCommand(newEncrypt(p), newBackup(p), newRecover(p))
	root.AddCommand(newCampaign(p))
	root.AddCommand(newNotice(p))
	root.AddCommand(newReport(p), newReceipts(p), newAudit(p))
	root.AddCommand(newKeys(p))
	root.AddCommand(newExposure(p), newSession(p))
	root.AddCommand(newDrill())
	explain(root)
	ui.Exercise(root, "EXERCICE: it is %s in the drill of %s", notInDrill)
	return root
}
