package cognito_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// send sends a signed request that must succeed.
func (w *world) send(target string, members map[string]any) {
	w.t.Helper()
	body, err := json.Marshal(members)
	w.must(err)
	if a := w.rawSigned(target, string(body), time.Now(), nil); a.Code != 200 {
		w.t.Fatalf("%s %s: %d %s", target, body, a.Code, a.Body)
	}
}

// without is a copy of an answer's members that lacks some.
func without(members map[string]any, names string) map[string]any {
	rest := maps.Clone(members)
	for _, n := range strings.Fields(names) {
		delete(rest, n)
	}
	return rest
}

func (w *world) describedPool(id any) map[string]any {
	w.t.Helper()
	return w.admin("DescribeUserPool", fmt.Sprintf(`{"UserPoolId":%q}`, id), "UserPool")
}

const fullPool = `"AutoVerifiedAttributes":["phone_number"],"DeletionProtection":"ACTIVE","SmsVerificationMessage":"Your code: {####}",
	"SmsAuthenticationMessage":"Sign in with {####}","EmailVerificationSubject":"Hello","UserPoolTier":"PLUS","MfaConfiguration":"OFF",
	"UsernameConfiguration":{"CaseSensitive":false},
	"Policies":{"PasswordPolicy":{"MinimumLength":12,"RequireNumbers":true,"TemporaryPasswordValidityDays":3},"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","SMS_OTP"]}},
	"AccountRecoverySetting":{"RecoveryMechanisms":[{"Name":"verified_phone_number","Priority":1}]},
	"AdminCreateUserConfig":{"AllowAdminCreateUserOnly":true,"UnusedAccountValidityDays":3,"InviteMessageTemplate":{"SMSMessage":"{username}: {####}"}},
	"SmsConfiguration":{"SnsCallerArn":"arn:aws:iam::123456789012:role/sms","ExternalId":"x"},
	"Schema":[{"Name":"name","Required":true,"StringAttributeConstraints":{"MinLength":"1","MaxLength":"64"}},{"Name":"gender","Mutable":false},
		{"Name":"tier","AttributeDataType":"String","StringAttributeConstraints":{"MaxLength":"8"}},
		{"Name":"age","AttributeDataType":"Number","Mutable":false,"NumberAttributeConstraints":{"MinValue":"-1","MaxValue":"150"}}]`

// readOnly are the members of a pool that UpdateUserPool does not take.
const readOnly = "Id Name Arn CreationDate LastModifiedDate SchemaAttributes UsernameAttributes AliasAttributes UsernameConfiguration EstimatedNumberOfUsers"

func TestUpdateUserPool_WhatDescribeShows_ChangesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		aliases := `{"PoolName":"p","AliasAttributes":["email","preferred_username"],"AutoVerifiedAttributes":["email"],"UserPoolTags":{"bellhop:token-alg":"ES256"},
			"UserAttributeUpdateSettings":{"AttributesRequireVerificationBeforeUpdate":["email"]}}`
		for _, body := range []string{poolWith(`"Schema":[]`), poolWith(fullPool), aliases} {
			pool := w.createdPool(body)
			update := without(pool, readOnly)
			update["UserPoolId"] = pool["Id"]
			w.send("UpdateUserPool", update)
			after := w.describedPool(pool["Id"])
			if !reflect.DeepEqual(without(after, "LastModifiedDate"), without(pool, "LastModifiedDate")) {
				t.Errorf("before %v\nafter  %v", pool, after)
			}
		}
	})
}

func TestUpdateUserPool_WhatIsLeftOut_GoesBackToItsDefaultButForNamesSchemaAndTags(t *testing.T) {
	inWorld(t, func(w *world) {
		bare, full := w.createdPool(poolWith(`"Schema":[]`)), w.createdPool(poolWith(fullPool))
		w.send("UpdateUserPool", map[string]any{"UserPoolId": full["Id"]})
		got, want := w.describedPool(full["Id"]), maps.Clone(bare)
		for _, kept := range []string{"Id", "Arn", "SchemaAttributes", "UsernameConfiguration"} {
			want[kept] = full[kept]
		}
		if !reflect.DeepEqual(without(got, "LastModifiedDate"), without(want, "LastModifiedDate")) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		w.send("UpdateUserPool", map[string]any{"UserPoolId": full["Id"], "PoolName": "renamed", "UserPoolTags": map[string]string{"team": "x"}})
		if got := w.describedPool(full["Id"]); got["Name"] != "renamed" || !reflect.DeepEqual(got["UserPoolTags"], map[string]any{"team": "x"}) {
			t.Errorf("got %v", got)
		}
		w.send("UpdateUserPool", map[string]any{"UserPoolId": full["Id"], "UserPoolTags": map[string]string{}})
		if got := w.describedPool(full["Id"]); got["Name"] != "renamed" || got["UserPoolTags"] != nil {
			t.Errorf("got %v", got)
		}
	})
}

func TestUpdateUserPool_Answer_IsAnEmptyObject(t *testing.T) {
	inWorld(t, func(w *world) {
		_, err := w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{UserPoolId: &w.pool})
		w.must(err)
		if body := w.wire.last().Body.String(); body != "{}" {
			t.Errorf("got %q", body)
		}
	})
}

func TestUserPoolClient_MadeReadChangedReadDeleted_DoesNotDrift(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, members := range []string{`"GenerateSecret":false`, `"GenerateSecret":true,"ExplicitAuthFlows":["ALLOW_USER_AUTH"],
			"AccessTokenValidity":10,"IdTokenValidity":20,"RefreshTokenValidity":2,"TokenValidityUnits":{"AccessToken":"minutes","IdToken":"minutes","RefreshToken":"hours"},
			"PreventUserExistenceErrors":"ENABLED","EnableTokenRevocation":false,"AuthSessionValidity":5,"RefreshTokenRotation":{"Feature":"ENABLED","RetryGracePeriodSeconds":10},
			"ReadAttributes":["name"],"WriteAttributes":["name"],"CallbackURLs":["https://app.example/cb"],"AllowedOAuthFlows":["client_credentials"],"AllowedOAuthScopes":["openid"]`} {
			made := w.createdClient(members)
			const readOnly = "ClientSecret CreationDate LastModifiedDate"
			again := w.updatedClient(without(made, readOnly))
			if !reflect.DeepEqual(without(again, "LastModifiedDate"), without(made, "LastModifiedDate")) {
				t.Errorf("made  %v\nagain %v", made, again)
			}
			bare := w.updatedClient(map[string]any{"UserPoolId": w.pool, "ClientId": made["ClientId"]})
			want := w.createdClient(`"GenerateSecret":false`)
			for _, kept := range []string{"ClientId", "ClientSecret", "CreationDate", "LastModifiedDate"} {
				delete(want, kept)
				if v, there := made[kept]; there {
					want[kept] = v
				}
			}
			if !reflect.DeepEqual(without(bare, "LastModifiedDate"), without(want, "LastModifiedDate")) {
				t.Errorf("bare %v\nwant %v", bare, want)
			}
			_, err := w.sdk.DeleteUserPoolClient(w.ctx, &cip.DeleteUserPoolClientInput{UserPoolId: &w.pool, ClientId: aws.String(made["ClientId"].(string))})
			w.must(err)
			if body := w.wire.last().Body.String(); body != "" {
				t.Errorf("DeleteUserPoolClient answered %q, want no body", body)
			}
			_, err = w.sdk.DescribeUserPoolClient(w.ctx, &cip.DescribeUserPoolClientInput{UserPoolId: &w.pool, ClientId: aws.String(made["ClientId"].(string))})
			wantError[*types.ResourceNotFoundException](w, err, "")
		}
	})
}

// updatedClient updates a client, checks that it looks the same when it is
// described, and returns it.
func (w *world) updatedClient(members map[string]any) map[string]any {
	w.t.Helper()
	body, err := json.Marshal(members)
	w.must(err)
	updated := w.admin("UpdateUserPoolClient", string(body), "UserPoolClient")
	described := w.admin("DescribeUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientId":%q}`, w.pool, members["ClientId"]), "UserPoolClient")
	if !reflect.DeepEqual(updated, described) {
		w.t.Errorf("updated   %v\ndescribed %v", updated, described)
	}
	return updated
}

func TestLists_PageByPage_ShowEachOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		pools, clients := []string{w.pool}, []string{w.client}
		for range 4 {
			pools = append(pools, w.createdPool(poolWith(`"Schema":[]`))["Id"].(string))
			clients = append(clients, w.makeClient(&cip.CreateUserPoolClientInput{}))
		}
		var gotPools, gotClients []string
		poolPages := cip.NewListUserPoolsPaginator(w.sdk, &cip.ListUserPoolsInput{MaxResults: new(int32(2))})
		for poolPages.HasMorePages() {
			page, err := poolPages.NextPage(w.ctx)
			w.must(err)
			for _, p := range page.UserPools {
				if aws.ToString(p.Name) == "" || p.CreationDate == nil || p.LastModifiedDate == nil || p.LambdaConfig == nil {
					t.Errorf("got %+v", p)
				}
				gotPools = append(gotPools, *p.Id)
			}
		}
		clientPages := cip.NewListUserPoolClientsPaginator(w.sdk, &cip.ListUserPoolClientsInput{UserPoolId: &w.pool, MaxResults: new(int32(2))})
		for clientPages.HasMorePages() {
			page, err := clientPages.NextPage(w.ctx)
			w.must(err)
			for _, c := range page.UserPoolClients {
				if *c.ClientName != "app" || *c.UserPoolId != w.pool {
					t.Errorf("got %+v", c)
				}
				gotClients = append(gotClients, *c.ClientId)
			}
		}
		slices.Sort(pools)
		slices.Sort(clients)
		if !slices.Equal(gotPools, pools) || !slices.Equal(gotClients, clients) {
			t.Errorf("pools %v, want %v\nclients %v, want %v", gotPools, pools, gotClients, clients)
		}
		all, err := w.sdk.ListUserPoolClients(w.ctx, &cip.ListUserPoolClientsInput{UserPoolId: &w.pool})
		w.must(err)
		if len(all.UserPoolClients) != len(clients) || all.NextToken != nil {
			t.Errorf("got %+v", all)
		}
	})
}

func TestLists_TokensThatAreNotTheirs_AreRefused(t *testing.T) {
	const invalid = "InvalidParameterException"
	inWorld(t, func(w *world) {
		other := w.createdPool(poolWith(`"Schema":[]`))["Id"].(string)
		w.makeClient(&cip.CreateUserPoolClientInput{})
		pools, err := w.sdk.ListUserPools(w.ctx, &cip.ListUserPoolsInput{MaxResults: new(int32(1))})
		w.must(err)
		clients, err := w.sdk.ListUserPoolClients(w.ctx, &cip.ListUserPoolClientsInput{UserPoolId: &w.pool, MaxResults: new(int32(1))})
		w.must(err)
		changed := []byte(*pools.NextToken)
		changed[len(changed)/2] ^= 1
		list := func(rest string) string { return `{"MaxResults":1` + rest + `}` }
		token := func(s string) string { return fmt.Sprintf(`,"NextToken":%q`, s) }
		pool := func(id string) string { return fmt.Sprintf(`,"UserPoolId":%q`, id) }
		w.refuse(w.signed, []bad{
			{"changed token", "ListUserPools", list(token(string(changed))), invalid},
			{"made-up token", "ListUserPools", list(token("next")), invalid},
			{"empty token", "ListUserPools", list(token("")), invalid},
			{"token of clients", "ListUserPools", list(token(*clients.NextToken)), invalid},
			{"token of pools", "ListUserPoolClients", list(pool(w.pool) + token(*pools.NextToken)), invalid},
			{"token of another pool's clients", "ListUserPoolClients", list(pool(other) + token(*clients.NextToken)), invalid},
			{"token of secrets, which have none", "ListUserPoolClientSecrets", fmt.Sprintf(`{"UserPoolId":%q,"ClientId":%q,"NextToken":%q}`, w.pool, w.client, *clients.NextToken), invalid},
			{"token is a number", "ListUserPools", list(`,"NextToken":1`), "SerializationException"},
			{"no page size", "ListUserPools", `{}`, invalid},
			{"page of none", "ListUserPools", `{"MaxResults":0}`, invalid},
			{"page too long", "ListUserPools", `{"MaxResults":61}`, invalid},
			{"page of clients too long", "ListUserPoolClients", `{"MaxResults":61` + pool(w.pool) + `}`, invalid},
			{"clients of an unknown pool", "ListUserPoolClients", list(pool("us-east-1_none")), "ResourceNotFoundException"},
		})
	})
}

func TestManagement_BadInput_LeavesNothingBehind(t *testing.T) {
	const invalid, unknown = "InvalidParameterException", "ResourceNotFoundException"
	inWorld(t, func(w *world) {
		other := w.createdPool(poolWith(`"Schema":[]`))["Id"].(string)
		pool := func(id, rest string) string { return fmt.Sprintf(`{"UserPoolId":%q%s}`, id, rest) }
		client := func(pool, id, rest string) string {
			return fmt.Sprintf(`{"UserPoolId":%q,"ClientId":%q%s}`, pool, id, rest)
		}
		custom := func(attribute string) string { return pool(w.pool, `,"CustomAttributes":[`+attribute+`]`) }
		list := []bad{
			{"update of an unknown pool", "UpdateUserPool", pool("us-east-1_none", ""), unknown},
			{"update of no pool", "UpdateUserPool", `{}`, invalid},
			{"ill-formed name", "UpdateUserPool", pool(w.pool, `,"PoolName":"a/b"`), invalid},
			{"wrong type", "UpdateUserPool", pool(w.pool, `,"PoolName":1`), "SerializationException"},
			{"second factor", "UpdateUserPool", pool(w.pool, `,"MfaConfiguration":"ON"`), invalid},
			{"triggers", "UpdateUserPool", pool(w.pool, `,"LambdaConfig":{"PreSignUp":"no function"}`), invalid},
			{"unknown tag", "UpdateUserPool", pool(w.pool, `,"UserPoolTags":{"bellhop:nonsense":"1"}`), invalid},
			{"text without a code", "UpdateUserPool", pool(w.pool, `,"SmsVerificationMessage":"no code here"`), invalid},
			{"lifetimes", "UpdateUserPoolClient", client(w.pool, w.client, `,"AccessTokenValidity":48`), invalid},
			{"flows", "UpdateUserPoolClient", client(w.pool, w.client, `,"ExplicitAuthFlows":["USER_PASSWORD_AUTH","ALLOW_USER_AUTH"]`), invalid},
			{"client name", "UpdateUserPoolClient", client(w.pool, w.client, `,"ClientName":""`), invalid},
			{"names outside the schema", "UpdateUserPoolClient", client(w.pool, w.client, `,"ReadAttributes":["custom:none"]`), invalid},
			{"OAuth flow of a public client", "UpdateUserPoolClient", client(w.pool, w.client, `,"AllowedOAuthFlows":["client_credentials"]`), "InvalidOAuthFlowException"},
			{"secret of a public client", "AddUserPoolClientSecret", client(w.pool, w.client, ``), invalid},
			{"short secret", "AddUserPoolClientSecret", client(w.pool, w.client, `,"ClientSecret":"short"`), invalid},
			{"unknown secret", "DeleteUserPoolClientSecret", client(w.pool, w.client, `,"ClientSecretId":"x--1"`), unknown},
			{"no secret id", "DeleteUserPoolClientSecret", client(w.pool, w.client, ``), invalid},
			{"no attributes", "AddCustomAttributes", pool(w.pool, ``), invalid},
			{"none", "AddCustomAttributes", custom(``), invalid},
			{"too many", "AddCustomAttributes", custom(strings.Repeat(`{"Name":"x","AttributeDataType":"String"},`, 25) + `{"Name":"x","AttributeDataType":"String"}`), invalid},
			{"of an unknown pool", "AddCustomAttributes", pool("us-east-1_none", `,"CustomAttributes":[{"Name":"x","AttributeDataType":"String"}]`), unknown},
			{"long name", "AddCustomAttributes", custom(`{"Name":"` + strings.Repeat("n", 21) + `","AttributeDataType":"String"}`), invalid},
			{"no such type", "AddCustomAttributes", custom(`{"Name":"x","AttributeDataType":"Text"}`), invalid},
			{"wrong JSON type", "AddCustomAttributes", custom(`{"Name":"x","Mutable":"true"}`), "SerializationException"},
		}
		for _, o := range []string{"UpdateUserPoolClient", "DeleteUserPoolClient", "AddUserPoolClientSecret", "ListUserPoolClientSecrets"} {
			list = append(list,
				bad{o + " of an unknown client", o, client(w.pool, "nobody", ""), unknown},
				bad{o + " of a client of another pool", o, client(other, w.client, ""), unknown},
				bad{o + " in an unknown pool", o, client("us-east-1_none", w.client, ""), unknown},
				bad{o + " without a client", o, pool(w.pool, ""), invalid})
		}
		w.refuse(w.signed, list)
		w.refuse(w.public, []bad{
			{"unsigned update", "UpdateUserPool", pool(w.pool, ""), "MissingAuthenticationTokenException"},
			{"unsigned list", "ListUserPools", `{"MaxResults":1}`, "MissingAuthenticationTokenException"},
		})
	})
}

func TestClientSecrets_AreExchangedTwoAtATime(t *testing.T) {
	inWorld(t, func(w *world) {
		own := strings.Repeat("own", 8)
		client := w.makeClient(&cip.CreateUserPoolClientInput{GenerateSecret: true})
		add := func(secret *string) (*cip.AddUserPoolClientSecretOutput, error) {
			return w.sdk.AddUserPoolClientSecret(w.ctx, &cip.AddUserPoolClientSecretInput{UserPoolId: &w.pool, ClientId: &client, ClientSecret: secret})
		}
		list := func() []types.ClientSecretDescriptorType {
			t.Helper()
			out, err := w.sdk.ListUserPoolClientSecrets(w.ctx, &cip.ListUserPoolClientSecretsInput{UserPoolId: &w.pool, ClientId: &client})
			w.must(err)
			for _, s := range out.ClientSecrets {
				if s.ClientSecretValue != nil || s.ClientSecretCreateDate == nil {
					t.Errorf("listed %+v", s)
				}
			}
			return out.ClientSecrets
		}
		remove := func(id *string) error {
			_, err := w.sdk.DeleteUserPoolClientSecret(w.ctx, &cip.DeleteUserPoolClientSecretInput{UserPoolId: &w.pool, ClientId: &client, ClientSecretId: id})
			return err
		}
		first := list()[0].ClientSecretId
		wantError[*types.InvalidParameterException](w, remove(first), "The last secret of a client cannot be deleted. Add another one first.")
		second, err := add(nil)
		w.must(err)
		if len(aws.ToString(second.ClientSecretDescriptor.ClientSecretValue)) < 24 || *second.ClientSecretDescriptor.ClientSecretId == *first {
			t.Errorf("added %+v", second.ClientSecretDescriptor)
		}
		_, err = add(&own)
		wantError[*types.LimitExceededException](w, err, "")
		w.must(remove(first))
		added, err := add(&own)
		w.must(err)
		if added.ClientSecretDescriptor.ClientSecretValue != nil {
			t.Error("an own secret is told back")
		}
		w.must(remove(second.ClientSecretDescriptor.ClientSecretId))
		_, err = add(&own)
		wantError[*types.InvalidParameterException](w, err, "The secret is one that the client has already.")
		if got := list(); len(got) != 1 || *got[0].ClientSecretId != *added.ClientSecretDescriptor.ClientSecretId {
			t.Errorf("left %+v", got)
		}
	})
}
