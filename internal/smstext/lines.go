package smstext

import "strings"

// RetrieverBytes is how long a text may be that Android's SMS Retriever takes
// (developers.google.com/identity/sms-retriever/verify).
const RetrieverBytes = 140

// Lines are what follows the words of a text, for machines.
type Lines struct {
	Host string // that the code is bound to (WICG, Origin-bound one-time codes delivered via SMS), "" for none
	Hash string // of the Android app (SMS Retriever), "" for none
}

// After is what follows the words. The host's line must be the last of a text, so the
// hash, which may be anywhere, goes before it.
func (l Lines) After(code string) string {
	var b strings.Builder
	if l.Hash != "" {
		b.WriteString("\n" + l.Hash)
	}
	if l.Host != "" {
		b.WriteString("\n\n@" + l.Host + " #" + code)
	}
	return b.String()
}

// Bound is a code as a text binds it to hosts.
type Bound struct{ Host, Embedded, Code string }

// ReadBound reads the last line of the text as browsers do, by the steps of WICG,
// Origin-bound one-time codes delivered via SMS, section "Parsing". It is false for a
// text without such a line.
func ReadBound(text string) (Bound, bool) {
	line := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	line = line[strings.LastIndexByte(line, '\n')+1:]
	host, rest, ok := markedToken(line, '@')
	if !ok || !strings.HasPrefix(rest, " ") {
		return Bound{}, false
	}
	code, rest, ok := markedToken(rest[1:], '#')
	if !ok {
		return Bound{}, false
	}
	b := Bound{Host: host, Code: code}
	if strings.HasPrefix(rest, " ") {
		b.Embedded, _, _ = markedToken(rest[1:], '%')
	}
	return b, true
}

// markedToken takes the marker and what follows it, up to white space.
func markedToken(s string, marker byte) (token, rest string, ok bool) {
	if s == "" || s[0] != marker {
		return "", s, false
	}
	end := strings.IndexAny(s, "\t\n\f\r ")
	if end < 0 {
		end = len(s)
	}
	return s[1:end], s[end:], end > 1
}
