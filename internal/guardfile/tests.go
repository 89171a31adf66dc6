package guardfile

import (
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// test is a test number as the file has it.
type test struct {
	number phone.Number
	code   otp.Code
	weak   bool // the code is one that anybody would try first
	until  time.Time
}

func required(test) string { return "required" }

// testRows are a test number's keys.
var testRows = []row[test]{
	{"number", "phone number", "in quotes, + and digits. It must be one that the settings let be texted", required,
		func(r *reader, p place, t *test) { t.number = r.phone(p) }},
	{"code", "six digits", "in quotes. Whoever knows it can sign in as this number", required,
		func(r *reader, p place, t *test) { t.code, t.weak = r.code(p) }},
	{"until", "date, `YYYY-MM-DD`", "the last day on which it works, in UTC", required,
		func(r *reader, p place, t *test) { t.until = r.lastDay(p) }},
}

func (r *reader) testNumbers(p place, f *File) {
	for _, e := range r.Elements(p, "the test number") {
		before := len(r.Problems)
		var t test
		g := read(r, e, testRows, &t)
		for _, row := range testRows {
			if _, ok := g[row.key]; !ok && len(r.Problems) == before {
				r.Problem(e, "has no %s", row.key)
			}
		}
		for i, earlier := range f.Settings.Tests {
			if earlier.Number == t.number && !t.number.IsZero() {
				r.Problem(e, "is the number of an earlier one, at %s", f.tests[i].where)
			}
		}
		if len(r.Problems) == before {
			f.Settings.Tests = append(f.Settings.Tests, guard.TestNumber{Number: t.number, Code: t.code, Until: t.until})
			f.tests = append(f.tests, testPlace{e.Where, t.weak})
		}
	}
}

// phone reads a number. What is wrong with it never shows it.
func (r *reader) phone(p place) phone.Number {
	text := r.Text(p)
	if text == "" {
		return phone.Number{}
	}
	n, err := phone.Parse(text)
	if err != nil {
		r.Problem(p, "is no phone number: %s", reason(err))
	}
	return n
}

func (r *reader) code(p place) (code otp.Code, weak bool) {
	code, ok := otp.Fixed(p.Node.Value)
	if !p.Scalar() || !ok {
		r.Problem(p, "must be six digits")
		return otp.Code{}, false
	}
	return code, guessable(p.Node.Value)
}

// guessable says that a code is one digit again and again, or digits that count up
// or down.
func guessable(code string) bool {
	for step := -1; step <= 1; step++ {
		even := true
		for i := 1; i < len(code); i++ {
			even = even && int(code[i])-int(code[i-1]) == step
		}
		if even {
			return true
		}
	}
	return false
}

// lastDay reads a day and returns its end.
func (r *reader) lastDay(p place) time.Time {
	day, err := time.Parse(time.DateOnly, p.Node.Value)
	if !p.Scalar() || err != nil {
		r.Problem(p, "must be a day, as YYYY-MM-DD")
		return time.Time{}
	}
	return day.AddDate(0, 0, 1)
}

// reason is a fault's message, which is safe to show.
func reason(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Message
	}
	return "it cannot be read"
}
