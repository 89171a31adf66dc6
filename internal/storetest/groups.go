package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newGroup(name string) userpool.Group {
	return userpool.Group{
		PoolID: e.pool, Name: name, Description: "those who ride", RoleARN: "arn:aws:iam::000000000000:role/rider",
		Precedence: new(int32(0)), CreatedAt: e.now, ModifiedAt: e.in(time.Second),
	}
}

func (e *env) insertGroup(g userpool.Group) {
	e.Helper()
	e.do(func(tx userpool.Tx) error {
		inserted, err := tx.InsertGroup(e.ctx, g, 10_000)
		if err == nil && !inserted {
			e.Fatal("the group was not inserted")
		}
		return err
	})
}

func (e *env) join(group string, user userpool.UserID, most int) bool {
	e.Helper()
	return write(e, func(tx userpool.Tx) (bool, error) {
		return tx.JoinGroup(e.ctx, userpool.Membership{PoolID: e.pool, Group: group, User: user, AddedAt: e.now}, most)
	})
}

// groupsOf and membersOf return names and ids.
func (e *env) groupsOf(user userpool.UserID) []string {
	e.Helper()
	names := []string{}
	for _, g := range read(e, func(tx userpool.Tx) ([]userpool.Group, error) { return tx.GroupsOf(e.ctx, e.pool, user) }) {
		names = append(names, g.Name)
	}
	return names
}

func (e *env) membersOf(group string, after userpool.UserID, limit int) []userpool.UserID {
	e.Helper()
	ids := []userpool.UserID{}
	for _, u := range read(e, func(tx userpool.Tx) ([]userpool.User, error) {
		return tx.Members(e.ctx, e.pool, group, after, limit)
	}) {
		ids = append(ids, u.ID)
	}
	return ids
}

var groupCases = []testCase{
	{"Group/comes back as stored", func(e *env) {
		bare := userpool.Group{PoolID: e.pool, Name: "bare"}
		for _, want := range []userpool.Group{e.newGroup("full"), bare} {
			e.insertGroup(want)
			got := read(e, func(tx userpool.Tx) (userpool.Group, error) { return tx.Group(e.ctx, e.pool, want.Name) })
			equal(e, "group", got, want)
		}
		absent(e, "Group of another case", func(tx userpool.Tx) (userpool.Group, error) { return tx.Group(e.ctx, e.pool, "FULL") })
		absent(e, "Group of another pool", func(tx userpool.Tx) (userpool.Group, error) {
			return tx.Group(e.ctx, "us-east-1_None", "full")
		})
	}},
	{"InsertGroup/of a taken name changes nothing, full or not", func(e *env) {
		e.insertGroup(e.newGroup("riders"))
		impostor := userpool.Group{PoolID: e.pool, Name: "riders"}
		for _, most := range []int{1, 2} {
			e.try(userpool.ErrExists, func(tx userpool.Tx) error { _, err := tx.InsertGroup(e.ctx, impostor, most); return err })
		}
		got := read(e, func(tx userpool.Tx) (userpool.Group, error) { return tx.Group(e.ctx, e.pool, "riders") })
		equal(e, "group", got, e.newGroup("riders"))
	}},
	{"InsertGroup/by many never goes over the most", func(e *env) {
		inserted := race(e, racers, func(tx userpool.Tx, i int) (bool, error) {
			return tx.InsertGroup(e.ctx, e.newGroup(fmt.Sprint("group ", i)), 5)
		})
		equal(e, "inserted", count(inserted), 5)
	}},
	{"InsertGroup/of one name by many has one winner", func(e *env) {
		won := race(e, racers, func(tx userpool.Tx, i int) (bool, error) {
			inserted, err := tx.InsertGroup(e.ctx, e.newGroup("riders"), 100)
			if errors.Is(err, userpool.ErrExists) {
				return false, nil
			}
			return inserted, err
		})
		equal(e, "winners", count(won), 1)
	}},
	{"UpdateGroup/replaces all but name and creation", func(e *env) {
		e.insertGroup(e.newGroup("riders"))
		g := userpool.Group{PoolID: e.pool, Name: "riders", CreatedAt: e.in(time.Hour), ModifiedAt: e.in(time.Hour)}
		e.do(func(tx userpool.Tx) error { return tx.UpdateGroup(e.ctx, g) })
		g.CreatedAt = e.now
		equal(e, "group", read(e, func(tx userpool.Tx) (userpool.Group, error) { return tx.Group(e.ctx, e.pool, "riders") }), g)
		e.try(userpool.ErrNotFound, func(tx userpool.Tx) error { return tx.UpdateGroup(e.ctx, e.newGroup("none")) })
	}},
	{"Groups/are ordered by name, in bytes, and paged", func(e *env) {
		for _, name := range []string{"b", "ä", "B", "a"} {
			e.insertGroup(e.newGroup(name))
		}
		names := func(after string, limit int) []string {
			names := []string{}
			for _, g := range read(e, func(tx userpool.Tx) ([]userpool.Group, error) {
				return tx.Groups(e.ctx, e.pool, after, limit)
			}) {
				names = append(names, g.Name)
			}
			return names
		}
		equal(e, "all", names("", 10), []string{"B", "a", "b", "ä"})
		equal(e, "a page", names("B", 2), []string{"a", "b"})
		equal(e, "behind the last", names("ä", 2), []string{})
	}},
	{"JoinGroup/twice is once, and needs both", func(e *env) {
		e.insertUser(e.newUser("ann"))
		e.insertGroup(e.newGroup("riders"))
		equal(e, "joined", []bool{e.join("riders", "ann", 1), e.join("riders", "ann", 1)}, []bool{true, true})
		equal(e, "groups", e.groupsOf("ann"), []string{"riders"})
		equal(e, "nobody", []bool{e.join("riders", "none", 9), e.join("none", "ann", 9)}, []bool{false, false})
	}},
	{"JoinGroup/by many never goes over the most", func(e *env) {
		e.insertUser(e.newUser("ann"))
		for i := range racers {
			e.insertGroup(e.newGroup(fmt.Sprint("group ", i)))
		}
		joined := race(e, racers, func(tx userpool.Tx, i int) (bool, error) {
			return tx.JoinGroup(e.ctx, userpool.Membership{PoolID: e.pool, Group: fmt.Sprint("group ", i), User: "ann"}, 5)
		})
		equal(e, "joined", count(joined), 5)
		equal(e, "groups", len(e.groupsOf("ann")), 5)
	}},
	{"Members/come in the order of ids, and go one by one, with the user, with the group", func(e *env) {
		for _, group := range []string{"riders", "drivers"} {
			e.insertGroup(e.newGroup(group))
		}
		for _, id := range []userpool.UserID{"c", "a", "d", "b"} {
			e.insertUser(e.newUser(id))
			e.join("riders", id, 9)
			e.join("drivers", id, 9)
		}
		equal(e, "all", e.membersOf("riders", "", 10), []userpool.UserID{"a", "b", "c", "d"})
		equal(e, "a page", e.membersOf("riders", "a", 2), []userpool.UserID{"b", "c"})
		for range 2 { // the second ends nothing
			e.do(func(tx userpool.Tx) error { return tx.LeaveGroup(e.ctx, e.pool, "riders", "c") })
		}
		e.do(func(tx userpool.Tx) error { return tx.DeleteUser(e.ctx, e.pool, "b") })
		equal(e, "riders left", e.membersOf("riders", "", 10), []userpool.UserID{"a", "d"})
		equal(e, "drivers left", e.membersOf("drivers", "", 10), []userpool.UserID{"a", "c", "d"})
		for range 2 {
			e.do(func(tx userpool.Tx) error { return tx.DeleteGroup(e.ctx, e.pool, "riders") })
		}
		equal(e, "groups of a user", e.groupsOf("a"), []string{"drivers"})
		e.insertGroup(e.newGroup("riders"))
		equal(e, "of the group made again", e.membersOf("riders", "", 10), []userpool.UserID{})
	}},
}
