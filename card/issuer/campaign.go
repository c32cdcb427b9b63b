// Campaigns: what is asked for, how far it is, and the errors about it.

package issuer

import (
	"errors"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// Errors about campaigns; test them with errors.Is.
var (
	// ErrUnknownCampaign says that there is no such campaign, shard or file, or none of this tenant.
	ErrUnknownCampaign = errors.New("issuer: unknown campaign")
	// ErrCampaignSpec says what is wrong with what was asked for; nothing was stored.
	ErrCampaignSpec = errors.New("issuer: not a campaign")
	// ErrCampaignExists says that a campaign of this name is not over yet: *CampaignExists names it.
	ErrCampaignExists = errors.New("issuer: a campaign of this name is not over yet")
	// ErrBeside says that a campaign that is not over prints cards of the same insurer and period: *CampaignBeside names it.
	ErrBeside = errors.New("issuer: another campaign that is not over prints cards of the same insurer and period")
	// ErrUnknownBeside is ErrUnknownCampaign for one that CampaignSpec.Beside names, and that the asker may not know, or that is not there.
	ErrUnknownBeside = fmt.Errorf("%w, named beside it", ErrUnknownCampaign)
	// ErrNotComparable says why two campaigns have no periods that can be compared.
	ErrNotComparable = errors.New("issuer: these campaigns can't be compared")
	// ErrCampaignState says that a campaign in its present state can't be started, paused, resumed or cancelled.
	ErrCampaignState = errors.New("issuer: the campaign's state forbids this")
	// ErrUnplanned says that planning was cut short: the same create goes on with it, cancel gives it up.
	ErrUnplanned = errors.New("issuer: the campaign is not planned to its end")
	// ErrOperators says that a campaign speaks for several insurers: the operator alone changes it.
	ErrOperators = errors.New("issuer: the campaign is the operator's")
	// ErrPaused says that the campaign is paused, or not started: nothing of it may be worked on now.
	ErrPaused = errors.New("issuer: the campaign is paused")
	// ErrCancelled says that nothing of the campaign is to be worked on any more.
	ErrCancelled = errors.New("issuer: the campaign is cancelled")
	// ErrLeased says that another worker has this piece of work; when that worker dies its lease runs out.
	ErrLeased = errors.New("issuer: another worker has it")
	// ErrIncomplete says that a file, or an insurer's part, still waits for shards or files.
	ErrIncomplete = errors.New("issuer: not all of it is done yet")
)

// CampaignExists is ErrCampaignExists with the campaign that has the name.
type CampaignExists struct {
	ID    string
	State CampaignState
	Same  bool // it was asked for in the very same words
}

func (e *CampaignExists) Error() string { return fmt.Sprintf("%v: %s", ErrCampaignExists, e.ID) }
func (e *CampaignExists) Unwrap() error { return ErrCampaignExists }

// CampaignState is how far a campaign is.
type CampaignState string

// States of a campaign. Done, cancelled and empty are final.
const (
	CampaignPlanning  CampaignState = "planning"  // or planning was cut short
	CampaignPlanned   CampaignState = "planned"   // waits to be started
	CampaignStarted   CampaignState = "started"   // workers take its shards
	CampaignPaused    CampaignState = "paused"    // what is in hand is finished, nothing more is taken
	CampaignCancelled CampaignState = "cancelled" // cards that were issued stay issued
	CampaignDone      CampaignState = "done"      // every manifest is signed
	CampaignEmpty     CampaignState = "empty"     // there was no card to make; its counts stay for a day, for whoever was told its id
)

// Over says that nothing will change any more.
func (s CampaignState) Over() bool {
	return s == CampaignCancelled || s == CampaignDone || s == CampaignEmpty
}

// What a campaign may be asked for.
const (
	OrderPostal   = "postal"   // by country, postal code, city and lines of the address; letters without one come last
	OrderAdherent = "adherent" // by N° adhérent

	OutputPDF    = "pdf"
	OutputCSV    = "csv"
	OutputNDJSON = "ndjson"
	OutputPNG    = "png"

	LayoutLetter  = "letter"
	LayoutCard    = "card"
	LayoutSheet2  = "sheet-2"
	LayoutSheet10 = "sheet-10"

	WindowDL = "dl"
	WindowC5 = "c5"
)

// Bounds of a campaign.
const (
	MaxShard           = 1_000
	MaxFile            = 5_000
	MaxNamedContracts  = 1_000_000
	DefaultShard       = 1_000
	DefaultFile        = 5_000
	maxFiles           = 20_000  // of one insurer: what a manifest lists (manifest.MaxGroups)
	maxShards          = 999_999 // of one insurer: what the ids of documents order, and one document counts
	maxBeside          = 100
	campaignKept       = 400 * 24 * time.Hour // after its end
	emptyKept          = 24 * time.Hour       // as long as the answer to a request that made one
	campaignDropAtOnce = 200                  // documents in one transaction
)

// CauseNoAddress says that a letter with a window was asked for and the contract has no address; see the other causes.
const CauseNoAddress = "no-address"

// CampaignSpec is what is asked for. Zero values: every insurer, every contract, any period, one card a household.
type CampaignSpec struct {
	Name         string                 `json:"name"`
	Insurers     []string               `json:"insurers,omitempty"`     // rights.AMC.Key; none: all that the asker may act for
	Contracts    []register.ContractKey `json:"-"`                      // these alone, at most MaxNamedContracts; nil: all
	First        rights.Date            `json:"first,omitempty"`        // the contract's first day is in First..Last; 0: any
	Last         rights.Date            `json:"last,omitempty"`         //
	Renewal      rights.Date            `json:"renewal,omitempty"`      // the contract begins on this very day; 0: any
	ChangedSince time.Time              `json:"changed_since,omitzero"` // the contract was stored then or later; zero: any
	PerPerson    bool                   `json:"per_person,omitempty"`   //
	Outdated     bool                   `json:"outdated,omitempty"`     // a new card where the contract has changed since the card
	Existing     bool                   `json:"existing,omitempty"`     // cards that are live already are printed too
	Beside       []string               `json:"beside,omitempty"`       // campaigns of the same insurer and period that print other cards, as the asker knows
	ShardSize    int                    `json:"shard"`                  // cards; 0: DefaultShard
	FileSize     int                    `json:"file"`                   // cards, a multiple of ShardSize; 0: DefaultFile
	Layout       string                 `json:"layout"`                 // "": LayoutLetter
	Window       string                 `json:"window,omitempty"`       // "": none
	Marks        bool                   `json:"marks,omitempty"`        //
	Outputs      []string               `json:"outputs"`                // none: OutputPDF
	Order        string                 `json:"order"`                  // "": OrderPostal
	Destination  string                 `json:"destination,omitempty"`  // where the files go: see package depot; never with a secret
	SignRate     int                    `json:"sign_rate,omitempty"`    // signatures a second for each card key in each worker; 0: any
	NamedCount   int                    `json:"named,omitempty"`        // of Contracts; set by CreateCampaign
	NamedSHA256  string                 `json:"named_sha256,omitempty"` // of Contracts, in their order; set by CreateCampaign
}

// Period is the first and the last day on which a contract of the campaign may begin; 0: any.
func (c CampaignSpec) Period() (first, last rights.Date) {
	if c.Renewal != 0 {
		return c.Renewal, c.Renewal
	}
	return c.First, c.Last
}

// Campaign is a campaign as it stands. Parts are narrowed to what the asker may see.
type Campaign struct {
	ID      string
	Spec    CampaignSpec // without Contracts
	State   CampaignState
	Owner   string // insurer's key; "" for the operator
	Created time.Time
	Started time.Time // first
	Ended   time.Time
	Parts   []CampaignPart // by insurer
}

// CampaignPart is one insurer's part of a campaign. Sequence numbers run from 1 to Cards.
type CampaignPart struct {
	Insurer   string           `json:"insurer"`
	Planned   bool             `json:"planned,omitempty"`
	Contracts int64            `json:"contracts"`          // that were selected
	Cards     int64            `json:"cards"`              // to make: each has a sequence number
	LeftOut   map[string]int64 `json:"left_out,omitempty"` // cards that planning left out, by cause; they have no number
	Shards    int              `json:"shards"`
	Files     int              `json:"files"`

	DoneShards int              `json:"done_shards,omitempty"`
	DoneFiles  int              `json:"done_files,omitempty"`
	Done       int64            `json:"done,omitempty"`     // sequence numbers of shards that are done
	Made       int64            `json:"made,omitempty"`     // of these, those with a card
	Issued     int64            `json:"issued,omitempty"`   // of these, signed by this campaign
	Existing   int64            `json:"existing,omitempty"` // of these, live before
	Replaced   int64            `json:"replaced,omitempty"` // of Issued, in the place of an outdated card
	Rejects    map[string]int64 `json:"rejects,omitempty"`  // sequence numbers without a card, or whose page can't be drawn, by cause
	Bytes      int64            `json:"bytes,omitempty"`    // of the files
	People     int64            `json:"people,omitempty"`
	Pages      int64            `json:"pages,omitempty"`
	Drawn      time.Time        `json:"drawn,omitzero"`     // when the last file was written
	Manifest   *ManifestFact    `json:"manifest,omitempty"` // nil until the part is done; a part without cards has none
	Failed     map[int]string   `json:"failed,omitempty"`   // shards that were given up, with a word for the cause, until the campaign is resumed
	Beats      []CampaignBeat   `json:"beats,omitempty"`    // of the last minutes, oldest first
}

// CampaignBeat is how far a part was at a time.
type CampaignBeat struct {
	At   time.Time `json:"at"`
	Done int64     `json:"done"`
}

// Claim is a worker that asks for a piece of work.
type Claim struct {
	Worker string        // unique to a process, never a person
	For    time.Duration // after which another may take it over; 0: DefaultLease
}

// DefaultLease is how long a piece of work belongs to a worker that says nothing else.
const DefaultLease = 2 * time.Minute

// CampaignItem is one sequence number.
type CampaignItem struct {
	Sequence int64
	Contract register.ContractKey
	Person   int        // register.Household, or the position in the contract when it was planned
	Who      string     // a digest of the person: see ShardItem
	Place    card.Place // Place{} until its shard is done, and where there is no card
	Cause    string     // why there is no card, or no page of it
	Address  []string   // as printed in the window; none without an address
}

// CampaignShard is a shard with its items.
type CampaignShard struct {
	Campaign string
	Spec     CampaignSpec
	Insurer  string
	N        int // 1 to CampaignPart.Shards
	Items    []CampaignItem
	Done     bool
	Total    int64 // CampaignPart.Cards
	Claim          // whoever opened it
}

// Request is what Issuer.Shard is asked for.
func (sh *CampaignShard) Request(at time.Time) ShardRequest {
	req := ShardRequest{PerPerson: sh.Spec.PerPerson, Outdated: sh.Spec.Outdated, At: at}
	req.First, req.Last = sh.Spec.Period()
	for _, i := range sh.Items {
		req.Items = append(req.Items, ShardItem{Contract: i.Contract, Person: i.Person, Who: i.Who})
	}
	return req
}

// CampaignFile is a file, or the files of one range in several forms.
type CampaignFile struct {
	Campaign    string
	Spec        CampaignSpec
	Insurer     string
	N           int   // 1 to CampaignPart.Files
	First, Last int64 // sequence numbers
	FirstShard  int
	LastShard   int
	Total       int64          // CampaignPart.Cards
	Items       []CampaignItem // from OpenFile alone
	Done        bool
	Outputs     []OutputFact // once it is done
	Claim                    // whoever opened it, or ended its last shard
}

// OutputFact is one file that was written.
type OutputFact struct {
	Name    string `json:"name"` // below the destination
	Kind    string `json:"kind"` // of the Output words
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	Cards   int64  `json:"cards"`
	People  int64  `json:"people"`
	Pages   int64  `json:"pages,omitempty"`
	Control string `json:"control,omitempty"` // manifest.Control, hexadecimal
}

// ManifestFact is the signed manifest of a part.
type ManifestFact struct {
	Name   string    `json:"name"`
	SHA256 string    `json:"sha256"`
	Size   int64     `json:"size"`
	KID    string    `json:"kid"`
	Made   time.Time `json:"made"` // as the manifest says: it can be made again byte for byte
}

// CampaignFrozen is what an insurer's outputs are made with, as it was when the campaign was created: made again later they
// are the same bytes.
type CampaignFrozen struct {
	Theme    []byte // of the printed page; nil for the default
	Document []byte // issuer.json
	Codes    []byte // codes.json
}

// ShardRef names a shard that waits to be worked on, or whose file or manifest does.
type ShardRef struct {
	Campaign string
	Insurer  string
	N        int
	Why      string // "shard", "file" or "manifest": what is missing
}
