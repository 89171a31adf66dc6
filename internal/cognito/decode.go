package cognito

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep a request may nest. The deepest of the service model has
// five levels.
const maxDepth = 16

// shape is what the decoder must know of a type before it reads: the names of
// an object's members, and what stands in them. A nil shape, and an empty one, is anything.
type shape struct {
	members map[string]*shape // of an object; nil for free keys
	element *shape            // of a list

	// What plainReader must know besides.
	field   int  // of a member: where the struct has it
	isField bool // it has it itself, and not by way of another
}

func shapeOf(t reflect.Type) *shape {
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Slice:
		return &shape{element: shapeOf(t.Elem())}
	case reflect.Struct:
		s := &shape{members: map[string]*shape{}}
		for _, f := range reflect.VisibleFields(t) {
			if !f.Anonymous {
				s.members[memberName(f)] = memberOf(f)
			}
		}
		return s
	default:
		return nil
	}
}

func memberOf(f reflect.StructField) *shape {
	s := shapeOf(f.Type)
	if s == nil {
		s = new(shape)
	}
	s.field, s.isField = f.Index[0], len(f.Index) == 1
	return s
}

// memberName is how a field is spelled on the wire: nearly always as in Go.
func memberName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return cmp.Or(name, f.Name)
}

func (s *shape) member(name string) *shape {
	if s == nil {
		return nil
	}
	return s.members[name]
}

// misspelled returns the known member that name equals but for its case. Such a
// member would be ignored, or taken for the known one by a laxer reader: two
// parties would read two requests.
func (s *shape) misspelled(name string) (string, bool) {
	if s == nil || s.members == nil {
		return "", false
	}
	if _, known := s.members[name]; known {
		return "", false
	}
	for m := range s.members {
		if strings.EqualFold(m, name) {
			return m, true
		}
	}
	return "", false
}

// decode reads a request strictly: one JSON object in UTF-8, no name twice, no
// known name in another case, nothing behind it, at most maxDepth levels. Null
// is as good as absent, and members that nobody knows are passed over, as the
// service does. Errors never repeat what was sent.
func decode(body []byte, s *shape, in any) error {
	if readPlain(body, s, in) {
		return nil
	}
	reflect.ValueOf(in).Elem().SetZero()
	return decodeStrictly(body, s, in)
}

func decodeStrictly(body []byte, s *shape, in any) error {
	if err := scan(body, s); err != nil {
		return err
	}
	err := json.Unmarshal(body, in)
	if mistake, ok := errors.AsType[*json.SemanticError](err); ok {
		return serialization(typeMistake(mistake))
	}
	if err != nil {
		return errNotJSON
	}
	return nil
}

func serialization(message string) error {
	return refusal(http.StatusBadRequest, "SerializationException", message)
}

var (
	errNotJSON   = serialization("The body of the request is not one JSON object.")
	errDuplicate = serialization("The body of the request names a member twice.")
	errTooDeep   = serialization("The body of the request nests deeper than " + strconv.Itoa(maxDepth) + " levels.")
)

// scan reads the whole body once for what the decoder proper does not refuse.
func scan(body []byte, s *shape) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	if dec.PeekKind() != jsontext.KindBeginObject {
		return errNotJSON
	}
	if err := scanValue(dec, s); err != nil {
		return scanned(err)
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return errNotJSON
	}
	return nil
}

func scanned(err error) error {
	if _, ok := errors.AsType[*wireError](err); ok {
		return err
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return errDuplicate
	}
	return errNotJSON
}

func scanValue(dec *jsontext.Decoder, s *shape) error {
	switch dec.PeekKind() {
	case jsontext.KindBeginObject:
		return scanObject(dec, s)
	case jsontext.KindBeginArray:
		return scanList(dec, s)
	default:
		return dec.SkipValue()
	}
}

func scanObject(dec *jsontext.Decoder, s *shape) error {
	if err := enter(dec); err != nil {
		return err
	}
	for dec.PeekKind() != jsontext.KindEndObject {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		if known, ok := s.misspelled(name); ok {
			return serialization("The body of the request has a member that is " + known + " but for its case.")
		}
		if err := scanValue(dec, s.member(name)); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func scanList(dec *jsontext.Decoder, s *shape) error {
	var element *shape
	if s != nil {
		element = s.element
	}
	if err := enter(dec); err != nil {
		return err
	}
	for dec.PeekKind() != jsontext.KindEndArray {
		if err := scanValue(dec, element); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// enter reads the token that opens an object or a list.
func enter(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if dec.StackDepth() > maxDepth {
		return errTooDeep
	}
	return nil
}

// typeMistake words a value of the wrong JSON type as AWS's JSON services do
// ("STRING_VALUE can not be converted to an Integer").
func typeMistake(e *json.SemanticError) string {
	want := "another type"
	if e.GoType != nil {
		want = typeWord(e.GoType)
	}
	switch e.JSONKind {
	case jsontext.KindBeginObject:
		return "Start of structure or map found where not expected."
	case jsontext.KindBeginArray:
		return "Start of list found where not expected."
	case jsontext.KindString:
		return "STRING_VALUE can not be converted to " + want
	case jsontext.KindNumber:
		return "NUMBER_VALUE can not be converted to " + want
	case jsontext.KindTrue:
		return "TRUE_VALUE can not be converted to " + want
	case jsontext.KindFalse:
		return "FALSE_VALUE can not be converted to " + want
	}
	return "A member of the body has the wrong type."
}

func typeWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeWord(t.Elem())
	case reflect.String:
		return "a String"
	case reflect.Bool:
		return "a Boolean"
	case reflect.Int32:
		return "an Integer"
	case reflect.Int64:
		return "a Long"
	case reflect.Slice:
		return "a List"
	case reflect.Map:
		return "a Map"
	default:
		return "a Structure"
	}
}
