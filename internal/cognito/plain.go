package cognito

import "reflect"

// plainReader reads what nearly every request is: one object of members that are known,
// each once, which are texts or objects again, and visible ASCII without an escape. What
// it has read the strict reader would read alike, at five times the cost; everything else
// it leaves to that one, mistakes too.
type plainReader struct {
	rest []byte
}

// readPlain reads a body into a value of the shape. Where it says no, something of the
// body may be in it.
func readPlain(body []byte, s *shape, in any) bool {
	p := plainReader{body}
	if !p.object(reflect.ValueOf(in).Elem(), s) {
		return false
	}
	p.space()
	return len(p.rest) == 0
}

// object reads the members of a struct.
func (p *plainReader) object(to reflect.Value, s *shape) bool {
	return p.members(func(name []byte) bool {
		m, known := s.members[string(name)]
		return known && m.isField && p.value(to.Field(m.field), m)
	})
}

// value reads a member, unless there is one already.
func (p *plainReader) value(to reflect.Value, s *shape) bool {
	switch to := to.Addr().Interface().(type) {
	case **string:
		text, ok := p.text()
		if !ok || *to != nil {
			return false
		}
		*to = new(string(text))
		return true
	case *textMap:
		if *to != nil {
			return false
		}
		*to = textMap{}
		return p.members(func(name []byte) bool {
			_, twice := (*to)[string(name)]
			text, ok := p.text()
			if ok && !twice {
				(*to)[string(name)] = string(text)
			}
			return ok && !twice
		})
	}
	if s.members == nil || to.Kind() != reflect.Pointer || !to.IsNil() {
		return false
	}
	to.Set(reflect.New(to.Type().Elem()))
	return p.object(to.Elem(), s)
}

// members reads an object, each member by its name.
func (p *plainReader) members(read func(name []byte) bool) bool {
	if !p.next('{') {
		return false
	}
	if p.next('}') {
		return true
	}
	for {
		name, ok := p.text()
		if !ok || !p.next(':') || !read(name) {
			return false
		}
		if !p.next(',') {
			return p.next('}')
		}
	}
}

// text reads a text, which lies in the body.
func (p *plainReader) text() ([]byte, bool) {
	if !p.next('"') {
		return nil, false
	}
	for i, c := range p.rest {
		switch {
		case c == '"':
			text := p.rest[:i]
			p.rest = p.rest[i+1:]
			return text, true
		case c < ' ' || c > '~' || c == '\\':
			return nil, false
		}
	}
	return nil, false
}

// next passes over white space and the character, if it is the next.
func (p *plainReader) next(c byte) bool {
	p.space()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *plainReader) space() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\n' || p.rest[0] == '\t' || p.rest[0] == '\r') {
		p.rest = p.rest[1:]
	}
}
