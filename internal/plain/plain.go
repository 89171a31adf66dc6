// Package plain tells the texts that every encoder of JSON writes as they are, and writes
// those itself: encoding/json, which asks each value for its type, takes several times as
// long. What is not plain is left to an encoder.
package plain

// Is says that nothing in a text is escaped: it is visible ASCII without a quotation mark, a
// backslash, and what encoding/json escapes for the sake of HTML.
func Is(s string) bool {
	for i := range len(s) {
		if !isPlain[s[i]] {
			return false
		}
	}
	return true
}

var isPlain = func() (table [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		table[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return table
}()

// Append appends a plain text in quotation marks.
func Append(b []byte, s string) []byte {
	return append(append(append(b, '"'), s...), '"')
}

// AppendName appends the name of an object's member, which is plain, and before it a comma
// unless it is the first.
func AppendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(Append(b, name), ':')
}
