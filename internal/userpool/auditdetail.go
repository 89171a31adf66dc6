package userpool

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/bellhop-auth/bellhop/internal/plain"
)

func detailText(detail map[string]any) string {
	if len(detail) == 0 {
		return ""
	}
	if text, ok := plainDetail(detail); ok {
		return text
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return "" // impossible: names, lists of names, numbers and booleans
	}
	return string(text)
}

// plainDetail writes what most calls note, names and truths, as encoding/json does.
func plainDetail(detail map[string]any) (text string, ok bool) {
	var room [8]string
	names := room[:0]
	for name := range detail {
		names = append(names, name)
	}
	slices.Sort(names)
	b := append(make([]byte, 0, 256), '{')
	for _, name := range names {
		if !plain.Is(name) {
			return "", false
		}
		b = plain.AppendName(b, name)
		switch value := detail[name].(type) {
		case string:
			if !plain.Is(value) {
				return "", false
			}
			b = plain.Append(b, value)
		case bool:
			b = strconv.AppendBool(b, value)
		default:
			return "", false
		}
	}
	return string(append(b, '}')), true
}
