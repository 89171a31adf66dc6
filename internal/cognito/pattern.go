package cognito

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// pattern is a regular expression for a whole value, with the text that the
// service shows for it.
type pattern struct {
	text string
	re   *regexp.Regexp
	run  *run // nil where the expression is more than that
}

func whole(text string) *pattern {
	return &pattern{text: text, re: regexp.MustCompile(`\A(?s:` + text + `)\z`), run: runOf(text)}
}

func (p *pattern) constraint() string { return "satisfy regular expression pattern: " + p.text }

func (p *pattern) matches(s string) bool {
	if p.run != nil {
		return p.run.matches(s)
	}
	return p.re.MatchString(s)
}

// run is what most patterns are: characters of one class and no others. To look at each
// costs a tenth of what the expression does, which for a token was more than all else
// that is done to read a request.
type run struct {
	empty  bool                // it may be
	ascii  [utf8.RuneSelf]bool // of the class
	ranges []rune              // of the class: first and last of each, in order
}

// runOf is the run that a pattern is, nil for another.
func runOf(text string) *run {
	parsed, err := syntax.Parse(`(?s:`+text+`)`, syntax.Perl)
	if err != nil || parsed.Op != syntax.OpPlus && parsed.Op != syntax.OpStar || parsed.Sub[0].Op != syntax.OpCharClass {
		return nil
	}
	r := &run{empty: parsed.Op == syntax.OpStar, ranges: parsed.Sub[0].Rune}
	for c := range r.ascii {
		r.ascii[c] = r.has(rune(c))
	}
	return r
}

func (r *run) has(c rune) bool {
	for pair := range slices.Chunk(r.ranges, 2) {
		if c <= pair[1] {
			return c >= pair[0]
		}
	}
	return false
}

func (r *run) matches(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return r.matchesAny(s)
		}
		if !r.ascii[s[i]] {
			return false
		}
	}
	return s != "" || r.empty
}

// matchesAny is matches of a text that is not all ASCII.
func (r *run) matchesAny(s string) bool {
	for _, c := range s { // what is no UTF-8 is U+FFFD, to expressions too
		if !r.has(c) {
			return false
		}
	}
	return true
}
