// Contracts: made, changed, closed and read one by one, in the words of the roster's columns.

package httpapi

import (
	"context"
	"net/http"
	"sort"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/rights"
)

const maxContractBody = 64 << 10

// Garantie is one guarantee of a person.
type Garantie struct {
	Domaine string `json:"domaine" pattern:"^[A-Z0-9]{1,16}$" doc:"code of a domain" example:"PHAR"`
	Valeur  string `json:"valeur" minLength:"1" maxLength:"64" doc:"as in a roster" example:"100%"`
}

// Beneficiaire is one person of a contract.
type Beneficiaire struct {
	NIR       string     `json:"nir,omitempty" maxLength:"21"`
	Nom       string     `json:"nom" minLength:"1" maxLength:"80"`
	Prenom    string     `json:"prenom" minLength:"1" maxLength:"80"`
	Naissance string     `json:"naissance" pattern:"^[0-9]{8}$" doc:"AAAAMMJJ; month and day may be those of a lunar date" example:"19800301"`
	Rang      int        `json:"rang,omitempty" minimum:"1" maximum:"9" default:"1" doc:"rang gémellaire"`
	Debut     string     `json:"debut,omitempty" doc:"own first day, when later than the contract's"`
	Fin       string     `json:"fin,omitempty" doc:"own last day, when earlier"`
	Garanties []Garantie `json:"garanties" maxItems:"64" nullable:"false"`
}

// Adresse is where letters go. It is never on a card.
type Adresse struct {
	Lignes     []string `json:"lignes" minItems:"1" maxItems:"4" nullable:"false" doc:"what stands between the name and the postal code; at most 38 characters each, 3 lines abroad"`
	CodePostal string   `json:"code_postal" maxLength:"10" doc:"5 digits in France; elsewhere it may be empty"`
	Ville      string   `json:"ville" minLength:"1" maxLength:"38"`
	Pays       string   `json:"pays,omitempty" pattern:"^[A-Z]{2}$" doc:"ISO 3166-1 alpha-2; absent for France and its territories"`
}

// Contrat is what may be said of a contract. The insurer is the credential's.
type Contrat struct {
	Convention    []string       `json:"convention,omitempty" maxItems:"6" nullable:"false" doc:"types de convention"`
	CSR           string         `json:"csr,omitempty" maxLength:"8" doc:"critère secondaire de routage"`
	Responsable   bool           `json:"responsable,omitempty" doc:"contrat responsable"`
	Debut         string         `json:"debut" doc:"first day, AAAA-MM-JJ" example:"2027-01-01"`
	Fin           string         `json:"fin" doc:"last day, AAAA-MM-JJ" example:"2027-12-31"`
	Notes         []string       `json:"notes,omitempty" maxItems:"9" nullable:"false"`
	Adresse       *Adresse       `json:"adresse,omitempty"`
	Beneficiaires []Beneficiaire `json:"beneficiaires" minItems:"1" maxItems:"12" nullable:"false"`
}

// NouveauContrat is a contract with its number.
type NouveauContrat struct {
	Adherent string `json:"adherent" minLength:"1" maxLength:"16" doc:"N° adhérent"`
	Contrat
}

// ContratLu is a contract as it is read.
type ContratLu struct {
	ID       string `json:"id" doc:"pseudonym: the contract's name in addresses"`
	Revision int64  `json:"revision"`
	AMC      string `json:"amc"`
	NouveauContrat
}

// ContratFait says which contract was made or changed; it holds no person.
type ContratFait struct {
	ID       string `json:"id" doc:"pseudonym: the contract's name in addresses"`
	Revision int64  `json:"revision"`
}

// rights reads the facts; errors name a member, never a value.
func (c Contrat) rights(adherent string) (rights.Contract, error) {
	out := rights.Contract{Adherent: adherent, Conventions: c.Convention, CSR: c.CSR, Responsable: c.Responsable, Notes: c.Notes}
	var err error
	day := func(name, text string) rights.Date {
		d, failed := dayOf(name, text)
		if failed != nil && err == nil {
			err = failed
		}
		return d
	}
	if a := c.Adresse; a != nil {
		out.Address = &rights.Address{Lines: a.Lignes, PostalCode: a.CodePostal, City: a.Ville, Country: a.Pays}
		if failed := out.Address.Check(); failed != nil {
			return out, errField.about("adresse").because(failed)
		}
	}
	out.From, out.To = day("debut", c.Debut), day("fin", c.Fin)
	for _, b := range c.Beneficiaires {
		p := rights.Beneficiary{Nom: b.Nom, Prenom: b.Prenom, Birth: rights.BirthDate(b.Naissance), Rang: max(b.Rang, 1),
			From: day("beneficiaires.debut", b.Debut), To: day("beneficiaires.fin", b.Fin), Guarantees: map[string]rights.Guarantee{}}
		if b.NIR != "" {
			nir, failed := rights.ParseNIR(b.NIR)
			if failed != nil {
				return out, errField.about("beneficiaires.nir").because(failed)
			}
			p.NIR = string(nir)
		}
		for _, g := range b.Garanties {
			value, failed := rights.ParseGuarantee(g.Valeur)
			if _, twice := p.Guarantees[g.Domaine]; failed != nil || twice {
				return out, errField.about("beneficiaires.garanties")
			}
			p.Guarantees[g.Domaine] = value
		}
		out.Beneficiaries = append(out.Beneficiaries, p)
	}
	return out, err
}

func contratLu(f issuer.ContractFacts) ContratLu {
	c := f.Rights
	out := ContratLu{ID: f.ID, Revision: f.Revision, AMC: string(c.Insurer)}
	out.Adherent, out.Convention, out.CSR, out.Responsable = c.Adherent, c.Conventions, c.CSR, c.Responsable
	out.Debut, out.Fin, out.Notes = dayText(c.From), dayText(c.To), c.Notes
	if a := c.Address; a != nil {
		out.Adresse = &Adresse{a.Lines, a.PostalCode, a.City, a.Country}
	}
	for _, b := range c.Beneficiaries {
		p := Beneficiaire{NIR: b.NIR, Nom: b.Nom, Prenom: b.Prenom, Naissance: string(b.Birth), Rang: b.Rang, Debut: dayText(b.From), Fin: dayText(b.To), Garanties: []Garantie{}}
		for domain, g := range b.Guarantees {
			p.Garanties = append(p.Garanties, Garantie{domain, g.String()})
		}
		sort.Slice(p.Garanties, func(i, j int) bool { return p.Garanties[i].Domaine < p.Garanties[j].Domaine })
		out.Beneficiaires = append(out.Beneficiaires, p)
	}
	return out
}

type contractMade struct {
	CacheControl string `header:"Cache-Control"`
	ETag         string `header:"ETag"`
	Location     string `header:"Location"`
	Body         ContratFait
}

func made(c ContratFait) *contractMade {
	return &contractMade{"no-store", etag(c.Revision), "/v1/contracts/" + c.ID, c}
}

type contractRead struct {
	CacheControl string `header:"Cache-Control"`
	ETag         string `header:"ETag"`
	Body         ContratLu
}

// ContractID is the path of a contract.
type ContractID struct {
	ID string `path:"id" pattern:"^[A-Z2-7]{8,64}$" doc:"pseudonym of the contract"`
}

// Matching is the header of a change that must not overwrite another.
type Matching struct {
	IfMatch string `header:"If-Match" doc:"ETag of what was read" example:"\"3\""`
}

func (s *Server) contractRoutes() {
	add(s, huma.Operation{OperationID: "create-contract", Method: http.MethodPost, Path: "/v1/contracts", Summary: "Make a contract", DefaultStatus: http.StatusCreated},
		staffPolicy(maxContractBody, RoleIssue), func(ctx context.Context, who Principal, in *struct {
			Keyed
			Body NouveauContrat
		}) (*contractMade, error) {
			c, err := in.Body.rights(in.Body.Adherent)
			if err != nil {
				return nil, err
			}
			out, err := once[ContratFait](ctx, s, who, in.Key, "", func(ctx context.Context, w issuer.Staff, t *issuer.Ticket) error {
				_, err := s.o.Issuer.CreateContract(ctx, w, c, contractDone(t))
				return err
			})
			if err != nil {
				return nil, invalid(err)
			}
			return made(out), nil
		})

	add(s, huma.Operation{OperationID: "change-contract", Method: http.MethodPut, Path: "/v1/contracts/{id}", Summary: "Replace the facts of a contract",
		Description: "The same facts again keep the revision. The number can't change."},
		staffPolicy(maxContractBody, RoleIssue), func(ctx context.Context, who Principal, in *struct {
			ContractID
			Matching
			Body Contrat
		}) (*contractMade, error) {
			revision, err := ifMatch(in.IfMatch)
			if err != nil {
				return nil, err
			}
			c, err := in.Body.rights("")
			if err != nil {
				return nil, err
			}
			f, err := s.o.Issuer.ChangeContract(ctx, acting(who), in.ID, revision, c, nil)
			if err != nil {
				return nil, invalid(err)
			}
			return made(ContratFait{f.ID, f.Revision}), nil
		})

	add(s, huma.Operation{OperationID: "close-contract", Method: http.MethodPost, Path: "/v1/contracts/{id}/closure", Summary: "Set the last day of a contract",
		Description: "The cards of the contract are not revoked by it: online checks know at once, lists know what is revoked."},
		staffPolicy(1<<10, RoleIssue), func(ctx context.Context, who Principal, in *struct {
			Keyed
			ContractID
			Matching
			Body struct {
				Fin string `json:"fin" doc:"last day, AAAA-MM-JJ"`
			}
		}) (*contractMade, error) {
			revision, err := ifMatch(in.IfMatch)
			if err != nil {
				return nil, err
			}
			last, err := dayOf("fin", in.Body.Fin)
			if err != nil || last == 0 {
				return nil, errField.about("fin")
			}
			out, err := once[ContratFait](ctx, s, who, in.Key, in.IfMatch, func(ctx context.Context, w issuer.Staff, t *issuer.Ticket) error {
				_, err := s.o.Issuer.CloseContract(ctx, w, in.ID, revision, last, contractDone(t))
				return err
			})
			if err != nil {
				return nil, invalid(err)
			}
			return made(out), nil
		})

	reads := staffPolicy(0, RoleRead)
	reads.Reads = true
	reads.Journal = func(ctx context.Context, who Principal, _, out any) error {
		c := out.(*contractRead)
		return s.journal(ctx, who, map[string]any{"contract": c.Body.ID, "revision": c.Body.Revision})
	}
	add(s, huma.Operation{OperationID: "read-contract", Method: http.MethodGet, Path: "/v1/contracts/{id}", Summary: "Read a contract"},
		reads, func(ctx context.Context, who Principal, in *ContractID) (*contractRead, error) {
			f, err := s.o.Issuer.ReadContract(ctx, acting(who), in.ID)
			if err != nil {
				return nil, err
			}
			return &contractRead{"no-store", etag(f.Revision), contratLu(f)}, nil
		})

	searches := reads
	searches.Body = 1 << 10
	add(s, huma.Operation{OperationID: "find-contract", Method: http.MethodPost, Path: "/v1/contract-searches", Summary: "Read a contract by its number",
		Description: "A number that there is not is journalled too."},
		searches, func(ctx context.Context, who Principal, in *struct {
			Body struct {
				Adherent string `json:"adherent" minLength:"1" maxLength:"16" doc:"N° adhérent"`
			}
		}) (*contractRead, error) {
			f, err := s.o.Issuer.FindContract(ctx, acting(who), in.Body.Adherent)
			if err != nil {
				return nil, s.missed(ctx, who, in.Body.Adherent, err)
			}
			return &contractRead{"no-store", etag(f.Revision), contratLu(f)}, nil
		})
}

// missed journals a search that found nothing: whoever tries numbers leaves a trace.
func (s *Server) missed(ctx context.Context, who Principal, adherent string, err error) error {
	detail := map[string]any{"found": false}
	if rights.CheckAdherent(adherent) == nil {
		if id, failed := s.o.Issuer.PseudonymOf(register.ContractKey{Insurer: who.Insurer, Adherent: adherent}); failed == nil {
			detail["contract"] = id
		}
	}
	if failed := s.journal(ctx, who, detail); failed != nil {
		return failed
	}
	return err
}

// contractDone stores the answer about a contract: who reads it again later reads no person.
func contractDone(t *issuer.Ticket) func(register.Tx, issuer.ContractFacts) error {
	return func(tx register.Tx, f issuer.ContractFacts) error { return t.Done(tx, ContratFait{f.ID, f.Revision}) }
}
