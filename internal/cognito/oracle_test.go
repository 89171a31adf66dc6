package cognito

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the service model says of answers. Every answer of the tests that speak
// through the SDK, and of the run of random requests, is held to it.

// beyondModel are members of answers, and values of enumerations, that the service has,
// and the model file not yet.
var beyondModel = map[string]bool{"SmsConfigurationType.EumsSms": true, "UserPoolType.KeyConfiguration": true, "UserPoolType.IssuerConfiguration": true, "UserImportJobType.PasswordHashingAlgorithm": true,
	"AuthFactorType.SOFTWARE_TOKEN": true}

// longNames are names in answers that are longer than the model has names; they are the
// service's own.
var longNames = []string{"phone_number_verified"}

// sentences are CompletionMessages of the service's own (developer guide, import jobs),
// whose pattern in the model, one word, they do not fit.
var sentences = []string{
	"Import Job Completed Successfully.", "The Import Job was stopped by the developer.",
	"Too many users have failed or been skipped during the import.", "The Import Job has expired.",
}

// unmodelled are exceptions that operations answer with though the model does not say so
// of them, each with the reason. A name alone stands for all operations.
var unmodelled = map[string]string{
	"SerializationException":                 "of the protocol",
	"RequestEntityTooLargeException":         "of the protocol",
	"RequestTimeoutException":                "of the protocol",
	"UnsupportedMediaTypeException":          "of the protocol",
	"UnknownOperationException":              "of the protocol",
	"MethodNotAllowedException":              "of the protocol",
	"MissingAuthenticationTokenException":    "of signatures",
	"InvalidSignatureException":              "of signatures",
	"IncompleteSignatureException":           "of signatures",
	"UnsupportedOperationException":          "what is not served here",
	"ExpiredTokenException":                  "of signatures",
	"UnrecognizedClientException":            "of signatures",
	"AccessDeniedException":                  "of what a key may do",
	"ServiceUnavailableException":            "common to AWS: more came than can be served",
	"AdminGetDevice UserNotFoundException":   "as of the other operations on a user; SDKs pass the name on",
	"AdminListDevices UserNotFoundException": "as of the other operations on a user; SDKs pass the name on",
}

// AnswerFaults says what of an answer the service model does not allow.
func AnswerFaults(operation string, status int, body []byte) []string {
	m, err := theModel()
	if err != nil {
		return []string{err.Error()}
	}
	o, known := m.Operations[operation]
	if !known {
		return nil
	}
	if status != 200 {
		return m.refusalFaults(operation, o, body)
	}
	if o.Out == "" {
		if len(body) != 0 {
			return []string{operation + " has no answer, and a body"}
		}
		return nil
	}
	dec := stdjson.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var answer any
	if err := dec.Decode(&answer); err != nil {
		return []string{fmt.Sprintf("%s: %v", operation, err)}
	}
	if _, err := dec.Token(); err != io.EOF {
		return []string{operation + ": there is something behind the answer"}
	}
	var f []string
	m.check(operation, o.Out, answer, &f)
	return f
}

func (m serviceModel) refusalFaults(operation string, o modelOperation, body []byte) []string {
	var e struct {
		Type    string  `json:"__type"`
		Message *string `json:"message"`
	}
	if err := stdjson.Unmarshal(body, &e); err != nil || e.Message == nil {
		return []string{fmt.Sprintf("%s: no envelope: %q %v", operation, body, err)}
	}
	if slices.Contains(o.Errors, e.Type) || unmodelled[e.Type] != "" || unmodelled[operation+" "+e.Type] != "" {
		return nil
	}
	_, takesToken := m.Shapes[o.In].Members["AccessToken"]
	if takesToken && e.Type == "UserNotFoundException" {
		return nil // the token's user is gone, as most of these operations say it
	}
	return []string{operation + " is not known to answer " + e.Type + ": " + *e.Message}
}

// check holds a value to a shape. A place is named by the structure that it is in.
func (m serviceModel) check(place, shape string, v any, faults *[]string) {
	s := m.Shapes[shape]
	wrong := func(format string, args ...any) {
		*faults = append(*faults, fmt.Sprintf("%s (%s): ", place, shape)+fmt.Sprintf(format, args...))
	}
	switch s.Type {
	case "structure":
		m.checkStructure(place, shape, s, v, wrong, faults)
	case "list":
		list, ok := v.([]any)
		if !ok {
			wrong("%v is no list", v)
			return
		}
		// The least of a list is asked of requests; who has none of something shows none.
		checkBounds(modelShape{Max: s.Max}, int64(len(list)), wrong)
		for _, e := range list {
			m.check(place, s.Member, e, faults)
		}
	case "map":
		all, ok := v.(map[string]any)
		if !ok {
			wrong("%v is no map", v)
		}
		for k, e := range all {
			m.check(place, s.Key, k, faults)
			m.check(place, s.Value, e, faults)
		}
	case "string", "blob":
		if text, _ := v.(string); !beyondModel[shape+"."+text] {
			checkText(s, v, wrong)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			wrong("%v is no boolean", v)
		}
	default:
		checkNumber(s, v, wrong)
	}
}

func (m serviceModel) checkStructure(place, shape string, s modelShape, v any, wrong func(string, ...any), faults *[]string) {
	all, ok := v.(map[string]any)
	if !ok {
		wrong("%v is no structure", v)
		return
	}
	if s.Document {
		return
	}
	for _, name := range s.Required {
		if all[name] == nil {
			wrong("%s is missing", name)
		}
	}
	for name, inner := range all {
		switch of, known := s.Members[name]; {
		case inner == nil:
			wrong("%s is null", name)
		case known:
			m.check(place+"."+name, of, inner, faults)
		case !beyondModel[shape+"."+name]:
			wrong("%s is unknown", name)
		}
	}
}

func checkText(s modelShape, v any, wrong func(string, ...any)) {
	text, ok := v.(string)
	if !ok {
		wrong("%v is no text", v)
		return
	}
	if !slices.Contains(longNames, text) {
		checkBounds(s, int64(utf8.RuneCountInString(text)), wrong)
	}
	if s.Enum != nil && !slices.Contains(s.Enum, text) {
		wrong("%q is none of %v", text, s.Enum)
	}
	if slices.Contains(sentences, text) {
		return
	}
	if re, err := modelPattern(s.Pattern); err != nil || !re.MatchString(text) {
		wrong("%.60q is not like %s (%v)", text, s.Pattern, err)
	}
}

func checkBounds(s modelShape, n int64, wrong func(string, ...any)) {
	if s.Min != nil && n < *s.Min {
		wrong("%d is less than %d", n, *s.Min)
	}
	if s.Max != nil && n > *s.Max {
		wrong("%d is more than %d", n, *s.Max)
	}
}

// checkNumber takes whole numbers, and times as seconds with at most milliseconds behind
// the point: not in the form with an exponent.
func checkNumber(s modelShape, v any, wrong func(string, ...any)) {
	number, ok := v.(stdjson.Number)
	if !ok {
		wrong("%v is no number", v)
		return
	}
	if s.Type == "timestamp" {
		_, fraction, _ := strings.Cut(number.String(), ".")
		seconds, err := number.Float64()
		if err != nil || strings.ContainsAny(number.String(), "eE") || len(fraction) > 3 || seconds < 946684800 || seconds > 1<<33 {
			wrong("%s is no time", number)
		}
		return
	}
	n, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil || s.Type == "integer" && (n > math.MaxInt32 || n < math.MinInt32) {
		wrong("%s is no %s", number, s.Type)
		return
	}
	checkBounds(s, n, wrong)
}
