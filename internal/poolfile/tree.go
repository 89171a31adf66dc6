package poolfile

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Tree is a JSON object in Cognito's names. In it stand texts, truth values, numbers,
// lists ([]any) and trees.
type Tree map[string]any

// TreeOf turns a type of the SDK into what it is on the wire. What was not set is
// absent; numbers and truth values that the SDK cannot leave out are absent while
// they are zero, as it sends them.
func TreeOf(v any) Tree {
	tree, _ := node(reflect.ValueOf(v)).(Tree)
	return tree
}

func node(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if v.Type().Elem().Kind() != reflect.Struct {
			return leaf(v.Elem()) // set, even to zero
		}
		return node(v.Elem())
	case reflect.Struct:
		if _, ok := v.Interface().(time.Time); ok {
			return nil
		}
		return object(v)
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		all := make([]any, v.Len())
		for i := range all {
			all[i] = node(v.Index(i))
		}
		return all
	case reflect.Map:
		all := Tree{}
		for _, key := range v.MapKeys() {
			all[key.String()] = v.MapIndex(key).String()
		}
		return all
	}
	if v.IsZero() {
		return nil
	}
	return leaf(v)
}

func object(v reflect.Value) Tree {
	all := Tree{}
	for _, field := range reflect.VisibleFields(v.Type()) {
		if !field.IsExported() || field.Name == "ResultMetadata" {
			continue
		}
		if one := node(v.FieldByIndex(field.Index)); one != nil {
			all[field.Name] = one
		}
	}
	return all
}

func leaf(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int32, reflect.Int64:
		return v.Int()
	}
	return v.String()
}

// JSON is the tree as the body of a request.
func (t Tree) JSON() []byte {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err) // nothing in a tree has no JSON
	}
	return text
}

// Creation turns a pool as DescribeUserPool shows it into what CreateUserPool takes.
// What only the service says of a pool is left out. So are the attributes that a pool
// has whatever was asked of it.
func Creation(described Tree) Tree {
	members := without(described, "Id", "Name", "Arn", "Status", "CreationDate", "LastModifiedDate", "EstimatedNumberOfUsers",
		"Domain", "CustomDomain", "SchemaAttributes", "SmsConfigurationFailure", "EmailConfigurationFailure", "UserPoolId")
	if members["PoolName"] == nil && described["Name"] != nil {
		members["PoolName"] = described["Name"]
	}
	if members["Schema"] == nil {
		members["Schema"] = asked(described["SchemaAttributes"])
	}
	out := clean(members)
	for _, name := range []string{smsMFA, emailMFA} { // they say something though they are empty
		if v, ok := asTree(members[name]); ok && v != nil && out[name] == nil {
			out[name] = Tree{}
		}
	}
	return out
}

// given are attributes of which nothing can be asked.
var given = []string{"sub", "identities", "email_verified", "phone_number_verified"}

// asked are attributes as CreateUserPool takes them: those of the pool's own without
// their prefix.
func asked(shown any) []any {
	var all []any
	for _, a := range attributes(shown) {
		name := text(a["Name"])
		if slices.Contains(given, name) {
			continue
		}
		a = without(a)
		a["Name"] = strings.TrimPrefix(strings.TrimPrefix(name, "dev:"), "custom:")
		all = append(all, a)
	}
	return all
}

// ClientCreation is Creation for app clients. Whoever wants the secret kept finds it
// in ClientSecret, as it was shown.
func ClientCreation(described Tree) Tree {
	return clean(without(described, "ClientId", "UserPoolId", "CreationDate", "LastModifiedDate"))
}

// With is the tree with one more member.
func (t Tree) With(name string, v any) Tree {
	t = without(t)
	t[name] = v
	return t
}

func without(t Tree, names ...string) Tree {
	t = maps.Clone(t)
	if t == nil {
		t = Tree{}
	}
	for _, name := range names {
		delete(t, name)
	}
	return t
}

// clean is the tree without what says nothing: empty texts, lists and objects.
func clean(t Tree) Tree {
	out := Tree{}
	for name, v := range t {
		if kept := tidy(v); kept != nil {
			out[name] = kept
		}
	}
	return out
}

func tidy(v any) any {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
	case map[string]any:
		return tidy(Tree(v))
	case Tree:
		if v = clean(v); len(v) > 0 {
			return v
		}
		return nil
	case []any:
		var all []any
		for _, e := range v {
			if kept := tidy(e); kept != nil {
				all = append(all, kept)
			}
		}
		if all == nil {
			return nil
		}
		return all
	}
	return v
}

// text is a text of a tree, "" where there is none.
func text(v any) string {
	s, _ := v.(string)
	return s
}
