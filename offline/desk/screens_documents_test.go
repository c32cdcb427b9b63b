// What the stand answers on an ordinary day.

package desk_test

import "sceau/rights"

// calmState is a counter on an ordinary day.
func calmState() object {
	insurers := []any{
		object{"amc": "775670284", "name": "Mutuelle des Alizés", "phones": []any{"01 23 45 67 89"}, "lists": 3},
		object{"amc": "302927415", "name": "Prévoyance du Littoral", "phones": []any{"09 87 65 43 21"}, "lists": 2},
	}
	return object{"mode": "rescue", "rescue": object{"code": "none", "what": "ce poste n’est inscrit auprès d’aucun service en ligne", "todo": "scanner le code d’inscription"},
		"can_enrol": true, "services": []any{}, "waiting": 0, "disputed": 0, "notices": []any{},
		"lists": []any{object{"fingerprint": "9f3c2a7be41d80559f3c2a7be41d80559f3c2a7be41d80559f3c2a7be41d8055", "published": "2026-03-17T06:00:00Z",
			"age_seconds": 9000, "age_words": "2\u00a0heures", "reserve_hours": 72, "refuse_hours": 168, "insurers": insurers, "level": "ok",
			"sources": []any{"https://miroir.exemple.fr/liste"}}},
		"oldest": object{"published": "2026-03-17T06:00:00Z", "age_words": "2\u00a0heures", "level": "ok"},
		"sync":   object{"running": false, "next": "2026-03-17T09:00:00Z"}, "clock": "2026-03-17T08:30:00Z", "recorded": true, "version": "1.0.0",
		"first_start": false, "calibrated": false,
		"domains":  calmDomains(),
		"settings": object{"language": "fr", "profession": "pharmacie", "name": "Pharmacie du Port", "finess": "750000010", "retention_days": 1096, "sync_minutes": 30}}
}

// calmDomains are some of the table's, with its labels; the first two are the counter's own.
func calmDomains() []any {
	var out []any
	for i, code := range []string{"PHAR", "LPPS", "OPTI", "DENT"} {
		d, _ := rights.DefaultCodes().Domain(code, today)
		out = append(out, object{"code": code, "label": d.Label, "own": i < 2})
	}
	return out
}

// service is one enrolment, whose service answers.
func service() object {
	return object{"operator": "Tiers payant Armorique", "address": "https://droits.exemple.fr", "root": "9f3c2a7be41d80559f3c2a7be41d80559f3c2a7be41d80559f3c2a7be41d8055", "counter": "q3TnX0kLw8s",
		"finess": "750000010", "profession": "Pharmacie", "name": "Pharmacie du Port", "networks": []any{"SP", "IS"}, "enrolled": "2026-01-12T08:00:00Z", "waiting": 0, "sending": false}
}

// onlineState is a counter whose service answers.
func onlineState() object {
	return object{"mode": "online", "rescue": nil, "online_since": "2026-03-17T07:02:00Z", "services": []any{service()}, "waiting": 0, "disputed": 0}
}

// rescueState is a counter whose service fell silent a while ago.
func rescueState() object {
	v := service()
	why := object{"code": "unreachable", "what": "le service en ligne est injoignable", "todo": "vérifier la connexion internet ; la liste répond en attendant", "since": "2026-03-17T07:42:00Z"}
	v["rescue"], v["next"], v["waiting"] = why, "2026-03-17T08:33:00Z", 12
	return object{"mode": "rescue", "rescue": why, "services": []any{v}, "waiting": 12, "disputed": 0}
}
