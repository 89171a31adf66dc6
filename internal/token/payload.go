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
// price that two tokens a sign-in show; nearly all values here are of four types.
func (c claims) payload() (b []byte, err error) {
	b = append(make([]byte, 0, usualPayload), '{')
	for i, name := range slices.Sorted(maps.Keys(c)) {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendJSON(b, name); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = appendJSON(b, c[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// usualPayload is room for the claims of most tokens.
const usualPayload = 1 << 10

func appendJSON(b []byte, value any) ([]byte, error) {
	if use, ok := value.(Use); ok {
		value = string(use)
	}
	switch value := value.(type) {
	case string:
		if isPlain(value) {
			return append(append(append(b, '"'), value...), '"'), nil
		}
	case int64:
		return strconv.AppendInt(b, value, 10), nil
	case bool:
		return strconv.AppendBool(b, value), nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("token: encode claims: %w", err)
	}
	return append(b, text...), nil
}

func isPlain(s string) bool {
	for i := range len(s) {
		if !plain[s[i]] {
			return false
		}
	}
	return true
}

// plain are the bytes that stand for themselves in encoding/json's strings, whatever is
// beside them.
var plain = func() (table [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		table[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return table
}()
