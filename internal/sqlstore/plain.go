package sqlstore

import "strings"

// What text makes of most lists and maps is JSON of the plainest kind: texts of printable
// ASCII without an escape, and no space between them. It is read here in a fifth of the
// time that encoding/json takes. Whatever else there is, is not plain.

// plainList reads a list of texts.
func plainList(s string) (list []string, ok bool) {
	s, ok = strings.CutPrefix(s, "[")
	for more := true; ok && more; {
		var v string
		if v, s, ok = plainText(s); ok {
			list = append(list, v)
			s, more = strings.CutPrefix(s, ",")
		}
	}
	return list, ok && s == "]"
}

// plainDict reads a map of texts.
func plainDict(s string) (dict map[string]string, ok bool) {
	dict = make(map[string]string, strings.Count(s, ":"))
	rest, ok := plainMembers(s, func(name string, v plainValue) (ok bool) {
		dict[name], ok = v.asText()
		return ok
	})
	return dict, ok && rest == ""
}

// plainText reads a text in quotation marks, and says what follows.
func plainText(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", "", false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], s[i+1:], true
		case c == '\\' || c < ' ' || c > '~':
			return "", "", false
		}
	}
	return "", "", false
}
