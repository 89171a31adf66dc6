package cognito

import (
	"bufio"
	"context"
	"io"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// exportedUser is a user as ListUsers shows him, with what AdminListGroupsForUser and
// AdminGetUser add.
type exportedUser struct {
	userType
	PreferredMfaSetting string   `json:",omitzero"`
	UserMFASettingList  []string `json:",omitzero"`
	Groups              []string `json:",omitzero"`
}

// Export writes a pool as lines, each a JSON object with one member that says what it
// is: UserPool, MfaConfig, UserPoolClient, Group and User, each as the operation that
// shows it does. Clients have their secrets. It says how many users there were.
func Export(ctx context.Context, s *userpool.Service, pool userpool.PoolID, to io.Writer) (users int, err error) {
	w := bufio.NewWriter(to)
	line := func(kind string, v any) error {
		text, err := encode(map[string]any{kind: v})
		if err != nil {
			return err
		}
		_, err = w.Write(append(text, '\n'))
		return err
	}
	for _, part := range []func(context.Context, *userpool.Service, userpool.PoolID, func(string, any) error) error{exportPool, exportClients, exportGroups} {
		if err := part(ctx, s, pool, line); err != nil {
			return 0, err
		}
	}
	for d, err := range s.Departures(ctx, pool) {
		if err != nil {
			return users, err
		}
		shown := mfaShownOf(d.UserView)
		u := exportedUser{userOut(d.UserView), shown.PreferredMfaSetting, shown.UserMFASettingList, d.Groups}
		if err := line("User", u); err != nil {
			return users, err
		}
		users++
	}
	return users, w.Flush()
}

func exportPool(ctx context.Context, s *userpool.Service, pool userpool.PoolID, line func(string, any) error) error {
	p, err := s.DescribeUserPool(ctx, pool)
	if err != nil {
		return err
	}
	out, err := poolOut(p)
	if err != nil {
		return err
	}
	if err := line("UserPool", out); err != nil {
		return err
	}
	mfa, err := mfaOut(p)
	if err != nil {
		return err
	}
	return line("MfaConfig", mfa)
}

func exportClients(ctx context.Context, s *userpool.Service, pool userpool.PoolID, line func(string, any) error) error {
	for token := ""; ; {
		page, next, err := s.ListUserPoolClients(ctx, pool, userpool.MaxPage, token)
		if err != nil {
			return err
		}
		for _, c := range page {
			described, err := s.DescribeUserPoolClient(ctx, pool, c.ID)
			if err != nil {
				return err
			}
			out, err := clientOut(described)
			if err != nil {
				return err
			}
			if err := line("UserPoolClient", out); err != nil {
				return err
			}
		}
		if token = next; token == "" {
			return nil
		}
	}
}

func exportGroups(ctx context.Context, s *userpool.Service, pool userpool.PoolID, line func(string, any) error) error {
	for token := ""; ; {
		page, err := s.ListGroups(ctx, pool, 0, token)
		if err != nil {
			return err
		}
		for _, g := range page.Groups {
			if err := line("Group", groupOut(g)); err != nil {
				return err
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}
