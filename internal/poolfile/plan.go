package poolfile

import (
	"fmt"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/config"
)

// State is a pool as a server shows it; without an ID there is none.
type State struct {
	ID      string
	Pool    Tree   // DescribeUserPool
	MFA     Tree   // GetUserPoolMfaConfig
	Clients []Tree // DescribeUserPoolClient
	Groups  []Tree // ListGroups
}

// Shown is what a server would show of a file's pool if all was as the file says, and
// of a pool and a client of which nothing is said but the name.
type Shown struct {
	Pool, PlainPool Tree
	Clients         []Tree // in the file's order
	PlainClient     Tree
}

// Op says what becomes of a thing.
type Op string

// The operations, as they are printed.
const (
	Create Op = "+"
	Update Op = "~"
	Delete Op = "-"
)

// Step is one thing that is made, changed or deleted, and by which calls.
type Step struct {
	Op      Op
	Kind    string // pool, client, group
	Name    string
	ID      string // "" where it has none yet
	Changes []Change
	Calls   []Call
}

// Call is one request. Where the pool is yet to be made, its members lack the
// UserPoolId. KeepID is the id to make a pool or client under, "" for a new one.
type Call struct {
	Operation string
	Members   Tree
	KeepID    string
}

// Plan is what has to be done for one pool of the file.
type Plan struct {
	Pool  Pool
	ID    string
	Steps []Step
	// Spare are the clients and groups that the file does not name.
	Spare []Step
}

// Compare plans how the pool gets from what it is to what the file says. What cannot
// be done is told as config.Problems.
func Compare(want Pool, shown Shown, have State) (Plan, error) {
	c := comparison{plan: Plan{Pool: want, ID: have.ID}, want: want, shown: shown, have: have}
	if have.ID == "" {
		c.create()
	} else {
		c.checkFixed()
		c.update()
	}
	c.clients()
	c.groups()
	if len(c.problems) > 0 {
		return Plan{}, c.problems
	}
	return c.plan, nil
}

type comparison struct {
	plan     Plan
	want     Pool
	shown    Shown
	have     State
	problems config.Problems
}

func (c *comparison) problem(where, format string, args ...any) {
	c.problems = append(c.problems, config.Problem{Where: where, What: fmt.Sprintf(format, args...)})
}

func (c *comparison) step(s Step) { c.plan.Steps = append(c.plan.Steps, s) }

// Whole are the members by which a pool is looked at: what the file says, and what it
// leaves out and cannot change as the pool has it.
func (p Pool) Whole(have State) Tree {
	members := without(p.Members)
	for _, name := range fixed {
		if members[name] == nil && have.Pool[name] != nil {
			members[name] = have.Pool[name]
		}
	}
	if members["Schema"] == nil && have.ID != "" {
		members["Schema"] = asked(have.Pool["SchemaAttributes"])
	}
	return clean(members)
}

// of are a call's members with the pool's id, where it has one.
func (c *comparison) of(members Tree, more ...any) Tree {
	members = without(members)
	if c.have.ID != "" {
		members["UserPoolId"] = c.have.ID
	}
	for i := 0; i < len(more); i += 2 {
		members[more[i].(string)] = more[i+1]
	}
	return members
}

func (c *comparison) create() {
	s := Step{Op: Create, Kind: "pool", Name: c.want.Name(), ID: c.want.ID}
	s.Changes = added(diff("", c.visible(c.shown.PlainPool), c.visible(c.shown.Pool)))
	for _, name := range fixed {
		s.Changes = append(s.Changes, added(diff(name, nil, c.want.Members[name]))...)
	}
	plain := byName(attributes(c.shown.PlainPool["SchemaAttributes"]))
	for _, a := range attributes(c.shown.Pool["SchemaAttributes"]) {
		if name := text(a["Name"]); len(diff("", plain[name], a)) > 0 {
			s.Changes = append(s.Changes, Change{Path: "Schema", New: clean(a)})
		}
	}
	s.Calls = []Call{{Operation: "CreateUserPool", Members: c.want.Members, KeepID: c.want.ID}}
	if changes := diff("", plainMFA, comparable(c.want.MFA)); len(changes) > 0 {
		s.Changes = append(s.Changes, added(changes)...)
		s.Calls = append(s.Calls, Call{Operation: "SetUserPoolMfaConfig", Members: c.mfaRequest()})
	}
	c.step(s)
}

// fixed is what a pool has for life.
var fixed = []string{"UsernameAttributes", "AliasAttributes", "UsernameConfiguration"}

// checkFixed refuses to change what cannot be changed. What the file does not say is
// as it is.
func (c *comparison) checkFixed() {
	for _, name := range fixed {
		given := c.want.Members[name]
		if given != nil && len(diff(name, c.have.Pool[name], given)) > 0 {
			c.problem(c.want.Where, "has other %s than the pool %s, whose are %s: they are set when a pool is made and never change. Make another pool, or say what it has",
				name, c.have.ID, value(c.have.Pool[name]))
		}
	}
}

// readOnly are the members of a described pool that are nobody's to set, or are
// compared apart.
var readOnly = append([]string{
	"Id", "Arn", "Status", "CreationDate", "LastModifiedDate", "EstimatedNumberOfUsers", "Domain", "CustomDomain",
	"SmsConfigurationFailure", "EmailConfigurationFailure", "SchemaAttributes", "MfaConfiguration",
}, fixed...)

// visible are the members of a described pool that an update sets.
func (c *comparison) visible(described Tree) Tree {
	members := clean(without(described, readOnly...))
	if c.want.Members["UserPoolTags"] == nil {
		delete(members, "UserPoolTags") // they stay
	}
	if c.want.MFA[smsMFA] != nil && c.want.Members["SmsConfiguration"] == nil {
		delete(members, "SmsConfiguration") // it stays while there are such texts
	}
	members["PoolName"] = members["Name"]
	delete(members, "Name")
	return members
}

func (c *comparison) update() {
	s := Step{Op: Update, Kind: "pool", Name: c.want.Name(), ID: c.have.ID}
	s.Changes = diff("", c.visible(c.have.Pool), c.visible(c.shown.Pool))
	mfa := diff("", comparable(c.have.MFA), comparable(c.want.MFA))
	var update, second []Call
	if len(mfa) > 0 {
		second = []Call{{Operation: "SetUserPoolMfaConfig", Members: c.mfaRequest()}}
	}
	// Second factors that all must have want a pool that is ready for them; where they
	// go or become fewer, what was theirs can go after them.
	raised := comparable(c.want.MFA)[mfaState] == "ON" && comparable(c.have.MFA)[mfaState] != "ON"
	if len(s.Changes) > 0 {
		state := c.want.MFA
		if raised {
			state = c.have.MFA
		}
		members := c.of(without(c.want.Members, append([]string{"Schema"}, fixed...)...))
		members[mfaState] = comparable(state)[mfaState] // left out it would be OFF on Cognito, some say
		update = []Call{{Operation: "UpdateUserPool", Members: members}}
	}
	s.Changes = append(s.Changes, mfa...)
	if raised {
		s.Calls = append(update, second...)
	} else {
		s.Calls = append(second, update...)
	}
	if fresh := c.schema(); len(fresh) > 0 {
		for _, a := range fresh {
			s.Changes = append(s.Changes, Change{Path: "Schema", New: a})
		}
		s.Calls = append(s.Calls, Call{Operation: "AddCustomAttributes", Members: c.of(Tree{}, "CustomAttributes", fresh)})
	}
	if len(s.Calls) > 0 {
		c.step(s)
	}
}

// plainMFA is what a pool has of which nothing is said.
var plainMFA = comparable(nil)

// mfaRequest is what SetUserPoolMfaConfig is sent, which takes all that it is not told
// to be off.
func (c *comparison) mfaRequest() Tree {
	out := c.of(c.want.MFA)
	if out[mfaState] == nil {
		out[mfaState] = "OFF"
	}
	if t, _ := asTree(out[tokenMFA]); t["Enabled"] != true {
		delete(out, tokenMFA)
	}
	if sms, ok := asTree(out[smsMFA]); ok && sms != nil {
		for _, name := range smsShared { // with the words and the sender that the pool has
			if v := c.want.Members[name]; v != nil {
				sms = sms.With(name, v)
			}
		}
		out[smsMFA] = sms
	}
	return out
}

// smsShared is what texts of second factors share with the pool's others.
var smsShared = []string{"SmsAuthenticationMessage", "SmsConfiguration"}

// comparable are settings of second factors in one spelling: off unless on, a factor
// that is not enabled is none, and of texts only whether there are any, since their
// words and their sender are the pool's.
func comparable(mfa Tree) Tree {
	const on = "on"
	out := Tree{mfaState: "OFF"}
	if state := text(mfa[mfaState]); state != "" {
		out[mfaState] = state
	}
	if t, _ := asTree(mfa[tokenMFA]); t["Enabled"] == true {
		out[tokenMFA] = on
	}
	if _, ok := mfa[smsMFA]; ok {
		out[smsMFA] = on
	}
	if v, ok := mfa[emailMFA]; ok {
		out[emailMFA] = on
		words, _ := asTree(v)
		for name, text := range words {
			out[emailMFA+"."+name] = text
		}
	}
	if v, ok := mfa[passkeys]; ok {
		out[passkeys] = v
	}
	return clean(out)
}

// schema are the attributes to add, and refuses other changes.
func (c *comparison) schema() (fresh []any) {
	have := byName(attributes(c.have.Pool["SchemaAttributes"]))
	want := byName(attributes(c.shown.Pool["SchemaAttributes"]))
	given := attributes(c.want.Members["Schema"])
	names := map[string]bool{}
	for _, a := range given {
		name := text(a["Name"])
		shown, ok := want[name]
		if !ok {
			name = customPrefix + name
			shown = want[name]
		}
		names[name] = true
		switch was, ok := have[name]; {
		case !ok:
			fresh = append(fresh, a)
		case len(diff("", clean(was), clean(shown))) > 0:
			c.problem(c.want.Where, "has the attribute %s otherwise than the pool %s, which has %s: attributes never change once they are there", name, c.have.ID, value(clean(was)))
		}
	}
	for name := range have {
		if len(given) > 0 && isCustom(name) && !names[name] {
			c.problem(c.want.Where, "has a Schema without the attribute %s, which the pool %s has: attributes are never removed. Put it into the Schema, or leave the Schema out", name, c.have.ID)
		}
	}
	return fresh
}

// clients pairs the clients of the file with those that there are: by their ids, then
// by their names.
func (c *comparison) clients() {
	taken := map[string]bool{}
	for i, want := range c.want.Clients {
		have, ok := c.find(want, taken)
		if !ok {
			c.step(c.newClient(want, c.shown.Clients[i]))
			continue
		}
		taken[text(have["ClientId"])] = true
		c.changeClient(want, have, c.shown.Clients[i])
	}
	if !c.want.SaysClients {
		return
	}
	for _, have := range c.have.Clients {
		id := text(have["ClientId"])
		if !taken[id] {
			c.plan.Spare = append(c.plan.Spare, Step{Op: Delete, Kind: "client", Name: text(have["ClientName"]), ID: id, Calls: []Call{{
				Operation: "DeleteUserPoolClient", Members: c.of(Tree{}, "ClientId", id),
			}}})
		}
	}
}

func (c *comparison) find(want Client, taken map[string]bool) (Tree, bool) {
	var found []Tree
	for _, have := range c.have.Clients {
		id := text(have["ClientId"])
		if want.ID != "" && id == want.ID {
			return have, true
		}
		claimed := taken[id] || slices.ContainsFunc(c.want.Clients, func(o Client) bool { return o.ID == id })
		if want.ID == "" && !claimed && text(have["ClientName"]) == want.Name() {
			found = append(found, have)
		}
	}
	if len(found) > 1 {
		c.problem(want.Where, "is one of %d clients named %s in the pool %s: say which, by its ClientId", len(found), want.Name(), c.have.ID)
	}
	if len(found) == 0 {
		return nil, false
	}
	return found[0], true
}

// hidden are the members of a client that are nobody's to set, or not to be seen.
var hidden = []string{"ClientId", "UserPoolId", "CreationDate", "LastModifiedDate", "ClientSecret", "GenerateSecret"}

func (c *comparison) newClient(want Client, shown Tree) Step {
	s := Step{Op: Create, Kind: "client", Name: want.Name(), ID: want.ID}
	plain := without(c.shown.PlainClient, append(hidden, "ClientName")...)
	s.Changes = added(diff("", clean(plain), clean(without(shown, append(hidden, "ClientName")...))))
	if want.Members["ClientSecret"] != nil || want.Members["GenerateSecret"] == true {
		s.Changes = append(s.Changes, Change{Path: "ClientSecret", New: secretText})
	}
	members := want.Members
	if members["ClientSecret"] != nil {
		members = without(members, "GenerateSecret") // of a described one, whose secret is kept
	}
	s.Calls = []Call{{Operation: "CreateUserPoolClient", Members: c.of(members), KeepID: want.ID}}
	return s
}

func (c *comparison) changeClient(want Client, have, shown Tree) {
	id := text(have["ClientId"])
	secret, given := text(have["ClientSecret"]), text(want.Members["ClientSecret"])
	generate, said := want.Members["GenerateSecret"].(bool)
	switch {
	case given != "" && given != secret:
		c.problem(want.Where, "has another ClientSecret than the client %s: secrets are changed by AddUserPoolClientSecret and DeleteUserPoolClientSecret, so that the old one goes on until all have the new one", id)
	case said && generate && secret == "":
		c.problem(want.Where, "wants a secret for the client %s, which was made without one: AddUserPoolClientSecret adds one, or make another client", id)
	case said && !generate && given == "" && secret != "":
		c.problem(want.Where, "wants no secret for the client %s, which was made with one: make another client", id)
	}
	changes := diff("", clean(without(have, hidden...)), clean(without(shown, hidden...)))
	if len(changes) == 0 {
		return
	}
	members := c.of(without(want.Members, "ClientSecret", "GenerateSecret"), "ClientId", id)
	c.step(Step{Op: Update, Kind: "client", Name: want.Name(), ID: id, Changes: changes, Calls: []Call{{Operation: "UpdateUserPoolClient", Members: members}}})
}

func (c *comparison) groups() {
	have := map[string]Tree{}
	for _, g := range c.have.Groups {
		have[text(g["GroupName"])] = g
	}
	for _, want := range c.want.Groups {
		name := text(want["GroupName"])
		was, ok := have[name]
		delete(have, name)
		if !ok {
			c.step(Step{Op: Create, Kind: "group", Name: name, Changes: added(diff("", nil, without(want, "GroupName"))),
				Calls: []Call{{Operation: "CreateGroup", Members: c.of(want)}}})
			continue
		}
		c.changeGroup(want, clean(without(was, "UserPoolId", "CreationDate", "LastModifiedDate")))
	}
	if !c.want.SaysGroups {
		return
	}
	for _, g := range c.have.Groups {
		if name := text(g["GroupName"]); have[name] != nil {
			c.plan.Spare = append(c.plan.Spare, Step{Op: Delete, Kind: "group", Name: name,
				Calls: []Call{{Operation: "DeleteGroup", Members: c.of(Tree{}, "GroupName", name)}}})
		}
	}
}

// changeGroup plans an update, which leaves as it was what it does not name: only a
// description can be taken back.
func (c *comparison) changeGroup(want, was Tree) {
	name := text(want["GroupName"])
	changes := diff("", was, clean(want))
	if len(changes) == 0 {
		return
	}
	members := c.of(want)
	for _, ch := range changes {
		switch {
		case ch.New != nil:
		case ch.Path == "Description":
			members["Description"] = ""
		default:
			c.problem(c.want.Where, "has the group %s without %s, which it has in the pool %s: UpdateGroup cannot take that away. Delete the group and make it again, or say what it has", name, ch.Path, c.have.ID)
		}
	}
	c.step(Step{Op: Update, Kind: "group", Name: name, Changes: changes, Calls: []Call{{Operation: "UpdateGroup", Members: members}}})
}
