package poolcopy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/poolfile"
)

// Loss is a setting that could not come.
type Loss struct {
	Of     string `json:"of"`     // what it is a setting of
	Member string `json:"member"` // such as UserPoolAddOns.AdvancedSecurityMode
	Reason string `json:"reason"`
}

// fit is as much of the members as can be together, in whatever order they depend on
// each other, and what is left out with the reason. base are members without which
// nothing goes.
func fit(members, base poolfile.Tree, check func(poolfile.Tree) error) (poolfile.Tree, []Loss, error) {
	if err := check(base); err != nil {
		return nil, nil, err
	}
	if check(members) == nil { // as nearly always
		return members, nil, nil
	}
	fitting, losses := grow(members, base, "", check)
	return fitting, losses, nil
}

// grow puts member after member to those that are there while they pass the check,
// those that did not at first again after the others, and at last parts of them.
func grow(members, from poolfile.Tree, path string, check func(poolfile.Tree) error) (poolfile.Tree, []Loss) {
	out := maps.Clone(from)
	missing := slices.DeleteFunc(slices.Sorted(maps.Keys(members)), func(name string) bool { _, there := out[name]; return there })
	reasons := make(map[string]error)
	for grown := true; grown; {
		grown = false
		missing = slices.DeleteFunc(missing, func(name string) bool {
			reasons[name] = check(with(out, name, members[name]))
			if reasons[name] == nil {
				out[name], grown = members[name], true
			}
			return reasons[name] == nil
		})
	}
	var losses []Loss
	for _, name := range missing {
		lost := Loss{Member: path + name, Reason: reasons[name].Error()}
		part, lostParts := some(members[name], path+name, func(part any) error { return check(with(out, name, part)) })
		if part == nil {
			losses = append(losses, lost)
			continue
		}
		out[name] = part
		losses = append(losses, lostParts...)
	}
	return out, losses
}

// some is what passes of a member that does not pass as a whole, nil for nothing.
func some(v any, path string, check func(any) error) (any, []Loss) {
	switch v := v.(type) {
	case poolfile.Tree:
		part, losses := grow(v, poolfile.Tree{}, path+".", func(t poolfile.Tree) error { return check(t) })
		if len(part) == 0 || check(part) != nil {
			return nil, nil
		}
		return part, losses
	case []any:
		return someOf(v, path, check)
	}
	return nil, nil
}

// someOf is some of a list: those of its elements that pass.
func someOf(list []any, path string, check func(any) error) (any, []Loss) {
	var out []any
	var losses []Loss
	for i, e := range list {
		err := check(append(slices.Clone(out), e))
		if err == nil {
			out = append(out, e)
			continue
		}
		place := fmt.Sprintf("%s[%s]", path, nameOf(e, i))
		part, lostParts := some(e, place, func(part any) error { return check(append(slices.Clone(out), part)) })
		if part == nil {
			losses = append(losses, Loss{Member: place, Reason: err.Error()})
			continue
		}
		out, losses = append(out, part), append(losses, lostParts...)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, losses
}

// nameOf is what an element is called for a reader.
func nameOf(e any, i int) string {
	switch e := e.(type) {
	case string:
		return e
	case poolfile.Tree:
		if name, ok := e["Name"].(string); ok {
			return name
		}
	}
	return fmt.Sprint(i)
}

func with(t poolfile.Tree, name string, v any) poolfile.Tree {
	t = maps.Clone(t)
	t[name] = v
	return t
}
