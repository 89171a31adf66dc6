package pack_test

import (
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pack"
)

func read(env map[string]string) (pack.Settings, error) {
	return pack.Read(func(name string) string { return env[name] })
}

func TestRead_NothingSet_SaysAllThatMustBe(t *testing.T) {
	_, err := read(nil)
	for _, name := range []string{"BELLHOP_TABLE", "BELLHOP_KEY_SECRET_ARN", "BELLHOP_SIGN_UP", "BELLHOP_SENDER", "BELLHOP_COUNTRIES"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not in: %v", name, err)
		}
	}
}

func TestRead_Defaults(t *testing.T) {
	s := settings(t)
	want := pack.Limits{PoolHour: 1000, PoolDay: 5000}
	money := s.Budget == guard.Budget{Hour: 100 * guard.Dollar, Day: 300 * guard.Dollar, Month: 1500 * guard.Dollar} &&
		s.Country == guard.Budget{Hour: 60 * guard.Dollar, Day: 150 * guard.Dollar, Month: 750 * guard.Dollar} &&
		s.Prices.Price("+8835100") == guard.Dollar/4 && s.StepUp
	if s.Limits != want || !money || s.SRP || s.ShowLastFour || s.Message != "Your verification code is {####}." {
		t.Errorf("%+v", s)
	}
}

func TestRead_WhatContradictsOrCannotBe_IsNamed(t *testing.T) {
	for entry, want := range map[string]string{
		"BELLHOP_SIGN_UP=maybe":            "BELLHOP_SIGN_UP: ",
		"BELLHOP_KEY_SECRET_ARN=arn":       "BELLHOP_KEY_SECRET_ARN",
		"BELLHOP_SRP=yes":                  "BELLHOP_SRP: ",
		"BELLHOP_KEEP_PASSWORD=yes":        "BELLHOP_KEEP_PASSWORD: ",
		"BELLHOP_SENDER=twilio":            "BELLHOP_SENDER: ",
		"BELLHOP_CONFIGURATION_SET=c":      "BELLHOP_CONFIGURATION_SET: ",
		"BELLHOP_MAX_PRICE=cheap":          "BELLHOP_MAX_PRICE: ",
		"BELLHOP_DLT_ENTITY_ID=1":          "BELLHOP_DLT_TEMPLATE_ID: ",
		"BELLHOP_MESSAGE=Hello":            "BELLHOP_MESSAGE: ",
		"BELLHOP_MESSAGE={####} or {####}": "BELLHOP_MESSAGE: ",
		"BELLHOP_MESSAGE={####}" + "123456789 12345 of a text that, with its last line, is longer than what Cognito takes, which is 140 characters in all": "BELLHOP_MESSAGE: With the code",
		"BELLHOP_APP_HOST=https://app.example": "BELLHOP_APP_HOST: ",
		"BELLHOP_DESTINATION=all":              "BELLHOP_DESTINATION: ",
		"BELLHOP_COUNTRIES=Germany":            "BELLHOP_COUNTRIES: ",
		"BELLHOP_LIMIT_POOL_HOUR=0":            "BELLHOP_LIMIT_POOL_HOUR: ",
		"BELLHOP_LIMIT_POOL_DAY=many":          "BELLHOP_LIMIT_POOL_DAY: ",
		"BELLHOP_LOG_LEVEL=loud":               "BELLHOP_LOG_LEVEL: ",
		"BELLHOP_DENY_PREFIXES=+49,881":        "BELLHOP_DENY_PREFIXES: ",
		"BELLHOP_STEP_UP=captcha":              "BELLHOP_STEP_UP: ",
		"BELLHOP_BUDGET_HOUR=-1":               "BELLHOP_BUDGET_HOUR: ",
		"BELLHOP_BUDGET_HOUR=301":              "BELLHOP_BUDGET_DAY: ",
		"BELLHOP_BUDGET_COUNTRY_MONTH=149.99":  "BELLHOP_BUDGET_COUNTRY_MONTH: ",
		"BELLHOP_PRICES=+49":                   "BELLHOP_PRICES: ",
		"BELLHOP_PRICES=Germany=0.1":           "BELLHOP_PRICES: ",
		"BELLHOP_FALLBACK_PRICE=0":             "BELLHOP_FALLBACK_PRICE: ",
	} {
		env := map[string]string{"BELLHOP_TABLE": "t", "BELLHOP_KEY": "x", "BELLHOP_SIGN_UP": "auto-sign-in", "BELLHOP_SENDER": "sns", "BELLHOP_COUNTRIES": "*", "BELLHOP_APP_HOST": "app.example"}
		if _, err := read(env); err != nil {
			t.Fatal(err)
		}
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
		if _, err := read(env); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %s", entry, err, want)
		}
	}
	for _, env := range []map[string]string{
		{"BELLHOP_SIGN_UP": "auto-confirm", "BELLHOP_SRP": "on"},
		{"BELLHOP_SIGN_UP": "auto-confirm", "BELLHOP_KEEP_PASSWORD": "on"},
		{"BELLHOP_SENDER": "eums", "BELLHOP_SENDER_ID": "BELL"},
	} {
		env["BELLHOP_TABLE"], env["BELLHOP_KEY"], env["BELLHOP_COUNTRIES"] = "t", "x", "*"
		if env["BELLHOP_SENDER"] == "" {
			env["BELLHOP_SENDER"] = "sns"
		}
		if env["BELLHOP_SIGN_UP"] == "" {
			env["BELLHOP_SIGN_UP"] = "auto-sign-in"
		}
		if _, err := read(env); err == nil {
			t.Errorf("%v was taken", env)
		}
	}
}

func TestVariables_EachIsInTheDocumentation(t *testing.T) {
	page := readFile(t, "../../docs/bellhop-lambda.md")
	for _, v := range pack.Variables() {
		if !strings.Contains(page, "| `"+v.Name+"` | ") {
			t.Errorf("docs/bellhop-lambda.md does not tell of %s", v.Name)
		}
	}
}
