package userpool_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// group makes a group; a precedence below zero is none.
func (w *world) group(name string, precedence int32, role string) {
	w.t.Helper()
	r := userpool.NewGroup{PoolID: w.pool, Name: name}
	if precedence >= 0 {
		r.Precedence = &precedence
	}
	if role != "" {
		r.RoleARN = &role
	}
	_, err := w.s.CreateGroup(w.ctx, r)
	w.must(err)
}

// claims reads a token's payload, unverified.
func (w *world) claims(token string) map[string]any {
	w.t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	w.must(err)
	var claims map[string]any
	w.must(json.Unmarshal(payload, &claims))
	return claims
}

func TestGroups_ShowInTokensFromTheNextRefreshOn(t *testing.T) {
	const one, two = "arn:aws:iam::000000000000:role/one", "arn:aws:iam::000000000000:role/two"
	inWorld(t, options{}, func(w *world) {
		tokens := w.member(home, asha, password)
		for _, raw := range []string{tokens.ID, tokens.Access} {
			for name := range w.claims(raw) {
				if strings.HasPrefix(name, "cognito:") && name != "cognito:username" {
					t.Errorf("a user without groups has the claim %s", name)
				}
			}
		}
		refresh := tokens.Refresh
		join := func(group string) { w.must(w.s.AdminAddUserToGroup(w.ctx, w.pool, asha, group)) }
		check := func(groups, roles []any, preferred any) {
			t.Helper()
			r, err := w.initiate(home, "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", refresh)
			w.must(err)
			id, access := w.claims(r.Tokens.ID), w.claims(r.Tokens.Access)
			for name, want := range map[string]any{"cognito:groups": groups, "cognito:roles": roles, "cognito:preferred_role": preferred} {
				got, there := id[name]
				if empty := want == nil || reflect.ValueOf(want).Kind() == reflect.Slice && reflect.ValueOf(want).IsNil(); empty == there || (there && !reflect.DeepEqual(got, want)) {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			if !reflect.DeepEqual(access["cognito:groups"], id["cognito:groups"]) || access["cognito:roles"] != nil || access["cognito:preferred_role"] != nil {
				t.Errorf("the access token has %v", access)
			}
		}
		w.group("zebras", -1, one)
		w.group("ants", -1, "")
		w.group("late", 9, two)
		w.group("early", 1, one)
		w.group("also early", 1, two)
		join("zebras")
		check([]any{"zebras"}, []any{one}, one)
		join("ants")
		check([]any{"ants", "zebras"}, []any{one}, one)
		join("late")
		check([]any{"late", "ants", "zebras"}, []any{two, one}, two)
		join("early")
		check([]any{"early", "late", "ants", "zebras"}, []any{one, two}, one)
		join("also early")
		check([]any{"also early", "early", "late", "ants", "zebras"}, []any{two, one}, nil)
		w.must(w.s.DeleteGroup(w.ctx, w.pool, "also early"))
		w.must(w.s.AdminRemoveUserFromGroup(w.ctx, w.pool, asha, "early"))
		check([]any{"late", "ants", "zebras"}, []any{two, one}, two)
		for _, group := range []string{"late", "ants", "zebras"} {
			w.must(w.s.DeleteGroup(w.ctx, w.pool, group))
		}
		check(nil, nil, nil)
	})
}

func TestUpdateGroup_ChangesWhatIsGiven(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.group("riders", 3, "arn:aws:iam::000000000000:role/one")
		g, err := w.s.UpdateGroup(w.ctx, userpool.NewGroup{PoolID: w.pool, Name: "riders", Description: new("who ride")})
		w.must(err)
		if g.Description != "who ride" || g.RoleARN == "" || *g.Precedence != 3 {
			t.Errorf("the group is %+v", g)
		}
		g, err = w.s.UpdateGroup(w.ctx, userpool.NewGroup{PoolID: w.pool, Name: "riders", Description: new(""), Precedence: new(int32(0))})
		w.must(err)
		if g.Description != "" || *g.Precedence != 0 {
			t.Errorf("the group is %+v", g)
		}
		kept, err := w.s.GetGroup(w.ctx, w.pool, "riders")
		w.must(err)
		if !reflect.DeepEqual(kept, g) {
			t.Errorf("kept is %+v, told was %+v", kept, g)
		}
	})
}

func TestGroups_Refusals(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.group("riders", -1, "")
		w.create(ravi)
		w.signUp(home, asha, password)
		_, err := w.s.CreateGroup(w.ctx, userpool.NewGroup{PoolID: w.pool, Name: "riders"})
		w.want(err, fault.GroupExists, "A group with the name already exists")
		_, err = w.s.CreateGroup(w.ctx, userpool.NewGroup{PoolID: "us-east-1_None", Name: "riders"})
		w.want(err, fault.ResourceNotFound, "User pool")
		_, err = w.s.GetGroup(w.ctx, w.pool, "Riders")
		w.want(err, fault.ResourceNotFound, "Group not found.")
		_, err = w.s.UpdateGroup(w.ctx, userpool.NewGroup{PoolID: w.pool, Name: "none"})
		w.want(err, fault.ResourceNotFound, "Group not found.")
		w.want(w.s.DeleteGroup(w.ctx, w.pool, "none"), fault.ResourceNotFound, "Group not found.")
		_, err = w.s.ListUsersInGroup(w.ctx, w.pool, "none", 0, "")
		w.want(err, fault.ResourceNotFound, "Group not found.")
		w.want(w.s.AdminAddUserToGroup(w.ctx, w.pool, ravi, "none"), fault.ResourceNotFound, "Group not found.")
		w.want(w.s.AdminAddUserToGroup(w.ctx, w.pool, "+4917612345678", "riders"), fault.UserNotFound, "")
		w.want(w.s.AdminAddUserToGroup(w.ctx, w.pool, asha, "riders"), fault.InvalidParameter, "not confirmed")
		w.must(w.s.AdminRemoveUserFromGroup(w.ctx, w.pool, asha, "riders"))
		w.must(w.s.AdminRemoveUserFromGroup(w.ctx, w.pool, ravi, "riders"))
		page, err := w.s.AdminListGroupsForUser(w.ctx, w.pool, asha, 0, "")
		w.must(err)
		if len(page.Groups) != 0 {
			t.Errorf("a sign-up is in %+v", page.Groups)
		}
	})
}

func TestGroups_OfOneUser_HaveALimit(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.create(asha)
		for i := range 101 {
			name := fmt.Sprintf("group %03d", i)
			w.group(name, -1, "")
			err := w.s.AdminAddUserToGroup(w.ctx, w.pool, asha, name)
			if i < 100 {
				w.must(err)
				continue
			}
			w.want(err, fault.LimitExceeded, "at most 100 groups")
		}
		w.must(w.s.AdminAddUserToGroup(w.ctx, w.pool, asha, "group 000")) // is a member already
		var names []string
		for token := ""; ; {
			page, err := w.s.AdminListGroupsForUser(w.ctx, w.pool, asha, 7, token)
			w.must(err)
			for _, g := range page.Groups {
				names = append(names, g.Name)
			}
			if token = page.Next; token == "" {
				break
			}
		}
		if len(names) != 100 || !slices.IsSorted(names) {
			t.Errorf("listed are %v", names)
		}
	})
}

func TestListUsersInGroup_WhileMembersComeAndGo_ShowsEachOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.group("riders", -1, "")
		number := func(i int) string { return fmt.Sprintf("+4917612345%03d", i) }
		for i := range 30 {
			w.create(number(i))
			w.must(w.s.AdminAddUserToGroup(w.ctx, w.pool, number(i), "riders"))
		}
		seen, next := map[string]int{}, 30
		for token, gone := "", 20; ; gone++ {
			page, err := w.s.ListUsersInGroup(w.ctx, w.pool, "riders", 4, token)
			w.must(err)
			for _, u := range page.Users {
				seen[valueOf(u, "phone_number")]++
			}
			if token = page.Next; token == "" {
				break
			}
			w.create(number(next))
			w.must(w.s.AdminAddUserToGroup(w.ctx, w.pool, number(next), "riders"))
			next++
			if gone < 30 {
				w.must(w.s.AdminDeleteUser(w.ctx, w.pool, number(gone)))
			}
		}
		for i := range 20 {
			if seen[number(i)] != 1 {
				t.Errorf("member %d was listed %d times", i, seen[number(i)])
			}
		}
		for _, n := range seen {
			if n > 1 {
				t.Errorf("somebody was listed %d times", n)
			}
		}
	})
}
