package poolfile_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/poolfile"
)

func read(t *testing.T, text string) ([]poolfile.Pool, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pools.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	pools, err := poolfile.Read(path)
	if err != nil {
		return nil, &unplaced{strings.ReplaceAll(err.Error(), path, "F")}
	}
	return pools, nil
}

// unplaced is an error without the folder of its file.
type unplaced struct{ string }

func (u *unplaced) Error() string { return u.string }

// Every mistake is told with its line, and all of them at once.
func TestRead_Mistakes_AreToldWithTheirLines(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "F holds no pool"},
		{"UserPools: []", "F:1: UserPools holds no pool"},
		{"- a", "F must hold settings"},
		{"PoolName: [", "F is not YAML"},
		{"UserPools: 7", "F:1: UserPools must be a list"},
		{"UserPools: []\nPoolName: p", "F:1: UserPools stands alone"},
		{"UserPoolTags: {a: b}", "F has no PoolName"},
		{"PoolName: p\nPolicies:\n  PasswordPolicy:\n    MinimumLenght: 8", "F:4: MinimumLenght is not known here; did you mean MinimumLength?"},
		{"PoolName: p\nPasswordPolicy: {}", "F:2: PasswordPolicy is not known here"},
		{"PoolName: p\nPolicies: {PasswordPolicy: {MinimumLength: long, RequireNumbers: 1}}", "F:2: MinimumLength must be a whole number\nF:2: RequireNumbers must be true or false"},
		{"PoolName: p\nPolicies: {PasswordPolicy: {MinimumLength: 99999999999}}", "F:2: MinimumLength must be a whole number"},
		{"PoolName: p\nMfaConfiguration: \"ONN\"", "F:2: MfaConfiguration has \"ONN\""},
		{"PoolName: p\nMfaConfiguration: \"ON\"", "F has MfaConfiguration ON and no second factor"},
		{"PoolName: p\nUsernameAttributes: phone_number", "F:2: UsernameAttributes must be a list"},
		{"PoolName: p\nUsernameAttributes:\n- phone", "F:3: UsernameAttributes has \"phone\""},
		{"PoolName: p\nLambdaConfig: x", "F:2: LambdaConfig must be a mapping"},
		{"PoolName: p\nPoolName: q", "F:2: PoolName is given twice"},
		{"PoolName: p\nClients:\n- ClientNam: a", "F:3: ClientNam is not known here; did you mean ClientName?"},
		{"PoolName: p\nClients:\n- {}", "F:3: Clients has no ClientName"},
		{"PoolName: p\nClients: [{ClientName: a}, {ClientName: a}]", "is the second client of that name"},
		{"PoolName: p\nGroups: [{Description: a}]", "F:2: Groups has no GroupName"},
		{"PoolName: p\nGroups: [{GroupName: a}, {GroupName: a}]", "second group of that name"},
		{"UserPools: [{PoolName: a}, {PoolName: a}]", "second pool of that name"},
		{"UserPools: [{PoolName: a, Id: us-east-1_A}, {PoolName: b, Id: us-east-1_A}]", "second pool of that id"},
	} {
		_, err := read(t, c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// What describe-user-pool and its kin print is a file as it is.
func TestRead_WhatAWSPrinted_IsAPool(t *testing.T) {
	pools, err := read(t, `{
    "UserPool": {
        "Id": "us-east-1_AbC123xyz", "Name": "riders", "Arn": "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbC123xyz",
        "Status": "Enabled", "CreationDate": "2024-05-01T10:00:00.123000+02:00", "LastModifiedDate": 1714550400.5, "EstimatedNumberOfUsers": 7, "Domain": "riders",
        "LambdaConfig": {}, "MfaConfiguration": "OPTIONAL",
        "SchemaAttributes": [{"Name": "sub", "AttributeDataType": "String", "Required": true}, {"Name": "phone_number_verified", "AttributeDataType": "Boolean"},
            {"Name": "name", "AttributeDataType": "String", "Required": true}, {"Name": "custom:tier", "AttributeDataType": "String", "StringAttributeConstraints": {}}]
    },
    "SoftwareTokenMfaConfiguration": {"Enabled": true},
    "Clients": [{"UserPoolClient": {"UserPoolId": "us-east-1_AbC123xyz", "ClientId": "abc", "ClientName": "web", "ClientSecret": "s3cret", "CreationDate": 1.5, "RefreshTokenValidity": 30}}],
    "Groups": [{"GroupName": "admins", "UserPoolId": "us-east-1_AbC123xyz", "CreationDate": 1.5}]
}`)
	if err != nil {
		t.Fatal(err)
	}
	p := pools[0]
	want := poolfile.Pool{
		Where: p.Where, ID: "us-east-1_AbC123xyz", SaysClients: true, SaysGroups: true,
		Members: poolfile.Tree{"PoolName": "riders", "Schema": []any{
			poolfile.Tree{"Name": "name", "AttributeDataType": "String", "Required": true}, poolfile.Tree{"Name": "tier", "AttributeDataType": "String"},
		}},
		MFA:     poolfile.Tree{"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": poolfile.Tree{"Enabled": true}},
		Clients: []poolfile.Client{{Where: p.Clients[0].Where, ID: "abc", Members: poolfile.Tree{"ClientName": "web", "ClientSecret": "s3cret", "RefreshTokenValidity": int64(30)}}},
		Groups:  []poolfile.Tree{{"GroupName": "admins"}},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %#v\nwant %#v", p, want)
	}
}

func TestTreeOf_SDKTypes_AreWhatTheyAreOnTheWire(t *testing.T) {
	got := poolfile.TreeOf(&types.UserPoolType{
		Name: new("p"), DeletionProtection: "ACTIVE", UserPoolTags: map[string]string{"a": "b"}, UsernameAttributes: []types.UsernameAttributeType{"email"},
		Policies:              &types.UserPoolPolicyType{PasswordPolicy: &types.PasswordPolicyType{MinimumLength: new(int32(6)), RequireNumbers: true}},
		UsernameConfiguration: &types.UsernameConfigurationType{CaseSensitive: new(false)},
	})
	want := poolfile.Tree{
		"Name": "p", "DeletionProtection": "ACTIVE", "UserPoolTags": poolfile.Tree{"a": "b"}, "UsernameAttributes": []any{"email"},
		"Policies":              poolfile.Tree{"PasswordPolicy": poolfile.Tree{"MinimumLength": int64(6), "RequireNumbers": true}},
		"UsernameConfiguration": poolfile.Tree{"CaseSensitive": false},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// state is a pool as a server shows it.
func state() poolfile.State {
	return poolfile.State{
		ID: "us-east-1_A",
		Pool: poolfile.Tree{
			"Id": "us-east-1_A", "Name": "p", "UsernameAttributes": []any{"phone_number"}, "MfaConfiguration": "OFF",
			"AutoVerifiedAttributes": []any{"email", "phone_number"}, "UserPoolTags": poolfile.Tree{"team": "a"},
			"SchemaAttributes": []any{map[string]any{"Name": "name", "Required": false}, map[string]any{"Name": "custom:tier", "Required": false}},
		},
		MFA:     poolfile.Tree{"MfaConfiguration": "OFF"},
		Clients: []poolfile.Tree{{"ClientId": "c1", "ClientName": "web", "ClientSecret": "hush-hush"}, {"ClientId": "c2", "ClientName": "old"}},
		Groups:  []poolfile.Tree{{"GroupName": "admins", "Description": "d", "Precedence": 1.0}},
	}
}

// wish is a pool of a file that says of everything what state has, changed by edit.
func wish(edit func(p *poolfile.Pool, s *poolfile.Shown)) (poolfile.Pool, poolfile.Shown) {
	p := poolfile.Pool{
		Where: "F", Members: poolfile.Tree{"PoolName": "p", "AutoVerifiedAttributes": []any{"phone_number", "email"}}, MFA: poolfile.Tree{},
		Clients: []poolfile.Client{{Where: "F:9: Clients", Members: poolfile.Tree{"ClientName": "web"}}, {Where: "F:10: Clients", ID: "c2", Members: poolfile.Tree{"ClientName": "old"}}},
		Groups:  []poolfile.Tree{{"GroupName": "admins", "Description": "d", "Precedence": int64(1)}}, SaysClients: true, SaysGroups: true,
	}
	s := poolfile.Shown{
		Pool: poolfile.Tree{"Name": "p", "AutoVerifiedAttributes": []any{"phone_number", "email"},
			"SchemaAttributes": []any{map[string]any{"Name": "name", "Required": false}, map[string]any{"Name": "custom:tier", "Required": false}}},
		Clients: []poolfile.Tree{{"ClientName": "web"}, {"ClientName": "old"}},
	}
	edit(&p, &s)
	return p, s
}

func TestCompare_Plans(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(p *poolfile.Pool, s *poolfile.Shown)
		want string // as it is printed, with --prune
		err  string
	}{
		"nothing": {func(*poolfile.Pool, *poolfile.Shown) {}, "  pool p (us-east-1_A): as the file says\n", ""},
		"a member changed, one added": {func(_ *poolfile.Pool, s *poolfile.Shown) {
			s.Pool["AutoVerifiedAttributes"], s.Pool["SmsVerificationMessage"] = []any{"email"}, "<{####}>"
		}, "~ pool p (us-east-1_A)\n    ~ AutoVerifiedAttributes: [\"email\",\"phone_number\"] -> [\"email\"]\n    + SmsVerificationMessage: \"<{####}>\"\n", ""},
		"tags said": {func(p *poolfile.Pool, s *poolfile.Shown) {
			p.Members["UserPoolTags"], s.Pool["UserPoolTags"] = poolfile.Tree{"kind": "b"}, map[string]any{"kind": "b"}
		}, "~ pool p (us-east-1_A)\n    + UserPoolTags.kind: \"b\"\n    - UserPoolTags.team: \"a\" -> none\n", ""},
		"a second factor": {func(p *poolfile.Pool, _ *poolfile.Shown) {
			p.MFA = poolfile.Tree{"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": poolfile.Tree{"Enabled": true}}
		}, "~ pool p (us-east-1_A)\n    ~ MfaConfiguration: \"OFF\" -> \"ON\"\n    + SoftwareTokenMfaConfiguration: \"on\"\n", ""},
		"texts as a second factor, said emptily": {func(p *poolfile.Pool, _ *poolfile.Shown) {
			p.MFA = poolfile.Tree{"MfaConfiguration": "OPTIONAL", "SmsMfaConfiguration": poolfile.Tree{}, "EmailMfaConfiguration": poolfile.Tree{"Subject": "In"}}
		}, "~ pool p (us-east-1_A)\n    + EmailMfaConfiguration: \"on\"\n    + EmailMfaConfiguration.Subject: \"In\"\n    ~ MfaConfiguration: \"OFF\" -> \"OPTIONAL\"\n    + SmsMfaConfiguration: \"on\"\n", ""},
		"an attribute more": {func(p *poolfile.Pool, s *poolfile.Shown) {
			p.Members["Schema"] = []any{poolfile.Tree{"Name": "tier"}, poolfile.Tree{"Name": "age"}}
			s.Pool["SchemaAttributes"] = append(s.Pool["SchemaAttributes"].([]any), map[string]any{"Name": "custom:age"})
		}, "~ pool p (us-east-1_A)\n    + Schema: {\"Name\":\"age\"}\n", ""},
		"an attribute less": {func(p *poolfile.Pool, _ *poolfile.Shown) { p.Members["Schema"] = []any{poolfile.Tree{"Name": "name"}} },
			"", "F has a Schema without the attribute custom:tier"},
		"an attribute otherwise": {func(p *poolfile.Pool, s *poolfile.Shown) {
			p.Members["Schema"] = []any{poolfile.Tree{"Name": "tier"}, poolfile.Tree{"Name": "name", "Required": true}}
			s.Pool["SchemaAttributes"].([]any)[0] = map[string]any{"Name": "name", "Required": true}
		}, "", "F has the attribute name otherwise"},
		"other names": {func(p *poolfile.Pool, _ *poolfile.Shown) { p.Members["UsernameAttributes"] = []any{"email"} },
			"", "F has other UsernameAttributes than the pool us-east-1_A, whose are [\"phone_number\"]: they are set when a pool is made and never change"},
		"a client changed, one spare": {func(p *poolfile.Pool, s *poolfile.Shown) {
			p.Clients, s.Clients = p.Clients[:1], []poolfile.Tree{{"ClientName": "web", "AuthSessionValidity": 5.0}}
		}, "~ client web (c1)\n    + AuthSessionValidity: 5\n- client old (c2)\n", ""},
		"a client of another id": {func(p *poolfile.Pool, _ *poolfile.Shown) { p.Clients[0].ID = "c3" }, "+ client web (c3)\n- client web (c1)\n", ""},
		"the same secret":        {func(p *poolfile.Pool, _ *poolfile.Shown) { p.Clients[0].Members["ClientSecret"] = "hush-hush" }, "  pool p (us-east-1_A): as the file says\n", ""},
		"another secret":         {func(p *poolfile.Pool, _ *poolfile.Shown) { p.Clients[0].Members["ClientSecret"] = "hush-hush-2" }, "", "F:9: Clients has another ClientSecret than the client c1"},
		"a secret for none":      {func(p *poolfile.Pool, _ *poolfile.Shown) { p.Clients[1].Members["GenerateSecret"] = true }, "", "F:10: Clients wants a secret for the client c2"},
		"none for a secret":      {func(p *poolfile.Pool, _ *poolfile.Shown) { p.Clients[0].Members["GenerateSecret"] = false }, "", "F:9: Clients wants no secret for the client c1"},
		"a group less, one more": {func(p *poolfile.Pool, _ *poolfile.Shown) { p.Groups = []poolfile.Tree{{"GroupName": "staff"}} }, "+ group staff\n- group admins\n", ""},
		"no word of groups":      {func(p *poolfile.Pool, _ *poolfile.Shown) { p.Groups, p.SaysGroups = nil, false }, "  pool p (us-east-1_A): as the file says\n", ""},
		"a group without its text": {func(p *poolfile.Pool, _ *poolfile.Shown) {
			p.Groups = []poolfile.Tree{{"GroupName": "admins", "Precedence": int64(1)}}
		}, "~ group admins\n    - Description: \"d\" -> none\n", ""},
		"a group without its rank": {func(p *poolfile.Pool, _ *poolfile.Shown) {
			p.Groups = []poolfile.Tree{{"GroupName": "admins", "Description": "d"}}
		}, "", "F has the group admins without Precedence"},
	} {
		t.Run(name, func(t *testing.T) {
			p, s := wish(c.edit)
			plan, err := poolfile.Compare(p, s, state())
			if c.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.err) || strings.Contains(err.Error(), "hush") {
					t.Errorf("got %v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := plan.Print(&b, true); err != nil || b.String() != c.want {
				t.Errorf("got\n%swant\n%s", b.String(), c.want)
			}
		})
	}
}

// Two clients of one name are told apart by their ids alone.
func TestCompare_ClientsOfOneName_AreRefused(t *testing.T) {
	have := state()
	have.Clients[1]["ClientName"] = "web"
	p, s := wish(func(p *poolfile.Pool, s *poolfile.Shown) { p.Clients, s.Clients = p.Clients[:1], s.Clients[:1] })
	if _, err := poolfile.Compare(p, s, have); err == nil || !strings.Contains(err.Error(), "is one of 2 clients named web") {
		t.Errorf("got %v", err)
	}
}

// An update takes nothing back that it does not speak of: what the server keeps of
// second factors is said again, and what never changes is not sent.
func TestCompare_Update_SendsWhatTheServerTakes(t *testing.T) {
	have := state()
	have.Pool["MfaConfiguration"], have.MFA = "ON", poolfile.Tree{"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": map[string]any{"Enabled": true}}
	p, s := wish(func(p *poolfile.Pool, s *poolfile.Shown) {
		p.Members["UsernameAttributes"], p.Members["Schema"] = []any{"phone_number"}, []any{poolfile.Tree{"Name": "tier"}}
		p.MFA = poolfile.Tree{"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": poolfile.Tree{"Enabled": true}}
		p.Members["DeletionProtection"], s.Pool["DeletionProtection"] = "ACTIVE", "ACTIVE"
	})
	plan, err := poolfile.Compare(p, s, have)
	if err != nil {
		t.Fatal(err)
	}
	want := []poolfile.Call{{Operation: "UpdateUserPool", Members: poolfile.Tree{
		"UserPoolId": "us-east-1_A", "PoolName": "p", "AutoVerifiedAttributes": []any{"phone_number", "email"}, "DeletionProtection": "ACTIVE", "MfaConfiguration": "ON",
	}}}
	if len(plan.Steps) != 1 || !reflect.DeepEqual(plan.Steps[0].Calls, want) {
		t.Errorf("got %#v", plan.Steps)
	}
}
