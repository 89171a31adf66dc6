package cognito_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// The states of a name. Each must look like unknown.
var states = []string{"unknown", "known", "unconfirmed", "disabled", "temporary", "reset", "unproved"}

// ask is a request with SOMEBODY, CLIENT, ATTRS, and what the answers before gave, in it.
type ask struct{ operation, body string }

// question is a public operation that names somebody, and what comes after it.
type question struct {
	name  string
	steps []ask
}

func named(operation, more string) ask {
	return ask{operation, `{"ClientId":"CLIENT","Username":"SOMEBODY"` + more + `}`}
}

func initiate(flow, parameters string) ask {
	return ask{"InitiateAuth", `{"ClientId":"CLIENT","AuthFlow":"` + flow + `","AuthParameters":{"USERNAME":"SOMEBODY"` + parameters + `}}`}
}

func respond(challenge, responses string) ask {
	return ask{"RespondToAuthChallenge", `{"ClientId":"CLIENT","ChallengeName":"` + challenge + `","Session":"SESSION","ChallengeResponses":{"USERNAME":"SOMEBODY"` + responses + `}}`}
}

var (
	srpA        = `,"SRP_A":"` + strings.Repeat("4a", 300) + `"`
	device      = `,"DEVICE_KEY":"us-east-1_8cf2fd77-987c-470e-9934-7cde10246676"`
	choose      = initiate("USER_AUTH", "")
	wrongSignUp = named("ConfirmSignUp", `,"ConfirmationCode":"000000"`)
	wrongReset  = named("ConfirmForgotPassword", `,"ConfirmationCode":"000000","Password":"`+otherPass+`"`)
	wrongAnswer = respond("CUSTOM_CHALLENGE", `,"ANSWER":"000000"`+device)
	wrongSMS    = respond("SMS_OTP", `,"SMS_OTP_CODE":"000000"`)
	wrongEmail  = respond("EMAIL_OTP", `,"EMAIL_OTP_CODE":"000000"`)
	wrongProof  = respond("PASSWORD_VERIFIER", `,"PASSWORD_CLAIM_SECRET_BLOCK":"BLOCK","PASSWORD_CLAIM_SIGNATURE":"`+strings.Repeat("A", 43)+`=","TIMESTAMP":"CLOCK"`)
)

var questions = []question{
	{"SignUp", []ask{named("SignUp", `,"Password":"`+pass+`"ATTRS`), wrongSignUp}},
	{"SignUp of another name", []ask{{"SignUp", `{"ClientId":"CLIENT","Username":"other-SOMEBODY","Password":"` + pass + `"ATTRS}`}}},
	{"ConfirmSignUp", []ask{wrongSignUp, wrongSignUp}},
	{"ResendConfirmationCode", []ask{named("ResendConfirmationCode", "")}},
	{"ForgotPassword", []ask{named("ForgotPassword", `,"ClientMetadata":{"bellhop:device":"us-east-1_0"}`), named("ForgotPassword", ""), wrongReset, wrongReset, wrongReset, wrongReset, wrongReset, wrongReset}},
	{"ConfirmForgotPassword", []ask{wrongReset, wrongReset}},
	{"CUSTOM_AUTH", []ask{initiate("CUSTOM_AUTH", device), wrongAnswer, wrongAnswer, wrongAnswer}},
	{"CUSTOM_AUTH with a password", []ask{initiate("CUSTOM_AUTH", `,"CHALLENGE_NAME":"SRP_A"`+srpA), wrongProof}},
	{"SMS_OTP chosen", []ask{choose, respond("SELECT_CHALLENGE", `,"ANSWER":"SMS_OTP"`), wrongSMS}},
	{"EMAIL_OTP chosen", []ask{choose, respond("SELECT_CHALLENGE", `,"ANSWER":"EMAIL_OTP"`), wrongEmail}},
	{"PASSWORD chosen", []ask{choose, respond("SELECT_CHALLENGE", `,"ANSWER":"PASSWORD","PASSWORD":"wrong-Pass-1"`)}},
	{"PASSWORD_SRP chosen", []ask{choose, respond("SELECT_CHALLENGE", `,"ANSWER":"PASSWORD_SRP"`+srpA), wrongProof}},
	{"SMS_OTP", []ask{initiate("USER_AUTH", `,"PREFERRED_CHALLENGE":"SMS_OTP"`+device), wrongSMS, wrongSMS, wrongSMS, wrongSMS, wrongSMS, wrongSMS}},
	{"EMAIL_OTP", []ask{initiate("USER_AUTH", `,"PREFERRED_CHALLENGE":"EMAIL_OTP"`), wrongEmail}},
	{"PASSWORD", []ask{initiate("USER_AUTH", `,"PREFERRED_CHALLENGE":"PASSWORD","PASSWORD":"wrong-Pass-1"`)}},
	{"USER_PASSWORD_AUTH", []ask{initiate("USER_PASSWORD_AUTH", `,"PASSWORD":"wrong-Pass-1"`)}},
	{"USER_SRP_AUTH", []ask{initiate("USER_SRP_AUTH", srpA+device), wrongProof}},
}

// person is somebody, or nobody: what he would be called by. Names of one
// question look alike: they are of one length, and have one mask.
type person struct{ number, address, user, preferred string }

func personOf(question, state int) person {
	id := fmt.Sprintf("%02d%d", question, state)
	return person{number: "+9198" + id + "03210", address: "a" + id + "@example.com", user: "user-" + id, preferred: "nick-" + id}
}

// town is a design of pools, and a way to name the people of one.
type town struct {
	name   string
	design func(*cip.CreateUserPoolInput)
	user   func(person) string   // the user name at sign-up
	typed  func(person) string   // what a question names
	has    func(person) []string // attributes
}

func byNumber(p person) string  { return p.number }
func byAddress(p person) string { return p.address }
func byUser(p person) string    { return p.user }
func byNick(p person) string    { return p.preferred }

func hasNumber(p person) []string  { return []string{"phone_number", p.number} }
func hasAddress(p person) []string { return []string{"email", p.address} }
func hasBoth(p person) []string    { return append(hasNumber(p), hasAddress(p)...) }

func contactPool(attrs ...string) func(*cip.CreateUserPoolInput) {
	return func(in *cip.CreateUserPoolInput) {
		in.UsernameAttributes, in.AutoVerifiedAttributes = nil, nil
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP", "EMAIL_OTP"}}}
		for _, a := range attrs {
			in.UsernameAttributes = append(in.UsernameAttributes, types.UsernameAttributeType(a))
			in.AutoVerifiedAttributes = append(in.AutoVerifiedAttributes, types.VerifiedAttributeType(a))
		}
	}
}

func namedPool(aliases ...types.AliasAttributeType) func(*cip.CreateUserPoolInput) {
	return func(in *cip.CreateUserPoolInput) {
		in.AliasAttributes, in.AutoVerifiedAttributes = aliases, []types.VerifiedAttributeType{"phone_number", "email"}
	}
}

var (
	bothPool  = contactPool("phone_number", "email")
	aliasing  = namedPool("phone_number", "email", "preferred_username")
	plainPool = func(in *cip.CreateUserPoolInput) {
		in.AutoVerifiedAttributes = []types.VerifiedAttributeType{"phone_number"}
	}
)

var towns = []town{
	{"numbers", contactPool("phone_number"), byNumber, byNumber, hasNumber},
	{"addresses", contactPool("email"), byAddress, byAddress, hasAddress},
	{"both, by number", bothPool, byNumber, byNumber, hasBoth},
	{"both, by address", bothPool, byAddress, byAddress, hasBoth},
	{"plain", plainPool, byUser, byUser, hasNumber},
	{"aliases, by user name", aliasing, byUser, byUser, hasBoth},
	{"aliases, by number", aliasing, byUser, byNumber, hasBoth},
	{"aliases, by address", aliasing, byUser, byAddress, hasBoth},
	{"aliases, by preferred name", aliasing, byUser, byNick, hasBoth},
}

// byAlias says whether what is typed is not the user name.
func (o town) byAlias() bool {
	return o.typed(person{user: "x"}) == "" && o.user(person{user: "x"}) != ""
}

// tell is what is known to show, for a reason that docs/divergences.md states.
type tell struct {
	questions string // a pattern
	towns     string // a pattern
	behaviour string // "" for both
	states    []string
}

var tells = []tell{
	// UsernameExistsException, by which apps route. In strict a contact that
	// names a user is not told; a name that people choose must be.
	{"SignUp", "numbers|addresses|both, by (number|address)", "standard", []string{"known", "disabled", "temporary", "reset", "unproved"}},
	{"SignUp", "plain|aliases, by (user|preferred) name", "", []string{"known", "disabled", "temporary", "reset", "unproved"}},
	// A sub is nobody else's user name.
	{"SignUp", "aliases, by (number|address), sub", "", []string{"known", "disabled", "temporary", "reset"}},
	// That a sign-up waits shows. The sub told of an address leads to none.
	{"ConfirmSignUp", "numbers|addresses|both, by (number|address)|plain|aliases, by user name", "", []string{"unconfirmed"}},
	{"SignUp|ConfirmSignUp", "(numbers|both, by number), sub", "", []string{"unconfirmed"}},
	// Elsewhere than in strict, who signs in by an alias is told the user name.
	{"CUSTOM_AUTH.*|USER_SRP_AUTH|PASSWORD_SRP chosen", "aliases, by (number|address|preferred name)", "standard", []string{"known", "disabled", "temporary", "reset"}},
	// A preferred name is one without proof.
	{"CUSTOM_AUTH.*|USER_SRP_AUTH|PASSWORD_SRP chosen", "aliases, by preferred name", "standard", []string{"unproved"}},
}

func toldOf(question, town, behaviour string) []string {
	var all []string
	for _, t := range tells {
		if whole(t.questions, question) && whole(t.towns, town) && (t.behaviour == "" || t.behaviour == behaviour) {
			all = append(all, t.states...)
		}
	}
	return all
}

func whole(pattern, text string) bool {
	return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(text)
}

// random are the members whose values are chance; what is left of them is their
// length, and of numbers in hexadecimal nothing.
var random = map[string]string{
	"Session": "text", "UserSub": "text", "SECRET_BLOCK": "text", "USERNAME": "text", "USER_ID_FOR_SRP": "text",
	"SALT": "hex", "SRP_B": "hex",
}

// ofChance are members that make an answer's length one of chance.
var ofChance = regexp.MustCompile("SRP_B|CodeDeliveryDetails|CODE_DELIVERY_DESTINATION")

// seen is an answer as somebody sees it who compares answers.
func seen(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintln(&b, w.Code)
	for _, name := range slices.Sorted(maps.Keys(w.Header())) {
		if name == "Content-Length" && ofChance.MatchString(w.Body.String()) || name == "X-Amzn-Requestid" {
			continue
		}
		fmt.Fprintln(&b, name, w.Header()[name])
	}
	var v any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		return b.String() + w.Body.String()
	}
	text, _ := json.MarshalIndent(withoutChance(v), "", " ")
	return b.String() + string(text)
}

func withoutChance(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for name, value := range m {
		text, isText := value.(string)
		switch {
		case isText && random[name] == "text" && !strings.HasPrefix(text, "user-") && !strings.HasPrefix(text, "nick-"):
			m[name] = fmt.Sprintf("<%d characters>", len(text))
		case isText && random[name] == "hex":
			m[name] = "<hex>"
		default:
			m[name] = withoutChance(value)
		}
	}
	return m
}

// madeUp are the parts of an answer that are made up where no contact of the
// kind was typed; what is left of them is their form.
var madeUp = map[string][]form{
	"number":  {{regexp.MustCompile(`(\+\*+)[0-9]{4}`), "${1}dddd"}},
	"address": {{regexp.MustCompile(`[a-z](\*\*\*@)[a-z]`), "x${1}x"}},
	// Who has both contacts is sent a code by the one, and nobody by either.
	"either": {
		{regexp.MustCompile(`(?s)"CodeDeliveryDetails": \{.*?\}`), "somewhere"},
		{regexp.MustCompile(`"CODE_DELIVERY_DELIVERY_MEDIUM": "(SMS|EMAIL)",\s*"CODE_DELIVERY_DESTINATION": ".*?"`), "somewhere"},
	},
}

type form struct {
	shown *regexp.Regexp
	as    string
}

// plainly is what was seen without what is made up.
func (o town) plainly(p person, bySub bool, seen string) string {
	var kinds []string
	typed := o.typed(p)
	if bySub && o.byAlias() {
		typed = ""
	}
	if typed != p.number {
		kinds = append(kinds, "number")
	}
	if typed != p.address {
		kinds = append(kinds, "address")
	}
	if len(kinds) == 2 && len(o.has(p)) > 2 {
		kinds = append(kinds, "either")
	}
	for _, kind := range kinds {
		for _, f := range madeUp[kind] {
			seen = f.shown.ReplaceAllString(seen, f.as)
		}
	}
	return seen
}

// member of an answer, wherever it stands.
func memberOf(w *httptest.ResponseRecorder, name string) string {
	_, rest, _ := strings.Cut(w.Body.String(), `"`+name+`":"`)
	text, _, _ := strings.Cut(rest, `"`)
	return text
}

// ask puts the question about a name and returns all that could be seen.
func (w *world) ask(q question, o town, p person, name string) string {
	w.wire.from = elsewhere
	var all strings.Builder
	var session, block string
	for _, step := range q.steps {
		stamp := time.Now().UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
		answer := w.raw(step.operation, strings.NewReplacer(
			"CLIENT", w.client, "SOMEBODY", name, "CLOCK", stamp, "ATTRS", attributesText(o.has(p)), "SESSION", session, "BLOCK", block,
		).Replace(step.body))
		if next := memberOf(answer, "Session"); next != "" {
			session, block = next, memberOf(answer, "SECRET_BLOCK")
		}
		fmt.Fprintf(&all, "%s %s\n", step.operation, o.plainly(p, name != o.typed(p), seen(answer)))
	}
	return all.String()
}

func attributesText(pairs []string) string {
	text, _ := json.Marshal(attributes(pairs...))
	return `,"UserAttributes":` + string(text)
}

// Whether a name has a user, and in which state that is, shows in no answer of a
// public operation to a client that prevents existence errors: not in words,
// headers, lengths or masks, and codes go to nobody but those who have an account
// or sign up. The same of the subs that challenges tell of the names.
func TestExistence_ShowsInNoPublicAnswer(t *testing.T) {
	for i, o := range towns {
		for _, behaviour := range []string{"standard", "strict"} {
			for _, bySub := range []bool{false, true} {
				if bySub && !o.tellsSub(behaviour) {
					continue
				}
				if underRace && (i > 0 || behaviour != "standard" || bySub) {
					continue // the whole of it runs without the race detector too
				}
				t.Run(fmt.Sprintf("%s/%s/sub=%v", o.name, behaviour, bySub), func(t *testing.T) {
					inWorld(t, func(w *world) {
						w.settleIn(o, behaviour)
						for i, q := range questions {
							w.compare(o, behaviour, i, q, bySub)
							w.passDown(2 * time.Hour)
						}
					})
				})
			}
		}
	}
}

// tellsSub says whether challenges tell a sub of everybody.
func (o town) tellsSub(behaviour string) bool {
	return o.user(person{user: "x"}) == "" || behaviour == "strict" && o.byAlias() && o.typed(person{preferred: "x"}) == ""
}

// compare asks the question of somebody in each state.
func (w *world) compare(o town, behaviour string, i int, q question, bySub bool) {
	w.t.Helper()
	people := map[string]person{}
	for j, state := range states {
		people[state] = personOf(i, j)
		w.bring(o, state, people[state])
	}
	w.later(time.Minute)
	from := o.name
	if bySub {
		from += ", sub"
	}
	tells := toldOf(q.name, from, behaviour)
	var unknown string
	for _, state := range states {
		p := people[state]
		name := o.typed(p)
		if bySub {
			w.wire.from = elsewhere
			asked := initiate("CUSTOM_AUTH", "")
			name = memberOf(w.raw(asked.operation, strings.NewReplacer("CLIENT", w.client, "SOMEBODY", name).Replace(asked.body)), "USERNAME")
			w.later(time.Minute)
		}
		before := w.sent()
		answer := strings.ReplaceAll(w.ask(q, o, p, name), `"`+name+`"`, "typed")
		signsUp := strings.HasPrefix(q.name, "SignUp")
		if n := w.sent() - before; n > 0 && (state == "unknown" && !signsUp || state == "disabled" && !o.free(q)) {
			w.t.Errorf("%s, %s: %d codes", q.name, state, n)
		}
		if state == "unknown" {
			unknown = answer
		}
		if same := answer == unknown; same == slices.Contains(tells, state) && state != "unknown" {
			w.t.Errorf("%s: told of %s: %v\n%s", q.name, state, !same, unlike(answer, unknown))
		}
	}
}

// free says whether the question may sign up somebody with a contact that a user has.
func (o town) free(q question) bool {
	return strings.HasPrefix(q.name, "SignUp") && (o.byAlias() || q.name != "SignUp")
}

// unlike is what two texts do not share.
func unlike(a, b string) string {
	one, other := strings.Split(a, "\n"), strings.Split(b, "\n")
	var lines []string
	for i := range max(len(one), len(other)) {
		x, y := lineAt(one, i), lineAt(other, i)
		if x != y {
			lines = append(lines, fmt.Sprintf("\t%q, unknown %q", x, y))
		}
	}
	return strings.Join(lines[:min(len(lines), 6)], "\n")
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// settleIn makes a pool of the town's design and a client that prevents
// existence errors.
func (w *world) settleIn(o town, behaviour string) {
	w.t.Helper()
	in := &cip.CreateUserPoolInput{
		PoolName:     new(o.name),
		Policies:     &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP", "EMAIL_OTP"}}},
		UserPoolTags: map[string]string{"bellhop:token-alg": "ES256", "bellhop:behaviour": behaviour},
	}
	o.design(in)
	made, err := w.sdk.CreateUserPool(w.ctx, in)
	w.must(err)
	w.pool = *made.UserPool.Id
	w.client = w.makeClient(&cip.CreateUserPoolClientInput{
		ExplicitAuthFlows:          []types.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
		PreventUserExistenceErrors: "ENABLED",
	})
}

// bring puts a person into the state.
func (w *world) bring(o town, state string, p person) {
	w.t.Helper()
	w.wire.from = atHome
	name, has := o.user(p), o.has(p)
	switch state {
	case "unknown":
		return
	case "unconfirmed":
		w.must(w.trySignUp(atHome, name, pass, has...))
		return
	}
	if state != "unproved" {
		for i := 0; i < len(o.has(p)); i += 2 {
			has = append(has, has[i]+"_verified", "true")
		}
	}
	if o.byAlias() {
		has = append(has, "preferred_username", p.preferred)
	}
	_, err := w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{UserPoolId: &w.pool, Username: &name, MessageAction: "SUPPRESS", UserAttributes: attributes(has...)})
	w.must(err)
	if state != "temporary" {
		_, err = w.sdk.AdminSetUserPassword(w.ctx, &cip.AdminSetUserPasswordInput{UserPoolId: &w.pool, Username: &name, Password: new(pass), Permanent: true})
		w.must(err)
	}
	switch state {
	case "disabled":
		_, err = w.sdk.AdminDisableUser(w.ctx, &cip.AdminDisableUserInput{UserPoolId: &w.pool, Username: &name})
	case "reset":
		_, err = w.sdk.AdminResetUserPassword(w.ctx, &cip.AdminResetUserPasswordInput{UserPoolId: &w.pool, Username: &name})
	}
	w.must(err)
}
