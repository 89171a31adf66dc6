package trigger

import (
	"encoding/json"
	"errors"
	"fmt"

	strict "github.com/go-json-experiment/json"
)

// ErrUnrecognizable is what Cognito says of an answer that is no event, or whose
// response has members of other types than the trigger's.
var ErrUnrecognizable = errors.New("unrecognizable lambda output")

// Read takes the response out of what a function answered. Of the event that it
// gives back nothing else counts, but there must be a response; what that lacks is
// as it was sent.
func Read[A any](answer []byte, sent A) (A, error) {
	var event struct {
		Response json.RawMessage `json:"response"`
	}
	if err := strict.Unmarshal(answer, &event); err != nil {
		return sent, fmt.Errorf("%w: it is no JSON object", ErrUnrecognizable)
	}
	if len(event.Response) == 0 || event.Response[0] != '{' {
		return sent, fmt.Errorf("%w: it has no response", ErrUnrecognizable)
	}
	filled := sent
	if err := strict.Unmarshal(event.Response, &filled); err != nil {
		return sent, fmt.Errorf("%w: its response has a member of the wrong type", ErrUnrecognizable)
	}
	return filled, nil
}

// Texts is a map of texts as functions fill it in: a number or a boolean is taken
// as its text, as Cognito does, and a null is left out.
type Texts map[string]string

// UnmarshalJSON reads the map.
func (t *Texts) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil || raw == nil {
		*t = nil
		return err
	}
	read := make(Texts, len(raw))
	for key, value := range raw {
		switch value[0] {
		case 'n':
		case '{', '[':
			return errors.New("not a text")
		case '"':
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return err
			}
			read[key] = text
		default:
			read[key] = string(value)
		}
	}
	*t = read
	return nil
}

// StrictTexts is a map of texts and of nothing else.
type StrictTexts map[string]string

// UnmarshalJSON reads the map.
func (t *StrictTexts) UnmarshalJSON(data []byte) error {
	var raw map[string]*string
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	*t = nil
	for key, text := range raw {
		if text == nil {
			return errors.New("null is not a text")
		}
		if *t == nil {
			*t = StrictTexts{}
		}
		(*t)[key] = *text
	}
	return nil
}

// JSON returns the texts as JSON.
func (t StrictTexts) JSON() map[string]json.RawMessage {
	values := make(map[string]json.RawMessage, len(t))
	for key, text := range t {
		value, err := json.Marshal(text)
		if err != nil {
			panic("trigger: " + err.Error()) // impossible for a text
		}
		values[key] = value
	}
	return values
}

// UnmarshalJSON notes that it was given.
func (g *GroupOverride) UnmarshalJSON(data []byte) error {
	g.Given, g.GroupConfiguration = true, GroupConfiguration{}
	return strict.Unmarshal(data, &g.GroupConfiguration)
}

// MarshalJSON writes a nil map as the empty object that functions look into.
func (a Attributes) MarshalJSON() ([]byte, error) {
	if a == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]string(a))
}
