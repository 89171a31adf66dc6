// Package poolfile is a file that says what user pools, app clients and groups there
// are to be, in Cognito's own names, and what has to be done for it. It reads such a
// file, compares it with what a server shows, and makes a plan; whoever calls it talks
// to the server. What a member may be is the server's to say: here is only its shape.
package poolfile

import (
	"reflect"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// Pool is one pool of a file.
type Pool struct {
	Where   string // its line
	ID      string // "" where it is found by its name
	Members Tree   // of CreateUserPool, without MfaConfiguration
	MFA     Tree   // of SetUserPoolMfaConfig
	Clients []Client
	Groups  []Tree // each of CreateGroup
	// Whether the file speaks of them at all. Where it does not, they are left alone.
	SaysClients, SaysGroups bool
}

// Name is the pool's name.
func (p Pool) Name() string { return text(p.Members["PoolName"]) }

// Client is one app client of a pool.
type Client struct {
	Where   string
	ID      string // "" where it is found by its name
	Members Tree   // of CreateUserPoolClient
}

// Name is the client's name.
func (c Client) Name() string { return text(c.Members["ClientName"]) }

// The SDK's types are the one list of members, with what stands in each.
var (
	poolShapes = []reflect.Type{
		reflect.TypeFor[cip.CreateUserPoolInput](), reflect.TypeFor[types.UserPoolType](), reflect.TypeFor[cip.SetUserPoolMfaConfigInput](),
	}
	clientShapes = []reflect.Type{reflect.TypeFor[cip.CreateUserPoolClientInput](), reflect.TypeFor[types.UserPoolClientType]()}
	groupShapes  = []reflect.Type{reflect.TypeFor[types.GroupType]()}
)

// The members of SetUserPoolMfaConfig.
const (
	mfaState = "MfaConfiguration"
	smsMFA   = "SmsMfaConfiguration"
	tokenMFA = "SoftwareTokenMfaConfiguration"
	emailMFA = "EmailMfaConfiguration"
	passkeys = "WebAuthnConfiguration"
)

var mfaMembers = []string{mfaState, smsMFA, tokenMFA, emailMFA, passkeys}

// Read reads the file. Everything that is wrong with it is told at once, each with its
// line (config.Problems).
func Read(path string) ([]Pool, error) {
	r, root, err := yamlfile.Open("FILE", path)
	if err != nil {
		return nil, err
	}
	if root.Node == nil {
		r.Problem(root, "holds no pool")
		return nil, r.Problems
	}
	f := file{r}
	pools := f.read(root)
	f.checkTwice(pools)
	if len(r.Problems) > 0 {
		return nil, r.Problems
	}
	return pools, nil
}

// file reads the nodes of one.
type file struct{ *yamlfile.Reader }

// read takes the forms that people have: one pool, what describe-user-pool printed, or
// several of either under UserPools.
func (f file) read(root yamlfile.Place) []Pool {
	pairs, _ := f.Pairs(root)
	for _, pair := range pairs {
		if pair.Key != "UserPools" {
			continue
		}
		if len(pairs) > 1 {
			f.Problem(pair.Place, "stands alone: what is beside it belongs to one of the pools")
		}
		var pools []Pool
		elements := f.Elements(pair.Place, "UserPools")
		for _, e := range elements {
			pools = append(pools, f.pool(e))
		}
		if len(elements) == 0 && len(f.Problems) == 0 {
			f.Problem(pair.Place, "holds no pool")
		}
		return pools
	}
	return []Pool{f.pool(root)}
}

// pool reads one pool. What describe-user-pool printed has its members under UserPool.
func (f file) pool(p yamlfile.Place) Pool {
	pool := Pool{Where: p.Where}
	shape := f.shape(poolShapes)
	var own func(yamlfile.Place) Tree
	read := map[string]func(yamlfile.Place){
		"Clients": func(p yamlfile.Place) { pool.SaysClients, pool.Clients = true, f.clients(p) },
		"Groups":  func(p yamlfile.Place) { pool.SaysGroups, pool.Groups = true, f.groups(p) },
	}
	own = func(p yamlfile.Place) Tree { return f.object(p, shape, read) }
	members := Tree{}
	read["UserPool"] = func(p yamlfile.Place) {
		for name, v := range own(p) {
			members[name] = v
		}
	}
	for name, v := range own(p) {
		members[name] = v
	}
	pool.ID = text(members["Id"])
	pool.Members, pool.MFA = split(Creation(members))
	if pool.Name() == "" {
		f.Problem(p, "has no PoolName")
	}
	f.checkMFA(p, pool.MFA)
	return pool
}

// split takes the members of SetUserPoolMfaConfig out.
func split(members Tree) (rest, mfa Tree) {
	mfa = Tree{}
	for _, name := range mfaMembers {
		if v, ok := members[name]; ok {
			mfa[name] = v
			delete(members, name)
		}
	}
	// The sender of texts is one, by whichever way it is said.
	if sms, _ := mfa[smsMFA].(Tree); sms != nil {
		for _, name := range smsShared {
			if members[name] == nil && sms[name] != nil {
				members[name] = sms[name]
			}
		}
	}
	return members, mfa
}

// checkMFA refuses second factors that nobody has named. It is what one gets of
// describe-user-pool alone.
func (f file) checkMFA(p yamlfile.Place, mfa Tree) {
	on := text(mfa[mfaState])
	if on == "" || on == "OFF" {
		return
	}
	if mfa[smsMFA] != nil || mfa[tokenMFA] != nil || mfa[emailMFA] != nil {
		return
	}
	f.Problem(p, "has MfaConfiguration %s and no second factor: describe-user-pool does not tell them; add what get-user-pool-mfa-config prints (SoftwareTokenMfaConfiguration, SmsMfaConfiguration, EmailMfaConfiguration)", on)
}

func (f file) clients(p yamlfile.Place) []Client {
	var all []Client
	shape := f.shape(clientShapes)
	for _, e := range f.Elements(p, "Clients") {
		members := f.unwrapped(e, "UserPoolClient", shape)
		c := Client{Where: e.Where, ID: text(members["ClientId"]), Members: ClientCreation(members)}
		if c.Name() == "" {
			f.Problem(e, "has no ClientName")
		}
		all = append(all, c)
	}
	return all
}

func (f file) groups(p yamlfile.Place) []Tree {
	var all []Tree
	shape := f.shape(groupShapes)
	for _, e := range f.Elements(p, "Groups") {
		members := f.unwrapped(e, "Group", shape)
		if text(members["GroupName"]) == "" {
			f.Problem(e, "has no GroupName")
		}
		all = append(all, without(members, "UserPoolId", "CreationDate", "LastModifiedDate"))
	}
	return all
}

// unwrapped reads an object, or the one that a describe- or get- command printed
// under the name of its type.
func (f file) unwrapped(p yamlfile.Place, name string, shape shape) Tree {
	members := Tree{}
	read := map[string]func(yamlfile.Place){name: func(p yamlfile.Place) {
		for name, v := range f.object(p, shape, nil) {
			members[name] = v
		}
	}}
	for name, v := range f.object(p, shape, read) {
		members[name] = v
	}
	return members
}

// checkTwice refuses what would be found twice.
func (f file) checkTwice(pools []Pool) {
	seen := map[string]bool{}
	once := func(where, what, key string) {
		if key != "" && seen[what+"\n"+key] {
			f.Problem(yamlfile.Place{Where: where}, "is the second %s in the file", what)
		}
		seen[what+"\n"+key] = true
	}
	for _, p := range pools {
		once(p.Where, "pool of that id", p.ID)
		if p.ID == "" {
			once(p.Where, "pool of that name without an Id", p.Name())
		}
		for _, c := range p.Clients {
			once(c.Where, "client of that id", c.ID)
			if c.ID == "" {
				once(c.Where, "client of that name without a ClientId in this pool", p.Where+"\n"+c.Name())
			}
		}
		for _, g := range p.Groups {
			once(p.Where, "group of that name in this pool ("+text(g["GroupName"])+")", p.Where+"\n"+text(g["GroupName"]))
		}
	}
}
