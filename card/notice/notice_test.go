package notice

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/signing"
)

var writeVectors = flag.Bool("write-vectors", false, "write testdata/vectors anew")

var begin = time.Date(2027, 3, 2, 8, 0, 0, 0, time.UTC)

func outage() Notice {
	return Notice{ID: "outage-k7qf3m", Kind: Outage, Issued: begin, From: begin, Until: begin.Add(81 * time.Hour),
		Title:      "La vérification en ligne est arrêtée",
		Text:       "Nous l’avons arrêtée ce matin par précaution : les cartes se vérifient d’après la dernière liste reçue. Prochain message demain à 9 h.",
		Guaranteed: "Toute carte déclarée « valable » par ce poste est prise en charge, dans la limite affichée.",
		Phone:      "01 99 00 12 34"}
}

func info() Notice {
	return Notice{ID: "info-1", Kind: Info, Issued: begin.Add(-time.Hour), From: begin, Until: begin.Add(time.Hour), Title: "Cartes d'avril", Text: "Elles partent lundi."}
}

func bytesOf(t *testing.T, author string, all ...Notice) []byte {
	t.Helper()
	b, err := Bytes(author, all)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, author := range []string{"", "775670482", "AB12"} {
		b := bytesOf(t, author, info(), outage())
		all, err := Parse(author, b)
		if err != nil || len(all) != 2 || all[0] != outage() || all[1] != info() {
			t.Fatalf("%q: %v %+v", author, err, all)
		}
		if again := bytesOf(t, author, outage(), info()); !bytes.Equal(again, b) {
			t.Error("the order in which notices are given changes the file")
		}
	}
	full := make([]Notice, MaxNotices)
	for i := range full {
		full[i] = outage()
		full[i].ID = fmt.Sprintf("n-%02d", i)
		full[i].Title, full[i].Text, full[i].Guaranteed = strings.Repeat("é", MaxTitle), strings.Repeat("ế", MaxText), strings.Repeat("”", MaxText)
	}
	if b := bytesOf(t, "", full...); len(b) > MaxFile {
		t.Errorf("%d bytes at most", len(b))
	}
}

// TestOtherAuthor: a file of one author is refused as another's, whoever signed it.
func TestOtherAuthor(t *testing.T) {
	authors := []string{"", "775670482", "302927415"}
	for _, of := range authors {
		for _, as := range append(authors, "operator", "OPERATOR", "0") {
			_, err := Parse(as, bytesOf(t, of, outage()))
			if (err == nil) != (as == of) || err != nil && signing.CodeOf(err) != "notices_author" {
				t.Errorf("%q as %q: %v", of, as, err)
			}
		}
	}
	for _, odd := range []string{"operator", "0775", "12345678901", "77567048é", "a1", " ", "AB/2"} {
		if _, err := Bytes(odd, []Notice{outage()}); signing.CodeOf(err) != "notices_author" {
			t.Errorf("%q: %v", odd, err)
		}
	}
}

func TestCurrent(t *testing.T) {
	n, later := outage(), info()
	theft, old := info(), info()
	theft.ID, theft.Kind = "t", Theft
	old.ID, old.Issued = "o", begin.Add(-48*time.Hour)
	all := []Notice{old, later, n, theft}
	for _, one := range []struct {
		at   time.Time
		want string
	}{
		{begin.Add(-time.Second), ""},
		{begin, "t outage-k7qf3m info-1 o"},
		{begin.Add(time.Hour - time.Second), "t outage-k7qf3m info-1 o"},
		{begin.Add(time.Hour), "outage-k7qf3m"},
		{n.Until.Add(-time.Nanosecond), "outage-k7qf3m"},
		{n.Until, ""},
		{n.Until.In(time.FixedZone("", -9*3600)), ""},
	} {
		var got []string
		for _, c := range Current(all, one.at) {
			got = append(got, c.ID)
		}
		if strings.Join(got, " ") != one.want {
			t.Errorf("%v: %v, want %s", one.at, got, one.want)
		}
	}
}

// refusedTexts are texts that no notice may hold, with the code of their refusal.
var refusedTexts = map[string][]string{
	"notice_link": {"voir https://exemple.fr", "HTTP://EXEMPLE", "ftp://x", "sceau://x", "voir exemple.fr", "EXEMPLE.FR", "Exemple.Museum/x", "exämple.fr", "école.gouv.fr", "a.b", ".fr", "exemple .fr", "voir www.", "WWW.1",
		"contact@exemple.fr", "@compte", "écrire à moi@chez-moi", "mailto:moi", "tel:0123456789", "javascript:alert(1)", "data:x", "exemple:8080", "http:exemple", "x:/y", "//exemple/x", "1//2", "192.168.0.1", "au 10.0.0.1, puis",
		"[::1]", "fin.Suite", "xn--pcole-9ua.fr", "exemple.xn--p1ai", "bit.ly/3x", "S.A.R.L.", "a:b", "(exemple.fr)", "«exemple.fr»", "10:30:x", ":x", "exemple.éu", "t.me"},
	"notice_character": {"exemple．fr", "exemple。fr", "exemple｡fr", "exemple․fr", "exemple‥fr", "exеmple (cyrillique)", "εxemple", "пример", "a\u200bb", "a\u200db", "a\u00adb", "\u202etxet", "\u2066a\u2069", "\u200e", "a\u0301", "e\u0301\u0489\u0489\u0489",
		"a\nb", "a\tb", "a\rb", "a\x00b", "a\x7fb", "a\u0085b", "a\u00a0b", "a\u202fb", "a\u2028b", "a|b", `a\b`, "\ufeffa", "＠compte", "a：b", "／／", "😀", "Ⓐ", "ﬁn", "𝐚", "a\u2011b", "\U000e0041", "→", "中"},
	"notice_space":    {" a", "a ", "a  b", " ", "  "},
	"notice_encoding": {"a\xff", "\xc3", "\xed\xa0\x80", "a\xc0\xae"},
	"notice_empty":    {""},
}

// acceptedTexts are sentences that an operator may well write.
var acceptedTexts = []string{
	"Retour prévu à 10:30, au plus tard à 11 h.", "Remboursement : 100 % du tarif ; voir la carte.", "« Carte valable » : c’est la réponse qui compte !", "Appelez le 01.99.00.12.34 ou le 15.",
	"Part payée : 12,50 € (soit 1.5 fois le tarif).", "Œuvre, cœur, naïveté, garçon, Łódź, Ştefan…", "SP et IS/PEC, n° 12-B & n° 13 + 1 = 14 #1 *", "c.-à-d. demain", "<b>gras</b> & {{.}} ${x} %s", "M. Dupont. Fin.", "1.000.000", "7/7 et 24h/24",
	"Est-ce une panne ? Oui...", "art. L. 161", "Version 2.0.1",
}

func TestTexts(t *testing.T) {
	met := 0
	for code, texts := range refusedTexts {
		for _, text := range texts {
			for _, field := range []string{"title", "text", "guaranteed"} {
				n := outage()
				*map[string]*string{"title": &n.Title, "text": &n.Text, "guaranteed": &n.Guaranteed}[field] = text
				u, ok := IsUnsuitable(n.Check())
				if !ok || u.Code != code || u.Field != field || !errors.Is(u, ErrMalformed) {
					t.Errorf("%s %q: %v, want %s", field, text, u, code)
				} else if len(text) > 3 && strings.Contains(u.Error(), text) {
					t.Errorf("the refusal quotes %q", text)
				}
				met++
			}
		}
	}
	for _, text := range acceptedTexts {
		n := outage()
		n.Title, n.Text, n.Guaranteed = text, text, text
		if err := n.Check(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if met < 200 {
		t.Errorf("only %d refusals", met)
	}
}

// TestNotices: every member outside its rule, one at a time.
func TestNotices(t *testing.T) {
	for name, one := range map[string]struct {
		change      func(*Notice)
		field, code string
	}{
		"no id":                {func(n *Notice) { n.ID = "" }, "id", "notice_id"},
		"id in capitals":       {func(n *Notice) { n.ID = "OUTAGE" }, "id", "notice_id"},
		"id begins with -":     {func(n *Notice) { n.ID = "-a" }, "id", "notice_id"},
		"id with a slash":      {func(n *Notice) { n.ID = "../a" }, "id", "notice_id"},
		"id too long":          {func(n *Notice) { n.ID = strings.Repeat("a", MaxID+1) }, "id", "notice_id"},
		"no kind":              {func(n *Notice) { n.Kind = "" }, "kind", "notice_kind"},
		"unknown kind":         {func(n *Notice) { n.Kind = "festival" }, "kind", "notice_kind"},
		"kind in capitals":     {func(n *Notice) { n.Kind = "Outage" }, "kind", "notice_kind"},
		"no issued":            {func(n *Notice) { n.Issued = time.Time{} }, "issued", "notice_time"},
		"half a second":        {func(n *Notice) { n.From = n.From.Add(time.Second / 2) }, "from", "notice_time"},
		"before 2020":          {func(n *Notice) { n.From = time.Date(2019, 12, 31, 0, 0, 0, 0, time.UTC) }, "from", "notice_time"},
		"after 2099":           {func(n *Notice) { n.Until = time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC) }, "until", "notice_time"},
		"until before from":    {func(n *Notice) { n.Until = n.From.Add(-time.Second) }, "until", "notice_order"},
		"until at from":        {func(n *Notice) { n.Until = n.From }, "until", "notice_order"},
		"over when written":    {func(n *Notice) { n.Issued = n.Until; n.From = n.Until.Add(-time.Hour) }, "until", "notice_order"},
		"over 90 days":         {func(n *Notice) { n.Until = n.From.Add(MaxLife + time.Second) }, "until", "notice_life"},
		"90 days after from":   {func(n *Notice) { n.From = n.From.Add(time.Hour); n.Until = n.From.Add(MaxLife) }, "until", "notice_life"},
		"90 days, began early": {func(n *Notice) { n.From = n.Issued.Add(-time.Hour); n.Until = n.Issued.Add(MaxLife) }, "until", "notice_life"},
		"title of 81":          {func(n *Notice) { n.Title = strings.Repeat("é", MaxTitle+1) }, "title", "notice_long"},
		"text of 601":          {func(n *Notice) { n.Text = strings.Repeat("é", MaxText+1) }, "text", "notice_long"},
		"guaranteed of 601":    {func(n *Notice) { n.Guaranteed = strings.Repeat("é", MaxText+1) }, "guaranteed", "notice_long"},
		"outage, no promise":   {func(n *Notice) { n.Guaranteed = "" }, "guaranteed", "notice_empty"},
		"theft, no promise":    {func(n *Notice) { n.Kind = Theft; n.Guaranteed = "" }, "guaranteed", "notice_empty"},
		"outage, no phone":     {func(n *Notice) { n.Phone = "" }, "phone", "notice_phone"},
		"degraded, no phone":   {func(n *Notice) { n.Kind = Degraded; n.Phone = "" }, "phone", "notice_phone"},
		"phone of letters":     {func(n *Notice) { n.Phone = "le standard" }, "phone", "notice_phone"},
		"phone with a link":    {func(n *Notice) { n.Phone = "tel:0199001234" }, "phone", "notice_phone"},
		"phone of two digits":  {func(n *Notice) { n.Phone = "15 " }, "phone", "notice_phone"},
		"phone of separators":  {func(n *Notice) { n.Phone = "1...2" }, "phone", "notice_phone"},
		"phone ends with .":    {func(n *Notice) { n.Phone = "01 99 00." }, "phone", "notice_phone"},
		"phone of 16 digits":   {func(n *Notice) { n.Phone = "0123456789012345" }, "phone", "notice_phone"},
		"phone + in it":        {func(n *Notice) { n.Phone = "01+99" }, "phone", "notice_phone"},
		"phone + alone":        {func(n *Notice) { n.Phone = "+ 1 2 3" }, "phone", "notice_phone"},
		"full-width phone":     {func(n *Notice) { n.Phone = "０１９９" }, "phone", "notice_phone"},
		"phone double space":   {func(n *Notice) { n.Phone = "01  99" }, "phone", "notice_phone"},
	} {
		n := outage()
		one.change(&n)
		u, ok := IsUnsuitable(n.Check())
		if !ok || u.Field != one.field || u.Code != one.code {
			t.Errorf("%s: %v", name, u)
		}
		if _, err := Bytes("", []Notice{n}); signing.CodeOf(err) != one.code {
			t.Errorf("%s: Bytes: %v", name, err)
		}
	}
	for _, phone := range []string{"3639", "01 99 00 12 34", "+33 1 99 00 12 34", "01.99.00.12.34", "0199001234", "112"} {
		n := outage()
		n.Phone = phone
		if err := n.Check(); err != nil {
			t.Errorf("%s: %v", phone, err)
		}
	}
	life := outage()
	life.Until = life.From.Add(MaxLife)
	if err := life.Check(); err != nil {
		t.Error(err)
	}
	twice := info()
	twice.ID = outage().ID
	if _, err := Bytes("", []Notice{outage(), twice}); signing.CodeOf(err) != "notice_twice" {
		t.Error(err)
	}
	if _, err := Bytes("", nil); signing.CodeOf(err) != "notices_empty" {
		t.Error(err)
	}
	many := make([]Notice, MaxNotices+1)
	for i := range many {
		many[i] = info()
		many[i].ID = fmt.Sprint("n", i)
	}
	if _, err := Bytes("", many); signing.CodeOf(err) != "notices_count" {
		t.Error(err)
	}
}

// spellings are other bytes for the same file, and files of another version.
func spellings(t *testing.T) map[string][2]string {
	good := string(bytesOf(t, "775670482", outage(), info()))
	change := func(from, to string) string {
		out := strings.Replace(good, from, to, 1)
		if out == good {
			t.Fatalf("nothing to change: %q", from)
		}
		return out
	}
	o, i := strings.Index(good, `{"id":"outage`), strings.Index(good, `{"id":"info`)
	return map[string][2]string{
		"empty":             {"", "notices_json"},
		"null":              {"null", "notices_format"},
		"array":             {"[]", "notices_json"},
		"truncated":         {good[:len(good)-1], "notices_json"},
		"trailing":          {good + "x", "notices_json"},
		"twice":             {good + good, "notices_json"},
		"newline":           {good + "\n", "notices_not_canonical"},
		"space":             {change(`,"author"`, `, "author"`), "notices_not_canonical"},
		"order":             {change(`"format":"tp-notices-1","author":"775670482"`, `"author":"775670482","format":"tp-notices-1"`), "notices_not_canonical"},
		"newest-last":       {good[:o] + good[i:len(good)-2] + "," + good[o:i-1] + "]}", "notices_not_canonical"},
		"member-case":       {change(`"title"`, `"Title"`), "notices_not_canonical"},
		"member-twice":      {change(`"kind":"outage"`, `"kind":"info","kind":"outage"`), "notices_not_canonical"},
		"member-unknown":    {change(`"kind"`, `"link":"x","kind"`), "notices_json"},
		"member-missing":    {change(`"kind":"outage",`, ``), "notice_kind"},
		"escape":            {change(`La vér`, `\u004ca vér`), "notices_not_canonical"},
		"escape-slash":      {change(`La vér`, `La\/vér`), "notices_not_canonical"},
		"escape-bidi":       {change(`La vér`, `\u202eLa vér`), "notice_character"},
		"escape-point":      {change(`La vér`, `exemple\u002efr`), "notice_link"},
		"nul":               {change(`La vér`, "La\\u0000vér"), "notice_character"},
		"bad-utf8":          {change(`La vér`, "La\xffvér"), "notice_character"},
		"empty-phone":       {change(`"text":"Elles partent lundi."`, `"text":"Elles partent lundi.","phone":""`), "notices_not_canonical"},
		"null-phone":        {change(`"phone":"01 99 00 12 34"`, `"phone":null`), "notice_phone"},
		"number-title":      {change(`"title":"La vérification en ligne est arrêtée"`, `"title":1`), "notices_json"},
		"time-offset":       {change(`"until":"2027-03-05T17:00:00Z"`, `"until":"2027-03-05T18:00:00+01:00"`), "notice_time"},
		"time-fraction":     {change(`"until":"2027-03-05T17:00:00Z"`, `"until":"2027-03-05T17:00:00.5Z"`), "notice_time"},
		"time-zero-hundred": {change(`"until":"2027-03-05T17:00:00Z"`, `"until":"2027-03-05T17:00:00.000Z"`), "notices_not_canonical"},
		"time-day":          {change(`"until":"2027-03-05T17:00:00Z"`, `"until":"2027-02-30T17:00:00Z"`), "notice_time"},
		"time-number":       {change(`"until":"2027-03-05T17:00:00Z"`, `"until":1804264800`), "notices_json"},
		"version-2":         {change("tp-notices-1", "tp-notices-2"), "notices_format"},
		"no-version":        {change(`"format":"tp-notices-1",`, ``), "notices_format"},
		"other-author":      {change(`"author":"775670482"`, `"author":"302927415"`), "notices_author"},
		"operators":         {change(`"author":"775670482"`, `"author":"operator"`), "notices_author"},
		"author-zero":       {change(`"author":"775670482"`, `"author":"0775670482"`), "notices_author"},
		"no-notice":         {`{"format":"tp-notices-1","author":"775670482","notices":[]}`, "notices_empty"},
		"notices-null":      {`{"format":"tp-notices-1","author":"775670482","notices":null}`, "notices_empty"},
		"too-large":         {good + strings.Repeat(" ", MaxFile), "notices_size"},
		"deep":              {strings.Repeat("[", 20_000), "notices_json"},
		"link":              {change("La vérification en ligne", "exemple.fr"), "notice_link"},
	}
}

func TestSpellings(t *testing.T) {
	for name, one := range spellings(t) {
		all, err := Parse("775670482", []byte(one[0]))
		if all != nil || signing.CodeOf(err) != one[1] || !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want %s", name, err, one[1])
		}
	}
}

// TestEveryByte: no file that differs in one byte is the same file, and none is accepted without being canonical.
func TestEveryByte(t *testing.T) {
	good := bytesOf(t, "775670482", outage(), info())
	for i := range good {
		for _, flip := range []byte{1, 0x20, 0x80} {
			b := bytes.Clone(good)
			b[i] ^= flip
			all, err := Parse("775670482", b)
			if err != nil {
				continue
			}
			if again := bytesOf(t, "775670482", all...); !bytes.Equal(again, b) {
				t.Fatalf("byte %d: two spellings", i)
			}
		}
	}
}

const vectorDir = "testdata/vectors"

// TestVectors: files of header lines (author, expect, code), a blank line, and the bytes.
func TestVectors(t *testing.T) {
	if *writeVectors {
		if err := os.MkdirAll(vectorDir, 0o755); err != nil {
			t.Fatal(err)
		}
		write := func(name, head, text string) {
			if err := os.WriteFile(filepath.Join(vectorDir, name+".txt"), []byte(head+"\n\n"+text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("insurer", "author: 775670482\nexpect: valid", string(bytesOf(t, "775670482", outage(), info())))
		write("operator", "author: operator\nexpect: valid", string(bytesOf(t, "", outage())))
		for name, one := range spellings(t) {
			if len(one[0]) < 4096 {
				write(name, "author: 775670482\nexpect: malformed\ncode: "+one[1], one[0])
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]int{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		head, text, ok := bytes.Cut(b, []byte("\n\n"))
		if !ok {
			t.Fatalf("%s: no blank line", name)
		}
		header := map[string]string{}
		for _, line := range strings.Split(string(head), "\n") {
			k, v, _ := strings.Cut(line, ": ")
			header[k] = v
		}
		met[header["expect"]]++
		_, err = Parse(strings.TrimPrefix(header["author"], operator), text)
		if got := map[bool]string{true: "valid", false: "malformed"}[err == nil]; got != header["expect"] || signing.CodeOf(err) != header["code"] {
			t.Errorf("%s: %v", name, err)
		}
	}
	if met["valid"] < 2 || met["malformed"] < 20 || len(met) != 2 {
		t.Errorf("met %v", met)
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.txt"))
	if err != nil || len(files) == 0 {
		f.Fatal("no vectors", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		_, text, _ := bytes.Cut(b, []byte("\n\n"))
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, author := range []string{"", "775670482"} {
			all, err := Parse(author, b)
			if err != nil {
				if all != nil {
					t.Fatal("notices beside an error")
				}
				continue
			}
			if again := bytesOf(t, author, all...); !bytes.Equal(again, b) {
				t.Fatal("two spellings")
			}
			for _, n := range all {
				for _, text := range []string{n.Title, n.Text, n.Guaranteed, n.Phone} {
					if strings.ContainsAny(text, "@\\|\n\u202e\u2024") || strings.Contains(text, "://") {
						t.Fatalf("%q", text)
					}
				}
			}
		}
	})
}

func FuzzText(f *testing.F) {
	for _, texts := range refusedTexts {
		for _, text := range texts {
			f.Add(text)
		}
	}
	for _, text := range acceptedTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code, _ := checkText(s, MaxText)
		n := info()
		n.Text = s
		if _, err := Bytes("", []Notice{n}); (err == nil) != (code == "") {
			t.Fatalf("%q: %q, %v", s, code, err)
		}
	})
}

func TestKindsAreShown(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range append(Kinds(), "festival") {
		seen[k.French()] = true
	}
	if len(seen) != len(Kinds()) || !slices.Contains(Kinds(), Info) {
		t.Error(seen)
	}
}
