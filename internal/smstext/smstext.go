// Package smstext is what is known of the text of an SMS: how it is put on the air
// and how many segments that takes, the last lines by which phones and browsers fill
// a code in, what carriers and registers make of it. It sends nothing and knows
// neither users nor providers.
package smstext

import "unicode/utf16"

// Encoding is how a text goes on the air.
type Encoding uint8

const (
	// GSM7 is the GSM 7 bit default alphabet with its extension table (3GPP TS 23.038,
	// section 6.2.1). National tables are not reckoned with: whether a text is sent
	// with one is the provider's to know.
	GSM7 Encoding = iota
	// UCS2 is two bytes for each UTF-16 unit. One character that GSM7 lacks is enough
	// for the whole text to go that way.
	UCS2
)

func (e Encoding) String() string {
	if e == UCS2 {
		return "UCS-2"
	}
	return "GSM-7"
}

// What a segment holds: 140 bytes, of which the header that joins several takes six
// (3GPP TS 23.040, section 9.2.3.24.1).
const (
	gsmAlone, gsmJoined = 160, 153 // septets
	ucsAlone, ucsJoined = 70, 67   // UTF-16 units
)

// Size is what a text takes.
type Size struct {
	Encoding   Encoding
	Units      int // septets of GSM7, where some characters take two, or UTF-16 units
	Segments   int // none of an empty text
	PerSegment int // units that a segment of this text holds
}

// Count says what the text takes. A character is never cut in two: one of two units
// that does not fit into a segment begins the next. What is no UTF-8 counts as U+FFFD.
func Count(text string) Size {
	s := Size{Encoding: GSM7, PerSegment: gsmAlone}
	joined := gsmJoined
	if _, odd := Odd(text); odd {
		s.Encoding, s.PerSegment, joined = UCS2, ucsAlone, ucsJoined
	}
	room := 0 // in the last segment, were it one of several
	for _, r := range text {
		n := s.Encoding.units(r)
		s.Units += n
		if n > room {
			s.Segments++
			room = joined
		}
		room -= n
	}
	if s.Units <= s.PerSegment {
		s.Segments = min(s.Segments, 1)
		return s
	}
	s.PerSegment = joined
	return s
}

// units is what the character takes, which e must have.
func (e Encoding) units(r rune) int {
	if e == UCS2 {
		return utf16.RuneLen(r)
	}
	n, _ := septets(r)
	return n
}

// OddChar is a character that GSM7 lacks.
type OddChar struct {
	At   int // its first byte in the text
	Char rune
	Like string // of GSM7, that looks or reads alike; "" where there is nothing
}

// Odd is the first character that GSM7 lacks, and so forces UCS2; false where the
// text has none.
func Odd(text string) (OddChar, bool) {
	for i, r := range text {
		if _, ok := septets(r); !ok {
			return OddChar{At: i, Char: r, Like: alike[r]}, true
		}
	}
	return OddChar{}, false
}
