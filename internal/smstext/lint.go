package smstext

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Draft is a text before anything is filled in.
type Draft struct {
	Text       string // with {####}, {app} and {username}
	Purpose    string // as a text's purpose is called; "" where it is for codes of every kind
	App        string // stands for {app}; "" for a name of thirty letters
	Lines      Lines  // that will follow, unless the text is registered
	Registered string // the text as a register has it, "" for none
	ShortHosts []string
}

// Weight is how bad a finding is.
type Weight uint8

const (
	// Advice would make the text better.
	Advice Weight = iota
	// Warning: it may cost more than it should, or be filtered.
	Warning
	// Wrong: it must not be sent like that.
	Wrong
)

func (w Weight) String() string {
	switch w {
	case Wrong:
		return "error"
	case Warning:
		return "warning"
	default:
		return "advice"
	}
}

// Finding is what somebody should know of a draft.
type Finding struct {
	Rule   string // its name in docs/messages.md
	Weight Weight
	At     int    // the byte of the draft's text where it is
	What   string // a sentence
	Source string // who says so; "" for what follows from how texts are sent, or is our own judgement
}

// Place is the line and the character, both from 1, of a byte of the text.
func Place(text string, at int) (line, col int) {
	before := text[:at]
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

// Placeholders of a draft.
const (
	codeHere, appHere, usernameHere = "{####}", "{app}", "{username}"
)

// What stands for the placeholders where nothing better is known.
const (
	someCode  = "000000"
	longName  = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"
	longLogin = "+123456789012345" // the longest number
)

// Sent is the text as it would be sent, with zeros for the code and the longest of
// what is not known.
func (d Draft) Sent() string {
	return strings.NewReplacer(codeHere, someCode, appHere, cmp.Or(d.App, longName), usernameHere, longLogin).Replace(d.Text) + d.after()
}

// after is what will follow the text. To one that a register has nothing is added.
func (d Draft) after() string {
	if d.invites() || d.Registered != "" {
		return ""
	}
	return d.Lines.After(someCode)
}

func (d Draft) invites() bool { return d.Purpose == "invitation" }

// rules in the order in which docs/messages.md has them.
var rules = []func(Draft) []Finding{
	placeholders, length, segments, encoding, machineLines, registration,
	links, numbers, filtered, capitals, nameless, shared, position, direction, controls,
}

// Lint says what is to be known of the draft, the worst first.
func Lint(d Draft) []Finding {
	var all []Finding
	for _, rule := range rules {
		all = append(all, rule(d)...)
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Compare(b.Weight, a.Weight) })
	return all
}

var braced = regexp.MustCompile(`\{[^{}]*\}?`)

func placeholders(d Draft) (all []Finding) {
	if !strings.Contains(d.Text, codeHere) {
		all = append(all, Finding{"no-code", Wrong, 0, "The text has no {####}, which stands for the code.", "Cognito, CreateUserPool, SmsVerificationMessage"})
	}
	for _, span := range braced.FindAllStringIndex(d.Text, -1) {
		name := d.Text[span[0]:span[1]]
		switch {
		case name == codeHere || name == appHere || name == usernameHere && d.invites():
		case name == usernameHere:
			all = append(all, Finding{"user-name", Wrong, span[0], "{username} stands in invitations alone. Whoever signs up chooses his name, and could have you text what he likes to whom he likes.", ""})
		default:
			all = append(all, Finding{"placeholder", Wrong, span[0], fmt.Sprintf("Nothing is filled in for %s.", name), ""})
		}
	}
	if d.invites() && !strings.Contains(d.Text, usernameHere) {
		all = append(all, Finding{"user-name", Warning, 0, "The invitation does not say the user name; {username} stands for it.", "Cognito, InviteMessageTemplate"})
	}
	return all
}

// longest is what Cognito takes for a template.
const longest = 140

func length(d Draft) []Finding {
	if n := utf8.RuneCountInString(d.Text); n > longest {
		at := len(string([]rune(d.Text)[:longest]))
		return []Finding{{"length", Wrong, at, fmt.Sprintf("The text has %d characters before anything is filled in; it may have %d.", n, longest), "Cognito, CreateUserPool, SmsVerificationMessage"}}
	}
	return nil
}

func segments(d Draft) []Finding {
	size := Count(d.Sent())
	if size.Segments < 2 {
		return nil
	}
	times := fmt.Sprintf("%d times the price", size.Segments)
	if size.Segments == 2 {
		times = "twice the price"
	}
	what := fmt.Sprintf("It takes %d segments of %s (%d of %d each), and every segment is paid as a text: %s.", size.Segments, size.Encoding, size.Units, size.PerSegment, times)
	if after := d.after(); after != "" && Count(strings.TrimSuffix(d.Sent(), after)).Segments < size.Segments {
		what += " The lines for browsers and apps make the difference."
	}
	return []Finding{{"segments", Warning, 0, what, "3GPP TS 23.038 and 23.040"}}
}

// fewOdd is up to how many different characters that GSM-7 lacks are taken for
// oversights. A text of another script has more.
const fewOdd = 3

func encoding(d Draft) []Finding {
	if Count(d.Sent()).Encoding == GSM7 {
		return nil
	}
	odd := map[rune]bool{}
	for _, r := range d.Text {
		if _, ok := septets(r); !ok {
			odd[r] = true
		}
	}
	first, is := Odd(d.Text)
	if !is {
		return []Finding{{"encoding", Advice, 0, "The name of the app has characters that GSM-7 lacks: a segment holds 70 characters and not 160.", "3GPP TS 23.038"}}
	}
	if len(odd) > fewOdd {
		return nil
	}
	what := fmt.Sprintf("%s is not in GSM-7, so that a segment holds 70 characters and not 160.", shown(first.Char))
	switch like, known := alike[first.Char]; {
	case !known:
	case like == "":
		what += " It can be left out."
	case unicode.IsLetter(first.Char):
		what += fmt.Sprintf(" Another word would do without it; some write %s.", like)
	default:
		what += fmt.Sprintf(" %s does as well.", shownText(like))
	}
	return []Finding{{"encoding", Warning, first.At, what, "3GPP TS 23.038"}}
}

func shown(r rune) string {
	if unicode.IsGraphic(r) && !unicode.IsSpace(r) {
		return fmt.Sprintf("%c (%U)", r, r)
	}
	return fmt.Sprintf("%U", r)
}

func shownText(s string) string {
	if s == " " {
		return "An ordinary space"
	}
	return s
}

func machineLines(d Draft) (all []Finding) {
	sent := d.Sent()
	if n := len(sent); d.Lines.Hash != "" && !d.invites() && n > RetrieverBytes {
		all = append(all, Finding{"app-bytes", Warning, 0, fmt.Sprintf("It has %d bytes with the hash of the Android app; SMS Retriever takes %d.", n, RetrieverBytes), "developers.google.com/identity/sms-retriever/verify"})
	}
	at := strings.Index(d.Text, "@")
	if at < 0 || d.Lines.Host != "" {
		return all
	}
	if bound, ok := ReadBound(sent); ok {
		return append(all, Finding{"host-line", Advice, at, fmt.Sprintf("Browsers fill the code in on %s alone, by the last line. The pool's tag bellhop:app-host adds such a line to every text.", bound.Host), "WICG, Origin-bound one-time codes delivered via SMS"})
	}
	if strings.Contains(d.Text[at:], "#"+codeHere) {
		all = append(all, Finding{"host-line", Warning, at, "This reads like the line that binds the code to a host, which is @host #code alone and the last line of the text.", "WICG, Origin-bound one-time codes delivered via SMS"})
	}
	return all
}

func registration(d Draft) (all []Finding) {
	if d.Registered == "" {
		return nil
	}
	if m := MatchRegistered(d.Registered, d.Sent()); m != nil {
		at := min(m.At, len(d.Text))
		all = append(all, Finding{"registered", Wrong, onRune(d.Text, at), fmt.Sprintf("The text is not the one that is registered: %v.", m), "India, DLT: the content template of TCCCPR 2018"})
	}
	if strings.Contains(strings.ToLower(d.Registered), "{#var#}") {
		all = append(all, Finding{"old-tag", Warning, 0, "{#var#} is of templates from before 2026: a tag has to say what it holds, such as {#numeric#} for a code.", "TRAI, direction of 18 November 2025"})
	}
	return all
}

// onRune is the byte or the nearest before it where a character begins.
func onRune(text string, at int) int {
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}
