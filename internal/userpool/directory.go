package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

const (
	// pageSize is the most that a page of users or groups holds, and what it
	// holds where no limit was given.
	pageSize = 60
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
	Limit      int      // 0 for pageSize
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
	at := now()
	l := listing{limit: pageLimit(r.Limit)}
	if l.filter, err = ParseFilter(r.Filter); err != nil {
		return UserPage{}, err
	}
	list := listID("ListUsers", string(r.PoolID), l.filter.Attribute, fmt.Sprint(l.filter.Prefix), l.filter.Value)
	if l.after, err = s.openPlace(list, r.Token); err != nil {
		return UserPage{}, err
	}
	more := false
	err = s.store.View(ctx, func(tx Tx) error {
		if l.pool, err = loadPool(ctx, tx, r.PoolID); err != nil {
			return err
		}
		if err := attributesExist(r.Attributes); err != nil {
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
		page.Next, err = s.sealPage(list, l.after)
	}
	return page, err
}

func pageLimit(limit int) int {
	if limit == 0 {
		return pageSize
	}
	return min(limit, pageSize)
}

// listID names a list by all that a token of it is bound to.
func listID(parts ...string) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic("userpool: " + err.Error()) // impossible: texts have a JSON form
	}
	return string(text)
}

// openPlace is where the page behind the token begins, "" without a token.
func (s *Service) openPlace(list, token string) (place string, err error) {
	if token == "" {
		return "", nil
	}
	err = s.openPage(list, token, &place)
	return place, err
}

func attributesExist(names []string) error {
	for _, name := range names {
		if !slices.Contains(standardAttributes, name) && !slices.Contains(ownedAttributes, name) {
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
