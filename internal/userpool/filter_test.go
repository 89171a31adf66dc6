package userpool

import (
	"strings"
	"testing"
)

func TestParseFilter(t *testing.T) {
	for text, want := range map[string]Filter{
		``:                                  {},
		`  `:                                {},
		`name = "Ann"`:                      {"name", false, "Ann"},
		`name="Ann"`:                        {"name", false, "Ann"},
		` given_name ^= "A" `:               {"given_name", true, "A"},
		`family_name^="O'Neill"`:            {"family_name", true, "O'Neill"},
		`name = ""`:                         {"name", false, ""},
		`name = "say \"hi\" \\o/"`:          {"name", false, `say "hi" \o/`},
		`name = "a = b ^= c"`:               {"name", false, "a = b ^= c"},
		`cognito:user_status = "confirmed"`: {"cognito:user_status", false, "confirmed"},
		`status = "Enabled"`:                {"status", false, "Enabled"},
		`sub = "6a1d0c2e"`:                  {"sub", false, "6a1d0c2e"},
		`username ^= "a"`:                   {"username", true, "a"},
		`preferred_username = "Zoë"`:        {"preferred_username", false, "Zoë"},
		`email = "Ann@Example.com"`:         {"email", false, "Ann@Example.com"},
		`phone_number ^= "+52155"`:          {"phone_number", true, "+52155"},
		`phone_number = "+5215512345678"`:   {"phone_number", false, "+525512345678"},
		`phone_number = "12"`:               {"phone_number", false, "12"},
	} {
		got, err := ParseFilter(text)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		`name`:                             "Error while parsing filter",
		`name =`:                           "Error while parsing filter",
		`name = Ann`:                       "Error while parsing filter",
		`name = 'Ann'`:                     "Error while parsing filter",
		`name = "Ann`:                      "Error while parsing filter",
		`name = "Ann\"`:                    "Error while parsing filter",
		`name = "a\nb"`:                    "Error while parsing filter",
		`name == "Ann"`:                    "Error while parsing filter",
		`name ^ = "Ann"`:                   "Error while parsing filter",
		`name != "Ann"`:                    "Error while parsing filter",
		`name = "Ann" x`:                   "Error while parsing filter",
		`name = "a" and sub = "b"`:         "Error while parsing filter",
		`= "Ann"`:                          "Error while parsing filter",
		`"Ann"`:                            "Error while parsing filter",
		`+4917612345678 = "x"`:             "Error while parsing filter",
		`ann@example.com = "x"`:            "Error while parsing filter",
		`custom:team = "x"`:                "Invalid search attribute: custom:team",
		`Name = "x"`:                       "Invalid search attribute: Name",
		`address = "x"`:                    "Invalid search attribute: address",
		strings.Repeat("a", 40) + ` = "x"`: "Invalid search attribute: " + strings.Repeat("a", 32) + "…",
	} {
		if _, err := ParseFilter(text); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestFilter_Matches(t *testing.T) {
	view := UserView{Username: "ann", Enabled: true, Status: StatusForceChangePassword,
		Attributes: []Attribute{{"sub", "id-1"}, {"email", "Ann@Example.com"}, {"name", "Ann"}}}
	for _, c := range []struct {
		filter           string
		sensitive, loose bool
	}{
		{``, true, true},
		{`name = "Ann"`, true, true},
		{`name = "ann"`, false, false},
		{`name = "An"`, false, false},
		{`name ^= "An"`, true, true},
		{`given_name ^= ""`, false, false},
		{`email = "Ann@Example.com"`, true, true},
		{`email = "ann@example.COM"`, false, true},
		{`email ^= "ANN@"`, false, true},
		{`username = "ann"`, true, true},
		{`username = "Ann"`, false, false},
		{`sub = "id-1"`, true, true},
		{`sub ^= "id"`, true, true},
		{`status = "Enabled"`, true, true},
		{`status = "Disabled"`, false, false},
		{`status = "enabled"`, false, false},
		{`cognito:user_status = "force_change_Password"`, true, true},
		{`cognito:user_status ^= "force"`, true, true},
		{`cognito:user_status = "CONFIRMED"`, false, false},
	} {
		f, err := ParseFilter(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{f.matches(view, true), f.matches(view, false)}; got != [2]bool{c.sensitive, c.loose} {
			t.Errorf("%s: got %v", c.filter, got)
		}
	}
}

func TestSearchTerms_HoldNoMoreThanAFilterCanAskFor(t *testing.T) {
	u := User{ID: "id", Username: "Ann", Attributes: map[string]string{"email": "Ann@X.org", "gender": "x", "name": strings.Repeat("ü", 2048)}}
	got := u.SearchTerms()
	want := []Attribute{{"email", "ann@x.org"}, {"name", strings.Repeat("ü", 256)}, {"username", "Ann"}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %v", got)
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{``, `name = "Ann"`, `name^="a\"b\\"`, `status = "Enabled" x`, `phone_number = "+4917612345678"`, `a="`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseFilter(text)
		if err != nil || got.Attribute == "" {
			return
		}
		op := "="
		if got.Prefix {
			op = "^="
		}
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(got.Value)
		again, err := ParseFilter(got.Attribute + op + `"` + quoted + `"`)
		if err != nil || again != got {
			t.Errorf("%q reads as %+v, and that written down as %+v, %v", text, got, again, err)
		}
	})
}
