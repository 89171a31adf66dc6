package rehearse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellhop-auth/bellhop/internal/guard/traffic"
)

// LineError is a line of a trace that cannot be read. It does not show the line,
// which holds a number.
type LineError struct {
	Line int // the first is 1
	What string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// longestLine is more than a line needs.
const longestLine = 1 << 20

// Reader reads a trace: a JSON object a line, sorted by time.
type Reader struct {
	lines *bufio.Reader
	text  bytes.Buffer
	json  *jsontext.Decoder
	line  int
	last  float64
}

// NewReader returns a reader of the trace.
func NewReader(r io.Reader) *Reader {
	return &Reader{lines: bufio.NewReaderSize(r, longestLine), json: jsontext.NewDecoder(bytes.NewReader(nil)), last: math.Inf(-1)}
}

// Next returns the next event, or io.EOF, or a *LineError, or what the trace could
// not be read for.
func (r *Reader) Next() (traffic.Event, error) {
	text, err := r.lines.ReadSlice('\n')
	r.line++
	switch {
	case errors.Is(err, io.EOF) && len(text) == 0:
		return traffic.Event{}, io.EOF
	case errors.Is(err, bufio.ErrBufferFull):
		return traffic.Event{}, r.wrong("is longer than a line may be")
	case err != nil && !errors.Is(err, io.EOF):
		return traffic.Event{}, err
	}
	r.text.Reset()
	r.text.Write(text)
	e, what := r.event()
	switch {
	case what != "":
		return traffic.Event{}, r.wrong(what)
	case e.T < r.last:
		return traffic.Event{}, r.wrong("is earlier than the line before it")
	}
	r.last = e.T
	return e, nil
}

func (r *Reader) wrong(what string) error { return &LineError{r.line, what} }

// event reads one object, and says what is wrong with it, or "".
func (r *Reader) event() (e traffic.Event, wrong string) {
	const notJSON = "is not a JSON object"
	r.json.Reset(&r.text)
	if t, err := r.json.ReadToken(); err != nil || t.Kind() != '{' {
		return e, notJSON
	}
	var has struct{ t, phone, kind bool }
	for {
		t, err := r.json.ReadToken()
		if err != nil {
			return e, notJSON
		}
		if t.Kind() == '}' {
			break
		}
		member, known := members[t.String()]
		if !known {
			if r.json.SkipValue() != nil {
				return e, notJSON
			}
			continue
		}
		value, err := r.json.ReadToken()
		if err != nil {
			return e, notJSON
		}
		if !member.read(&e, value) {
			return e, member.wrong
		}
		switch member.name {
		case "t":
			has.t = true
		case "phone":
			has.phone = true
		case "kind":
			has.kind = true
		}
	}
	if _, err := r.json.ReadToken(); !errors.Is(err, io.EOF) {
		return e, "has more than one JSON object"
	}
	switch {
	case !has.t:
		return e, "has no t"
	case !has.phone:
		return e, "has no phone"
	case !has.kind:
		return e, "has no kind"
	}
	return e, ""
}

// member is one member of a line.
type member struct {
	name  string
	wrong string
	read  func(*traffic.Event, jsontext.Token) bool
}

// furthest bounds times in seconds, which are some thousand years.
const furthest = 1e11

var members = map[string]member{
	"t": {"t", "t must be seconds", func(e *traffic.Event, v jsontext.Token) bool {
		return number(v, &e.T, -furthest, furthest)
	}},
	"id": {"id", "id must be a text", func(e *traffic.Event, v jsontext.Token) bool {
		return text(v, &e.ID)
	}},
	"phone": {"phone", "phone must be a + and digits", func(e *traffic.Event, v jsontext.Token) bool {
		return text(v, &e.Phone) && digits(e.Phone)
	}},
	"ip": {"ip", "ip must be an address", func(e *traffic.Event, v jsontext.Token) bool {
		var s string
		if v.Kind() == 'n' {
			return true
		}
		if !text(v, &s) {
			return false
		}
		if s == "" {
			return true
		}
		var err error
		e.IP, err = netip.ParseAddr(s)
		return err == nil
	}},
	"device": {"device", "device must be a text or null", func(e *traffic.Event, v jsontext.Token) bool {
		return v.Kind() == 'n' || text(v, &e.Device)
	}},
	"known": {"known", "known must be true or false", func(e *traffic.Event, v jsontext.Token) bool {
		return truth(v, &e.Known)
	}},
	"price": {"price", "price must be dollars or null", func(e *traffic.Event, v jsontext.Token) bool {
		if v.Kind() == 'n' {
			return true
		}
		e.Priced = true
		return number(v, &e.Price, 0, 1e6)
	}},
	"kind": {"kind", "kind must be legit or attack", func(e *traffic.Event, v jsontext.Token) bool {
		return oneOf(v, &e.Attack, "attack", "legit")
	}},
	"converts": {"converts", "converts must be true or false", func(e *traffic.Event, v jsontext.Token) bool {
		return truth(v, &e.Converts)
	}},
	"after": {"after", "after must be seconds, not less than 0", func(e *traffic.Event, v jsontext.Token) bool {
		return v.Kind() == 'n' || number(v, &e.After, 0, furthest) // null for a code that nobody enters
	}},
	"stepup": {"stepup", "stepup must be pass or fail", func(e *traffic.Event, v jsontext.Token) bool {
		return oneOf(v, &e.Passes, "pass", "fail")
	}},
}

func number(v jsontext.Token, to *float64, least, most float64) bool {
	if v.Kind() != '0' {
		return false
	}
	f, err := v.Float()
	*to = f
	return err == nil && f >= least && f <= most
}

func text(v jsontext.Token, to *string) bool {
	if v.Kind() != '"' {
		return false
	}
	*to = v.String()
	return true
}

func truth(v jsontext.Token, to *bool) bool {
	if v.Kind() != 't' && v.Kind() != 'f' {
		return false
	}
	*to = v.Bool()
	return true
}

func oneOf(v jsontext.Token, to *bool, yes, no string) bool {
	var s string
	*to = text(v, &s) && s == yes
	return *to || s == no
}
