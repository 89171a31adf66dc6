package poolfile

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// shape is what an object's members hold, by name.
type shape map[string]reflect.Type

// shape joins the members of several types. What the SDK keeps to itself is none.
func (f file) shape(of []reflect.Type) shape {
	all := shape{}
	for _, t := range of {
		for _, field := range reflect.VisibleFields(t) {
			if field.IsExported() && field.Name != "ResultMetadata" {
				all[field.Name] = field.Type
			}
		}
	}
	return all
}

// object reads a mapping by its shape. The members named in own are read by those.
// One that is null is as good as absent, as on the wire.
func (f file) object(p yamlfile.Place, s shape, own map[string]func(yamlfile.Place)) Tree {
	out := Tree{}
	pairs, _ := f.Pairs(p)
	for _, pair := range pairs {
		read, special := own[pair.Key]
		t, known := s[pair.Key]
		switch {
		case pair.Node.Tag == "!!null":
		case special:
			read(pair.Place)
		case known:
			out[pair.Key] = f.value(pair.Place, t)
		default:
			f.Unknown(pair.Place, pair.Key, slices.Sorted(maps.Keys(s)))
		}
	}
	return out
}

// value reads what a type of the SDK holds.
func (f file) value(p yamlfile.Place, t reflect.Type) any {
	switch t.Kind() {
	case reflect.Pointer:
		return f.value(p, t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() { // of a printed pool: read, and of no use
			return f.scalar(p, "a time")
		}
		return f.object(p, f.shape([]reflect.Type{t}), nil)
	case reflect.Slice:
		all := []any{}
		for _, e := range f.Elements(p, lastName(p)) {
			all = append(all, f.value(e, t.Elem()))
		}
		return all
	case reflect.Map:
		all := Tree{}
		pairs, _ := f.Pairs(p)
		for _, pair := range pairs {
			all[pair.Key] = f.value(pair.Place, t.Elem())
		}
		return all
	case reflect.Bool:
		return f.Boolean(p)
	case reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(p.Node.Value, 10, 32)
		if !p.Scalar() || err != nil {
			f.Problem(p, "must be a whole number")
		}
		return n
	}
	text := f.scalar(p, "a text")
	f.checkEnum(p, t, text)
	return text
}

// scalar reads a plain value as a text, an empty one too.
func (f file) scalar(p yamlfile.Place, what string) string {
	if !p.Scalar() {
		f.Problem(p, "must be %s", what)
		return ""
	}
	return p.Node.Value
}

// checkEnum refuses a value that the SDK's type does not list.
func (f file) checkEnum(p yamlfile.Place, t reflect.Type, text string) {
	method, ok := t.MethodByName("Values")
	if !ok || text == "" {
		return
	}
	values := method.Func.Call([]reflect.Value{reflect.Zero(t)})[0]
	var all []string
	for i := range values.Len() {
		all = append(all, values.Index(i).String())
	}
	if slices.Contains(all, text) {
		return
	}
	near := config.Nearest(text, all)
	if near != "" {
		f.Problem(p, "has %q; did you mean %s?", yamlfile.Quotable(text), near)
		return
	}
	f.Problem(p, "has %q and must be one of %s", yamlfile.Quotable(text), strings.Join(all, ", "))
}

// lastName is the key under which the place stands.
func lastName(p yamlfile.Place) string { return p.Where[strings.LastIndex(p.Where, " ")+1:] }
