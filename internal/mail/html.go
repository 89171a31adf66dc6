package mail

import "regexp"

// tag is what makes a template HTML: the start or the end of an element, such
// as <p>, <br/> or <a href="…">. An address in angle brackets is none.
var tag = regexp.MustCompile(`</?[A-Za-z][A-Za-z0-9]*(\s[^<>]*)?/?>`)

// IsHTML reports whether a template is HTML: whether it holds a tag. Templates
// do not say of themselves what they are, since Cognito sends them all as HTML.
func IsHTML(template string) bool { return tag.MatchString(template) }

// ContentType is the media type of m's body.
func (m Message) ContentType() string {
	if m.HTML {
		return "text/html"
	}
	return "text/plain"
}
