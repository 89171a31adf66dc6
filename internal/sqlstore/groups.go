package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	groupColumns = `pool_id, name, description, role_arn, precedence, created_at, modified_at`

	sqlInsertGroup = `insert into user_groups (` + groupColumns + `)
		select $1, $2, $3, $4, $5, $6, $7 where (select count(*) from user_groups where pool_id = $1) < $8
		on conflict do nothing`
	sqlGroup       = `select ` + groupColumns + ` from user_groups where pool_id = $1 and name = $2`
	sqlGroups      = `select ` + groupColumns + ` from user_groups where pool_id = $1 and name > $2 order by name limit $3`
	sqlUpdateGroup = `update user_groups set description = $3, role_arn = $4, precedence = $5, modified_at = $6
		where pool_id = $1 and name = $2`
	sqlDeleteGroup = `delete from user_groups where pool_id = $1 and name = $2`
	sqlEmptyGroup  = `delete from group_members where pool_id = $1 and group_name = $2`

	sqlJoinGroup = `insert into group_members (pool_id, group_name, user_id, added_at)
		select $1, $2, $3, $4
		where exists (select 1 from user_groups where pool_id = $1 and name = $2)
			and exists (select 1 from users where pool_id = $1 and id = $3)
			and (select count(*) from group_members where pool_id = $1 and user_id = $3) < $5
		on conflict do nothing`
	sqlMember     = `select user_id from group_members where pool_id = $1 and group_name = $2 and user_id = $3`
	sqlLeaveGroup = `delete from group_members where pool_id = $1 and group_name = $2 and user_id = $3`
	// SQLite, left to itself, looks for them among all members of the pool's groups.
	sqlLeaveGroups = `delete from group_members where (pool_id, group_name, user_id) in (
		select pool_id, group_name, user_id from group_members where pool_id = $1 and user_id = $2)`
	// SQLite joins in this order, and makes no table of what an in selects.
	sqlGroupsOf = `select ` + groupColumns + ` from (select group_name from group_members where pool_id = $1 and user_id = $2) his
		cross join user_groups where pool_id = $1 and name = group_name order by group_name`
	// PostgreSQL goes by how many members groups have on the whole. It must not look for
	// a few of them among all users, which are read one by one, nor among the members of
	// all groups, as it would by the index of users if the group were said to be one.
	sqlMembers = `select user_id from group_members where pool_id = $1
		and (group_name, user_id) > ($2, $3) and group_name <= $2 order by group_name, user_id limit $4`
)

// rank scans a precedence; -1 is none.
type rank struct{ to **int32 }

func (r rank) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a precedence is kept as %T", src)
	}
	*r.to = nil
	if n >= 0 {
		*r.to = new(int32(n))
	}
	return nil
}

func rankOf(precedence *int32) int64 {
	if precedence == nil {
		return -1
	}
	return int64(*precedence)
}

func scanGroup(r row) (g userpool.Group, err error) {
	err = r.Scan(&g.PoolID, &g.Name, &g.Description, &g.RoleARN, rank{&g.Precedence}, moment{&g.CreatedAt}, moment{&g.ModifiedAt})
	return g, err
}

func (t *tx) InsertGroup(ctx context.Context, g userpool.Group, most int) (bool, error) {
	inserted, err := t.changed(ctx, sqlInsertGroup, g.PoolID, g.Name, g.Description, g.RoleARN, rankOf(g.Precedence),
		millis(g.CreatedAt), millis(g.ModifiedAt), most)
	if err != nil || inserted {
		// Another one that is made at this moment counts.
		return inserted, cmp.Or(err, t.touch(ctx, sqlTouchPool, g.PoolID))
	}
	_, err = t.Group(ctx, g.PoolID, g.Name)
	switch {
	case err == nil:
		return false, userpool.ErrExists
	case errors.Is(err, userpool.ErrNotFound):
		return false, nil
	}
	return false, err
}

func (t *tx) Group(ctx context.Context, pool userpool.PoolID, name string) (userpool.Group, error) {
	return one(ctx, t, scanGroup, sqlGroup, pool, name)
}

func (t *tx) Groups(ctx context.Context, pool userpool.PoolID, after string, limit int) ([]userpool.Group, error) {
	return many(ctx, t, scanGroup, sqlGroups, pool, after, limit)
}

// UpdateGroup leaves name and creation as they are.
func (t *tx) UpdateGroup(ctx context.Context, g userpool.Group) error {
	return t.replace(ctx, sqlUpdateGroup, g.PoolID, g.Name, g.Description, g.RoleARN, rankOf(g.Precedence), millis(g.ModifiedAt))
}

func (t *tx) DeleteGroup(ctx context.Context, pool userpool.PoolID, name string) error {
	return cmp.Or( // after a failed statement the rest is refused
		t.run(ctx, sqlEmptyGroup, pool, name),
		t.run(ctx, sqlDeleteGroup, pool, name))
}

func (t *tx) JoinGroup(ctx context.Context, m userpool.Membership, most int) (bool, error) {
	joined, err := t.changed(ctx, sqlJoinGroup, m.PoolID, m.Group, m.User, millis(m.AddedAt), most)
	if err != nil || joined {
		// Group and user stay, and another group that is joined at this moment counts.
		return joined, cmp.Or(err,
			t.touch(ctx, sqlTouchGroup, m.PoolID, m.Group),
			t.touch(ctx, sqlTouchUser, m.PoolID, m.User))
	}
	_, found, err := maybe(ctx, t, value[string], sqlMember, m.PoolID, m.Group, m.User)
	return found, err
}

func (t *tx) LeaveGroup(ctx context.Context, pool userpool.PoolID, group string, user userpool.UserID) error {
	return t.run(ctx, sqlLeaveGroup, pool, group, user)
}

func (t *tx) GroupsOf(ctx context.Context, pool userpool.PoolID, user userpool.UserID) ([]userpool.Group, error) {
	return many(ctx, t, scanGroup, sqlGroupsOf, pool, user)
}

func (t *tx) Members(ctx context.Context, pool userpool.PoolID, group string, after userpool.UserID, limit int) ([]userpool.User, error) {
	ids, err := many(ctx, t, value[userpool.UserID], sqlMembers, pool, group, after, limit)
	if err != nil {
		return nil, err
	}
	var members []userpool.User
	for _, id := range ids {
		u, err := t.User(ctx, pool, id)
		if err != nil {
			return nil, err
		}
		members = append(members, u)
	}
	return members, nil
}
