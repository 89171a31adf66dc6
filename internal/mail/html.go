package mail

import (
	"html"
	"regexp"
	"strings"
)

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

// What PlainText looks for: what nobody reads, links, the ends of lines, and any
// other markup.
var (
	unread = regexp.MustCompile(`(?is)<!--.*?-->|<!doctype[^>]*>|<(head|style|script|title)\b[^>]*>.*?</(head|style|script|title)\s*>`)
	link   = regexp.MustCompile(`(?is)<a\s[^>]*?\bhref\s*=\s*["']?(https?://[^"'\s>]+|mailto:[^"'\s>]+)[^>]*>(.*?)</a\s*>`)
	lines  = regexp.MustCompile(`(?i)<(br|hr|/p|/div|/h[1-6]|/tr|/li|/table|/blockquote)(\s[^<>]*)?/?>`)
	markup = regexp.MustCompile(`(?s)</?[A-Za-z][^<>]*>`)
	blanks = regexp.MustCompile(`[\s\x{a0}]+`)
	gaps   = regexp.MustCompile(`\n{3,}`)
)

// PlainText is what a body says to a reader who does not show HTML, and to filters
// that distrust letters without plain text. It is empty where there are but pictures.
func (m Message) PlainText() string {
	if !m.HTML {
		return m.Body
	}
	text := unread.ReplaceAllString(m.Body, "")
	text = blanks.ReplaceAllString(text, " ") // HTML's own line breaks are blanks
	text = link.ReplaceAllStringFunc(text, func(found string) string {
		parts := link.FindStringSubmatch(found)
		address, words := strings.TrimPrefix(parts[1], "mailto:"), parts[2]
		if strings.Contains(words, address) {
			return words
		}
		return words + " (" + address + ")"
	})
	text = lines.ReplaceAllString(text, "\n")
	text = html.UnescapeString(markup.ReplaceAllString(text, ""))
	all := strings.Split(text, "\n")
	for i, line := range all {
		all[i] = strings.TrimSpace(blanks.ReplaceAllString(line, " "))
	}
	return strings.TrimSpace(gaps.ReplaceAllString(strings.Join(all, "\n"), "\n\n"))
}
