// Many rows in one call: one statement for all of them, whatever their number.
//
// A statement that stores rows looks first whether each can be stored, and stores none otherwise: nobody else writes meanwhile. What
// then is wrong, and with which row, the single forms say, one after the other.

package postgres

import (
	"fmt"

	"sceau/card"
	"sceau/card/register"
)

// errPart can't be: the statement that stores looks first.
var errPart = fmt.Errorf("%w: a part of a batch was stored", register.ErrCorrupt)

// store runs a statement that stores all rows or none.
func (t *txn) store(rows int, again func(i int) error, query string, args ...any) error {
	n, err := t.change(query, args...)
	switch {
	case err != nil:
		return err
	case n == int64(rows):
		return nil
	case n != 0:
		return t.fail(errPart)
	}
	return t.oneByOne(rows, again)
}

// oneByOne stores rows with the single form. An error ends the transaction: rows before it are stored already.
func (t *txn) oneByOne(rows int, again func(i int) error) error {
	for i := range rows {
		if err := again(i); err != nil {
			if t.failed == nil {
				t.failed = err
			}
			return err
		}
	}
	return nil
}

// begin looks at a call before anything is asked; done says that there is nothing to do.
func (t *txn) begin(rows int, change bool) (done bool, err error) {
	if err := register.CheckBatch(rows); err != nil {
		return true, err
	}
	return rows == 0, t.ready(change)
}

// PutContracts implements register.ContractBatches with at most two statements: one for new contracts, one for known ones.
func (t *txn) PutContracts(contracts []register.Contract) error {
	if done, err := t.begin(len(contracts), true); done || err != nil {
		return err
	}
	met := make(map[register.ContractKey]bool, len(contracts))
	var added, changed contractArrays
	for _, c := range contracts {
		if met[c.Key] { // the row before it may be at fault, too
			return t.oneByOne(len(contracts), t.putEachOnce(contracts))
		}
		met[c.Key] = true
		if c.Revision == 1 {
			added.add(c)
		} else {
			changed.add(c)
		}
	}
	// Known ones first: when there is a fault, no new one is stored yet, which the single form would take for known.
	again := func(i int) error { return t.PutContract(contracts[i]) }
	if n := len(changed.insurers); n > 0 {
		touched, err := t.change(`WITH given AS MATERIALIZED (
				SELECT g.*, (SELECT id FROM contract c WHERE c.insurer = g.insurer AND c.adherent = g.adherent AND c.revision = g.revision - 1) AS id
				FROM unnest($1::text[], $2::text[], $3::bigint[], $4::int[], $5::int[], $6::bytea[], $7::bytea[], $8::bigint[])
					AS g (insurer, adherent, revision, valid_from, valid_to, hash, canonical, changed_at))
			UPDATE contract SET revision = given.revision, valid_from = given.valid_from, valid_to = given.valid_to, hash = given.hash,
				canonical = given.canonical, changed_at = given.changed_at
			FROM given WHERE contract.id = given.id AND NOT EXISTS (SELECT FROM given WHERE id IS NULL)`, changed.columns()...)
		if err != nil {
			return err
		}
		if touched != int64(n) {
			return t.oneByOne(len(contracts), again)
		}
	}
	if len(added.insurers) == 0 {
		return nil
	}
	return t.store(len(added.insurers), func(i int) error { return t.PutContract(added.rows[i]) }, `WITH given AS MATERIALIZED (
			SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::int[], $5::int[], $6::bytea[], $7::bytea[], $8::bigint[]) WITH ORDINALITY
				AS g (insurer, adherent, revision, valid_from, valid_to, hash, canonical, changed_at, n))
		INSERT INTO contract (insurer, adherent, revision, valid_from, valid_to, hash, canonical, changed_at)
		SELECT insurer, adherent, 1, valid_from, valid_to, hash, canonical, changed_at FROM given
		WHERE NOT EXISTS (SELECT FROM given g WHERE (SELECT true FROM contract c WHERE c.insurer = g.insurer AND c.adherent = g.adherent)
			OR (SELECT true FROM insurer i WHERE i.key = g.insurer) IS NULL)
		ORDER BY n`, added.columns()...)
}

// putEachOnce is the single form of a call in which a contract stands twice.
func (t *txn) putEachOnce(contracts []register.Contract) func(i int) error {
	met := make(map[register.ContractKey]bool, len(contracts))
	return func(i int) error {
		c := contracts[i]
		if met[c.Key] {
			return fmt.Errorf("%w: a contract twice in one call", register.ErrConflict)
		}
		met[c.Key] = true
		return t.PutContract(c)
	}
}

// contractArrays are contracts, column by column.
type contractArrays struct {
	rows                []register.Contract
	insurers, adherents []string
	revisions, changed  []int64
	from, to            []int32
	hashes, canonical   [][]byte
}

func (a *contractArrays) add(c register.Contract) {
	a.rows = append(a.rows, c)
	a.insurers, a.adherents = append(a.insurers, c.Key.Insurer), append(a.adherents, c.Key.Adherent)
	a.revisions, a.changed = append(a.revisions, c.Revision), append(a.changed, c.ChangedUnix())
	a.from, a.to = append(a.from, int32(c.From)), append(a.to, int32(c.To))
	a.hashes, a.canonical = append(a.hashes, c.Hash[:]), append(a.canonical, blob(c.Canonical))
}

func (a *contractArrays) columns() []any {
	return []any{a.insurers, a.adherents, a.revisions, a.from, a.to, a.hashes, a.canonical, a.changed}
}

// addCards counts the cards of each list first: it is the list that knows whether it is open and whose it is. What EXISTS asks, the
// planner may answer from a hash of the whole table; what SELECT … LIMIT 1 asks, it looks up.
const addCards = `WITH given AS MATERIALIZED (
		SELECT g.*, (SELECT id FROM contract c WHERE c.insurer = g.insurer AND c.adherent = g.adherent) AS contract
		FROM unnest($1::int[], $2::int[], $3::text[], $4::text[], $5::int[], $6::int[], $7::int[], $8::bigint[], $9::text[], $10::bigint[], $11::bytea[],
			$12::int[], $13::int[], $14::int[]) WITH ORDINALITY
			AS g (list, idx, insurer, adherent, person, valid_from, valid_to, revision, kid, issued_at, payload, replaces_list, replaces_idx, replaced_from, n)),
	counted AS (SELECT list, insurer, count(*) AS cards FROM given GROUP BY list, insurer),
	fit AS MATERIALIZED (SELECT NOT EXISTS (SELECT FROM given g WHERE contract IS NULL
			OR (SELECT true FROM card c WHERE c.list = g.list AND c.idx = g.idx LIMIT 1)
			OR (SELECT true FROM card WHERE card.contract = g.contract AND card.person = g.person AND ` + isIntent + ` LIMIT 1))
		AND NOT EXISTS (SELECT FROM counted c WHERE (SELECT true FROM list l WHERE l.number = c.list AND l.insurer = c.insurer AND l.open) IS NULL) AS whole),
	listed AS (UPDATE list SET used = used + counted.cards FROM counted, fit WHERE list.number = counted.list AND fit.whole)
	INSERT INTO card (list, idx, contract, person, valid_from, valid_to, revision, kid, issued_at, payload, state, replaces_list, replaces_idx, replaced_from)
	SELECT list, idx, contract, person, valid_from, valid_to, revision, kid, issued_at, payload, 1, replaces_list, replaces_idx, replaced_from
	FROM given, fit WHERE fit.whole ORDER BY n`

// AddCards implements register.CardBatches with one statement.
func (t *txn) AddCards(cards []register.Card) error {
	if done, err := t.begin(len(cards), true); done || err != nil {
		return err
	}
	again := func(i int) error { return t.AddCard(cards[i]) }
	type slot struct {
		contract register.ContractKey
		person   int
	}
	places, slots := make(map[card.Place]int, len(cards)), make(map[slot]bool, len(cards))
	for i, c := range cards {
		s := slot{c.Contract, c.Person}
		if _, met := places[c.Place]; met || slots[s] {
			return t.oneByOne(len(cards), again)
		}
		places[c.Place], slots[s] = i, true
	}
	var lists, indexes, people, from, to []int32
	var insurers, adherents, kids []string
	var revisions, issued []int64
	var payloads [][]byte
	var replacesList, replacesIndex, replacedFrom []*int32
	for i, c := range cards {
		var list, index, day *int32
		if c.Replaces != (card.Place{}) {
			if later, met := places[c.Replaces]; met && later > i { // not there yet when the single form asks
				return t.oneByOne(len(cards), again)
			}
			l, x, f := int32(c.Replaces.List), int32(c.Replaces.Index), int32(c.ReplacedFrom)
			list, index, day = &l, &x, &f
		}
		lists, indexes, people = append(lists, int32(c.Place.List)), append(indexes, int32(c.Place.Index)), append(people, int32(c.Person))
		insurers, adherents, kids = append(insurers, c.Contract.Insurer), append(adherents, c.Contract.Adherent), append(kids, c.KID)
		from, to, revisions = append(from, int32(c.From)), append(to, int32(c.To)), append(revisions, c.Revision)
		issued, payloads = append(issued, c.IssuedAt.Unix()), append(payloads, blob(c.Payload))
		replacesList, replacesIndex, replacedFrom = append(replacesList, list), append(replacesIndex, index), append(replacedFrom, day)
	}
	return t.store(len(cards), again, addCards, lists, indexes, insurers, adherents, people, from, to, revisions, kids, issued, payloads,
		replacesList, replacesIndex, replacedFrom)
}

// LogSigns implements register.CardBatches with one statement, which asks for the last number once.
func (t *txn) LogSigns(entries []register.SignEntry) ([]register.SignEntry, error) {
	if done, err := t.begin(len(entries), true); done || err != nil {
		return nil, err
	}
	var lists, indexes []int32
	var kids []string
	var digests [][]byte
	var at []int64
	for _, e := range entries {
		lists, indexes, kids = append(lists, int32(e.Place.List)), append(indexes, int32(e.Place.Index)), append(kids, e.KID)
		digests, at = append(digests, e.Digest[:]), append(at, e.At.Unix())
	}
	out := make([]register.SignEntry, 0, len(entries))
	err := t.collectChange(`WITH given AS MATERIALIZED (
			SELECT g.*, (SELECT true FROM card c WHERE c.list = g.list AND c.idx = g.idx) AS known,
				(SELECT coalesce(max(attempt), 0) FROM sign_log s WHERE s.list = g.list AND s.idx = g.idx) AS before
			FROM unnest($1::int[], $2::int[], $3::text[], $4::bytea[], $5::bigint[]) WITH ORDINALITY AS g (list, idx, kid, digest, at, n)),
		last AS MATERIALIZED (SELECT coalesce(max(seq), 0) AS seq FROM sign_log),
		stored AS (INSERT INTO sign_log (seq, list, idx, kid, digest, attempt, at)
			SELECT last.seq + n, list, idx, kid, digest, before + row_number() OVER (PARTITION BY list, idx ORDER BY n), at
			FROM given, last WHERE NOT EXISTS (SELECT FROM given WHERE known IS NULL) ORDER BY n RETURNING seq, attempt)
		SELECT seq, attempt FROM stored ORDER BY seq`, []any{lists, indexes, kids, digests, at}, func(scan scanner) error {
		if len(out) == len(entries) {
			return errPart
		}
		e := entries[len(out)]
		if err := scan(&e.Seq, &e.Attempt); err != nil {
			return err
		}
		out = append(out, e)
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(out) == len(entries):
		return out, nil
	case len(out) > 0:
		return nil, t.fail(errPart)
	}
	err = t.oneByOne(len(entries), func(i int) error {
		e, err := t.LogSign(entries[i])
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SealCards implements register.CardBatches with one statement. An intent is the only one of its contract and person, so that two
// of one call can't be of one slot.
func (t *txn) SealCards(seals []register.Seal) error {
	if done, err := t.begin(len(seals), true); done || err != nil {
		return err
	}
	again := func(i int) error { return t.SealCard(seals[i].Place, seals[i].Signature) }
	met := make(map[card.Place]bool, len(seals))
	var lists, indexes []int32
	var signatures [][]byte
	for _, s := range seals {
		if met[s.Place] || len(s.Signature) != 64 {
			return t.oneByOne(len(seals), again)
		}
		met[s.Place] = true
		lists, indexes, signatures = append(lists, int32(s.Place.List)), append(indexes, int32(s.Place.Index)), append(signatures, s.Signature)
	}
	return t.store(len(seals), again, `WITH given AS MATERIALIZED (
			SELECT g.*, (SELECT id FROM card WHERE card.list = g.list AND card.idx = g.idx AND `+isIntent+noOther+`) AS id
			FROM unnest($1::int[], $2::int[], $3::bytea[]) AS g (list, idx, signature))
		UPDATE card SET signature = given.signature, state = 2 FROM given
		WHERE card.id = given.id AND NOT EXISTS (SELECT FROM given WHERE id IS NULL)`, lists, indexes, signatures)
}

// texts are the texts that a column can hold, each once: what it can't is in no row.
func texts(given []string) []string {
	met, out := make(map[string]bool, len(given)), make([]string, 0, len(given))
	for _, s := range given {
		if !met[s] && storable([]any{s}) {
			out = append(out, s)
		}
		met[s] = true
	}
	return out
}

// ContractsNamed implements register.ContractBatches with one statement.
func (t *txn) ContractsNamed(insurer string, adherents []string) (map[string]register.Contract, error) {
	if _, err := t.begin(len(adherents), false); err != nil {
		return nil, err
	}
	rows, err := all(t, readContract, `SELECT `+contractColumns+` FROM contract WHERE insurer = $1 AND adherent = ANY ($2::text[])`, insurer, texts(adherents))
	if err != nil {
		return nil, err
	}
	out := make(map[string]register.Contract, len(rows))
	for _, c := range rows {
		out[c.Key.Adherent] = c
	}
	return out, nil
}

// CardsOfContracts implements register.CardSets with one statement. The cards of each contract are asked for by its number, whatever
// the planner thinks of how many there are (OFFSET 0).
func (t *txn) CardsOfContracts(insurer string, adherents []string) (map[string][]register.Card, error) {
	if _, err := t.begin(len(adherents), false); err != nil {
		return nil, err
	}
	rows, err := all(t, readCard, `SELECT `+cardColumns+` FROM contract, LATERAL (SELECT * FROM card WHERE card.contract = contract.id OFFSET 0) card
		WHERE contract.insurer = $1 AND contract.adherent = ANY ($2::text[]) ORDER BY card.id`, insurer, texts(adherents))
	if err != nil {
		return nil, err
	}
	out := make(map[string][]register.Card, len(adherents))
	for _, c := range rows {
		out[c.Contract.Adherent] = append(out[c.Contract.Adherent], c)
	}
	return out, nil
}

// columnsOf are places, column by column, each once.
func columnsOf(places []card.Place) (lists, indexes []int64) {
	met := make(map[card.Place]bool, len(places))
	for _, p := range places {
		if !met[p] {
			lists, indexes = append(lists, int64(p.List)), append(indexes, int64(p.Index))
		}
		met[p] = true
	}
	return lists, indexes
}

// CardsAt implements register.CardSets with one statement.
func (t *txn) CardsAt(places []card.Place) (map[card.Place]register.Card, error) {
	if _, err := t.begin(len(places), false); err != nil {
		return nil, err
	}
	lists, indexes := columnsOf(places)
	rows, err := all(t, readCard, `SELECT `+cardColumns+` FROM unnest($1::bigint[], $2::bigint[]) AS g (list, idx),
		LATERAL (SELECT * FROM card WHERE card.list = g.list AND card.idx = g.idx OFFSET 0) card,
		LATERAL (SELECT * FROM contract WHERE contract.id = card.contract OFFSET 0) contract`, lists, indexes)
	if err != nil {
		return nil, err
	}
	out := make(map[card.Place]register.Card, len(rows))
	for _, c := range rows {
		out[c.Place] = c
	}
	return out, nil
}

// TakenOf implements register.CardSets with one statement.
func (t *txn) TakenOf(places []card.Place) (map[card.Place]bool, error) {
	if _, err := t.begin(len(places), false); err != nil {
		return nil, err
	}
	out := make(map[card.Place]bool, len(places))
	for _, p := range places {
		out[p] = false
	}
	lists, indexes := columnsOf(places)
	_, err := all(t, func(scan scanner) (struct{}, error) {
		var p card.Place
		err := scan(&p.List, &p.Index)
		out[p] = true
		return struct{}{}, err
	}, `SELECT card.list, card.idx FROM unnest($1::bigint[], $2::bigint[]) AS g (list, idx),
		LATERAL (SELECT list, idx FROM card WHERE card.list = g.list AND card.idx = g.idx OFFSET 0) card`, lists, indexes)
	if err != nil {
		return nil, err
	}
	return out, nil
}
