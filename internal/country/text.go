package country

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var (
	// linkIn finds what phones make a link of, and carriers look for: an address with a
	// scheme or www, or a host with a path. A host alone is as often two sentences
	// without a space between them.
	linkIn = regexp.MustCompile(`(?i)\b(?:https?://\S+|www\.\S+|(?:[a-z0-9-]+\.)+[a-z]{2,}/\S*)`)
	// numberIn finds what people would call, of nine digits at least: a code has fewer.
	numberIn = regexp.MustCompile(`\+?[0-9](?:[ ().-]{0,2}[0-9]){8,}`)
)

// CheckText says what is known against the words of a text to the country, and repeats
// none of them. Nothing in it is sure to be refused: carriers say little of what they
// filter.
func (p Pack) CheckText(body string) []Objection {
	var all []Objection
	links := linkIn.FindAllString(body, -1)
	short := slices.ContainsFunc(links, isShort)
	switch {
	case short && p.Is(ShortLinks) != "":
		all = append(all, p.checkWords(ShortLinks, "a link of a shortener that is open to all")...)
	case len(links) > 0:
		all = append(all, p.checkWords(Links, "a link")...)
	}
	if numberIn.MatchString(linkIn.ReplaceAllString(body, "")) {
		all = append(all, p.checkWords(NumbersInTexts, "a phone number")...)
	}
	return all
}

func (p Pack) checkWords(k Key, what string) []Objection {
	switch p.Is(k) {
	case Refused:
		return []Objection{p.object(k, false, "has %s, which texts to %s may not have", what, p.the())}
	case RegisteredOnly:
		return []Objection{p.object(k, false, "has %s, of which texts to %s may have registered ones only", what, p.the())}
	default:
		return nil
	}
}

// isShort says whether a link is one of a shortener that everybody may use.
func isShort(link string) bool {
	if !strings.Contains(link, "://") {
		link = "https://" + link
	}
	u, err := url.Parse(link)
	if err != nil {
		return false
	}
	host := strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
	return slices.ContainsFunc(Everywhere().Facts(ShortLinkHosts), func(f Fact) bool { return slices.Contains(f.List, host) })
}
