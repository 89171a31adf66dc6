package userpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

const (
	// maxRounds bounds how often a page looks for more users in place of those
	// that turned out to be none; beyond it the page is a short one.
	maxRounds = 10
	// maxEstimate bounds the count behind EstimatedNumberOfUsers.
	maxEstimate = 1_000_000
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
	after  string // the last place that was looked at
}

// ListUsers shows the users of a pool whom the filter finds, and the newest
// pending sign-up of each name as the UNCONFIRMED user that it is. Whoever is
// there from the first page to the last is on one page, once, whatever happens
// meanwhile: a sign-up that is confirmed between two pages is not shown again.
// A page may be shorter than its limit.
func (s *Service) ListUsers(ctx context.Context, r ListUsersRequest) (page UserPage, err error) {
	at := s.now()
	l := listing{limit: pageLimit(r.Limit)}
	if l.filter, err = ParseFilter(r.Filter); err != nil {
		return UserPage{}, err
	}
	list := []string{string(r.PoolID), l.filter.Attribute, fmt.Sprint(l.filter.Prefix), l.filter.Value}
	if l.after, err = s.openPage(listUsers, r.Token, list...); err != nil {
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
		page.Next = s.sealPage(listUsers, l.after, list...)
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
	filter := l.filter
	if filter.Attribute == SearchUsername && l.pool.Settings.namedByContact() {
		filter.Attribute = AttrSub // there the one is the other
	}
	for range maxRounds {
		places, err := tx.Places(ctx, l.pool.ID, filter, l.after, l.limit+1, at)
		if err != nil {
			return nil, false, fmt.Errorf("list users: %w", err)
		}
		for _, place := range places {
			if len(users) == l.limit {
				return users, true, nil
			}
			view, found, err := userAt(ctx, tx, l.pool, place, at)
			if err != nil {
				return nil, false, fmt.Errorf("list users: %w", err)
			}
			if found && filter.matches(view, l.pool.Settings.CaseSensitive) {
				users = append(users, view)
			}
			l.after = place
		}
		if len(places) <= l.limit {
			return users, false, nil
		}
	}
	return users, true, nil
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

// EstimatedNumberOfUsers counts the pool's users, up to a million.
func (s *Service) EstimatedNumberOfUsers(ctx context.Context, id PoolID) (n int, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		n, err = tx.CountUsers(ctx, id, maxEstimate)
		return err
	})
	return n, err
}
