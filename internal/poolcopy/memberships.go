package poolcopy

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/uuid"
)

// memberships say which groups users are in. There may be millions of users and
// there are few different sets of groups, so a user has the number of his set.
type memberships struct {
	names []string // of groups
	sets  [][]int  // of groups, as indexes of names; the first is the empty one
	next  map[[2]int]int
	of    map[uuid.UUID]int32
	n     int
}

func newMemberships() memberships {
	return memberships{sets: [][]int{nil}, next: map[[2]int]int{}, of: map[uuid.UUID]int32{}}
}

// add makes the user a member of the last of the groups.
func (m *memberships) add(user uuid.UUID) {
	group, from := len(m.names)-1, int(m.of[user])
	if set := m.sets[from]; len(set) > 0 && set[len(set)-1] == group {
		return // two pages of one list may both hold him
	}
	step := [2]int{from, group}
	to, there := m.next[step]
	if !there {
		to = len(m.sets)
		m.sets, m.next[step] = append(m.sets, append(append([]int(nil), m.sets[from]...), group)), to
	}
	m.of[user] = int32(to)
	m.n++
}

// groupsOf are the names of the user's groups.
func (m *memberships) groupsOf(user uuid.UUID) (names []string) {
	for _, group := range m.sets[m.of[user]] {
		names = append(names, m.names[group])
	}
	return names
}

// memberships reads who is in which group. It is read again by each run, before the
// users, who come with their groups.
func (c *copying) memberships(ctx context.Context) error {
	groups := c.members.names
	c.members = newMemberships()
	for _, group := range groups {
		c.members.names = append(c.members.names, group)
		err := c.source.members(ctx, group, func(u types.UserType) {
			if sub, err := uuid.Parse(subOf(u)); err == nil {
				c.members.add(sub)
			}
		})
		if err != nil {
			return unreadable(fmt.Sprintf("the members of the group %s", group), err)
		}
	}
	c.state.Memberships = c.members.n
	return nil
}

func subOf(u types.UserType) string {
	for _, a := range u.Attributes {
		if value(a.Name) == "sub" {
			return value(a.Value)
		}
	}
	return ""
}
