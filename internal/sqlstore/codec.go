package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"
)

// millis is how a time is kept; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment scans what millis made.
type moment struct{ to *time.Time }

func (m moment) Scan(src any) error {
	ms, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time is kept as %T", src)
	}
	m.set(ms)
	return nil
}

func (m moment) set(ms int64) {
	*m.to = time.Time{}
	if ms != 0 {
		*m.to = time.UnixMilli(ms).UTC()
	}
}

// scanMoment scans a row of one time.
func scanMoment(r row) (at time.Time, err error) {
	err = r.Scan(moment{&at})
	return at, err
}

// text is how a struct is kept. Only types of this module come here, all of
// which have a JSON form.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("sqlstore: %T has no JSON form: %v", v, err))
	}
	return string(b)
}

// list and dict are how lists and maps are kept; an empty one is "" and comes
// back as nil.
func list[E any](v []E) string {
	if len(v) == 0 {
		return ""
	}
	return text(v)
}

func dict(v map[string]string) string {
	if len(v) == 0 {
		return ""
	}
	return text(v)
}

// unlessZero is how a struct is kept that mostly is the zero one, which is "".
func unlessZero[T comparable](v T) string {
	if v == *new(T) {
		return ""
	}
	return text(v)
}

// decoded scans what text, list and dict made.
type decoded struct{ to any }

func (d decoded) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("JSON is kept as %T", src)
	}
	return d.from(s)
}

func (d decoded) from(s string) error {
	if s == "" {
		return nil
	}
	switch to := d.to.(type) {
	case *[]string:
		if all, ok := plainList(s); ok {
			*to = all
			return nil
		}
	case *map[string]string:
		if all, ok := plainDict(s); ok {
			*to = all
			return nil
		}
	case *decisionDetail:
		if to.readPlain(s) {
			return nil
		}
		*to = decisionDetail{}
	}
	return json.Unmarshal([]byte(s), d.to)
}
