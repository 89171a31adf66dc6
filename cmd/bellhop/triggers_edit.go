package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// edit sets one member of an event.
type edit struct {
	path  []string
	value any
}

// parseChange reads PATH=TEXT or PATH:=JSON.
func parseChange(v string) (edit, error) {
	path, text, ok := strings.Cut(v, "=")
	path, isJSON := strings.CutSuffix(path, ":")
	if !ok || path == "" {
		return edit{}, errors.New("must be PATH=TEXT, such as request.challengeAnswer=123456, or PATH:=JSON")
	}
	c := edit{strings.Split(path, "."), text}
	if isJSON {
		value, err := decoded([]byte(text))
		if err != nil {
			return edit{}, fmt.Errorf("has no JSON after %s:=", path)
		}
		c.value = value
	}
	return c, nil
}

// decoded is JSON as Go has it, numbers as they were written.
func decoded(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one value")
	}
	return value, nil
}

func isObject(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

// changed is the event with the changes made to it, in their order.
func changed(event []byte, changes []edit) ([]byte, error) {
	if len(changes) == 0 {
		return event, nil
	}
	whole, err := decoded(event)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if whole, err = c.in(whole, c.path); err != nil {
			return nil, fmt.Errorf("--set %s: %w", strings.Join(c.path, "."), err)
		}
	}
	return json.Marshal(whole)
}

// in is the value with what the path leads to replaced. Objects on the way are
// made where there are none; lists have their elements' numbers, from 0.
func (c edit) in(value any, path []string) (any, error) {
	if len(path) == 0 {
		return c.value, nil
	}
	step := path[0]
	switch value := value.(type) {
	case nil:
		inner, err := c.in(nil, path[1:])
		return map[string]any{step: inner}, err
	case map[string]any:
		inner, err := c.in(value[step], path[1:])
		value[step] = inner
		return value, err
	case []any:
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i >= len(value) {
			return nil, fmt.Errorf("the list there has %d elements, and none is %s", len(value), step)
		}
		value[i], err = c.in(value[i], path[1:])
		return value, err
	default:
		return nil, fmt.Errorf("%s is no member of a text or a number", step)
	}
}
