package smstext

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
)

// link is an address that phones make a link of.
var link = regexp.MustCompile(`(?i)\b(https?://\S+|www\.\S+|[a-z0-9-]+(\.[a-z0-9-]+)*\.(com|net|org|in|io|co|app|me|ly|gl|link|info|biz|us|uk|br|ng|de|fr|dev|xyz|to|cc|id|ke)\b(/\S*)?)`)

func links(d Draft) (all []Finding) {
	for _, span := range link.FindAllStringIndex(d.Text, -1) {
		if strings.HasSuffix(d.Text[:span[0]], "@") {
			continue // of the line that binds the code to a host
		}
		if host := hostOf(d.Text[span[0]:span[1]]); contains(d.ShortHosts, host) {
			all = append(all, Finding{"short-link", Wrong, span[0], fmt.Sprintf("%s shortens links for everybody; carriers block such texts.", host), "Bandwidth, on the codes of conduct of T-Mobile and AT&T"})
			continue
		}
		all = append(all, Finding{"link", Warning, span[0], "A text with a code needs no link; carriers filter links, and people who follow one in such a text follow those of others too.", "CTIA, Messaging Principles and Best Practices, 5.3.2"})
	}
	return all
}

func hostOf(address string) string {
	address = strings.ToLower(address)
	for _, scheme := range []string{"https://", "http://"} {
		address = strings.TrimPrefix(address, scheme)
	}
	if end := strings.IndexAny(address, "/?#:"); end >= 0 {
		address = address[:end]
	}
	return strings.TrimPrefix(address, "www.")
}

func contains(hosts []string, host string) bool {
	for _, h := range hosts {
		if strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}

// number is what people would call.
var number = regexp.MustCompile(`\+?[0-9][0-9 ().-]{5,}[0-9]`)

func numbers(d Draft) (all []Finding) {
	for _, span := range number.FindAllStringIndex(d.Text, -1) {
		all = append(all, Finding{"number", Warning, span[0], "A number to call in a text is filtered in some countries, and taken for the code by phones that look for one.", "CTIA, Messaging Principles and Best Practices, 5.3.3"})
	}
	return all
}

// barred are words for which carriers filter texts, whoever sends them.
var barred = []struct {
	words  *regexp.Regexp
	of     string
	source string
}{
	{regexp.MustCompile(`(?i)\b(sex|porn|xxx|nude|alcohol|whisky|vodka|firearms?|guns?|ammo|tobacco|vape|cigarettes?|cannabis|cbd|weed)\b`),
		"sex, hate, alcohol, firearms and tobacco", "CTIA, Short Code Monitoring Handbook"},
	{regexp.MustCompile(`(?i)\b(casino|gambling|betting|lottery|jackpot|loans?|payday)\b`),
		"gambling and loans", "Twilio, SMS guidelines of countries (docs/countries.md)"},
}

func filtered(d Draft) (all []Finding) {
	for _, b := range barred {
		if span := b.words.FindStringIndex(d.Text); span != nil {
			all = append(all, Finding{"barred-word", Warning, span[0], fmt.Sprintf("Carriers filter texts about %s; %q may be taken for that.", b.of, d.Text[span[0]:span[1]]), b.source})
		}
	}
	return all
}

// Of so many letters with a case that many are capitals, in hundredths, where a text
// shouts.
const shoutLetters, shoutShare = 12, 60

func capitals(d Draft) []Finding {
	upper, letters := 0, 0
	for _, r := range braced.ReplaceAllString(d.Text, "") {
		switch {
		case unicode.IsUpper(r):
			upper, letters = upper+1, letters+1
		case unicode.IsLower(r):
			letters++
		}
	}
	if letters < shoutLetters || 100*upper < shoutShare*letters {
		return nil
	}
	return []Finding{{"capitals", Advice, 0, "It is in capitals, as texts of swindlers are.", ""}}
}

func nameless(d Draft) []Finding {
	if strings.Contains(d.Text, appHere) || d.App != "" && strings.Contains(strings.ToLower(d.Text), strings.ToLower(d.App)) {
		return nil
	}
	if d.App == "" { // the name may be there all the same, in words
		return []Finding{{"nameless", Advice, 0, "There is no {app} in it: see that it says in its own words whose code it is.", ""}}
	}
	return []Finding{{"nameless", Warning, 0, fmt.Sprintf("It does not say that the code is for %s; {app} stands for that.", d.App), ""}}
}

// unshared are words by which texts ask to keep a code to oneself: parts of them, in
// lower case, of the languages that Bellhop has words in and some others.
var unshared = []string{
	"share", "never tell", "not tell", "don't tell", "never give", "not give", "disclose", "keep it secret", "nobody",
	"न दें", "न बताएं", "न बताएँ", "साझा न", "गोपनीय", "দেবেন না", "বলবেন না", "শেয়ার", "গোপন", "பகிர", "ఇవ్వ", "చెప్ప", "షేర్", "देऊ नका", "सांगू नका", "गुप्त",
	"نہ دیں", "نہ بتائیں", "شیئر", "لا تشارك", "لا تخبر", "ત શેર", "ਸਾਂਝਾ", "ಹಂಚಿಕೊಳ್ಳ", "പങ്ക",
	"compartilh", "compart", "não passe", "nunca passe", "communiquez", "partagez", "divulgu", "weiter", "teilen sie", "jangan", "usimpe", "usimwambie",
	"condivid", "paylaşma", "не сообща", "не передав", "không chia sẻ", "请勿", "勿泄", "共有しない", "教えない",
}

func shared(d Draft) []Finding {
	text := strings.ToLower(d.Text)
	for _, words := range unshared {
		if strings.Contains(text, words) {
			return nil
		}
	}
	return []Finding{{"share", Advice, 0, "It does not ask to keep the code to oneself, or not in words that are known here.", ""}}
}

// early is how many characters of a text people see without opening it, roughly.
const early = 60

func position(d Draft) []Finding {
	at := strings.Index(d.Text, codeHere)
	if at < 0 {
		return nil
	}
	before := Draft{Text: d.Text[:at], App: d.App}.Sent()
	if utf8.RuneCountInString(before)+len(someCode) <= early {
		return nil
	}
	return []Finding{{"late-code", Advice, at, fmt.Sprintf("The code is not within the first %d characters, which a phone shows of a text that is not opened.", early), ""}}
}

// Controls of direction (UAX #9).
const (
	isolates = "\u2066\u2067\u2068" // LRI, RLI, FSI
	popsOne  = '\u2069'             // PDI
	embeds   = "\u202a\u202b\u202d\u202e"
	popsIn   = '\u202c' // PDF
	turns    = "\u202d\u202e"
)

func direction(d Draft) (all []Finding) {
	if at := strings.IndexAny(d.Text, turns); at >= 0 {
		all = append(all, Finding{"direction", Wrong, at, "An override of direction (U+202D, U+202E) has digits read in another order than they stand.", "UAX #9"})
	}
	if at := unbalanced(d.Text); at >= 0 {
		all = append(all, Finding{"direction", Wrong, at, "A control of direction is not closed, or closes none, within its line.", "UAX #9"})
	}
	rightToLeft, first := false, bidi.ON
	for _, r := range strings.NewReplacer(codeHere, "", usernameHere, "").Replace(strings.ReplaceAll(d.Text, appHere, cmp.Or(d.App, "A"))) {
		p, _ := bidi.LookupRune(r)
		switch c := p.Class(); c {
		case bidi.R, bidi.AL:
			rightToLeft = true
			fallthrough
		case bidi.L:
			if first == bidi.ON {
				first = c
			}
		}
	}
	at := strings.IndexAny(d.Text, isolates)
	switch {
	case at >= 0 && !rightToLeft:
		all = append(all, Finding{"direction", Warning, at, "Isolates (U+2066 to U+2069) do nothing in a text from left to right, and force UCS-2.", "UAX #9"})
	case at >= 0:
		all = append(all, Finding{"direction", Advice, at, "Digits read from left to right by themselves. Isolates help around a name of the other direction, cost a character each, and are part of the text that a register compares.", "UAX #9"})
	}
	if rightToLeft && first == bidi.L {
		all = append(all, Finding{"direction", Warning, 0, "A text from right to left that begins with a word from left to right is laid out from the left: begin it with a word of its language.", "UAX #9, rules P2 and P3"})
	}
	return all
}

// unbalanced is where controls of direction first do not match within a line, -1 for
// nowhere.
func unbalanced(text string) int {
	type opened struct {
		at      int
		isolate bool
	}
	var open []opened
	for i, r := range text {
		switch {
		case strings.ContainsRune(isolates, r):
			open = append(open, opened{i, true})
		case strings.ContainsRune(embeds, r):
			open = append(open, opened{i, false})
		case r == popsOne || r == popsIn:
			if len(open) == 0 || open[len(open)-1].isolate != (r == popsOne) {
				return i
			}
			open = open[:len(open)-1]
		case r == '\n' && len(open) > 0:
			return open[0].at
		}
	}
	if len(open) > 0 {
		return open[0].at
	}
	return -1
}

func controls(d Draft) []Finding {
	at := strings.IndexFunc(d.Text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' || r == utf8.RuneError })
	if at < 0 {
		return nil
	}
	return []Finding{{"control", Wrong, at, "A character that nobody can read, or what is no UTF-8.", ""}}
}
