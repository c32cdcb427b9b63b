// A varied synthetic population, on which sizes are measured. The dictionary was tuned on another one.

package card

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/rights"
)

// Frequent surnames cover few people in France; most of the population has one of the others.
var frequentSurnames = strings.Fields(`MARTIN BERNARD THOMAS PETIT ROBERT RICHARD DURAND DUBOIS MOREAU LAURENT SIMON MICHEL
LEFEBVRE LEROY ROUX DAVID BERTRAND MOREL FOURNIER GIRARD BONNET DUPONT LAMBERT FONTAINE ROUSSEAU VINCENT MULLER LEFEVRE FAURE
ANDRE MERCIER BLANC GUERIN BOYER GARNIER CHEVALIER FRANCOIS LEGRAND GAUTHIER GARCIA PERRIN ROBIN CLEMENT MORIN NICOLAS HENRY
ROUSSEL MATHIEU GAUTIER MASSON MARCHAND DUVAL DENIS DUMONT MARIE LEMAIRE NOEL MEYER DUFOUR MEUNIER BRUN BLANCHARD GIRAUD JOLY
RIVIERE LUCAS BRUNET GAILLARD BARBIER ARNAUD MARTINEZ GERARD ROCHE RENARD SCHMITT ROY LEROUX COLIN VIDAL CARON PICARD ROGER`)

var rareSurnames = strings.Split(`ABGRALL|ACHOUR|AÏT-BRAHIM|ALBERTINI|AMSELLEM|ANQUETIL|ARNOULD|AUGÉ|BACHELIER|BAKARY|BARREIRO|BAUDOUX|BEN YOUSSEF|BÉRANGER|BERTHELOT|
BIANCHERI|BLONDÉ|BOISSEAU|BOUCHAREB|BOUVIER-GARZON|BRÛLÉ|CABANIS|CASANOVA|CHABERT|CHARTIÉ|COËFFIER|CORBINEAU|COURTOISIER|D'ALMEIDA|DA SILVA FERREIRA|
DE LA TOUR|DEFRANCE|DELAHOUSSE|DERRIEN|DIALLO|DOMENECH|DUCHÊNE|DÜRRENBERGER|EL KHOURY|ESCOFFIER|ÉVRARD|FALGUIÈRES|FERNANDES|FLAMENT|FOULQUIER|GALLIANO|
GARREAU|GHISLAIN|GOSSELIN|GRÜNENWALD|GUÉGUEN|GUYOMARC'H|HAMIDOU|HERVOUET|HOAREAU|HUGUENIN|IMBERTY|JACQUEMIN|JAUFFRET|JOURDREN|KACZMAREK|KERVELLA|
KONATÉ|KOWALSKI|LABOURDETTE|LACHAISE|LAGADEC|LANGLOIS-BERTHELOT|LE BIHAN|LE GOFF|LEMARÉCHAL|LOPES|MAHÉ|MALLET|MANDON|MARQUÈS|MAZURIER|MOKHTARI|
MONNERVILLE|MOUQUET|N'DIAYE|NAUDIN|NGUYEN|NOWAK|OLLIVIER|ÖZTÜRK|PAPAZIAN|PÉRONNET|PINÇON|POIRIER|QUÉMÉNER|RABEMANANJARA|RAKOTO|RENAUDIN|
RIBEIRO|ROLLAND|SALAÜN|SANTONI|SCHOTT|SÉNÉCHAL|SOUMAHORO|STRAUSS|TAILLEFER|TCHERNIA|THÉVENOT|TOUSSAINT|TRAN VAN|TRÉBUCHET|URBANIAK|VAILLANT|
VANDENBERGHE|VERDIER|VOGELSANG|WALTER|WEBER|YILDIZ|YVONNET|ZERROUKI|ŽIŽEK|ŁUKASZEWSKI|ŒUVRARD|FLEURY|PREVOST|HUET|CHARRIER|BOUCHER|LECLERC|GAY`, "|")

var elderNames = strings.Fields(`Jean Marie Pierre Michel André Philippe Alain Bernard Jacques Daniel Patrick Monique Catherine Françoise Jacqueline Nathalie
Isabelle Sylvie Martine Anne Christine Nicolas Christophe Laurent Christian Stéphane Frédéric Sébastien Éric Valérie Sandrine Véronique Céline Sophie
Julien David Thierry Olivier Gérard Pascal Dominique Brigitte Chantal Nicole Hélène Joëlle Élisabeth Geneviève Odile Yvette René Guy Roland Serge Didier
Bruno Vincent Jérôme Cédric Fabien Ludovic Aurélie Émilie Élodie Mélanie Virginie Karine Corinne Agnès Maryse Josiane Ginette Raymond Marcel Lucien Fatima
Mohamed Rachid Karim Farid Malika Nadia Samira José Manuel Paulo Ana Maria Antonio Giuseppe Wanda Stanislas Mireille Ghislaine Bérengère Loïc Gwenaëlle Yann
Marie-Claude Jean-Pierre Jean-Luc Marie-Thérèse Anne-Sophie Jean-François Marie-Hélène Tiphaine Régis Hervé Benoît Mickaël Delphine Caroline Sabrina Laetitia`)

var youngNames = strings.Fields(`Emma Louise Jade Alice Chloé Lina Léa Rose Anna Mila Inès Ambre Julia Mia Léna Juliette Lou Zoé Manon Camille Sarah Eva Agathe
Gabriel Léo Raphaël Louis Arthur Jules Adam Lucas Maël Hugo Noah Liam Paul Ethan Nathan Sacha Tom Nolan Mathis Théo Enzo Maxime Thomas Antoine Clément
Alexandre Baptiste Valentin Romain Quentin Kévin Jordan Anaïs Marine Pauline Mathilde Laura Justine Clara Océane Lucie Margaux Charlotte Victoria Éléonore
Yasmine Nour Aya Ibrahim Ismaël Imran Rayan Naïm Amir Sofia Elena Apolline Capucine Constance Gaspard Timothée Augustin Côme Malo Titouan Maëlys Lilou
Eden Ayden Kaïs Noé Aaron Milo Marius Martin Robin Éloïse Romane Inaya Assia Malone Lyam Soan Mathéo Evan Axel Gabin Victor Oscar Tiago Diego Naël`)

// frequent draws from a list that begins with the most frequent names.
func frequent(r *rand.Rand, list []string) string {
	return list[min(r.IntN(len(list)), r.IntN(len(list)))]
}

// house is how one insurer's cards look: it makes cards of the same insurer resemble each other, as they do.
type house struct {
	amc         rights.AMC
	conventions []string
	csr         string
	adherent    func(*rand.Rand) string
	formulas    []map[string]string
	children    map[string]string // what children have otherwise
	notes       []string
	list        uint32
	rolling     int // percent of contracts that don't follow the calendar year
}

var domainSets = [][]string{
	strings.Fields("AUXM DENT LABO MED OPTI PHAR RADL"),
	strings.Fields("AUDI DENT HOSP OPTI PHAR SVIL"),
	strings.Fields("AUDI AUXM CURE DENT EXTE HOSP LABO MEDE OPTI PHAR RADL TRAN"),
	strings.Fields("AUDI AUXM CSTE DENT EXTE HOSP LARA MED OPTI PHCO PHNO PHOR TRAN"),
	strings.Fields("AUXM BIOL DEPR DESO HOSP MEDE OPAU PHAR RADL SAGE SVIL TRAN"),
	strings.Fields("AUDI AUXM BIOL CSTE CURE DENT EXTE HOSP LPPS MED OPTI PHAR PREV RADL SAGE TRAN"),
	strings.Fields("AUXM DEPR DESO DIPR HOSP LARA OPAU ORTH PHNO PHCO PREV SVIL TRAN"),
	strings.Fields("AUDI AUXM CSTE DEOR DEPR DESO EXTE LABO MED OPTI PHAR RADL TRAN"),
}

// dear domains ask for a prise en charge.
var dear = strings.Fields("AUDI DENT DEOR DEPR HOSP OPAU OPTI DIPR ORTH")

func newHouse(r *rand.Rand) house {
	h := house{amc: rights.AMC(fmt.Sprintf("%09d", 300000000+r.IntN(600000000))), list: uint32(1 + r.IntN(90)), rolling: 10 + r.IntN(40)}
	if r.IntN(4) == 0 {
		h.amc = rights.AMC(fmt.Sprintf("%08d", 1000000+r.IntN(90000000)))
	}
	circuit := []string{"", "", "", "SP", "SP", "SP", "IS", "OC", "VM", "AL", "KA", "CB", "IT"}[r.IntN(13)]
	second := []string{"", "", "SC/TS", "KA/OC", "IT", "SV", "IS/IT"}[r.IntN(7)]
	h.conventions = [][]string{{"SP"}, {"OC"}, {"IS"}, {"MU"}, {"VM"}, {"SP", "OC"}, {"KA", "SC"}, {"AL"}, nil}[r.IntN(9)]
	if r.IntN(4) == 0 {
		h.csr = []string{"GEST01", "A12", "00731", "CPLT", "75044075"}[r.IntN(5)]
	}
	width := 6 + r.IntN(8)
	style := r.IntN(4)
	h.adherent = func(r *rand.Rand) string {
		var b strings.Builder
		if style == 0 {
			b.WriteByte(byte('A' + r.IntN(26)))
		}
		if style == 1 {
			b.WriteString("00")
		}
		for b.Len() < width {
			b.WriteByte(byte('0' + r.IntN(10)))
		}
		return b.String()
	}
	set := domainSets[r.IntN(len(domainSets))]
	base := []string{"100%", "100%", "100%", "TM", "100/100/15"}[r.IntN(5)]
	for range 3 {
		f := make(map[string]string)
		for _, d := range set {
			v := base
			switch {
			case strings.HasPrefix(d, "PHAR"):
				v = []string{"100%", "100/100/15", "100/100/100", base}[r.IntN(4)]
			case slices.Contains(dear, d):
				v = []string{"PEC", "PEC", "PEC", "100%", fmt.Sprintf("%dEUR", 50*(1+r.IntN(12))), fmt.Sprintf("%d%%", 25*(5+r.IntN(10))), "-"}[r.IntN(7)]
			case base == "100/100/15":
				v = "100%"
			case r.IntN(12) == 0:
				v = []string{"TM", "125%", "150%", "200%", "-"}[r.IntN(5)]
			}
			c := circuit
			if second != "" && slices.Contains(dear, d) {
				c = second
			}
			if c != "" && v != "-" {
				v = c + " " + v
			}
			f[d] = v
		}
		h.formulas = append(h.formulas, f)
	}
	if r.IntN(3) == 0 {
		h.notes = [][]string{
			{"Monture : une tous les deux ans"},
			{"Sur devis accepté", "Plafond commun à toute la famille"},
			{"Réseau Optilia uniquement, hors réseau 100 %"},
		}[r.IntN(3)]
		for _, f := range h.formulas {
			for _, d := range set[:len(h.notes)] {
				if f[d] != "-" {
					f[d] += fmt.Sprintf(" (%d)", 1+r.IntN(len(h.notes)))
				}
			}
		}
	}
	if r.IntN(3) == 0 {
		h.children = make(map[string]string)
		for _, d := range set {
			if slices.Contains(dear, d) && r.IntN(2) == 0 {
				h.children[d] = strings.TrimPrefix(circuit+" PEC", " ")
			}
		}
	}
	return h
}

// population draws contracts of the given size; the same seed gives the same people.
type population struct {
	r      *rand.Rand
	houses []house
}

func newPopulation(seed uint64) *population { return newPopulationOf(seed, 60) }

func newPopulationOf(seed uint64, houses int) *population {
	p := &population{r: rand.New(rand.NewPCG(seed, 7))}
	for range houses {
		p.houses = append(p.houses, newHouse(p.r))
	}
	return p
}

func (p *population) surname() string {
	if p.r.IntN(100) < 35 {
		return frequent(p.r, frequentSurnames)
	}
	return strings.TrimSpace(rareSurnames[p.r.IntN(len(rareSurnames))])
}

func (p *population) contract(size int) (rights.Contract, Place, time.Time) {
	r := p.r
	h := p.houses[r.IntN(len(p.houses))]
	year := 2026 + r.IntN(6)
	first, _ := rights.NewDate(year, time.January, 1)
	last, _ := rights.NewDate(year, time.December, 31)
	if r.IntN(100) < h.rolling {
		first, _ = rights.NewDate(year, time.Month(1+r.IntN(12)), 1)
		if r.IntN(2) == 0 {
			last = first + 364
		}
	}
	issued := first.Midnight().Add(-time.Duration(r.IntN(60*86400)) * time.Second)
	c := rights.Contract{Insurer: h.amc, Adherent: h.adherent(r), Conventions: h.conventions, CSR: h.csr,
		Responsable: r.IntN(10) < 9, From: first, To: last, Notes: h.notes}
	formula := h.formulas[r.IntN(len(h.formulas))]
	family := p.surname()
	for i := range size {
		b := rights.Beneficiary{Nom: family, Rang: 1}
		born := 0
		if i < 2 {
			b.Prenom = frequent(r, elderNames)
			if r.IntN(3) == 0 {
				b.Prenom = frequent(r, youngNames)
			}
			if i == 1 && r.IntN(3) == 0 {
				b.Nom = p.surname()
			}
			born = 1935 + r.IntN(70)
		} else {
			b.Prenom = frequent(r, youngNames)
			born = 2003 + r.IntN(24)
			if r.IntN(12) == 0 {
				b.Nom = p.surname()
			}
		}
		for slices.ContainsFunc(c.Beneficiaries, func(o rights.Beneficiary) bool { return o.Prenom == b.Prenom }) {
			b.Prenom = frequent(r, youngNames)
		}
		b.Birth = rights.BirthDate(fmt.Sprintf("%04d%02d%02d", born, 1+r.IntN(12), 1+r.IntN(28)))
		if r.IntN(60) == 0 {
			b.Rang = 2
		}
		if r.IntN(25) == 0 {
			b.From = first + 1 + rights.Date(r.IntN(10))
		}
		if r.IntN(25) == 0 {
			b.To = last - 1 - rights.Date(r.IntN(10))
		}
		b.Guarantees = make(map[string]rights.Guarantee)
		for d, v := range formula {
			if other, ok := h.children[d]; ok && i >= 2 {
				v = other
			}
			g, err := rights.ParseGuarantee(v)
			if err != nil {
				panic(v)
			}
			b.Guarantees[d] = g
		}
		c.Beneficiaries = append(c.Beneficiaries, b)
	}
	return c, Place{List: h.list, Index: uint32(r.IntN(1 << 20))}, issued
}

// claims draws the claims of a household.
func (p *population) claims(t testing.TB, size int) Claims {
	t.Helper()
	c, place, issued := p.contract(size)
	claims, err := FromContract(c, place, issued, -1)
	if err != nil {
		t.Fatalf("synthetic household refused: %v (%+v)", err, c)
	}
	return claims
}
