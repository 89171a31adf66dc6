package userpool_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// page reads one page of the pool's users.
func (w *world) page(filter, token string, limit int) userpool.UserPage {
	w.t.Helper()
	page, err := w.s.ListUsers(w.ctx, userpool.ListUsersRequest{PoolID: w.pool, Filter: filter, Limit: limit, Token: token})
	w.must(err)
	return page
}

// numbers lists the phone numbers that a filter finds, in pages of the limit,
// sorted.
func (w *world) numbers(filter string, limit int) (all []string) {
	w.t.Helper()
	for token := ""; ; {
		page := w.page(filter, token, limit)
		if len(page.Users) > limit {
			w.t.Fatalf("%d users on a page of %d", len(page.Users), limit)
		}
		for _, u := range page.Users {
			all = append(all, valueOf(u, "phone_number"))
		}
		if token = page.Next; token == "" {
			slices.Sort(all)
			return all
		}
	}
}

func valueOf(u userpool.UserView, name string) string {
	for _, a := range u.Attributes {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

func (w *world) create(number string, attrs ...userpool.Attribute) userpool.UserView {
	w.t.Helper()
	u, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: number, Suppress: true, Attributes: attrs})
	w.must(err)
	return u
}

func TestListUsers_Filters_FindUsersAndPendingSignUps(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		const mia, tom = "+4917612345678", "+4917612345679"
		user := w.create(mia, userpool.Attribute{Name: "name", Value: "Mia"}, userpool.Attribute{Name: "email", Value: "Mia@example.com"})
		w.create(tom, userpool.Attribute{Name: "name", Value: "Tom"})
		w.must(w.s.AdminDisableUser(w.ctx, w.pool, tom))
		waiting := w.signUp(home, asha, password, userpool.Attribute{Name: "name", Value: "Asha"})
		for filter, want := range map[string][]string{
			``:                                      {mia, tom, asha},
			`phone_number ^= "+49"`:                 {mia, tom},
			`phone_number = "` + asha + `"`:         {asha},
			`name = "Mia"`:                          {mia},
			`name = "mia"`:                          nil,
			`email = "Mia@example.com"`:             {mia},
			`email = "mia@example.com"`:             nil, // the pool tells cases apart
			`status = "Disabled"`:                   {tom},
			`status = "Enabled"`:                    {mia, asha},
			`cognito:user_status = "unconfirmed"`:   {asha},
			`cognito:user_status ^= "CON"`:          {mia, tom},
			`sub = "` + string(waiting.Sub) + `"`:   {asha},
			`username = "` + user.Username + `"`:    {mia},
			`username = "` + mia + `"`:              nil, // the canonical one only
			`username ^= "` + user.Username[:9]:     nil,
			`preferred_username = "Mia"`:            nil,
			`name ^= ""`:                            {mia, tom, asha},
			`username ^= "` + user.Username + `"  `: {mia},
		} {
			if strings.Count(filter, `"`) == 1 {
				_, err := w.s.ListUsers(w.ctx, userpool.ListUsersRequest{PoolID: w.pool, Filter: filter})
				w.want(err, fault.InvalidParameter, "Error while parsing filter")
				continue
			}
			for _, limit := range []int{1, 60} {
				if got := w.numbers(filter, limit); !slices.Equal(got, want) {
					t.Errorf("%s: found %v, want %v", filter, got, want)
				}
			}
		}
	})
}

func TestListUsers_NewestSignUpOfANumber_IsTheUnconfirmedUser(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.signUp(stranger, asha, intruders, userpool.Attribute{Name: "name", Value: "Eve"})
		w.pass(time.Second)
		newest := w.signUp(home, asha, password, userpool.Attribute{Name: "name", Value: "Asha"})
		users := w.page("", "", 0).Users
		if len(users) != 1 || valueOf(users[0], "sub") != string(newest.Sub) || users[0].Status != userpool.StatusUnconfirmed {
			t.Fatalf("listed are %+v", users)
		}
		if n := len(w.numbers(`name = "Eve"`, 60)); n != 0 {
			t.Error("a sign-up that does not show is found")
		}
		w.passDown(8 * 24 * time.Hour)
		if users := w.page("", "", 0).Users; len(users) != 0 {
			t.Errorf("an expired sign-up is listed: %+v", users)
		}
	})
}

// A strict pool registers whoever signs up again with a number that has a user:
// there is nobody to list.
func TestListUsers_Strict_SignUpOfAUser_DoesNotShow(t *testing.T) {
	inWorld(t, options{behaviour: userpool.Strict}, func(w *world) {
		w.create(asha)
		w.signUp(stranger, asha, intruders)
		if got := w.page("", "", 0).Users; len(got) != 1 || got[0].Status == userpool.StatusUnconfirmed {
			t.Errorf("listed are %+v", got)
		}
	})
}

func TestListUsers_CaseInsensitivePool_MatchesAddressesInAnyCase(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		set := userpool.DefaultPoolSettings()
		set.UsernameAttributes, set.CaseSensitive = []string{"phone_number"}, false
		set.Tags = map[string]string{"bellhop:token-alg": "ES256"}
		p, err := w.s.CreateUserPool(w.ctx, userpool.NewPool{Name: "riders", Settings: set})
		w.must(err)
		w.pool = p.ID
		w.create(asha, userpool.Attribute{Name: "email", Value: "Asha@example.com"})
		for _, filter := range []string{`email = "aSHA@example.com"`, `email ^= "ASHA@"`} {
			if got := w.numbers(filter, 60); !slices.Equal(got, []string{asha}) {
				t.Errorf("%s: found %v", filter, got)
			}
		}
	})
}

func TestListUsers_TokensOfAnotherList_AreRefused(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		for i := range 4 {
			w.create(fmt.Sprint("+491761234567", i))
		}
		pool, other := w.pool, userpool.NewPool{Name: "other", Settings: userpool.DefaultPoolSettings()}
		other.Settings.UsernameAttributes = []string{"phone_number"}
		other.Settings.Tags = map[string]string{"bellhop:token-alg": "ES256"}
		p, err := w.s.CreateUserPool(w.ctx, other)
		w.must(err)
		token := w.page("", "", 2).Next
		for what, r := range map[string]userpool.ListUsersRequest{
			"another pool":   {PoolID: p.ID, Token: token},
			"another filter": {PoolID: pool, Token: token, Filter: `name ^= ""`},
			"cut off":        {PoolID: pool, Token: token[:len(token)-1]},
			"made up":        {PoolID: pool, Token: "abc"},
			"changed":        {PoolID: pool, Token: token[:20] + "x" + token[21:]},
		} {
			_, err := w.s.ListUsers(w.ctx, r)
			if !fault.Is(err, fault.InvalidParameter) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err = w.s.ListGroups(w.ctx, pool, 2, token)
		w.want(err, fault.InvalidParameter, "pagination token")
		page, err := w.s.ListUsers(w.ctx, userpool.ListUsersRequest{PoolID: pool, Token: token, Attributes: []string{"sub"}})
		w.must(err)
		if len(page.Users) != 2 || page.Next != "" || len(page.Users[0].Attributes) != 1 {
			t.Errorf("with other attributes: %+v", page)
		}
		if strings.Contains(token, "+49") || strings.Contains(token, "places") {
			t.Error("the token tells what is in it")
		}
	})
}

func TestListUsers_UnknownAttribute_IsRefused(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		_, err := w.s.ListUsers(w.ctx, userpool.ListUsersRequest{PoolID: w.pool, Attributes: []string{"name", "shoe_size"}})
		w.want(err, fault.InvalidParameter, "One or more requested attributes do not exist.")
	})
}

// people is a crowd that lives while it is listed: everybody is a number, known
// as a user, as a pending sign-up, or not at all.
type people struct {
	*world
	rng   *rand.Rand
	state map[string]string // user, pending
	calls int
}

// live does one thing to somebody.
func (p *people) live() {
	p.t.Helper()
	p.settle() // texts arrive in the order in which they were asked for
	number := fmt.Sprintf("+4917612345%03d", p.rng.IntN(60))
	p.calls++
	from := caller(fmt.Sprintf("198.51.%d.%d", p.calls/250, p.calls%250))
	switch p.state[number] {
	case "":
		if p.rng.IntN(2) == 0 {
			p.create(number)
			p.state[number] = "user"
			return
		}
		p.signUp(from, number, password)
		p.state[number] = "pending"
	case "pending":
		p.liveOn(number, from)
	case "user":
		switch p.rng.IntN(3) {
		case 0:
			p.must(p.s.AdminDisableUser(p.ctx, p.pool, number))
		case 1:
			p.must(p.s.AdminEnableUser(p.ctx, p.pool, number))
		case 2:
			p.must(p.s.AdminDeleteUser(p.ctx, p.pool, number))
			delete(p.state, number)
		}
	}
}

// liveOn does one thing to a pending sign-up: most end it in a user.
func (p *people) liveOn(number string, from userpool.Caller) {
	p.t.Helper()
	switch p.rng.IntN(6) {
	case 0: // another sign-up beside it
		p.signUp(from, number, password)
		return
	case 1:
		p.must(p.s.AdminDeleteUser(p.ctx, p.pool, number))
		delete(p.state, number)
		return
	case 2:
		p.must(p.s.AdminConfirmSignUp(p.ctx, p.pool, number, nil))
	case 3: // makes a user with another sub
		p.texted(from, number)
	case 4: // by the code of whichever sign-up was texted last
		_, err := p.confirm(from, number, p.code(number), "")
		p.must(err)
	case 5: // the administrator does not know of the sign-up
		p.create(number)
	}
	p.state[number] = "user"
}

// Whoever is there while a listing goes on, as a user or as a sign-up that
// becomes one, is on one page, once; nobody is on two.
func TestListUsers_WhileEverythingChanges_ShowsEachOnce(t *testing.T) {
	for seed := range uint64(6) {
		inWorld(t, options{limitsOff: true}, func(w *world) {
			p := &people{world: w, rng: rand.New(rand.NewPCG(seed, 1)), state: map[string]string{}}
			for range 60 {
				p.live()
			}
			filters := []string{"", `phone_number ^= "+4917612345"`, `phone_number ^= "+49176123450"`, `sub ^= ""`}
			for range 6 {
				p.list(filters[p.rng.IntN(len(filters))])
				w.pass(time.Minute)
			}
		})
	}
}

// list reads a whole listing and lets life go on between its pages.
func (p *people) list(filter string) {
	p.t.Helper()
	there := maps.Clone(p.state)
	seen := map[string]int{}
	for token := ""; ; {
		page := p.page(filter, token, 1+p.rng.IntN(9))
		for _, u := range page.Users {
			seen[valueOf(u, "phone_number")]++
		}
		if token = page.Next; token == "" {
			break
		}
		for range p.rng.IntN(4) {
			p.live()
			maps.DeleteFunc(there, func(number, _ string) bool { return p.state[number] == "" })
		}
		p.pass(time.Millisecond)
	}
	for number := range there {
		finds := filter != `phone_number ^= "+49176123450"` || strings.HasPrefix(number, "+49176123450")
		if want := map[bool]int{true: 1}[finds]; seen[number] != want {
			p.t.Errorf("filter %q: somebody who was there throughout (%s) was listed %d times, want %d", filter, p.state[number], seen[number], want)
		}
	}
	for number, n := range seen {
		// Whoever was deleted and came again is another.
		if _, was := there[number]; was && n > 1 {
			p.t.Errorf("filter %q: somebody was listed %d times", filter, n)
		}
	}
}

// A page looks at a bounded number of users; where it finds nobody among them it
// is empty, and the next ones go on.
func TestListUsers_FewAmongManyAlike_AreFoundOnLaterPages(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		for i := range 40 {
			w.create(fmt.Sprintf("+4917612345%03d", i), userpool.Attribute{Name: "email", Value: "ANN@example.com"})
		}
		w.create(asha, userpool.Attribute{Name: "email", Value: "ann@example.com"})
		if got := w.numbers(`email = "ann@example.com"`, 1); !slices.Equal(got, []string{asha}) {
			t.Errorf("found %v", got)
		}
		if n := len(w.numbers(`email = "ANN@example.com"`, 1)); n != 40 {
			t.Errorf("found %d, want 40", n)
		}
	})
}

// Of a user with two names the one that he signed up with says where he stands.
func TestListUsers_SignUpByAddress_OfAUserWithANumberToo_IsListedOnce(t *testing.T) {
	inWorld(t, options{design: bothNames}, func(w *world) {
		for i := range 12 {
			w.create(fmt.Sprintf("+4917612345%03d", i))
		}
		r := w.signUp(home, ashaMail, password, attr("phone_number", asha))
		var before []string
		token := ""
		for {
			page := w.page("", token, 1)
			before = append(before, valueOf(page.Users[0], "sub"))
			if token = page.Next; before[len(before)-1] == string(r.Sub) || token == "" {
				break
			}
		}
		w.create(ashaMail, attr("email_verified", "true"), attr("phone_number", asha), attr("phone_number_verified", "true"))
		for token != "" {
			page := w.page("", token, 1)
			if valueOf(page.Users[0], "phone_number") == asha {
				t.Fatal("who was listed as a sign-up is listed once more")
			}
			token = page.Next
		}
		if got := w.numbers(`username ^= ""`, 5); len(got) != 13 {
			t.Errorf("%d users", len(got))
		}
	})
}

func TestListUsers_PlainNames_AreSearchedAsUserNames(t *testing.T) {
	inWorld(t, options{design: plainNames}, func(w *world) {
		w.join("Asha", password, asha, attr("phone_number", asha))
		w.signUp(home, "Asher", password, attr("phone_number", ravi))
		for filter, want := range map[string][]string{
			`username = "Asha"`: {asha}, `username = "asha"`: nil, `username = "Asher"`: {ravi}, `username ^= "Ash"`: {ravi, asha},
		} {
			if got := w.numbers(filter, 1); !slices.Equal(got, want) {
				t.Errorf("%s: found %v, want %v", filter, got, want)
			}
		}
	})
}
