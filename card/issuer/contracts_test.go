package issuer

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sceau/rights"
)

func TestContracts(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	who, _ := w.key(nil, amc, insurerRoles...)
	other, _ := w.key(nil, amc2, insurerRoles...)
	c := household(t, "000123", 2, 0)
	c.Insurer = amc2 // what the body says of the insurer is not believed
	made, err := w.issuer.CreateContract(ctx, who, c, nil)
	if err != nil || made.Revision != 1 || made.Rights.Insurer != amc || strings.Contains(made.ID, "123") {
		t.Fatal(made, err)
	}
	if _, err := w.issuer.CreateContract(ctx, who, c, nil); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	theirs := must(w.issuer.CreateContract(ctx, other, c, nil))(t)
	if theirs.ID == made.ID {
		t.Error("two insurers share a pseudonym")
	}
	for _, id := range []string{made.ID, "", "short", strings.Repeat("A", 65), strings.ToLower(made.ID), "000123", "../../../../..", made.ID + "\x00"} {
		if _, err := w.issuer.ReadContract(ctx, other, id); !errors.Is(err, ErrUnknownContract) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := w.issuer.ChangeContract(ctx, other, id, 1, c, nil); !errors.Is(err, ErrUnknownContract) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := w.issuer.CloseContract(ctx, other, id, 1, c.To, nil); !errors.Is(err, ErrUnknownContract) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := w.issuer.CardsOfContract(ctx, other, id); !errors.Is(err, ErrUnknownContract) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := w.issuer.StaffIssue(ctx, other, []string{id}, false, nil); !errors.Is(err, ErrUnknownContract) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if got := must(w.issuer.FindContract(ctx, other, "000123"))(t); got.ID != theirs.ID {
		t.Error("another insurer's contract was found")
	}
	for _, bad := range []string{"", "000124", "0001234567890123456", "'; --"} {
		if _, err := w.issuer.FindContract(ctx, who, bad); !errors.Is(err, ErrUnknownContract) || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// The operator has no contracts.
	if _, err := w.issuer.ReadContract(ctx, Staff{}, made.ID); !errors.Is(err, ErrUnknownContract) {
		t.Error(err)
	}

	next := household(t, "999999", 2, 5)
	changed, err := w.issuer.ChangeContract(ctx, who, made.ID, 1, next, nil)
	if err != nil || changed.Revision != 2 || changed.Rights.Adherent != "000123" || changed.ID != made.ID {
		t.Fatal(changed, err)
	}
	if _, err := w.issuer.ChangeContract(ctx, who, made.ID, 1, next, nil); !errors.Is(err, ErrRevision) {
		t.Error("a stale change was stored:", err)
	}
	if same := must(w.issuer.ChangeContract(ctx, who, made.ID, 2, next, nil))(t); same.Revision != 2 {
		t.Error("the same facts made a revision")
	}
	if read := must(w.issuer.ReadContract(ctx, who, made.ID))(t); read.Revision != 2 {
		t.Error(read.Revision)
	}
	closed, err := w.issuer.CloseContract(ctx, who, made.ID, 2, day(t, "2027-06-30"), nil)
	if err != nil || closed.Revision != 3 || closed.Rights.To != day(t, "2027-06-30") {
		t.Fatal(closed, err)
	}
	if _, err := w.issuer.CloseContract(ctx, who, made.ID, 3, day(t, "2026-12-31"), nil); !errors.Is(err, ErrInvalid) {
		t.Error("closed before it began:", err)
	}
	if text := strings.Join(w.acts(amc), " "); !strings.Contains(text, "contract.create contract.change contract.close") {
		t.Error(text)
	}
	if acts := w.acts(amc2); len(acts) != 1 {
		t.Error("the other insurer sees", acts)
	}
	lines, _, err := w.issuer.AuditPage(ctx, "*", 0, 1000)
	if text := asJSON(t, lines); err != nil || strings.Contains(text, "000123") || strings.Contains(text, "Camille") {
		t.Error("the audit chain names a person", err)
	}
}

func TestCloseKeepsOwnDays(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	who, _ := w.key(nil, amc, insurerRoles...)
	c := household(t, "A1", 3, 0)
	c.Beneficiaries[1].To = day(t, "2027-08-31")
	c.Beneficiaries[2].From = day(t, "2027-09-01")
	made := must(w.issuer.CreateContract(ctx, who, c, nil))(t)
	closed := must(w.issuer.CloseContract(ctx, who, made.ID, 1, day(t, "2027-07-31"), nil))(t)
	if n := len(closed.Rights.Beneficiaries); n != 2 || closed.Rights.Beneficiaries[1].To != 0 {
		t.Errorf("%d people, %v", n, closed.Rights.Beneficiaries[1].To)
	}
}

func TestContractsThatAreRefused(t *testing.T) {
	w := sealedWorld(t)
	who, _ := w.key(nil, amc, insurerRoles...)
	for name, change := range map[string]func(*rights.Contract){
		"no number":   func(c *rights.Contract) { c.Adherent = "" },
		"long number": func(c *rights.Contract) { c.Adherent = "12345678901234567" },
		"nobody":      func(c *rights.Contract) { c.Beneficiaries = nil },
		"no days":     func(c *rights.Contract) { c.From, c.To = c.To, c.From },
		"unknown domain": func(c *rights.Contract) {
			c.Beneficiaries[0].Guarantees["XXXX"] = c.Beneficiaries[0].Guarantees["PHAR"]
		},
		"wrong NIR": func(c *rights.Contract) { c.Beneficiaries[0].NIR = "189127512501283" },
		"script":    func(c *rights.Contract) { c.Beneficiaries[0].Nom = "<script>" },
		"twice":     func(c *rights.Contract) { c.Beneficiaries = append(c.Beneficiaries, c.Beneficiaries[0]) },
	} {
		c := household(t, "A1", 1, 0)
		change(&c)
		_, err := w.issuer.CreateContract(context.Background(), who, c, nil)
		if !errors.Is(err, ErrInvalid) || rights.CodeOf(err) == "" || strings.Contains(err.Error(), "EXEMPLE") || strings.Contains(err.Error(), "18912") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
