// What the stand answers: an ordinary day, and verdicts with the true words of each reason.

package desk_test

import (
	"maps"
	"strings"
	"time"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/rights"
)

// calmState is a counter on an ordinary day.
func calmState() object {
	insurers := []any{
		object{"amc": "775670284", "name": "Mutuelle des Alizés", "phones": []any{"01 23 45 67 89"}, "lists": 3},
		object{"amc": "302927415", "name": "Prévoyance du Littoral", "phones": []any{"09 87 65 43 21"}, "lists": 2},
	}
	return object{"mode": "rescue", "rescue_reason": "off",
		"lists": []any{object{"fingerprint": "9f3c2a7be41d80559f3c2a7be41d80559f3c2a7be41d80559f3c2a7be41d8055", "published": "2026-03-17T06:00:00Z",
			"age_seconds": 9000, "age_words": "2\u00a0heures", "reserve_hours": 72, "refuse_hours": 168, "insurers": insurers, "level": "ok",
			"sources": []any{"https://miroir.exemple.fr/liste"}}},
		"oldest": object{"published": "2026-03-17T06:00:00Z", "age_words": "2\u00a0heures", "level": "ok"},
		"sync":   object{"running": false, "next": "2026-03-17T09:00:00Z"}, "clock": "2026-03-17T08:30:00Z", "recorded": true, "version": "1.0.0",
		"first_start": false, "calibrated": false,
		"domains": []any{object{"code": "PHAR", "label": "Pharmacie", "own": true}, object{"code": "LPPS", "label": "Petit appareillage", "own": true},
			object{"code": "OPTI", "label": "Optique"}, object{"code": "DENT", "label": "Dentaire"}},
		"settings": object{"language": "fr", "profession": "pharmacie", "name": "Pharmacie du Port", "finess": "750000010", "retention_days": 1096, "sync_minutes": 30}}
}

// document is a verdict as the counter would give it, with its true words.
func document(lang offline.Language, reason offline.Reason, change object) object {
	care, _ := rights.ParseDate("2026-03-17")
	since, _ := rights.ParseDate("2026-03-02")
	published := time.Date(2026, 3, 17, 6, 0, 0, 0, time.UTC)
	age := 150 * time.Minute
	if reason == offline.StaleList {
		published, age = published.AddDate(0, 0, -4), age+96*time.Hour
	}
	v := offline.Verdict{Reason: reason, Status: offline.StatusOf(reason), Care: care, Since: since, Domain: "PHAR",
		List: &offline.List{List: 3, Revision: 412, Published: published, Age: age}}
	words := v.Words(lang)
	if reason == offline.OK {
		tail := "\u00a0: Pharmacie (PHAR) 100\u00a0% de la base de remboursement, Sécurité sociale incluse."
		if lang == offline.English {
			tail = ": PHAR 100 % of the reimbursement base, Sécurité sociale included."
		}
		words.Meaning = strings.TrimSuffix(words.Meaning, ".") + tail
	}
	authentic := v.Status == offline.Valid || v.Status == offline.Reserve || reason == offline.NotCovered || reason == offline.Revoked || reason == offline.Expired
	d := object{"schema": counter.Schema, "status": v.Status, "reason": reason, "card": nil, "care": "2026-03-17", "mode": "offline", "list": nil,
		"words": object{"headline": words.Headline, "meaning": words.Meaning, "next": words.Next}, "recorded": true, "receipt": "K7QF-1042-M3TZ",
		"checked": "2026-03-17T08:30:00Z", "code": "TP1EXEMPLE"}
	if reason == offline.Unreadable {
		d["recorded"], d["misread"] = false, "half"
		delete(d, "receipt")
	}
	if authentic {
		maps.Copy(d, object{"card": "3-583021", "amc": "775670284", "insurer": "Mutuelle des Alizés", "phone": "01 23 45 67 89", "kid": "k1",
			"domain": "PHAR", "domain_label": "Pharmacie", "people": household(reason),
			"notes":   []any{"(1) Sur présentation de l’ordonnance."},
			"list":    object{"list": 3, "revision": 412, "published": published.Format(time.RFC3339), "age": int(age.Seconds()), "age_words": v.Age(lang)},
			"routing": object{"amc": "775670284", "conventions": []any{"SP", "IS"}, "csr": "SAN01", "adherent": "012284A", "from": "2026-01-01", "to": "2026-12-31", "responsable": true}})
	}
	if v.Status == offline.Valid {
		d["payment"] = object{"until": "2026-03-24T06:00:00Z", "euros": 150}
	}
	maps.Copy(d, change)
	return d
}

func household(reason offline.Reason) []any {
	covered := offline.StatusOf(reason) == offline.Valid || offline.StatusOf(reason) == offline.Reserve
	var out []any
	for i, p := range [][3]string{{"LE GOFF-DUVAL", "Maëlle", "19840312"}, {"LE GOFF", "Yann", "19810930"}, {"LE GOFF", "Anaïs", "20120105"}} {
		value := "SP 100%"
		if reason == offline.ChoosePerson && i == 2 {
			value = "PEC"
		}
		if reason == offline.NotCovered {
			value = "-"
		}
		person := object{"number": i + 1, "nom": p[0], "prenom": p[1], "birth": p[2], "rang": 1, "covered": covered, "value": value}
		var values []any
		for j, g := range [][3]string{{"PHAR", "Pharmacie", value}, {"LPPS", "Petit appareillage", "IS 100%"}, {"OPTI", "Optique", "KA/OC PEC (1)"},
			{"DENT", "Dentaire", "IS 125%"}, {"HOSP", "Hospitalisation", "PEC"}, {"MED", "Médecins", "IS 100%"}, {"AUXM", "Auxiliaires médicaux", "IS 100%"}} {
			values = append(values, object{"domain": g[0], "label": g[1], "value": g[2], "own": j < 2})
		}
		person["guarantees"] = values
		out = append(out, person)
	}
	return out
}
