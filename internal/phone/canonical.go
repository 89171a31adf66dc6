package phone

import "strings"

// canonical returns the one form in which a line is known here. Without it one
// phone could open several accounts, and a person who types his number another
// way next time would not find his own.
//
// The library already takes off national prefixes and carrier codes that
// people leave in behind the country code (+44 (0)7400…, +7 8 916…, Brazil's
// 0 15 11…), turns Argentina's 15 into the 9, and keeps Italy's leading zeros:
// since 1998 a fixed line's 0 is part of its number also from abroad, and a
// mobile's number has none (libphonenumber, italian_leading_zero in
// phonenumber.proto). The rules below are for spellings that it keeps apart.
//
// A merge of two lines into one would be harmless, if a nuisance: the text
// goes to the canonical form, so only its holder can prove it.
func canonical(s string) (parsed, error) {
	// A rule or the library may uncover something for the next round, a
	// prefix behind a prefix; what is not at rest soon is no number.
	for range 4 {
		p, next, err := canonicalOnce(s)
		if err != nil || next == s {
			return p, err
		}
		s = next
	}
	return parsed{}, refuse(hintUnusable)
}

// canonicalOnce returns what the library makes of s, and what may be better.
func canonicalOnce(s string) (p parsed, next string, err error) {
	p, err = look(withoutMexicanPrefix(s))
	if err != nil {
		return p, "", parseRefusal(err)
	}
	for _, rule := range []func(parsed) (string, bool){argentina, brazil, benin} {
		if better, ok := rule(p); ok {
			return p, better, nil
		}
	}
	return p, p.e164, p.refusal()
}

// withoutMexicanPrefix takes off what stood between +52 and the ten digits of
// a Mexican number until 3 August 2019: 1 for mobiles called from abroad, 01,
// 044 and 045 at home. Since then every number is the ten digits alone, which
// are unique in the country (IFT, Plan Técnico Fundamental de Numeración,
// Diario Oficial of 11 May 2018; ITU Operational Bulletin 1151). The library
// takes the old forms for numbers that are too long.
func withoutMexicanPrefix(s string) string {
	rest, ok := strings.CutPrefix(s, "+52")
	if !ok {
		return s
	}
	for _, prefix := range []string{"1", "01", "044", "045"} {
		if ten, ok := strings.CutPrefix(rest, prefix); ok && len(ten) == 10 {
			return "+52" + ten
		}
	}
	return s
}

// argentina gives mobiles their 9. Mobiles and fixed lines share the area
// codes and the ten digits (Plan Fundamental de Numeración Nacional,
// resolution SC 46/97); the 9 only tells a caller from abroad that he pays for
// a mobile, and text messages are commonly addressed without it. So people
// write a mobile's number either way, and the library, which takes the short
// form for a fixed line, cannot tell. A texted code is only ever for a mobile:
// where a mobile with these ten digits can exist, that is who is meant.
func argentina(p parsed) (string, bool) {
	if p.country != 54 || len(p.national) != 10 {
		return "", false
	}
	return ifMobile("+549" + p.national)
}

// brazil adds the ninth digit, which all mobiles have had since November 2016
// (Anatel, resolution 553/2010): a 9 behind the two digits of the area. Eight
// digits from 2 to 5 are fixed lines, and some trunking mobiles with 7 kept
// eight; both are valid as they stand.
func brazil(p parsed) (string, bool) {
	if p.country != 55 || len(p.national) != 10 || p.valid() {
		return "", false
	}
	return ifMobile("+55" + p.national[:2] + "9" + p.national[2:])
}

// benin puts 01 before the eight digits that all numbers of Benin had until
// 30 November 2024 (ARCEP Bénin, the ten-digit numbering plan; one prefix for
// every operator and kind of line).
func benin(p parsed) (string, bool) {
	if p.country != 229 || len(p.national) != 8 {
		return "", false
	}
	q, err := look("+22901" + p.national)
	if err != nil || !q.valid() {
		return "", false
	}
	return q.e164, true
}

func ifMobile(e164 string) (string, bool) {
	p, err := look(e164)
	if err != nil || p.e164 != e164 || !p.mobile() {
		return "", false
	}
	return e164, true
}
