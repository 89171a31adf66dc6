package token

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// payload is the claims' JSON, byte for byte encoding/json's of a map: names in order,
// HTML's characters escaped. That asks each value for its type by reflection, at a
// price that two tokens a sign-in show; nearly all values here are of five types.
func (c claims) payload() ([]byte, error) {
	b := make([]byte, 0, usualPayload)
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(c)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		switch value := c[name].(type) {
		case string:
			b = appendText(b, value)
		case Use:
			b = appendText(b, string(value))
		case int64:
			b = strconv.AppendInt(b, value, 10)
		case bool:
			b = strconv.AppendBool(b, value)
		default:
			text, err := json.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("token: encode claims: %w", err)
			}
			b = append(b, text...)
		}
	}
	return append(b, '}'), nil
}

// usualPayload is room for the claims of most tokens.
const usualPayload = 1 << 10

// appendText appends a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if !plain[s[i]] {
			text, err := json.Marshal(s)
			if err != nil {
				panic("token: text: " + err.Error()) // impossible for strings
			}
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// plain are the bytes that stand for themselves in encoding/json's strings, whatever is
// beside them.
var plain = func() (table [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		table[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return table
}()
