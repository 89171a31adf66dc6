package smstext

import "strings"

// The characters of the GSM 7 bit default alphabet in the order of their codes, and
// those of its extension table, which take an escape before them (3GPP TS 23.038,
// sections 6.2.1 and 6.2.1.1). The escape itself, code 0x1B, is no character.
const (
	basic = "@£$¥èéùìòÇ\nØø\rÅå" +
		"Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ" +
		" !\"#¤%&'()*+,-./" +
		"0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNO" +
		"PQRSTUVWXYZÄÖÑÜ§" +
		"¿abcdefghijklmno" +
		"pqrstuvwxyzäöñüà"
	extension = "\f^{}\\[~]|€"
)

// septets is what the character takes in GSM7, false where that lacks it.
func septets(r rune) (int, bool) {
	switch {
	case r > '€':
		return 0, false
	case 'a' <= r && r <= 'z', strings.ContainsRune(basic, r):
		return 1, true
	case strings.ContainsRune(extension, r):
		return 2, true
	}
	return 0, false
}

// alike are characters of GSM7 for those that writing programs put in their place,
// and for letters that people read without their mark.
var alike = map[rune]string{
	'‘': "'", '’': "'", '‚': ",", '‛': "'", '′': "'", '`': "'", '´': "'", 'ʼ': "'",
	'“': `"`, '”': `"`, '„': `"`, '‟': `"`, '″': `"`, '«': `"`, '»': `"`, '‹': "'", '›': "'",
	'‐': "-", '‑': "-", '‒': "-", '–': "-", '—': "-", '―': "-", '−': "-",
	'…': "...", '•': "*", '·': ".", '№': "No.", '™': "TM", '®': "(R)", '©': "(C)", '×': "x",
	'\t': " ", '\u00a0': " ", '\u2002': " ", '\u2003': " ", '\u2009': " ", '\u202f': " ", '\u3000': " ",
	'\u00ad': "", '\u200b': "", '\u2060': "", '\ufeff': "",
	'ç': "c", 'ã': "a", 'õ': "o", 'á': "a", 'í': "i", 'ó': "o", 'ú': "u", 'â': "a", 'ê': "e", 'î': "i", 'ô': "o",
	'û': "u", 'ë': "e", 'ï': "i", 'ÿ': "y", 'œ': "oe", 'ı': "i", 'ş': "s", 'ğ': "g",
	'Á': "A", 'À': "A", 'Â': "A", 'Ã': "A", 'Í': "I", 'Ó': "O", 'Ô': "O", 'Õ': "O", 'Ú': "U", 'È': "E", 'Ê': "E", 'İ': "I",
}
