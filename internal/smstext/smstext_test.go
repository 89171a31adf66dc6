package smstext

import (
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

// The default alphabet by code, as the table of 3GPP TS 23.038 has it column by
// column, in code points; 0 is the escape.
var alphabet = [128]rune{
	0x40, 0xA3, 0x24, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0x0A, 0xD8, 0xF8, 0x0D, 0xC5, 0xE5,
	0x394, 0x5F, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398, 0x39E, 0, 0xC6, 0xE6, 0xDF, 0xC9,
	0x20, 0x21, 0x22, 0x23, 0xA4, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F,
	0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F,
	0xA1, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
	0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0xC4, 0xD6, 0xD1, 0xDC, 0xA7,
	0xBF, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F,
	0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0xE4, 0xF6, 0xF1, 0xFC, 0xE0,
}

var escaped = map[rune]byte{
	0x0C: 0x0A, 0x5E: 0x14, 0x7B: 0x28, 0x7D: 0x29, 0x5C: 0x2F, 0x5B: 0x3C, 0x7E: 0x3D, 0x5D: 0x3E, 0x7C: 0x40, 0x20AC: 0x65,
}

// onAir is the text as it goes on the air: the septets or units of each character.
func onAir(text string) (Encoding, [][]uint16) {
	codes := map[rune][]uint16{}
	for code, r := range alphabet {
		if r != 0 {
			codes[r] = []uint16{uint16(code)}
		}
	}
	for r, code := range escaped {
		codes[r] = []uint16{0x1B, uint16(code)}
	}
	var chars [][]uint16
	for _, r := range text {
		if codes[r] == nil {
			chars = nil
			for _, r := range text {
				chars = append(chars, utf16.Encode([]rune{r}))
			}
			return UCS2, chars
		}
		chars = append(chars, codes[r])
	}
	return GSM7, chars
}

// asSent is Count by putting the text into segments one character after the other.
func asSent(text string) Size {
	encoding, chars := onAir(text)
	s := Size{Encoding: encoding, PerSegment: map[Encoding]int{GSM7: 160, UCS2: 70}[encoding]}
	for _, c := range chars {
		s.Units += len(c)
	}
	if s.Units > s.PerSegment {
		s.PerSegment = map[Encoding]int{GSM7: 153, UCS2: 67}[encoding]
	}
	var segments [][]uint16
	for _, c := range chars {
		last := len(segments) - 1
		if last < 0 || len(segments[last])+len(c) > s.PerSegment {
			segments, last = append(segments, nil), last+1
		}
		segments[last] = append(segments[last], c...)
	}
	s.Segments = len(segments)
	return s
}

func FuzzCount(f *testing.F) {
	for _, seed := range []string{
		"", "Your code is 123456.", strings.Repeat("a", 160), strings.Repeat("a", 161), strings.Repeat("€", 80), strings.Repeat("€", 81),
		strings.Repeat("a", 152) + "€" + strings.Repeat("b", 7), strings.Repeat("a", 152) + "€€€€" + strings.Repeat("b", 200),
		strings.Repeat("न", 70), strings.Repeat("न", 71), strings.Repeat("न", 66) + "😀" + strings.Repeat("न", 66), "\x1b", "\xff\xfe", "ç", "\f[]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := Count(text), asSent(text); got != want {
			t.Errorf("Count(%q) = %+v, sent it is %+v", text, got, want)
		}
	})
}

func TestCount_AnyText_IsWhatItTakesWhenSent(t *testing.T) {
	likely := rapid.SampledFrom([]rune("abc 123@€{}^|~é\n\fçन😀“\u00a0"))
	rapid.Check(t, func(t *rapid.T) {
		gsm := rapid.Bool().Draw(t, "gsm")
		chars := rapid.SliceOfN(likely, 0, 340).Draw(t, "chars")
		text := string(chars)
		if gsm {
			text = strings.Map(func(r rune) rune {
				if _, ok := septets(r); !ok {
					return '€'
				}
				return r
			}, text)
		}
		if got, want := Count(text), asSent(text); got != want {
			t.Errorf("Count(%q) = %+v, sent it is %+v", text, got, want)
		}
	})
}

func TestCount_AtTheEdges_CutsNoCharacterInTwo(t *testing.T) {
	for _, c := range []struct {
		text string
		want Size
	}{
		{"", Size{GSM7, 0, 0, 160}},
		{strings.Repeat("a", 160), Size{GSM7, 160, 1, 160}},
		{strings.Repeat("a", 161), Size{GSM7, 161, 2, 153}},
		{strings.Repeat("a", 306), Size{GSM7, 306, 2, 153}},
		{strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), Size{GSM7, 306, 3, 153}},
		{strings.Repeat("न", 70), Size{UCS2, 70, 1, 70}},
		{strings.Repeat("न", 134), Size{UCS2, 134, 2, 67}},
		{strings.Repeat("न", 66) + "😀" + strings.Repeat("न", 66), Size{UCS2, 134, 3, 67}},
	} {
		if got := Count(c.text); got != c.want {
			t.Errorf("Count of %d bytes = %+v, want %+v", len(c.text), got, c.want)
		}
	}
}

func TestSeptets_EveryCharacter_IsAsTheTableHasIt(t *testing.T) {
	want := map[rune]int{}
	for _, r := range alphabet {
		want[r] = 1
	}
	for r := range escaped {
		want[r] = 2
	}
	delete(want, 0)
	for r := rune(0); r < 0x3000; r++ {
		n, ok := septets(r)
		if n != want[r] || ok != (want[r] > 0) {
			t.Errorf("septets(%U) = %d, %t, want %d", r, n, ok, want[r])
		}
	}
	for r, like := range alike {
		if _, ok := septets(r); ok {
			t.Errorf("%U needs nothing that is alike", r)
		}
		if c, odd := Odd(like); odd {
			t.Errorf("%U is said to be like %U, which is no better", r, c.Char)
		}
	}
}

func TestOdd_FirstOfSeveral_IsFoundWithWhatIsAlike(t *testing.T) {
	got, ok := Odd("it’s 5 – no")
	if want := (OddChar{At: 2, Char: '’', Like: "'"}); !ok || got != want {
		t.Errorf("Odd = %+v, %t, want %+v", got, ok, want)
	}
}
