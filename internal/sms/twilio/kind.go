package twilio

import (
	"errors"
	"regexp"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/httpsms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

// Kind is this kind of provider.
func Kind() provider.Kind {
	return provider.Kind{
		Name:        "twilio",
		About:       "Twilio's Messages API.",
		TestNumbers: []string{magic},
		Fields: []provider.Field{
			{Name: "account-sid", Arg: "AC...", Required: true, Check: shaped("AC"),
				About: "the account, or subaccount, that texts"},
			{Name: "auth-token", Arg: "TOKEN", Secret: true,
				About: "the account's auth token; it also verifies what Twilio posts, so that without it no receipt is taken"},
			{Name: "api-key-sid", Arg: "SK...", Check: shaped("SK"),
				About: "an API key to text with instead of the auth token"},
			{Name: "api-key-secret", Arg: "SECRET", Secret: true,
				About: "that key's secret"},
			{Name: "from", Arg: "+15017122661", Check: checkFrom,
				About: "what texts come from where no sender id is set for their country: a number, a short code or a name"},
			{Name: "messaging-service-sid", Arg: "MG...", Check: shaped("MG"),
				About: "a messaging service that chooses what texts come from, instead of from"},
			{Name: "test-credentials", Arg: "true", Default: "false", Check: checkBool,
				About: "whether the credentials are Twilio's for tests, which text its magic numbers alone"},
			{Name: "base-url", Arg: "https://api.twilio.com", Default: defaultBase, Check: httpsms.CheckBase,
				About: "where the API is, such as that of another region, or an emulator"},
		},
		Check: check,
		New:   func(o provider.Options) (sms.Sender, error) { return New(o) },
	}
}

// shaped checks an id of Twilio's.
func shaped(prefix string) func(string) error {
	shape := regexp.MustCompile(`^` + prefix + `[0-9a-fA-F]{32}$`)
	return func(value string) error {
		if !shape.MatchString(value) {
			return errors.New("must be " + prefix + " and 32 hexadecimal digits")
		}
		return nil
	}
}

var (
	number = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$|^[0-9]{3,8}$`)
	// name is an alphanumeric sender id, which is up to eleven characters with at least
	// one letter: https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id.
	name   = regexp.MustCompile(`^[A-Za-z0-9 +\-_&]{1,11}$`)
	letter = regexp.MustCompile(`[A-Za-z]`)
)

func checkFrom(value string) error {
	if number.MatchString(value) || name.MatchString(value) && letter.MatchString(value) {
		return nil
	}
	return errors.New("must be a number with its +, a short code, or a name of up to 11 letters and digits")
}

func checkBool(value string) error {
	if value != "true" && value != "false" {
		return errors.New("must be true or false")
	}
	return nil
}

// check keeps credentials for tests from being taken for real ones, and the other way
// round: theirs are the only ones that text from the magic number, and they text from
// no other.
func check(v provider.Values) *provider.Problem {
	test := v["test-credentials"] == "true"
	key, token := v["api-key-sid"] != "", v["auth-token"] != ""
	switch {
	case key && v["api-key-secret"] == "":
		return &provider.Problem{Field: "api-key-secret", What: "is needed with api-key-sid"}
	case !key && v["api-key-secret"] != "":
		return &provider.Problem{Field: "api-key-sid", What: "is needed with api-key-secret"}
	case !key && !token:
		return &provider.Problem{Field: "auth-token", What: "is needed, or api-key-sid and api-key-secret are"}
	case v["from"] == "" && v["messaging-service-sid"] == "":
		return &provider.Problem{Field: "from", What: "is needed, or messaging-service-sid is"}
	case v["from"] != "" && v["messaging-service-sid"] != "":
		return &provider.Problem{Field: "from", What: "does not go with messaging-service-sid, which chooses it"}
	case !test && strings.HasPrefix(v["from"], magic):
		return &provider.Problem{Field: "from", What: "is one of Twilio's magic numbers, which text nobody; test-credentials: true says that this is meant"}
	case test && key:
		return &provider.Problem{Field: "api-key-sid", What: "does not go with test-credentials, which are an account and its auth token"}
	case test && v["from"] != magicFrom:
		return &provider.Problem{Field: "from", What: "must be " + magicFrom + " with test-credentials, which text from no other"}
	}
	return nil
}
