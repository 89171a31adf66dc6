package userpool

import (
	"fmt"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// The lists that come in pages.
const (
	listPools   = "ListUserPools"
	listClients = "ListUserPoolClients"
	listUsers   = "ListUsers"
	listGroups  = "groups" // of a pool, or of a user
	listMembers = "ListUsersInGroup"
	listDevices = "ListDevices"
	listEvents  = "AdminListUserAuthEvents"

	listPasskeys = "ListWebAuthnCredentials"
)

// MaxPage is how much of a list one answer holds at most.
const MaxPage = 60

// sealPage makes the token that leads to what follows after in a list: the list
// and what it is of (a pool, a filter) are bound to it, so that it opens no
// other. It tells its holder nothing, and does not end.
func (s *Service) sealPage(list, after string, of ...string) string {
	return s.ring.Seal(sealPages, pageOf(list, of), []byte(after))
}

// openPage is where a token leads, "" for none: the beginning. A token that
// somebody changed or took from another list is refused.
func (s *Service) openPage(list, token string, of ...string) (after string, err error) {
	if token == "" {
		return "", nil
	}
	plain, err := s.ring.Open(sealPages, pageOf(list, of), token)
	if err != nil {
		return "", fault.Wrap(fault.InvalidParameter, err, "The pagination token is none of this list.")
	}
	return string(plain), nil
}

// pageOf names a list, unlike any other.
func pageOf(list string, of []string) []byte {
	var b strings.Builder
	for _, part := range append([]string{list}, of...) {
		fmt.Fprintf(&b, "%d:%s", len(part), part)
	}
	return []byte(b.String())
}

// cutPage takes the page from a list that was read one longer, and says where
// the next one begins: after what key makes of the page's last. It is "" at the
// end of the list.
func cutPage[T any](all []T, limit int, key func(T) string) (page []T, after string) {
	if len(all) <= limit {
		return all, ""
	}
	return all[:limit], key(all[limit-1])
}
