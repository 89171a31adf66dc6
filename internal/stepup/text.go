package stepup

import (
	"encoding/binary"
	"strings"
)

// word opens the text that users send us.
const word = "BELLHOP"

// letters are Crockford's base 32: no two of them are read as one another.
const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const codeLetters = 8

// code is what the user texts. It is kept nowhere.
func (d Demand) code() string {
	n := binary.BigEndian.Uint64(keyed(*d.key, 8, "text", string(d.id[:])))
	out := make([]byte, codeLetters)
	for i := range out {
		out[i] = letters[n&31]
		n >>= 5
	}
	return string(out)
}

// text is the whole text that the user sends.
func (d Demand) text() string { return word + " " + d.code() }

// TextKey is the counter that a text with the code is counted under.
func TextKey(code, numberKey string) string { return "text-us/" + code + "/" + numberKey }

// ReadText finds the code in a text that came in: the word and the code, whatever
// the case and the gaps, or the code alone. Whether there is such a code nobody
// knows but who was given it.
func ReadText(body string) (code string, ok bool) {
	if len(body) > 1600 { // ten texts in a row
		return "", false
	}
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			return r
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return -1
	}, body)
	_, after, found := strings.Cut(plain, word)
	switch {
	case found && len(after) >= codeLetters: // some phones add a line of their own
		plain = after[:codeLetters]
	case found, len(plain) != codeLetters:
		return "", false
	}
	code = strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(plain)
	return code, strings.Trim(code, letters) == ""
}
