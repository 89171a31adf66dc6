package pack

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/pricelist"
	"github.com/bellhop-auth/bellhop/internal/stepup"
)

// SignUp is the way by which one text serves a sign-up and the first sign-in.
type SignUp string

// The two ways.
const (
	// AutoSignIn leaves the confirmation to Cognito; the app goes on with the
	// Session of ConfirmSignUp (USER_AUTH, Essentials tier).
	AutoSignIn SignUp = "auto-sign-in"
	// AutoConfirm confirms each sign-up without proof; the first right code of a
	// sign-in proves the number.
	AutoConfirm SignUp = "auto-confirm"
)

// Sender names who takes texts.
type Sender string

// The senders.
const (
	SNS  Sender = "sns"
	EUMS Sender = "eums" // AWS End User Messaging SMS
)

// Settings are what the function's environment says. The key is not among them.
type Settings struct {
	Table        string
	KeySecretARN string // "" where the key itself is in the environment
	SignUp       SignUp
	SRP          bool // CUSTOM_AUTH may begin with a password
	KeepPassword bool // the password of a sign-up outlives its confirmation
	LogLevel     slog.Level

	Sender              Sender
	SenderID            string
	OriginationIdentity string
	ConfigurationSet    string
	MaxPrice            string // US dollars, "" for the account's
	DLTEntityID         string
	DLTTemplateID       string

	Message      string // with one {####}
	AppHost      string // "" for no last line
	ShowLastFour bool   // of the number, to whoever begins a sign-in
	Countries    Countries
	Denied       []string // prefixes, with the +
	Limits       Limits
	Budget       guard.Budget // of the whole
	Country      guard.Budget // of each country
	Prices       *guard.PriceTable
	StepUp       bool // strangers may be asked for proof of work
}

// Limits are how many texts a pool may have, answered or not.
type Limits struct{ PoolHour, PoolDay int }

// Unlimited is a limit that is off.
const Unlimited = math.MaxInt

// Countries are those that may be texted, by ISO 3166 code.
type Countries []string

// everywhere stands for every country, and for numbers of none.
const everywhere = "*"

// Allow says whether the country is among them.
func (c Countries) Allow(region string) bool {
	return slices.Contains(c, everywhere) || slices.Contains(c, region)
}

// KeyVariable is where the key itself may be, for tests and local use.
const KeyVariable = "BELLHOP_KEY"

// maxMessage is the longest text that Cognito takes from Custom Message.
const maxMessage = 140

// Variable is one of the environment.
type Variable struct {
	Name, Default string
	set           func(*Settings, string) error
}

// Variables returns all of them, in the order of the documentation.
func Variables() []Variable {
	return []Variable{
		{Name: "BELLHOP_TABLE", set: needed(func(s *Settings) *string { return &s.Table })},
		{Name: "BELLHOP_KEY_SECRET_ARN", set: plain(func(s *Settings) *string { return &s.KeySecretARN })},
		{Name: KeyVariable, set: func(*Settings, string) error { return nil }}, // see readKey
		{Name: "BELLHOP_SIGN_UP", set: setSignUp},
		{Name: "BELLHOP_SRP", Default: "off", set: onOrOff(func(s *Settings) *bool { return &s.SRP })},
		{Name: "BELLHOP_KEEP_PASSWORD", Default: "off", set: onOrOff(func(s *Settings) *bool { return &s.KeepPassword })},
		{Name: "BELLHOP_SENDER", set: setSender},
		{Name: "BELLHOP_SENDER_ID", set: plain(func(s *Settings) *string { return &s.SenderID })},
		{Name: "BELLHOP_ORIGINATION_IDENTITY", set: plain(func(s *Settings) *string { return &s.OriginationIdentity })},
		{Name: "BELLHOP_CONFIGURATION_SET", set: plain(func(s *Settings) *string { return &s.ConfigurationSet })},
		{Name: "BELLHOP_MAX_PRICE", set: setMaxPrice},
		{Name: "BELLHOP_DLT_ENTITY_ID", set: plain(func(s *Settings) *string { return &s.DLTEntityID })},
		{Name: "BELLHOP_DLT_TEMPLATE_ID", set: plain(func(s *Settings) *string { return &s.DLTTemplateID })},
		{Name: "BELLHOP_MESSAGE", Default: "Your verification code is {####}.", set: setMessage},
		{Name: "BELLHOP_APP_HOST", set: setAppHost},
		{Name: "BELLHOP_DESTINATION", Default: "hidden", set: setDestination},
		{Name: "BELLHOP_COUNTRIES", set: setCountries},
		{Name: "BELLHOP_DENY_PREFIXES", set: setDenied},
		{Name: "BELLHOP_STEP_UP", Default: "proof-of-work", set: setStepUp},
		{Name: "BELLHOP_BUDGET_HOUR", Default: "100", set: budget(func(s *Settings) *guard.Money { return &s.Budget.Hour })},
		{Name: "BELLHOP_BUDGET_DAY", Default: "300", set: budget(func(s *Settings) *guard.Money { return &s.Budget.Day })},
		{Name: "BELLHOP_BUDGET_MONTH", Default: "1500", set: budget(func(s *Settings) *guard.Money { return &s.Budget.Month })},
		{Name: "BELLHOP_BUDGET_COUNTRY_HOUR", Default: "60", set: budget(func(s *Settings) *guard.Money { return &s.Country.Hour })},
		{Name: "BELLHOP_BUDGET_COUNTRY_DAY", Default: "150", set: budget(func(s *Settings) *guard.Money { return &s.Country.Day })},
		{Name: "BELLHOP_BUDGET_COUNTRY_MONTH", Default: "750", set: budget(func(s *Settings) *guard.Money { return &s.Country.Month })},
		{Name: "BELLHOP_PRICES", set: setPrices},
		{Name: "BELLHOP_FALLBACK_PRICE", Default: "0.25", set: setFallback},
		{Name: "BELLHOP_LIMIT_POOL_HOUR", Default: "1000", set: limit(func(l *Limits) *int { return &l.PoolHour })},
		{Name: "BELLHOP_LIMIT_POOL_DAY", Default: "5000", set: limit(func(l *Limits) *int { return &l.PoolDay })},
		{Name: "BELLHOP_LOG_LEVEL", Default: "info", set: func(s *Settings, v string) error { return s.LogLevel.UnmarshalText([]byte(v)) }},
	}
}

// Read reads the settings. Its error names everything that is wrong with them, a
// line each.
func Read(getenv func(string) string) (Settings, error) {
	var s Settings
	var problems []error
	for _, v := range Variables() {
		value := strings.TrimSpace(getenv(v.Name))
		if value == "" {
			value = v.Default
		}
		if err := v.set(&s, value); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", v.Name, err))
		}
	}
	return s, errors.Join(append(problems, s.contradictions(getenv(KeyVariable) != "")...)...)
}

// contradictions are what is wrong with settings taken together.
func (s Settings) contradictions(keyGiven bool) []error {
	var problems []error
	say := func(wrong bool, sentence string) {
		if wrong {
			problems = append(problems, errors.New(sentence))
		}
	}
	say(keyGiven == (s.KeySecretARN != ""), "Set either BELLHOP_KEY_SECRET_ARN or, for tests and local use, "+KeyVariable+".")
	say(s.SRP && s.SignUp == AutoConfirm, "BELLHOP_SRP: With auto-confirm nobody may sign in by a password, since whoever signs up chooses it without having proved the number.")
	say(s.KeepPassword && s.SignUp == AutoConfirm, "BELLHOP_KEEP_PASSWORD: With auto-confirm the first right code overwrites the password, since whoever signs up chooses it without having proved the number.")
	for _, b := range []struct {
		name string
		of   guard.Budget
	}{{"BELLHOP_BUDGET", s.Budget}, {"BELLHOP_BUDGET_COUNTRY", s.Country}} {
		say(narrower(b.of.Day, b.of.Hour), b.name+"_DAY: is less than the hour's.")
		say(narrower(b.of.Month, b.of.Day) || narrower(b.of.Month, b.of.Hour), b.name+"_MONTH: is less than the day's or the hour's.")
	}
	say(s.SenderID != "" && s.Sender == EUMS, "BELLHOP_SENDER_ID: With eums the sender id is an origination identity; set BELLHOP_ORIGINATION_IDENTITY.")
	say(s.ConfigurationSet != "" && s.Sender == SNS, "BELLHOP_CONFIGURATION_SET: Only eums has configuration sets.")
	say((s.DLTEntityID == "") != (s.DLTTemplateID == ""), "BELLHOP_DLT_ENTITY_ID and BELLHOP_DLT_TEMPLATE_ID: India wants both or, if you text nobody there, neither.")
	long := utf8.RuneCountInString(s.render(codeParameter))
	say(long > maxMessage, fmt.Sprintf("BELLHOP_MESSAGE: With the code and the last line it has %d characters, and Cognito takes %d.", long, maxMessage))
	return problems
}

func plain(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error { *field(s) = v; return nil }
}

var errNeeded = errors.New("must be set")

func needed(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if *field(s) = v; v == "" {
			return errNeeded
		}
		return nil
	}
}

func setSignUp(s *Settings, v string) error {
	s.SignUp = SignUp(v)
	if s.SignUp != AutoSignIn && s.SignUp != AutoConfirm {
		return fmt.Errorf("must be %s or %s", AutoSignIn, AutoConfirm)
	}
	return nil
}

func onOrOff(field func(*Settings) *bool) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if *field(s) = v == "on"; v != "on" && v != "off" {
			return errors.New("must be on or off")
		}
		return nil
	}
}

func setSender(s *Settings, v string) error {
	s.Sender = Sender(v)
	if s.Sender != SNS && s.Sender != EUMS {
		return fmt.Errorf("must be %s or %s", SNS, EUMS)
	}
	return nil
}

var priceForm = regexp.MustCompile(`^[0-9]{1,2}\.[0-9]{1,5}$`)

func setMaxPrice(s *Settings, v string) error {
	if s.MaxPrice = v; v != "" && !priceForm.MatchString(v) {
		return errors.New("must be US dollars such as 0.50")
	}
	return nil
}

func setMessage(s *Settings, v string) error {
	if s.Message = v; strings.Count(v, codeParameter) != 1 {
		return errors.New("must have the code's place, " + codeParameter + ", once")
	}
	return nil
}

var hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

func setAppHost(s *Settings, v string) error {
	if s.AppHost = v; v != "" && !hostForm.MatchString(v) {
		return errors.New("must be a host name alone, such as app.example")
	}
	return nil
}

func setDestination(s *Settings, v string) error {
	if s.ShowLastFour = v == "last-four"; v != "last-four" && v != "hidden" {
		return errors.New("must be hidden or last-four")
	}
	return nil
}

var countryForm = regexp.MustCompile(`^[A-Z]{2}$`)

func setCountries(s *Settings, v string) error {
	if v == "" {
		return errors.New("must name the countries that may be texted, such as DE,AT,CH, or * for all")
	}
	for c := range strings.SplitSeq(v, ",") {
		c = strings.ToUpper(strings.TrimSpace(c))
		if c != everywhere && !countryForm.MatchString(c) {
			return fmt.Errorf("%.20q is no country's code of two letters", c)
		}
		s.Countries = append(s.Countries, c)
	}
	return nil
}

func limit(field func(*Limits) *int) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if v == "off" {
			*field(&s.Limits) = Unlimited
			return nil
		}
		n, err := strconv.Atoi(v)
		if *field(&s.Limits) = n; err != nil || n < 1 || n > 1e9 {
			return errors.New("must be a whole number from 1, or off")
		}
		return nil
	}
}

var prefixForm = regexp.MustCompile(`^\+[1-9][0-9]{0,10}$`)

func setDenied(s *Settings, v string) error {
	for prefix := range strings.SplitSeq(v, ",") {
		if prefix = strings.TrimSpace(prefix); v == "" {
			return nil
		}
		if !prefixForm.MatchString(prefix) {
			return fmt.Errorf("%.20q is no prefix such as +881", prefix)
		}
		s.Denied = append(s.Denied, prefix)
	}
	return nil
}

func setStepUp(s *Settings, v string) error {
	if s.StepUp = v == "proof-of-work"; v != "proof-of-work" && v != "off" {
		return errors.New("must be proof-of-work or off")
	}
	return nil
}

var moneyForm = regexp.MustCompile(`^[0-9]{1,7}(\.[0-9]{1,6})?$`)

// money is an amount in US dollars that is more than nothing.
func money(v string) (guard.Money, error) {
	amount, err := strconv.ParseFloat(v, 64)
	if err != nil || !moneyForm.MatchString(v) || guard.Dollars(amount) <= 0 {
		return 0, errors.New("must be US dollars such as 100 or 0.05")
	}
	return guard.Dollars(amount), nil
}

func budget(field func(*Settings) *guard.Money) func(*Settings, string) error {
	return func(s *Settings, v string) (err error) {
		if v == "off" {
			return nil
		}
		if *field(s), err = money(v); err != nil {
			return fmt.Errorf("%w, or off", err)
		}
		return nil
	}
}

// narrower says that a bound on a longer time is met before one on a shorter.
func narrower(longer, shorter guard.Money) bool { return longer != 0 && shorter > longer }

// setPrices sets the shipped prices with those given over them.
func setPrices(s *Settings, v string) error {
	rows := pricelist.Shipped()
	for entry := range strings.SplitSeq(v, ",") {
		if entry = strings.TrimSpace(entry); v == "" {
			break
		}
		prefix, amount, _ := strings.Cut(entry, "=")
		price, err := money(amount)
		if err != nil || !prefixForm.MatchString(prefix) {
			return fmt.Errorf("%.30q is not a prefix with its price in US dollars, such as +49=0.0750", entry)
		}
		rows = append(rows, pricelist.Row{Prefix: prefix, Micros: int64(price)})
	}
	s.Prices = guard.PricesOf(rows, 0)
	return nil
}

func setFallback(s *Settings, v string) (err error) {
	price, err := money(v)
	if s.Prices != nil { // else they are wrong, which was said
		s.Prices.Fallback = price
	}
	return err
}

// guard are the guard's settings. Countries, prefixes and sorts of lines are asked
// before, since a number that nobody has typed has none.
func (s Settings) guard() guard.Settings {
	all := guard.Default()
	all.Types = nil
	all.Prices = s.Prices
	all.Budgets = guard.Budgets{Server: s.Budget, Country: s.Country, EarnBack: all.Budgets.EarnBack}
	return all
}

func (s Settings) stepUp() stepup.Settings {
	all := stepup.Default()
	if !s.StepUp {
		all.Ways = nil
	}
	return all
}
