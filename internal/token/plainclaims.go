package token

import "strings"

// plainClaims reads what nearly every access token says: an object of the claims that
// are known, each once, which are numbers and texts of visible ASCII without an escape, and
// no space between them. It takes a fifth of the time that strict reading does, which is for
// all others: mistakes too.
type plainClaims struct{ rest string }

func readPlainClaims(text string) (w wireClaims, ok bool) {
	p := plainClaims{text}
	seen := 0
	for first := true; first || p.next(','); first = false {
		if first && !p.next('{') {
			return w, false
		}
		name, ok := p.text()
		if !ok || !p.next(':') {
			return w, false
		}
		at, ok := p.claim(name, &w)
		if !ok || seen&(1<<at) != 0 {
			return w, false
		}
		seen |= 1 << at
	}
	return w, p.next('}') && p.rest == ""
}

// claim reads the value of a claim, and says which it is.
func (p *plainClaims) claim(name string, w *wireClaims) (at int, ok bool) {
	texts := [...]*string{&w.Sub, &w.Issuer, (*string)(&w.TokenUse), &w.Username, &w.ClientID, &w.OriginJTI, &w.JTI, &w.EventID, &w.Scope, &w.DeviceKey}
	numbers := [...]*int64{&w.AuthTime, &w.IssuedAt, &w.ExpiresAt}
	for at, known := range textClaims {
		if name == known {
			*texts[at], ok = p.text()
			return at, ok
		}
	}
	for at, known := range numberClaims {
		if name == known {
			*numbers[at], ok = p.number()
			return len(textClaims) + at, ok
		}
	}
	if name != groupsClaim {
		return 0, false
	}
	w.Groups, ok = p.list()
	return len(textClaims) + len(numberClaims), ok
}

// The claims in the order of the fields that they go to.
var (
	textClaims   = [...]string{"sub", "iss", "token_use", "username", "client_id", "origin_jti", "jti", "event_id", "scope", "device_key"}
	numberClaims = [...]string{"auth_time", "iat", "exp"}
)

const groupsClaim = "cognito:groups"

func (p *plainClaims) next(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *plainClaims) text() (string, bool) {
	if !p.next('"') {
		return "", false
	}
	end := strings.IndexByte(p.rest, '"')
	if end < 0 {
		return "", false
	}
	text := p.rest[:end]
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '\\' {
			return "", false
		}
	}
	p.rest = p.rest[end+1:]
	return text, true
}

// number reads a number of the length that times have, at most.
func (p *plainClaims) number() (n int64, ok bool) {
	i := 0
	for ; i < len(p.rest) && i < 12 && '0' <= p.rest[i] && p.rest[i] <= '9'; i++ {
		n = 10*n + int64(p.rest[i]-'0')
	}
	ok = i > 0 && (i == 1 || p.rest[0] != '0')
	p.rest = p.rest[i:] // what is not read yet of a longer one is in the way of what follows
	return n, ok
}

func (p *plainClaims) list() ([]string, bool) {
	if !p.next('[') {
		return nil, false
	}
	var list []string
	for len(list) == 0 || p.next(',') {
		text, ok := p.text()
		if !ok {
			return nil, false
		}
		list = append(list, text)
	}
	return list, p.next(']')
}
