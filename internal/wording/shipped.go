package wording

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
)

//go:embed texts.yaml
var textsYAML []byte

// ours are the words of one language that come with Bellhop, by purpose.
type ours struct {
	language string
	tag      language.Tag
	bodies   map[string]string
}

// shipped are the words of texts.yaml, by language.
var shipped = sync.OnceValue(func() []ours {
	var file map[string]map[string]string
	if err := yaml.Unmarshal(textsYAML, &file); err != nil {
		panic(fmt.Sprintf("texts.yaml: %v", err)) // it is part of the program
	}
	var all []ours
	for name, bodies := range file {
		all = append(all, ours{name, language.MustParse(name), bodies})
	}
	slices.SortFunc(all, func(a, b ours) int { return strings.Compare(a.language, b.language) })
	return all
})

// Languages are those of the words that come with Bellhop.
func Languages() []string {
	var all []string
	for _, o := range shipped() {
		all = append(all, o.language)
	}
	return all
}

// Purposes are what those words are for, as a text's purpose is called; sign_in_otp
// is told as sign_in is.
func Purposes() []string { return []string{"sign_in", "sign_up", "reset", "verify"} }
