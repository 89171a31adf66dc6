package token

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/bellhop-auth/bellhop/internal/plain"
)

// claims are the members of a token's payload, in the order of their names, each once.
type claims []claim

// claim is a member: a text, a number, or JSON as it is written.
type claim struct {
	name   string
	text   string
	number int64
	is     claimKind
}

type claimKind byte

const (
	isText claimKind = iota
	isNumber
	isJSON
)

func (c *claims) setText(name, text string) { c.set(claim{name: name, text: text}) }

func (c *claims) setUnlessEmpty(name, text string) {
	if text != "" {
		c.setText(name, text)
	}
}

func (c *claims) setNumber(name string, n int64) { c.set(claim{name: name, number: n, is: isNumber}) }

func (c *claims) setBool(name string, b bool) { c.setJSON(name, strconv.FormatBool(b)) }

func (c *claims) setJSON(name, text string) { c.set(claim{name: name, text: text, is: isJSON}) }

// set puts a claim in its place, or in that of another of its name.
func (c *claims) set(new claim) {
	at := len(*c)
	for at > 0 && (*c)[at-1].name > new.name {
		at--
	}
	if at > 0 && (*c)[at-1].name == new.name {
		(*c)[at-1] = new
		return
	}
	*c = slices.Insert(*c, at, new)
}

// remove takes out the claims of which drop says so.
func (c *claims) remove(drop func(name string) bool) {
	*c = slices.DeleteFunc(*c, func(c claim) bool { return drop(c.name) })
}

// append appends the claims' JSON, byte for byte encoding/json's of a map: names in
// order, HTML's characters escaped.
func (c claims) append(b []byte) []byte {
	b = append(b, '{')
	for i, c := range c {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, c.name), ':')
		switch c.is {
		case isText:
			b = appendText(b, c.text)
		case isNumber:
			b = strconv.AppendInt(b, c.number, 10)
		case isJSON:
			b = append(b, c.text...)
		}
	}
	return append(b, '}')
}

// appendText appends a text's JSON. Nearly all texts of tokens stand for themselves.
func appendText(b []byte, s string) []byte {
	if plain.Is(s) {
		return plain.Append(b, s)
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic("token: text: " + err.Error()) // impossible for a string
	}
	return append(b, text...)
}

// listJSON is the JSON of a list of texts.
func listJSON(list []string) string {
	b := []byte{'['}
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return string(append(b, ']'))
}

// compactJSON is JSON as encoding/json writes it in a larger value.
func compactJSON(value json.RawMessage) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("token: encode claims: %w", err)
	}
	return string(text), nil
}
