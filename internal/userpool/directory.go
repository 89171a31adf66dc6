package userpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

const (
	// maxRounds bounds how often a page looks for more users in place of those
	// that turned out to be none; beyond it the page is a short one.
	maxRounds = 10
	// countedExactly is how many users EstimatedNumberOfUsers counts; of more it is an
	// estimate, which is rarely off by more than three in a hundred.
	countedExactly = 5000
)

// ListUsersRequest asks for a page of a pool's users.
type ListUsersRequest struct {
	PoolID     PoolID
	Filter     string   // as sent
	Attributes []string // to show; none for all
	Limit      int      // 0 for MaxPage
	Token      string   // of the page before, "" for the first
}

// UserPage is one page. Next is "" on the last.
type UserPage struct {
	Users []UserView
	Next  string
}

// listing is a ListUsers under way.
type listing struct {
	pool   Pool
	filter Filter
	limit  int
	after  Spot // the last that was looked at
}

// ListUsers shows the users of a pool whom the filter finds, and the newest
// pending sign-up of each name as the UNCONFIRMED user that it is. Whoever is
// there from the first page to the last is on one page, once, whatever happens
// meanwhile: a sign-up that is confirmed between two pages is not shown again.
// By a prefix it is so for whoever keeps the value that the prefix found.
// A page may be shorter than its limit.
func (s *Service) ListUsers(ctx context.Context, r ListUsersRequest) (page UserPage, err error) {
	at := s.now()
	l := listing{limit: pageLimit(r.Limit)}
	if l.filter, err = ParseFilter(r.Filter); err != nil {
		return UserPage{}, err
	}
	list := []string{string(r.PoolID), l.filter.Attribute, fmt.Sprint(l.filter.Prefix), l.filter.Value}
	after, err := s.openPage(listUsers, r.Token, list...)
	if err != nil {
		return UserPage{}, err
	}
	more := false
	err = s.store.View(ctx, func(tx Tx) error {
		if l.pool, err = loadPool(ctx, tx, r.PoolID); err != nil {
			return err
		}
		if err := attributesExist(l.pool, r.Attributes); err != nil {
			return err
		}
		l.filter = l.filter.in(l.pool.Settings)
		if l.after, err = l.filter.spot(after); err != nil {
			return err
		}
		page.Users, more, err = l.page(ctx, tx, at)
		return err
	})
	if err != nil {
		return UserPage{}, err
	}
	for i := range page.Users {
		page.Users[i].Attributes = shown(page.Users[i].Attributes, r.Attributes)
	}
	if more {
		page.Next = s.sealPage(listUsers, l.filter.mark(l.after), list...)
	}
	return page, nil
}

func pageLimit(limit int) int {
	if limit == 0 {
		return MaxPage
	}
	return min(limit, MaxPage)
}

func attributesExist(p Pool, names []string) error {
	for _, name := range names {
		_, custom := p.Settings.custom(name)
		if !custom && !slices.Contains(standardAttributes, name) && !slices.Contains(ownedAttributes, name) {
			return fault.New(fault.InvalidParameter, "One or more requested attributes do not exist.")
		}
	}
	return nil
}

func shown(attributes []Attribute, names []string) []Attribute {
	if len(names) == 0 {
		return attributes
	}
	return slices.DeleteFunc(attributes, func(a Attribute) bool { return !slices.Contains(names, a.Name) })
}

// page collects the next users and says whether there may be more behind them.
func (l *listing) page(ctx context.Context, tx Tx, at time.Time) (users []UserView, more bool, err error) {
	for range maxRounds {
		spots, err := tx.Places(ctx, l.pool.ID, l.filter, l.after, l.limit+1, at)
		if err != nil {
			return nil, false, fmt.Errorf("list users: %w", err)
		}
		for _, spot := range spots {
			if len(users) == l.limit {
				return users, true, nil
			}
			view, found, err := userAt(ctx, tx, l.pool, spot.Place, at)
			if err != nil {
				return nil, false, fmt.Errorf("list users: %w", err)
			}
			if found && l.filter.matches(view, l.pool.Settings.CaseSensitive) && l.filter.stands(view, spot) {
				users = append(users, view)
			}
			l.after = spot
		}
		if len(spots) <= l.limit {
			return users, false, nil
		}
	}
	return users, true, nil
}

// in is the filter as the pool's users are found by it.
func (f Filter) in(p PoolSettings) Filter {
	if f.Attribute == SearchUsername && p.namedByContact() {
		f.Attribute = AttrSub // there the one is the other
	}
	if f.Prefix && f.Value == "" && (f.Attribute == SearchUsername || f.Attribute == AttrSub) {
		return Filter{} // everybody has one
	}
	return f
}

// mark is what a page's token has of a spot, and spot what it says. No place has the
// character between them.
func (f Filter) mark(at Spot) string {
	if !f.ByValue() {
		return at.Place
	}
	return at.Value + "\x00" + at.Place
}

func (f Filter) spot(mark string) (Spot, error) {
	if mark == "" || !f.ByValue() {
		return Spot{Place: mark}, nil
	}
	i := strings.LastIndexByte(mark, 0)
	if i < 0 { // of a server that went by places alone
		return Spot{}, fault.New(fault.InvalidParameter, "The pagination token is none of this list.")
	}
	return Spot{Value: mark[:i], Place: mark[i+1:]}, nil
}

// userAt shows who stands at the place: a user, or a pending sign-up.
func userAt(ctx context.Context, tx Tx, p Pool, place string, at time.Time) (view UserView, found bool, err error) {
	u, err := tx.UserAt(ctx, p.ID, place)
	if err == nil {
		return u.view(all), true, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return UserView{}, false, err
	}
	r, err := tx.RegistrationAt(ctx, p.ID, place, at)
	if errors.Is(err, ErrNotFound) {
		return UserView{}, false, nil
	}
	if err != nil {
		return UserView{}, false, err
	}
	return pendingView(p, r), true, nil
}

// EstimatedNumberOfUsers counts the pool's users where they are few, and else
// estimates their number: what it costs does not grow with them.
func (s *Service) EstimatedNumberOfUsers(ctx context.Context, id PoolID) (n int, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		n, err = tx.CountUsers(ctx, id, countedExactly)
		return err
	})
	return n, err
}
