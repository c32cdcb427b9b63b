// Cards: issued for contracts, listed, made anew, and handed out as PDF, PNG, code text or JWS.

package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/pdf"
	"sceau/card/qr"
	"sceau/card/register"
	"sceau/rights"
)

// Carte is what a list says of a card: no person.
type Carte struct {
	Card     string `json:"card" doc:"number of the card" example:"3-583021"`
	Contract string `json:"contract" doc:"pseudonym of the contract"`
	Person   int    `json:"person" doc:"0 for the household, else the person's number in the register, from 1"`
	State    string `json:"state" enum:"intent,live,suspended,void,replaced"`
	From     string `json:"from"`
	To       string `json:"to"`
	Revision int64  `json:"revision" doc:"of the contract when the card was made"`
	Replaces string `json:"replaces,omitempty" doc:"the card in whose place it was made"`
}

func carte(f issuer.CardFacts) Carte {
	c := Carte{Card: f.Place.String(), Contract: f.Contract, Person: f.Person + 1, State: f.State.String(), From: dayText(f.From), To: dayText(f.To), Revision: f.Revision}
	if f.Replaces != (card.Place{}) {
		c.Replaces = f.Replaces.String()
	}
	return c
}

// CardsMade answers a request for cards: the cards, or the approval that it waits for.
type CardsMade struct {
	Cards     []Carte    `json:"cards" nullable:"false" doc:"those that stand now, new ones and older ones"`
	Withheld  int        `json:"withheld,omitempty" doc:"not renewed: revoked before"`
	OtherForm int        `json:"other_form,omitempty" doc:"not made: there are cards of the other form"`
	Ended     int        `json:"ended,omitempty" doc:"not made: the rights are over"`
	Unfit     []string   `json:"unfit,omitempty" nullable:"false" doc:"contracts that don't fit a card"`
	Approval  *Agreement `json:"approval,omitempty" doc:"nothing was made: it goes over the day's limit, and somebody else must agree first"`
}

func cardsMade(m issuer.Made) CardsMade {
	out := CardsMade{Cards: []Carte{}, Withheld: m.Withheld, OtherForm: m.OtherForm, Ended: m.Ended, Unfit: m.Unfit}
	for _, c := range m.Cards {
		out.Cards = append(out.Cards, carte(c))
	}
	if m.Approval != nil {
		a := agreement(*m.Approval)
		out.Approval = &a
	}
	return out
}

type cardsMadeOutput struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Location     string `header:"Location"`
	Body         CardsMade
}

func cardsAnswer(m CardsMade) *cardsMadeOutput {
	out := &cardsMadeOutput{Status: http.StatusCreated, CacheControl: "no-store", Body: m}
	if m.Approval != nil {
		out.Status, out.Location = http.StatusAccepted, "/v1/approvals/"+m.Approval.ID
	} else if len(m.Cards) == 1 {
		out.Location = "/v1/cards/" + m.Cards[0].Card
	}
	return out
}

// CardNumber is the path of a card.
type CardNumber struct {
	Card string `path:"card" pattern:"^[0-9]{1,10}-[0-9]{1,7}$" doc:"number of the card"`
}

func (c CardNumber) place() (card.Place, error) {
	p, err := card.ParsePlace(c.Card)
	if err != nil {
		return card.Place{}, errField.about("card").because(err)
	}
	return p, nil
}

type cardsOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Cards []Carte `json:"cards" nullable:"false" doc:"oldest first"`
	}
}

type cardOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Carte
}

func (s *Server) cardRoutes() {
	add(s, huma.Operation{OperationID: "issue-cards", Method: http.MethodPost, Path: "/v1/cards", Summary: "Issue the cards that contracts lack", DefaultStatus: http.StatusCreated,
		Description: "Nothing is issued twice; the answer lists the cards that stand. Above the day's limit of one person: 202 with an approval.", Responses: waiting[CardsMade](s, otherConsent)},
		staffPolicy(64<<10, RoleIssue), func(ctx context.Context, who Principal, in *struct {
			Keyed
			Body struct {
				Contracts []string `json:"contracts" minItems:"1" maxItems:"500" pattern:"^[A-Z2-7]{8,64}$" nullable:"false" doc:"pseudonyms"`
				Per       string   `json:"per,omitempty" enum:"household,person" default:"household"`
			}
		}) (*cardsMadeOutput, error) {
			out, err := once[CardsMade](ctx, s, who, in.Key, "", func(ctx context.Context, w issuer.Staff, t *issuer.Ticket) error {
				_, err := s.o.Issuer.StaffIssue(ctx, w, in.Body.Contracts, in.Body.Per == "person", func(tx register.Tx, m issuer.Made) error { return t.Done(tx, cardsMade(m)) })
				return err
			})
			if err != nil {
				return nil, invalid(err)
			}
			return cardsAnswer(out), nil
		})

	add(s, huma.Operation{OperationID: "reprint-card", Method: http.MethodPost, Path: "/v1/cards/{card}/reprints", Summary: "Make a new card in place of one", DefaultStatus: http.StatusCreated,
		Description: "The old card is replaced from the day on. Without the same Idempotency-Key, twice makes two. Above the day's limit of one person: 202 with an approval.", Responses: waiting[CardsMade](s, otherConsent)},
		staffPolicy(1<<10, RoleIssue), func(ctx context.Context, who Principal, in *struct {
			Keyed
			CardNumber
			Body struct {
				From string `json:"from,omitempty" doc:"first day on which the old card no longer holds; today when missing"`
			}
		}) (*cardsMadeOutput, error) {
			p, err := in.place()
			if err != nil {
				return nil, err
			}
			from, err := dayOf("from", in.Body.From)
			if err != nil {
				return nil, err
			}
			out, err := once[CardsMade](ctx, s, who, in.Key, "", func(ctx context.Context, w issuer.Staff, t *issuer.Ticket) error {
				_, err := s.o.Issuer.StaffReprint(ctx, w, p, from, t, func(tx register.Tx, m issuer.Made) error { return t.Done(tx, cardsMade(m)) })
				return err
			})
			if err != nil {
				return nil, invalid(err)
			}
			return cardsAnswer(out), nil
		})

	list := staffPolicy(0, RoleRead, RoleIssue, RoleRevoke)
	list.Reads = true
	list.Journal = func(ctx context.Context, who Principal, in, _ any) error {
		return s.journal(ctx, who, map[string]any{"contract": in.(*ContractID).ID, "what": "cards"})
	}
	add(s, huma.Operation{OperationID: "list-cards", Method: http.MethodGet, Path: "/v1/contracts/{id}/cards", Summary: "The cards of a contract"},
		list, func(ctx context.Context, who Principal, in *ContractID) (*cardsOutput, error) {
			cards, err := s.o.Issuer.CardsOfContract(ctx, acting(who), in.ID)
			if err != nil {
				return nil, err
			}
			out := &cardsOutput{CacheControl: "no-store"}
			out.Body.Cards = []Carte{}
			for _, c := range cards {
				out.Body.Cards = append(out.Body.Cards, carte(c))
			}
			return out, nil
		})

	one := list
	one.Journal = func(ctx context.Context, who Principal, _, out any) error {
		c := out.(*cardOutput).Body
		return s.journal(ctx, who, map[string]any{"contract": c.Contract, "card": c.Card, "what": "state"})
	}
	add(s, huma.Operation{OperationID: "read-card", Method: http.MethodGet, Path: "/v1/cards/{card}", Summary: "What became of a card"},
		one, func(ctx context.Context, who Principal, in *CardNumber) (*cardOutput, error) {
			p, err := in.place()
			if err != nil {
				return nil, err
			}
			f, err := s.o.Issuer.StaffCard(ctx, acting(who), p)
			if err != nil {
				return nil, err
			}
			return &cardOutput{"no-store", carte(f)}, nil
		})

	for form, draw := range map[string]drawing{
		"letter.pdf": {"application/pdf", s.drawPDF(pdf.A4)}, "card.pdf": {"application/pdf", s.drawPDF(pdf.Card)},
		"code.png": {"image/png", drawPNG}, "code.txt": {"text/plain; charset=utf-8", drawText}, "card.jws": {"application/jose", drawJWS},
	} {
		s.handOut(form, draw)
	}
}

// drawing is one form of a card.
type drawing struct {
	media string
	draw  func(context.Context, issuer.Issued) ([]byte, error)
}

// handOut registers a route that gives a live card in one form. The journal says who took which card, before they have it.
func (s *Server) handOut(form string, d drawing) {
	p := staffPolicy(0, RoleRead, RoleIssue)
	p.Reads = true
	p.Journal = func(ctx context.Context, who Principal, in, _ any) error {
		r := in.(*http.Request)
		place, err := card.ParsePlace(r.PathValue("card"))
		if err != nil {
			return errField.about("card").because(err)
		}
		if r.URL.RawQuery != "" {
			return errField
		}
		f, err := s.o.Issuer.StaffCard(ctx, acting(who), place)
		if err != nil {
			return err
		}
		if f.State != register.Live {
			return fmt.Errorf("%w: card %s is %s", issuer.ErrState, place, f.State) // it is not handed out: nobody reads it
		}
		return s.journal(ctx, who, map[string]any{"contract": f.Contract, "card": place.String(), "what": form})
	}
	s.raw(http.MethodGet, "/v1/cards/{card}/"+form, p, func(w http.ResponseWriter, r *http.Request, who Principal) {
		b, err := s.drawn(r, who, d)
		if err != nil {
			s.fail(w, visitOf(r.Context()), err)
			return
		}
		w.Header().Set("Content-Type", d.media)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Disposition", `attachment; filename="`+form+`"`)
		_, _ = w.Write(b)
	})
}

func (s *Server) drawn(r *http.Request, who Principal, d drawing) ([]byte, error) {
	if r.URL.RawQuery != "" {
		return nil, errField
	}
	place, err := card.ParsePlace(r.PathValue("card"))
	if err != nil {
		return nil, errField.about("card").because(err)
	}
	c, err := s.o.Issuer.OpenCard(r.Context(), acting(who), place)
	if err != nil {
		return nil, err
	}
	return d.draw(r.Context(), c)
}

var errUndrawable = refusing(http.StatusConflict, "undrawable", "the card is issued, but this form can't show it")

// drawPDF prints a card as its insurer's cards look.
func (s *Server) drawPDF(print func(w io.Writer, sheet pdf.Sheet, t *pdf.Theme) error) func(context.Context, issuer.Issued) ([]byte, error) {
	return func(ctx context.Context, c issuer.Issued) ([]byte, error) {
		symbol, err := qr.Encode(c.CodeText)
		if err != nil {
			return nil, errUndrawable.because(err)
		}
		var row register.Insurer
		err = s.o.Issuer.Store.View(ctx, func(tx register.Tx) (err error) { row, err = tx.Insurer(c.Contract.Insurer); return err })
		if err != nil {
			return nil, err
		}
		insurer, err := card.ParseInsurer(row.Document)
		if err != nil {
			return nil, err
		}
		theme := (*pdf.Theme)(nil)
		if s.o.Office.Theme != nil {
			theme = s.o.Office.Theme(c.Contract.Insurer)
		}
		if theme == nil {
			theme = pdf.DefaultTheme()
		}
		codes := s.o.Issuer.Codes
		if codes == nil {
			codes = rights.DefaultCodes()
		}
		var b bytes.Buffer
		err = print(&b, pdf.Sheet{Claims: c.Claims, Symbol: symbol, Insurer: insurer, Codes: codes}, theme)
		if errors.Is(err, pdf.ErrNoRoom) || errors.Is(err, pdf.ErrGlyph) || errors.Is(err, pdf.ErrSheet) {
			return nil, errUndrawable.because(err)
		}
		if err != nil {
			return nil, err
		}
		return b.Bytes(), nil
	}
}

// pngModule is the width of a module in pixels, as sceau issue draws it.
const pngModule = 8

func drawPNG(_ context.Context, c issuer.Issued) ([]byte, error) {
	symbol, err := qr.Encode(c.CodeText)
	if err != nil {
		return nil, errUndrawable.because(err)
	}
	var b bytes.Buffer
	if err := symbol.PNG(&b, pngModule); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func drawText(_ context.Context, c issuer.Issued) ([]byte, error) {
	return []byte(c.CodeText + "\n"), nil
}

func drawJWS(_ context.Context, c issuer.Issued) ([]byte, error) { return []byte(c.JWS), nil }
