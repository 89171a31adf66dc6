package cognito

import (
	stdjson "encoding/json"
	goflag "flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A back office does anything with the users, groups and clients of a pool, and users
// with their tokens, in any order; a model that is a few maps says what each call answers
// and what the pool holds afterwards.

// person is a user as the model has him.
type person struct {
	attributes map[string]string
	disabled   bool
	password   string
	temporary  bool
	mfa        bool // texts as second factor
	groups     map[string]bool
	devices    map[string]bool
	tokens     []*grant
}

// grant is a sign-in as the model has it.
type grant struct {
	access, refresh string
	device          string
	ended           bool // globally, or with the user's being disabled
	revoked         bool // its refresh token
}

// bureau is a pool, the model of it, and who compares them.
type bureau struct {
	*live
	rt      *rapid.T
	pool    string
	client  string
	people  map[string]*person
	groups  map[string]int // and their precedence
	clients map[string]string
	trace   []string
}

var (
	bureauNames  = []string{"asha", "ravi", "meera"}
	bureauGroups = []string{"drivers", "riders"}
	bureauWords  = []string{"Correct-Horse-9", "Another-Horse-8"}
)

// do sends a request and fails unless it is answered as the model says: "" for success,
// else the exception's name without its end.
func (b *bureau) do(operation, body, want string) map[string]any {
	b.rt.Helper()
	b.trace = append(b.trace, operation+" "+body)
	a := b.send(operation, body)
	name := strings.TrimSuffix(a.Header().Get("x-amzn-ErrorType"), "Exception:")
	if name != want || a.Code >= 500 {
		b.fail("got %d %s, want %q", a.Code, a.Body, want)
	}
	if f := AnswerFaults(operation, a.Code, a.Body.Bytes()); len(f) > 0 {
		b.fail("%v", f)
	}
	var answer map[string]any
	if a.Body.Len() > 0 && a.Code == 200 {
		if err := stdjson.Unmarshal(a.Body.Bytes(), &answer); err != nil {
			b.fail("%v", err)
		}
	}
	return answer
}

func (b *bureau) fail(format string, args ...any) {
	b.rt.Helper()
	b.rt.Fatalf(format+"\nafter\n%s", append(args, strings.Join(b.trace, "\n"))...)
}

// in is a body with the pool in it.
func (b *bureau) in(members string, args ...any) string {
	return `{"UserPoolId":"` + b.pool + `"` + fmt.Sprintf(members, args...) + `}`
}

// on does something to a user, which only one who is there lets be done.
func (b *bureau) on(operation, name, members string, then func(*person)) {
	b.rt.Helper()
	p, want := b.people[name], ""
	if p == nil {
		want = "UserNotFound"
	}
	b.do(operation, b.in(`,"Username":%q`+members, name), want)
	if p != nil {
		then(p)
	}
}

func drawn[T any](b *bureau, of ...T) T { return rapid.SampledFrom(of).Draw(b.rt, "pick") }

// bureauDeeds are what is done.
var bureauDeeds = map[string]func(b *bureau, name, group string){
	"creates": func(b *bureau, name, _ string) {
		want := ""
		if b.people[name] != nil {
			want = "UsernameExists"
		}
		b.do("AdminCreateUser", b.in(`,"Username":%q,"MessageAction":"SUPPRESS","TemporaryPassword":%q,"UserAttributes":[{"Name":"email","Value":"%s@example.org"}]`, name, bureauWords[0], name), want)
		if want == "" {
			b.people[name] = &person{attributes: map[string]string{"email": name + "@example.org"}, password: bureauWords[0], temporary: true,
				groups: map[string]bool{}, devices: map[string]bool{}}
		}
	},
	"deletes": func(b *bureau, name, _ string) {
		b.on("AdminDeleteUser", name, "", func(*person) { delete(b.people, name) })
	},
	"disables": func(b *bureau, name, _ string) {
		b.on("AdminDisableUser", name, "", func(p *person) { p.disabled = true; p.end() })
	},
	"enables": func(b *bureau, name, _ string) {
		b.on("AdminEnableUser", name, "", func(p *person) { p.disabled = false })
	},
	"signs out": func(b *bureau, name, _ string) {
		b.on("AdminUserGlobalSignOut", name, "", (*person).end)
	},
	"gives a number": func(b *bureau, name, _ string) {
		b.on("AdminUpdateUserAttributes", name, `,"UserAttributes":[{"Name":"phone_number","Value":"+14155550123"},{"Name":"phone_number_verified","Value":"true"},{"Name":"nickname","Value":"n"}]`, func(p *person) {
			p.attributes["phone_number"], p.attributes["phone_number_verified"], p.attributes["nickname"] = "+14155550123", "true", "n"
		})
	},
	"takes a nickname": func(b *bureau, name, _ string) {
		b.on("AdminDeleteUserAttributes", name, `,"UserAttributeNames":["nickname"]`, func(p *person) { delete(p.attributes, "nickname") })
	},
	"sets a password": func(b *bureau, name, _ string) {
		word, temporary := drawn(b, bureauWords...), drawn(b, true, false, false)
		b.on("AdminSetUserPassword", name, fmt.Sprintf(`,"Password":%q,"Permanent":%v`, word, !temporary), func(p *person) {
			p.password, p.temporary = word, temporary
		})
	},
	"makes a group": func(b *bureau, _, group string) {
		want := ""
		if _, there := b.groups[group]; there {
			want = "GroupExists"
		}
		b.do("CreateGroup", b.in(`,"GroupName":%q,"Precedence":3`, group), want)
		if want == "" {
			b.groups[group] = 3
		}
	},
	"changes a group": func(b *bureau, _, group string) {
		n := drawn(b, 0, 1, 7)
		b.do("UpdateGroup", b.in(`,"GroupName":%q,"Precedence":%d`, group, n), b.noGroup(group))
		if _, there := b.groups[group]; there {
			b.groups[group] = n
		}
	},
	"drops a group": func(b *bureau, _, group string) {
		b.do("DeleteGroup", b.in(`,"GroupName":%q`, group), b.noGroup(group))
		delete(b.groups, group)
		for _, p := range b.people {
			delete(p.groups, group)
		}
	},
	"puts into a group": func(b *bureau, name, group string) {
		b.member("AdminAddUserToGroup", name, group, func(p *person) { p.groups[group] = true })
	},
	"takes out of a group": func(b *bureau, name, group string) {
		b.member("AdminRemoveUserFromGroup", name, group, func(p *person) { delete(p.groups, group) })
	},
	"makes a client": func(b *bureau, _, group string) {
		a := b.do("CreateUserPoolClient", b.in(`,"ClientName":%q`, group), "")
		b.clients[a["UserPoolClient"].(map[string]any)["ClientId"].(string)] = group
	},
	"renames a client": func(b *bureau, name, _ string) {
		for id := range b.clients {
			b.do("UpdateUserPoolClient", b.in(`,"ClientId":%q,"ClientName":%q`, id, name), "")
			b.clients[id] = name
			return
		}
	},
	"drops a client": func(b *bureau, _, _ string) {
		for id := range b.clients {
			b.do("DeleteUserPoolClient", b.in(`,"ClientId":%q`, id), "")
			b.do("DescribeUserPoolClient", b.in(`,"ClientId":%q`, id), "ResourceNotFound")
			delete(b.clients, id)
			return
		}
	},
	"wants texts": func(b *bureau, name, _ string) {
		on := drawn(b, true, true, false)
		p, want := b.people[name], ""
		switch {
		case p == nil:
			want = "UserNotFound"
		case on && p.attributes["phone_number"] == "":
			want = "InvalidParameter"
		}
		b.do("AdminSetUserMFAPreference", b.in(`,"Username":%q,"SMSMfaSettings":{"Enabled":%v,"PreferredMfa":%v}`, name, on, on), want)
		if want == "" {
			p.mfa = on
		}
	},
	"signs in again and again": (*bureau).signIn,
	"signs in":                 (*bureau).signIn,
	"signs in again":           (*bureau).signIn,
	"refreshes": func(b *bureau, name, _ string) {
		b.first(name, func(p *person, g *grant) {
			want := ""
			if g.ended || g.revoked {
				want = "NotAuthorized"
			}
			b.do("GetTokensFromRefreshToken", fmt.Sprintf(`{"ClientId":%q,"RefreshToken":%q,"DeviceKey":%q}`, b.client, g.refresh, g.device), want)
		})
	},
	"gives a token back": func(b *bureau, name, _ string) {
		b.first(name, func(p *person, g *grant) {
			b.do("RevokeToken", fmt.Sprintf(`{"ClientId":%q,"Token":%q}`, b.client, g.refresh), "")
			g.revoked = true
		})
	},
	"forgets a device": func(b *bureau, name, _ string) {
		b.first(name, func(p *person, g *grant) {
			want := ""
			if !p.devices[g.device] {
				want = "ResourceNotFound"
			}
			b.do("AdminForgetDevice", b.in(`,"Username":%q,"DeviceKey":%q`, name, g.device), want)
			b.do("AdminGetDevice", b.in(`,"Username":%q,"DeviceKey":%q`, name, g.device), "ResourceNotFound")
			delete(p.devices, g.device)
		})
	},
}

// end ends all sign-ins of a user.
func (p *person) end() {
	for _, g := range p.tokens {
		g.ended = true
	}
}

// first does something with a user's newest sign-in, if there is one.
func (b *bureau) first(name string, do func(*person, *grant)) {
	if p := b.people[name]; p != nil && len(p.tokens) > 0 {
		do(p, p.tokens[len(p.tokens)-1])
	}
}

func (b *bureau) noGroup(group string) string {
	if _, there := b.groups[group]; !there {
		return "ResourceNotFound"
	}
	return ""
}

func (b *bureau) member(operation, name, group string, then func(*person)) {
	b.rt.Helper()
	p, want := b.people[name], b.noGroup(group)
	if p == nil {
		want = "UserNotFound"
	}
	b.do(operation, b.in(`,"Username":%q,"GroupName":%q`, name, group), want)
	if want == "" {
		then(p)
	}
}

func (b *bureau) signIn(name, _ string) {
	b.rt.Helper()
	p, word, want := b.people[name], drawn(b, bureauWords[0], bureauWords[0], bureauWords[1]), ""
	switch {
	case p == nil:
		want = "UserNotFound"
	case p.disabled, p.password != word:
		want = "NotAuthorized"
	}
	a := b.do("AdminInitiateAuth", b.in(`,"ClientId":%q,"AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":%q,"PASSWORD":%q}`, b.client, name, word), want)
	if want != "" {
		return
	}
	challenge := ""
	switch {
	case p.temporary:
		challenge = "NEW_PASSWORD_REQUIRED"
	case p.mfa:
		challenge = "SMS_MFA"
	}
	if got, _ := a["ChallengeName"].(string); got != challenge {
		b.fail("asked for %q, want %q", got, challenge)
	}
	if challenge != "" {
		return
	}
	r := a["AuthenticationResult"].(map[string]any)
	device := r["NewDeviceMetadata"].(map[string]any)["DeviceKey"].(string)
	g := &grant{access: r["AccessToken"].(string), refresh: r["RefreshToken"].(string), device: device}
	b.do("ConfirmDevice", fmt.Sprintf(`{"AccessToken":%q,"DeviceKey":%q,"DeviceSecretVerifierConfig":{"PasswordVerifier":"AQID","Salt":"AQID"}}`, g.access, device), "")
	p.tokens, p.devices[device] = append(p.tokens, g), true
}

// compare reads all that the pool holds.
func (b *bureau) compare() {
	b.rt.Helper()
	equal := func(what string, got, want []string) {
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			b.fail("%s: %v, want %v", what, got, want)
		}
	}
	equal("users", b.texts("ListUsers", ``, "Users", "Username"), slices.Collect(maps.Keys(b.people)))
	equal("groups", b.texts("ListGroups", ``, "Groups", "GroupName"), slices.Collect(maps.Keys(b.groups)))
	equal("clients", b.texts("ListUserPoolClients", ``, "UserPoolClients", "ClientId"), append(slices.Collect(maps.Keys(b.clients)), b.client))
	for id, name := range b.clients {
		equal("a client", []string{fmt.Sprint(b.do("DescribeUserPoolClient", b.in(`,"ClientId":%q`, id), "")["UserPoolClient"].(map[string]any)["ClientName"])}, []string{name})
	}
	for group, precedence := range b.groups {
		var members []string
		for name, p := range b.people {
			if p.groups[group] {
				members = append(members, name)
			}
		}
		equal(group, b.texts("ListUsersInGroup", fmt.Sprintf(`,"GroupName":%q`, group), "Users", "Username"), members)
		g := b.do("GetGroup", b.in(`,"GroupName":%q`, group), "")["Group"].(map[string]any)
		equal(group, []string{fmt.Sprint(g["Precedence"])}, []string{fmt.Sprint(precedence)})
	}
	for name, p := range b.people {
		named := fmt.Sprintf(`,"Username":%q`, name)
		equal(name+"'s groups", b.texts("AdminListGroupsForUser", named, "Groups", "GroupName"), slices.Collect(maps.Keys(p.groups)))
		equal(name+"'s devices", b.texts("AdminListDevices", named, "Devices", "DeviceKey"), slices.Collect(maps.Keys(p.devices)))
		equal(name, b.shown(name), p.shown())
		for _, g := range p.tokens {
			want := ""
			if g.ended || g.revoked {
				want = "NotAuthorized"
			}
			if a := b.do("GetUser", fmt.Sprintf(`{"AccessToken":%q}`, g.access), want); want == "" && a["Username"] != name {
				b.fail("%s's token is %v's", name, a["Username"])
			}
		}
	}
}

// texts are a member of each element of a list that an operation answers with, over all
// its pages.
func (b *bureau) texts(operation, members, list, member string) (all []string) {
	b.rt.Helper()
	limit, token, next := "Limit", "", "NextToken"
	switch operation {
	case "ListUserPoolClients":
		limit = "MaxResults"
	case "ListUsers", "AdminListDevices":
		next = "PaginationToken"
	}
	for {
		a := b.do(operation, b.in(members+`,"%s":2`+token, limit), "")
		for _, e := range a[list].([]any) {
			all = append(all, e.(map[string]any)[member].(string))
		}
		text, _ := a[next].(string)
		if text == "" {
			return all
		}
		token = fmt.Sprintf(`,"%s":%q`, next, text)
	}
}

// shown is a user as AdminGetUser shows him, a line for each thing.
func (b *bureau) shown(name string) (lines []string) {
	b.rt.Helper()
	u := b.do("AdminGetUser", b.in(`,"Username":%q`, name), "")
	for _, a := range u["UserAttributes"].([]any) {
		if a := a.(map[string]any); a["Name"] != "sub" {
			lines = append(lines, fmt.Sprint(a["Name"], "=", a["Value"]))
		}
	}
	return append(lines, fmt.Sprint("enabled ", u["Enabled"]), fmt.Sprint(u["UserStatus"]), fmt.Sprint("second factors ", u["UserMFASettingList"]))
}

func (p *person) shown() (lines []string) {
	for name, value := range p.attributes {
		lines = append(lines, name+"="+value)
	}
	status, mfa := "CONFIRMED", "<nil>"
	if p.temporary {
		status = "FORCE_CHANGE_PASSWORD"
	}
	if p.mfa {
		mfa = "[SMS_MFA]"
	}
	return append(lines, fmt.Sprint("enabled ", !p.disabled), status, "second factors "+mfa)
}

// open makes the bureau's pool, in which users are called what they like.
func (b *bureau) open() {
	b.rt.Helper()
	made := b.do("CreateUserPool", `{"PoolName":"bureau","AutoVerifiedAttributes":["phone_number"],"DeviceConfiguration":{"ChallengeRequiredOnNewDevice":true},"UserPoolTags":{"bellhop:token-alg":"ES256"}}`, "")
	b.pool = made["UserPool"].(map[string]any)["Id"].(string)
	b.do("SetUserPoolMfaConfig", b.in(`,"MfaConfiguration":"OPTIONAL","SmsMfaConfiguration":{"SmsConfiguration":{"SnsCallerArn":"arn:aws:iam::123456789012:role/sms"}}`), "")
	made = b.do("CreateUserPoolClient", b.in(`,"ClientName":"app","ExplicitAuthFlows":["ALLOW_ADMIN_USER_PASSWORD_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]`), "")
	b.client = made["UserPoolClient"].(map[string]any)["ClientId"].(string)
	for _, name := range bureauNames[:2] { // who can sign in at once
		bureauDeeds["creates"](b, name, "")
		b.on("AdminSetUserPassword", name, fmt.Sprintf(`,"Password":%q,"Permanent":true`, bureauWords[0]), func(p *person) { p.temporary = false })
	}
}

// undying is a test without its deadline, which no bubble knows.
type undying struct{ testing.TB }

func TestProperty_ABackOfficesDeedsInAnyOrder_AreWhatTheModelSays(t *testing.T) {
	plans := "12"
	if os.Getenv("SOAK") != "" {
		plans = "1000"
	}
	before := goflag.Lookup("rapid.checks").Value.String()
	goflag.Set("rapid.checks", plans)
	t.Cleanup(func() { goflag.Set("rapid.checks", before) })
	deeds := slices.Sorted(maps.Keys(bureauDeeds))
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			goLive(t, engine, true, func(l *live) {
				rapid.Check(undying{l.t}, func(rt *rapid.T) {
					b := &bureau{live: l, rt: rt, people: map[string]*person{}, groups: map[string]int{}, clients: map[string]string{}}
					b.open()
					for i, deed := range rapid.SliceOfN(rapid.SampledFrom(deeds), 25, 50).Draw(rt, "deeds") {
						b.trace = append(b.trace, "- "+deed)
						bureauDeeds[deed](b, drawn(b, bureauNames...), drawn(b, bureauGroups...))
						if i%8 == 7 {
							b.compare()
						}
					}
					b.compare()
				})
			})
		})
	}
}
