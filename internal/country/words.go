package country

import (
	"slices"
	"strings"
)

// Word is what somebody means who texts back one word.
type Word uint8

const (
	// None: the text is anything else.
	None Word = iota
	// Stop: no more texts.
	Stop
	// Start: texts again.
	Start
	// Help: who is it that sends them?
	Help
)

func (w Word) String() string {
	switch w {
	case Stop:
		return "stop"
	case Start:
		return "start"
	case Help:
		return "help"
	default:
		return "none"
	}
}

// meanings are the keys that have the words, in the order in which they are asked.
var meanings = []struct {
	key  Key
	word Word
}{{StopWords, Stop}, {StartWords, Start}, {HelpWords, Help}}

// OptOutWord says what is meant by a text from a number of the country (ISO 3166, ""
// for one of which nothing is known). Only a text that is such a word and nothing else
// means it: one that has a code in it, or a word of a sentence, means None. Besides
// the words of the country those count that are understood everywhere.
func OptOutWord(iso, body string) Word {
	said := folded(body)
	packs := []Pack{Everywhere()}
	if p, ok := Lookup(iso); ok {
		packs = append(packs, p)
	}
	for _, m := range meanings {
		for _, p := range packs {
			for _, f := range p.Facts(m.key) {
				if slices.Contains(f.List, said) {
					return m.word
				}
			}
		}
	}
	return None
}

// folded is a text in capital letters, with single spaces, without what phones and
// people put around a word.
func folded(body string) string {
	body = strings.Join(strings.Fields(body), " ")
	return strings.ToUpper(strings.Trim(body, ` .!"'`))
}
