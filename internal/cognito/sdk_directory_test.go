package cognito_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

const riderRole = "arn:aws:iam::000000000000:role/rider"

func (w *world) adminCreate(number string, attributes ...types.AttributeType) {
	w.t.Helper()
	_, err := w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{
		UserPoolId: &w.pool, Username: &number, MessageAction: "SUPPRESS", UserAttributes: attributes,
	})
	w.must(err)
}

func (w *world) createGroup(name string) {
	w.t.Helper()
	_, err := w.sdk.CreateGroup(w.ctx, &cip.CreateGroupInput{UserPoolId: &w.pool, GroupName: &name})
	w.must(err)
}

func (w *world) addToGroup(number, group string) {
	w.t.Helper()
	_, err := w.sdk.AdminAddUserToGroup(w.ctx, &cip.AdminAddUserToGroupInput{UserPoolId: &w.pool, Username: &number, GroupName: &group})
	w.must(err)
}

func TestListUsers_ThroughThePaginator_EachUserOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		var want []string
		for i := range 7 {
			number := fmt.Sprint("+491761234567", i)
			w.adminCreate(number, types.AttributeType{Name: new("name"), Value: new("Mia")})
			want = append(want, number)
		}
		w.signUp(asha, "")
		in := &cip.ListUsersInput{UserPoolId: &w.pool, Filter: new(`phone_number ^= "+49"`), Limit: new(int32(3)), AttributesToGet: []string{"phone_number"}}
		var got []string
		pages := cip.NewListUsersPaginator(w.sdk, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(w.ctx)
			w.must(err)
			for _, u := range page.Users {
				if len(u.Attributes) != 1 || !u.Enabled || u.UserStatus != "CONFIRMED" || u.UserCreateDate == nil || aws.ToString(u.Username) == "" {
					t.Errorf("a user is %+v", u)
				}
				got = append(got, attribute(u.Attributes, "phone_number"))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("listed are %d users, want %d", len(got), len(want))
		}
		one, err := w.sdk.ListUsers(w.ctx, &cip.ListUsersInput{UserPoolId: &w.pool, Filter: new(`phone_number = "` + asha + `"`), Limit: new(int32(1))})
		w.must(err)
		if len(one.Users) != 1 || one.Users[0].UserStatus != "UNCONFIRMED" || one.PaginationToken != nil {
			t.Errorf("the pending sign-up is %+v", one)
		}
		all, err := w.sdk.ListUsers(w.ctx, &cip.ListUsersInput{UserPoolId: &w.pool, Limit: new(int32(0))})
		w.must(err)
		if len(all.Users) != 8 || all.PaginationToken != nil {
			t.Errorf("%d users, token %v", len(all.Users), all.PaginationToken)
		}
		pool, err := w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: &w.pool})
		w.must(err)
		if pool.UserPool.EstimatedNumberOfUsers != 7 {
			t.Errorf("the pool has %d users", pool.UserPool.EstimatedNumberOfUsers)
		}
	})
}

func TestGroups_ThroughTheSDK(t *testing.T) {
	inWorld(t, func(w *world) {
		made, err := w.sdk.CreateGroup(w.ctx, &cip.CreateGroupInput{
			UserPoolId: &w.pool, GroupName: new("riders"), Description: new("who ride"), Precedence: new(int32(0)), RoleArn: new(riderRole),
		})
		w.must(err)
		g := made.Group
		if *g.GroupName != "riders" || *g.UserPoolId != w.pool || *g.Description != "who ride" || *g.Precedence != 0 || *g.RoleArn != riderRole || g.CreationDate == nil || g.LastModifiedDate == nil {
			t.Errorf("the group is %+v", g)
		}
		_, err = w.sdk.CreateGroup(w.ctx, &cip.CreateGroupInput{UserPoolId: &w.pool, GroupName: new("riders")})
		wantError[*types.GroupExistsException](w, err, "A group with the name already exists")
		w.createGroup("drivers")
		drivers, err := w.sdk.GetGroup(w.ctx, &cip.GetGroupInput{UserPoolId: &w.pool, GroupName: new("drivers")})
		w.must(err)
		if g := drivers.Group; g.Description != nil || g.RoleArn != nil || g.Precedence != nil {
			t.Errorf("what was not given came back: %+v", g)
		}
		updated, err := w.sdk.UpdateGroup(w.ctx, &cip.UpdateGroupInput{UserPoolId: &w.pool, GroupName: new("riders"), Precedence: new(int32(7))})
		w.must(err)
		if g := updated.Group; *g.Precedence != 7 || *g.Description != "who ride" || *g.RoleArn != riderRole {
			t.Errorf("the changed group is %+v", g)
		}
		for i := range 5 {
			number := fmt.Sprint("+491761234567", i)
			w.adminCreate(number)
			w.addToGroup(number, "riders")
			w.addToGroup(number, "riders")
		}
		w.addToGroup("+4917612345670", "drivers")
		members := cip.NewListUsersInGroupPaginator(w.sdk, &cip.ListUsersInGroupInput{UserPoolId: &w.pool, GroupName: new("riders"), Limit: new(int32(2))})
		n := 0
		for members.HasMorePages() {
			page, err := members.NextPage(w.ctx)
			w.must(err)
			n += len(page.Users)
		}
		if n != 5 {
			t.Errorf("%d members", n)
		}
		w.wantGroups("+4917612345670", "drivers", "riders")
		var names []string
		groups := cip.NewListGroupsPaginator(w.sdk, &cip.ListGroupsInput{UserPoolId: &w.pool, Limit: new(int32(1))})
		for groups.HasMorePages() {
			page, err := groups.NextPage(w.ctx)
			w.must(err)
			for _, g := range page.Groups {
				names = append(names, *g.GroupName)
			}
		}
		if !slices.Equal(names, []string{"drivers", "riders"}) {
			t.Errorf("the groups are %v", names)
		}
		_, err = w.sdk.AdminRemoveUserFromGroup(w.ctx, &cip.AdminRemoveUserFromGroupInput{UserPoolId: &w.pool, Username: new("+4917612345670"), GroupName: new("drivers")})
		w.must(err)
		w.wantGroups("+4917612345670", "riders")
		_, err = w.sdk.DeleteGroup(w.ctx, &cip.DeleteGroupInput{UserPoolId: &w.pool, GroupName: new("riders")})
		w.must(err)
		if body := w.wire.last().Body.Len(); body != 0 {
			t.Errorf("DeleteGroup answers %d bytes", body)
		}
		w.wantGroups("+4917612345670")
		_, err = w.sdk.GetGroup(w.ctx, &cip.GetGroupInput{UserPoolId: &w.pool, GroupName: new("riders")})
		wantError[*types.ResourceNotFoundException](w, err, "Group not found.")
	})
}

// wantGroups checks a user's groups, read in pages of one.
func (w *world) wantGroups(number string, want ...string) {
	w.t.Helper()
	var names []string
	pages := cip.NewAdminListGroupsForUserPaginator(w.sdk, &cip.AdminListGroupsForUserInput{UserPoolId: &w.pool, Username: &number, Limit: new(int32(1))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.ctx)
		w.must(err)
		for _, g := range page.Groups {
			names = append(names, *g.GroupName)
		}
	}
	if !slices.Equal(names, want) {
		w.t.Errorf("the user's groups are %v, want %v", names, want)
	}
}

func TestBadInput_Directory_LeavesNothingBehind(t *testing.T) {
	inWorld(t, func(w *world) {
		w.createGroup("riders")
		for i := range 3 {
			number := fmt.Sprint("+491761234567", i)
			w.adminCreate(number)
			w.addToGroup(number, "riders")
		}
		page, err := w.sdk.ListUsers(w.ctx, &cip.ListUsersInput{UserPoolId: &w.pool, Limit: new(int32(1))})
		w.must(err)
		token := *page.PaginationToken
		in := func(members ...string) string {
			body := map[string]any{"UserPoolId": w.pool}
			for i := 0; i+1 < len(members); i += 2 {
				body[members[i]] = json.RawMessage(members[i+1])
			}
			text, err := json.Marshal(body)
			w.must(err)
			return string(text)
		}
		long := `"` + strings.Repeat("x", 2049) + `"`
		const invalid = "InvalidParameterException"
		w.refuse(w.signed, []bad{
			{"filter without a value", "ListUsers", in("Filter", `"name ="`), invalid},
			{"filter without quotes", "ListUsers", in("Filter", `"name = Ann"`), invalid},
			{"filter with two conditions", "ListUsers", in("Filter", `"name = \"a\" and sub = \"b\""`), invalid},
			{"filter on a custom attribute", "ListUsers", in("Filter", `"custom:a = \"b\""`), invalid},
			{"too long a filter", "ListUsers", in("Filter", `"name = \"`+strings.Repeat("x", 256)+`\""`), invalid},
			{"filter of a wrong type", "ListUsers", in("Filter", `{}`), "SerializationException"},
			{"unknown attribute", "ListUsers", in("AttributesToGet", `["shoe_size"]`), invalid},
			{"limit below zero", "ListUsers", in("Limit", `-1`), invalid},
			{"limit over sixty", "ListUsers", in("Limit", `61`), invalid},
			{"made-up token", "ListUsers", in("PaginationToken", `"abc"`), invalid},
			{"token with a blank", "ListUsers", in("PaginationToken", `"`+token+` "`), invalid},
			{"cut token", "ListUsers", in("PaginationToken", `"`+token[:len(token)-2]+`"`), invalid},
			{"token of another filter", "ListUsers", in("PaginationToken", `"`+token+`"`, "Filter", `"name ^= \"\""`), invalid},
			{"token of another list", "ListGroups", in("NextToken", `"`+token+`"`), invalid},
			{"token of the pool's users", "ListUsersInGroup", in("NextToken", `"`+token+`"`, "GroupName", `"riders"`), invalid},
			{"unknown pool", "ListUsers", `{"UserPoolId":"us-east-1_none"}`, "ResourceNotFoundException"},
			{"no name", "CreateGroup", in(), invalid},
			{"empty name", "CreateGroup", in("GroupName", `""`), invalid},
			{"name with a blank", "CreateGroup", in("GroupName", `"a b"`), invalid},
			{"name too long", "CreateGroup", in("GroupName", `"`+strings.Repeat("x", 129)+`"`), invalid},
			{"description too long", "CreateGroup", in("GroupName", `"g"`, "Description", long), invalid},
			{"precedence below zero", "CreateGroup", in("GroupName", `"g"`, "Precedence", `-1`), invalid},
			{"precedence too high", "CreateGroup", in("GroupName", `"g"`, "Precedence", `2147483648`), "SerializationException"},
			{"precedence of a wrong type", "CreateGroup", in("GroupName", `"g"`, "Precedence", `"1"`), "SerializationException"},
			{"role that is no ARN", "CreateGroup", in("GroupName", `"g"`, "RoleArn", `"the-role-of-the-riders"`), invalid},
			{"role of a wrong shape in an update", "UpdateGroup", in("GroupName", `"riders"`, "RoleArn", `"arn"`), invalid},
			{"taken name", "CreateGroup", in("GroupName", `"riders"`), "GroupExistsException"},
			{"unknown group", "UpdateGroup", in("GroupName", `"none"`), "ResourceNotFoundException"},
			{"unknown group deleted", "DeleteGroup", in("GroupName", `"none"`), "ResourceNotFoundException"},
			{"unknown group joined", "AdminAddUserToGroup", in("GroupName", `"none"`, "Username", `"+4917612345670"`), "ResourceNotFoundException"},
			{"unknown user joins", "AdminAddUserToGroup", in("GroupName", `"riders"`, "Username", `"`+asha+`"`), "UserNotFoundException"},
			{"unknown user's groups", "AdminListGroupsForUser", in("Username", `"`+asha+`"`), "UserNotFoundException"},
		})
		a := w.rawSigned("CreateGroup", in("GroupName", `"g"`, "Precedence", `-1`), time.Now(), nil)
		if want := "Value '-1' at 'precedence' failed to satisfy constraint: Member must have value greater than or equal to 0"; !strings.Contains(a.Body.String(), want) {
			t.Errorf("a precedence below zero is told %s", a.Body)
		}
		for what, b := range map[string]*httptest.ResponseRecorder{
			"Error while parsing filter":                     w.rawSigned("ListUsers", in("Filter", `"x"`), time.Now(), nil),
			"Invalid search attribute: custom:a":             w.rawSigned("ListUsers", in("Filter", `"custom:a = \"b\""`), time.Now(), nil),
			"One or more requested attributes do not exist.": w.rawSigned("ListUsers", in("AttributesToGet", `["x"]`), time.Now(), nil),
		} {
			if !strings.Contains(b.Body.String(), what) {
				t.Errorf("told is %s, want %q", b.Body, what)
			}
		}
	})
}
