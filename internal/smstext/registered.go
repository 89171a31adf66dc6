package smstext

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// India's operators compare each text with the one that the business has registered
// (DLT). What varies is tagged there. Since the direction of the regulator of
// 18 November 2025 a tag says what it holds; {#var#}, which could be anything, is of
// templates from before. How much a tag holds: docs/messages.md.
const (
	maxVar  = 30 // characters of {#var#} and of numbers; some operators take 40
	maxWide = 40 // of {#alphanumeric#}, {#url#}, {#urlott#}, {#cbn#} and {#email#}
)

// tags are what may stand for what varies, with the characters that it holds.
var tags = map[string]int{
	"{#var#}": maxVar, "{#numeric#}": maxVar, "{#number#}": maxVar,
	"{#alphanumeric#}": maxWide, "{#url#}": maxWide, "{#urlott#}": maxWide, "{#cbn#}": maxWide, "{#email#}": maxWide,
}

// Mismatch is where a text first leaves the one that is registered.
type Mismatch struct {
	At   int    // the first byte of the text that does not fit, its length where it ends too early
	Line int    // of the text, from 1
	Col  int    // in characters, from 1
	Want string // what is registered there, with what comes before
	Got  string // what the text has there, every digit of a code or a number hidden
}

func (m *Mismatch) Error() string {
	return fmt.Sprintf("line %d, character %d: the text has %q where %q is registered", m.Line, m.Col, m.Got, m.Want)
}

// place is a character of the registered text, or one that a tag may hold.
type place struct {
	char    rune
	at      int // byte in the registered text
	tag     string
	skip    int // of a tag: how many places on it ends
	first   bool
	numeric bool
}

// MatchRegistered compares a text as it would be sent with the registered one, letter
// for letter: spaces, line ends and signs count, even where an operator is said to
// let them pass. It is nil where they agree. What it says of a mismatch hides digits,
// but not a password: compare texts with one only as they are with another.
func MatchRegistered(registered, rendered string) *Mismatch {
	places := placesOf(registered)
	// By place, how many letters agree on the best way there; off where there is none.
	here, next := make([]int, len(places)+1), make([]int, len(places)+1)
	for p := range here {
		here[p] = off
	}
	here[0] = 0
	var end deadEnd
	for i, r := range rendered {
		for p := range next {
			next[p] = off
		}
		for p, agreed := range here {
			switch {
			case agreed == off:
			case p == len(places) || !places[p].takes(r):
				end = end.or(deadEnd{agreed, i, p})
			case places[p].tag == "":
				next[p+1] = max(next[p+1], agreed+1)
			default:
				next[p+1] = max(next[p+1], agreed)
			}
		}
		leaveTags(places, next)
		here, next = next, here
	}
	if here[len(places)] != off {
		return nil
	}
	for p, agreed := range here {
		if agreed != off {
			end = end.or(deadEnd{agreed, len(rendered), p})
		}
	}
	want := len(registered)
	if end.place < len(places) {
		want = places[end.place].at
	}
	return mismatch(registered, rendered, want, end.at)
}

const off = -1

// deadEnd is where a way of laying the texts side by side ends. The best way is the
// one on which most letters agree: a tag could swallow the rest of the text.
type deadEnd struct{ agreed, at, place int }

func (d deadEnd) or(other deadEnd) deadEnd {
	if other.agreed > d.agreed || other.agreed == d.agreed && other.at >= d.at {
		return other
	}
	return d
}

// leaveTags goes on to behind the tags that hold something already.
func leaveTags(places []place, ways []int) {
	for p := range places {
		if t := places[p]; ways[p] != off && t.tag != "" && !t.first {
			ways[p+t.skip] = max(ways[p+t.skip], ways[p])
		}
	}
}

func (p place) takes(r rune) bool {
	switch {
	case p.tag == "":
		return r == p.char
	case p.numeric:
		return r >= '0' && r <= '9'
	}
	return true
}

func placesOf(registered string) []place {
	var all []place
	for i := 0; i < len(registered); {
		tag, n := tagAt(registered[i:])
		for left := n; left > 0; left-- {
			all = append(all, place{at: i, tag: tag, skip: left, first: left == n, numeric: strings.HasPrefix(strings.ToLower(tag), "{#num")})
		}
		if tag != "" {
			i += len(tag)
			continue
		}
		r, size := utf8.DecodeRuneInString(registered[i:])
		all = append(all, place{char: r, at: i})
		i += size
	}
	return all
}

// tagAt is the tag that s begins with, "" for none, and what it holds.
func tagAt(s string) (string, int) {
	if !strings.HasPrefix(s, "{#") {
		return "", 0
	}
	tag := s[:strings.IndexByte(s, '}')+1]
	holds, ok := tags[strings.ToLower(tag)]
	if !ok {
		return "", 0
	}
	return tag, holds
}

// around is how many characters before and after a place are shown.
const around = 12

func mismatch(registered, rendered string, want, at int) *Mismatch {
	return &Mismatch{
		At: at, Line: 1 + strings.Count(rendered[:at], "\n"),
		Col:  1 + utf8.RuneCountInString(rendered[strings.LastIndexByte(rendered[:at], '\n')+1:at]),
		Want: excerpt(registered, want), Got: hideDigits(excerpt(rendered, at)),
	}
}

// excerpt is the text around the byte. A tag that it would begin in is shown whole.
func excerpt(text string, at int) string {
	start, end := at, at
	for range around {
		_, back := utf8.DecodeLastRuneInString(text[:start])
		_, on := utf8.DecodeRuneInString(text[end:])
		start, end = start-back, end+on
	}
	if open := strings.LastIndex(text[:start], "{#"); open >= 0 && !strings.Contains(text[open:start], "}") {
		start = open
	}
	return text[start:end]
}

// hideDigits hides what may be a code or part of one.
func hideDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '*'
		}
		return r
	}, s)
}
