// What a counter remembers of its own wishes: language, profession, keyboard, retention. None of it is trusted with a verdict.

package counter

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/offline"
	"sceau/offline/scan"
	"sceau/rights"
)

// Settings of one counter. The zero value is what a first start has.
type Settings struct {
	Language   offline.Language `json:"language"`         // fr, en
	Profession string           `json:"profession"`       // a code of Professions; "" until it was asked
	Name       string           `json:"name,omitempty"`   // of the pharmacy, for receipts
	FINESS     string           `json:"finess,omitempty"` // for receipts
	Theme      string           `json:"theme,omitempty"`  // light, dark; "" follows the computer
	Sound      bool             `json:"sound,omitempty"`
	Retention  int              `json:"retention_days"`         // of the journal; 0 keeps everything
	SyncEvery  int              `json:"sync_minutes"`           // between two synchronisations
	Port       int              `json:"port,omitempty"`         // wished for; 0 lets the system choose
	Watch      string           `json:"watch_folder,omitempty"` // folder in which pharmacy software drops files
	Learnt     *scan.Map        `json:"keyboard,omitempty"`     // what calibration taught

	OfflineSince time.Time `json:"offline_since,omitzero"` // when somebody switched the online check off; zero while it is on
	DisputesSeen time.Time `json:"disputes_seen,omitzero"` // the newest dispute that somebody at the desk has looked at
}

// Bounds of settings.
const (
	MaxSettings   = 64 << 10
	MinRetention  = 30 // days: a list may be refused, and a claim made, weeks after the care
	MaxRetention  = 3650
	MinSync       = 5 // minutes
	MaxSync       = 24 * 60
	DefaultSync   = 30
	DefaultRetain = 1096 // three years: what a payer may come back on is at most two years old (art. L221-11 code de la mutualité), and a margin
)

// ErrSettings: something that no counter may wish for. The text says what.
var ErrSettings = errors.New("counter: settings refused")

// DefaultSettings are those of a first start.
func DefaultSettings() Settings {
	return Settings{Language: offline.French, Retention: DefaultRetain, SyncEvery: DefaultSync}
}

// ParseSettings reads what Bytes writes. Empty input gives the defaults.
func ParseSettings(b []byte) (Settings, error) {
	s := DefaultSettings()
	if len(b) == 0 {
		return s, nil
	}
	if len(b) > MaxSettings {
		return DefaultSettings(), fmt.Errorf("%w: longer than %d bytes", ErrSettings, MaxSettings)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return DefaultSettings(), fmt.Errorf("%w: %w", ErrSettings, err)
	}
	if dec.More() {
		return DefaultSettings(), fmt.Errorf("%w: something follows", ErrSettings)
	}
	if err := s.Check(); err != nil {
		return DefaultSettings(), err
	}
	return s, nil
}

// Bytes writes settings, or refuses what ParseSettings would refuse.
func (s Settings) Bytes() ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// Check refuses settings that can't be meant. Every error is an ErrSettings.
func (s Settings) Check() error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrSettings}, args...)...)
	}
	switch {
	case s.Language != offline.French && s.Language != offline.English:
		return refuse("language")
	case s.Profession != "" && !slices.ContainsFunc(professions, func(p Profession) bool { return p.Code == s.Profession }):
		return refuse("profession")
	case s.Theme != "" && s.Theme != "light" && s.Theme != "dark":
		return refuse("theme")
	case s.Retention != 0 && (s.Retention < MinRetention || s.Retention > MaxRetention):
		return refuse("retention_days: 0, or %d to %d", MinRetention, MaxRetention)
	case s.SyncEvery < MinSync || s.SyncEvery > MaxSync:
		return refuse("sync_minutes: %d to %d", MinSync, MaxSync)
	case s.Port != 0 && (s.Port < 1024 || s.Port > 65535):
		return refuse("port: 1024 to 65535")
	case len(s.Watch) > 1024:
		return refuse("watch_folder: too long")
	}
	if s.Name != "" && rights.CheckNote(s.Name) != nil {
		return refuse("name")
	}
	if s.FINESS != "" {
		if _, err := rights.CheckFINESS(s.FINESS); err != nil {
			return refuse("finess")
		}
	}
	return nil
}

// Domains are the domain codes that the counter's profession invoices, most usual first.
func (s Settings) Domains() []string {
	for _, p := range professions {
		if p.Code == s.Profession {
			return slices.Clone(p.Domains)
		}
	}
	return nil
}

// Profession is what a counter is, and the domains that it invoices.
type Profession struct {
	Code    string   `json:"code"`
	French  string   `json:"fr"`
	English string   `json:"en"`
	Domains []string `json:"domains"`
}

// Professions returns all of them, in the order in which they are offered.
func Professions() []Profession { return slices.Clone(professions) }

//go:embed professions.json
var professionsFile []byte

var professions = func() []Profession {
	var out []Profession
	if err := json.Unmarshal(professionsFile, &out); err != nil {
		panic(err) // embedded: a test reads it
	}
	return out
}()
