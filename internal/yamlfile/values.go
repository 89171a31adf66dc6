package yamlfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// List reads a list of plain values, each once, under the key's name. What is no good
// is reported, with the half sentence that parse says of it, and left out.
func List[T any](r *Reader, p Place, parse func(string) (T, error)) []T {
	var all []T
	seen := map[string]bool{}
	for _, e := range r.Elements(p, lastName(p)) {
		text := r.Text(e)
		if text == "" {
			continue
		}
		one, err := parse(text)
		if err == nil && seen[text] {
			err = errors.New("is given twice")
		}
		seen[text] = true
		if err != nil {
			r.Problem(e, "has %q, which %v", Quotable(text), err)
			continue
		}
		all = append(all, one)
	}
	return all
}

// Quotable is a text without the end of what may be a whole phone number.
func Quotable(text string) string {
	if len(text) > 9 && strings.Trim(text, "+0123456789") == "" {
		return text[:5] + "…"
	}
	return text
}

// lastName is the key under which the place stands.
func lastName(p Place) string { return p.Where[strings.LastIndex(p.Where, " ")+1:] }

// CheckCountry says what is wrong with the code of a country, as half a sentence.
func CheckCountry(text string) error {
	switch near := strings.ToUpper(text); {
	case phone.IsCountry(text):
		return nil
	case phone.IsCountry(near):
		return fmt.Errorf("is no ISO 3166 code; did you mean %s?", near)
	case near == "UK":
		return errors.New("is no ISO 3166 code; did you mean GB?")
	}
	return errors.New("is no ISO 3166 code of a country that has numbers, such as DE")
}

// poolID is an id as Cognito has it: CreateUserPoolClient, "UserPoolId".
var poolID = regexp.MustCompile(`^[\w-]{1,45}_[0-9A-Za-z]{1,9}$`)

// CheckPool says what is wrong with the id of a user pool, as half a sentence.
func CheckPool(text string) error {
	if !poolID.MatchString(text) {
		return errors.New("is no id of a user pool, such as us-east-1_EXAMPLE")
	}
	return nil
}

// Unread stands for a secret that was not looked at.
const Unread config.Secret = "unread"

// Variable reads the secret in the environment's variable that the place names, ""
// with a problem where there is none. Without a getenv it is not looked at.
func (r *Reader) Variable(p Place, getenv func(string) string) config.Secret {
	name := r.Text(p)
	switch {
	case name == "":
	case strings.HasPrefix(name, "BELLHOP_"):
		r.Problem(p, "names a variable that begins as Bellhop's own do; give it another name")
	case getenv == nil:
		return Unread
	case getenv(name) == "":
		r.Problem(p, "names the variable %s, which is not set", name)
	default:
		return config.Secret(getenv(name))
	}
	return ""
}
