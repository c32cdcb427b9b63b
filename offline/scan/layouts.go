// Keyboard layouts as data: which character each key gives, for the keys that a code's symbols lie on.

package scan

// The keys of one layout, in the order of a US keyboard: the digit row, then the letter rows. The semicolon key is there because AZERTY has its M on it.
const keys = "1234567890qwertyuiopasdfghjkl;zxcvbnm"

// layout is what the computer makes of the keys. A blank stands for nothing, and for a dead key, which swallows the next character.
type layout struct {
	name    string
	plain   string // without Shift
	shifted string // with Shift
	more    string // with Caps Lock, where that is a third character (Linux, AFNOR: é gives É)
}

// hosts are the layouts of the computer, the likeliest in France first. Digits are the trouble: AZERTY wants Shift for them.
var hosts = []layout{
	{"AZERTY (France, Windows ou Linux)",
		`&é"'(-è_çàazertyuiopqsdfghjklmwxcvbn,`,
		`1234567890AZERTYUIOPQSDFGHJKLMWXCVBN?`,
		` É    È ÇÀ                           `},
	{"AZERTY (Belgique, ou France sur Mac)",
		`&é"'(§è!çàazertyuiopqsdfghjklmwxcvbn,`,
		`1234567890AZERTYUIOPQSDFGHJKLMWXCVBN?`,
		` É    È ÇÀ                           `},
	{"QWERTY (États-Unis)",
		`1234567890qwertyuiopasdfghjkl;zxcvbnm`,
		`!@#$%^&*()QWERTYUIOPASDFGHJKL:ZXCVBNM`, ``},
	{"AZERTY (norme AFNOR)",
		`àéèê()‘’«»azertyuiopqsdfghjklmwxcvbn.`,
		`1234567890AZERTYUIOPQSDFGHJKLMWXCVBN?`,
		`ÀÉÈÊ                                 `},
	{"QWERTZ (Suisse, Luxembourg)",
		`1234567890qwertzuiopasdfghjkléyxcvbnm`,
		`+"*ç%&/()=QWERTZUIOPASDFGHJKLöYXCVBNM`,
		`                             É       `},
	{"QWERTZ (Allemagne, Autriche)",
		`1234567890qwertzuiopasdfghjklöyxcvbnm`,
		`!"§$%&/()=QWERTZUIOPASDFGHJKLÖYXCVBNM`, ``},
	{"QWERTY (Royaume-Uni)",
		`1234567890qwertyuiopasdfghjkl;zxcvbnm`,
		`!"£$%^&*()QWERTYUIOPASDFGHJKL:ZXCVBNM`, ``},
	{"QWERTY (Espagne)",
		`1234567890qwertyuiopasdfghjklñzxcvbnm`,
		`!"·$%&/()=QWERTYUIOPASDFGHJKLÑZXCVBNM`, ``},
	{"QWERTY (Italie)",
		`1234567890qwertyuiopasdfghjklòzxcvbnm`,
		`!"£$%&/()=QWERTYUIOPASDFGHJKLçZXCVBNM`, ``},
	{"QWERTY (Portugal)",
		`1234567890qwertyuiopasdfghjklçzxcvbnm`,
		`!"#$%&/()=QWERTYUIOPASDFGHJKLÇZXCVBNM`, ``},
	{"QWERTY (Canada français)",
		`1234567890qwertyuiopasdfghjkl;zxcvbnm`,
		`!"/$%?&*()QWERTYUIOPASDFGHJKL:ZXCVBNM`, ``},
	{"QWERTY (Canada multilingue)",
		`1234567890qwertyuiopasdfghjkl;zxcvbnm`,
		`!@#$%?&*()QWERTYUIOPASDFGHJKL:ZXCVBNM`, ``},
	{"QWERTY (pays nordiques)",
		`1234567890qwertyuiopasdfghjklözxcvbnm`,
		`!"#¤%&/()=QWERTYUIOPASDFGHJKLÖZXCVBNM`, ``},
}

// Keyboard is a layout of the computer as data, for whoever plays a computer: the characters of the keys 1234567890 qwertyuiop asdfghjkl; zxcvbnm of a
// US keyboard, in this order. A blank stands for nothing, or for "as without Caps Lock" in Caps.
type Keyboard struct{ Name, Plain, Shifted, Caps string }

// Keyboards returns the layouts that Undo knows.
func Keyboards() []Keyboard {
	all := make([]Keyboard, len(hosts))
	for i, h := range hosts {
		all[i] = Keyboard{h.name, h.plain, h.shifted, h.more}
	}
	return all
}

// family is what the scanner believes it types on: the symbol that it means by each of the keys. A blank is none of a code's symbols.
type family struct {
	name    string
	symbols string
}

var families = []family{
	{"QWERTY", `1234567890QWERTYUIOPASDFGHJKL ZXCVBNM`},
	{"AZERTY", `1234567890AZERTYUIOPQSDFGHJKLMWXCVBN `},
	{"QWERTZ", `1234567890QWERTZUIOPASDFGHJKL YXCVBNM`},
}

// composed puts letters and their accents together, as a Mac's clipboard takes them apart.
var composed = map[[2]rune]rune{
	{'e', '\u0301'}: 'é', {'e', '\u0300'}: 'è', {'e', '\u0302'}: 'ê', {'a', '\u0300'}: 'à', {'c', '\u0327'}: 'ç', {'o', '\u0308'}: 'ö',
	{'E', '\u0301'}: 'É', {'E', '\u0300'}: 'È', {'E', '\u0302'}: 'Ê', {'A', '\u0300'}: 'À', {'C', '\u0327'}: 'Ç', {'O', '\u0308'}: 'Ö',
	{'o', '\u0300'}: 'ò', {'n', '\u0303'}: 'ñ', {'N', '\u0303'}: 'Ñ',
}

// single reads the bytes that are no UTF-8: what a Windows console (code page 850) or an old editor (1252) writes. The two do not collide here,
// because 0x80 to 0x9F is punctuation in 1252 that no key of a code gives; 0x91 and 0x92 are AFNOR's quotes.
var single = map[byte]rune{
	0x82: 'é', 0x8a: 'è', 0x87: 'ç', 0x85: 'à', 0xf5: '§', 0x90: 'É', 0xd4: 'È', 0x80: 'Ç', 0x9c: '£', 0x94: 'ö', 0x99: 'Ö', 0x95: 'ò',
	0xe9: 'é', 0xe8: 'è', 0xe7: 'ç', 0xe0: 'à', 0xa7: '§', 0xc9: 'É', 0xc8: 'È', 0xc7: 'Ç', 0xc0: 'À', 0xa3: '£', 0xf6: 'ö', 0xd6: 'Ö', 0xf2: 'ò', 0xf1: 'ñ',
	0x91: '‘', 0x92: '’', 0xb7: '·', 0xab: '«', 0xbb: '»', 0xea: 'ê', 0xca: 'Ê',
}
