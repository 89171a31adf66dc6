package msg91

import (
	"errors"
	"regexp"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/httpsms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

const (
	defaultVariable = "VAR1" // as the documentation of the Flow API names its first
	defaultHeader   = "X-Bellhop-Secret"
	minSecret       = 16
)

// Kind is this kind of provider.
func Kind() provider.Kind {
	return provider.Kind{
		Name:  "msg91",
		About: "MSG91's Flow API, for India with templates of the DLT register.",
		Fields: []provider.Field{
			{Name: "auth-key", Arg: "KEY", Required: true, Secret: true,
				About: "the account's auth key; its list of addresses must hold this server's"},
			{Name: "code-variable", Arg: "VAR1", Default: defaultVariable, Check: checkVariable,
				About: "what the templates call the code, in the same case"},
			{Name: "app-variable", Arg: "VAR2", Check: checkVariable,
				About: "what the templates call the app's name; none where they have it in their own words"},
			{Name: "app", Arg: "NAME",
				About: "the app's name for app-variable"},
			{Name: "callback-header", Arg: "NAME", Default: defaultHeader, Check: checkHeader,
				About: "the header in which MSG91 was told to send callback-secret with its reports"},
			{Name: "callback-secret", Arg: "SECRET", Secret: true, Check: checkSecret,
				About: "what shows that a report is MSG91's, which signs none; without it no report is taken"},
			{Name: "base-url", Arg: "https://control.msg91.com", Default: defaultBase, Check: httpsms.CheckBase,
				About: "where the API is, such as an emulator"},
		},
		ByTemplate: true,
		Check:      check,
		New:        func(o provider.Options) (sms.Sender, error) { return New(o) },
	}
}

var (
	variable = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
	header   = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
)

// taken are members of a recipient that are no variables.
var taken = map[string]bool{"mobiles": true, "CRQID": true}

func checkVariable(value string) error {
	if taken[value] {
		return errors.New("is what MSG91 calls something else of a text: name the variable of the templates")
	}
	if !variable.MatchString(value) {
		return errors.New("must be the name of a variable of the templates: letters, digits, _ and -")
	}
	return nil
}

func checkHeader(value string) error {
	if !header.MatchString(value) {
		return errors.New("must be the name of a header: letters, digits and -")
	}
	return nil
}

func checkSecret(value string) error {
	if len(value) < minSecret {
		return errors.New("must be 16 characters at least")
	}
	return nil
}

func check(v provider.Values) *provider.Problem {
	switch {
	case v["app-variable"] != "" && v["app"] == "":
		return &provider.Problem{Field: "app", What: "is needed with app-variable"}
	case v["app-variable"] == "" && v["app"] != "":
		return &provider.Problem{Field: "app-variable", What: "is needed with app"}
	case v["app-variable"] != "" && v["app-variable"] == v["code-variable"]:
		return &provider.Problem{Field: "app-variable", What: "is the code's variable"}
	}
	return nil
}
