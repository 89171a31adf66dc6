package poolcopy

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Report is what a copy has done, in all its runs. It holds no name, number or
// address of a user.
type Report struct {
	progress
	DryRun  bool      `json:"dry_run"`
	Resumed bool      `json:"resumed"` // an earlier run was interrupted
	Ended   time.Time `json:"ended"`
	// UsersPerMinute is the speed of this run, of users whatever became of them.
	UsersPerMinute int `json:"users_per_minute"`

	perSecond float64
}

// Never are what no pool on Cognito gives away of a user.
var never = []string{
	"passwords", "authenticator apps (TOTP secrets)", "passkeys", "remembered devices", "refresh tokens and sessions",
}

func (c *copying) report() Report {
	r := Report{progress: c.state, DryRun: c.DryRun, Resumed: c.resumed, Ended: time.Now().UTC()}
	r.Token = "" // of no use to a reader, and good for an hour
	r.Users.Already = max(r.Users.Already, 0)
	if took := time.Since(c.began); took > 0 {
		n := r.Users.Seen
		if !r.Relisted {
			n -= c.before
		}
		r.perSecond = float64(n) / took.Seconds()
		r.UsersPerMinute = int(r.perSecond * 60)
	}
	return r
}

// Line says in a few words how far the copy is.
func (r Report) Line() string {
	line := fmt.Sprintf("%d users read", r.Users.Seen)
	if r.Estimate > 0 {
		line += fmt.Sprintf(" of about %d", max(r.Estimate, r.Users.Seen))
	}
	line += fmt.Sprintf(": %d came, %d were there already, %d could not come; %d a minute", r.Users.Came, r.Users.Already, r.Users.Refused, r.UsersPerMinute)
	if left := r.Estimate - r.Users.Seen; left > 0 && r.perSecond > 0 {
		line += fmt.Sprintf(", about %s left", (time.Duration(float64(left)/r.perSecond) * time.Second).Round(time.Second))
	}
	return line
}

// Print writes the report for a reader.
func (r Report) Print(w io.Writer) error {
	var b strings.Builder
	came := "came"
	switch {
	case r.DryRun:
		came = "would come"
		fmt.Fprintf(&b, "A dry run: nothing was written.\n\n")
	case !r.Finished:
		fmt.Fprintf(&b, "The import is not finished. Run the command again, and it goes on.\n\n")
	}
	fmt.Fprintf(&b, "User pool %s from %s\n\n", r.Pool, r.From)
	if !r.PoolMade {
		fmt.Fprintf(&b, "  The pool was there already; its settings were left as they are.\n")
	}
	for _, row := range []struct {
		what string
		n    Count
	}{{"app clients", r.Clients}, {"groups", r.Groups}, {"users", r.Users}} {
		fmt.Fprintf(&b, "  %-12s %8d %s, %d were there already, %d could not come\n", row.what, row.n.Came, came, row.n.Already, row.n.Refused)
	}
	fmt.Fprintf(&b, "  %-12s %8d of users in groups\n", "memberships", r.Memberships)
	fmt.Fprintf(&b, "\n%d users a minute.\n", r.UsersPerMinute)
	if r.Relisted {
		fmt.Fprintf(&b, "The source had forgotten the place in its list (it does after an hour), so the list was read from its beginning.\n")
	}
	printReasons(&b, "Users who could not come", r.Refused)
	printReasons(&b, "What of users could not come", r.Lost)
	if len(r.Settings) > 0 {
		fmt.Fprintf(&b, "\nSettings that could not come:\n")
	}
	for _, l := range r.Settings {
		fmt.Fprintf(&b, "  %s: %s: %s\n", l.Of, l.Member, strings.TrimSpace(l.Reason))
	}
	fmt.Fprintf(&b, "\nWhat Cognito gives of nobody: %s.\n", strings.Join(never, ", "))
	_, err := io.WriteString(w, b.String())
	return err
}

func printReasons(b *strings.Builder, heading string, reasons []Reason) {
	if len(reasons) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", heading)
	for _, r := range reasons {
		fmt.Fprintf(b, "  %d: %s\n      %s\n", r.Users, r.Reason, examples(r))
	}
}

func examples(r Reason) string {
	var ids []string
	for _, id := range r.Examples {
		ids = append(ids, string(orNone(id)))
	}
	if len(r.Examples) < r.Users {
		ids = append(ids, "…")
	}
	return strings.Join(ids, ", ")
}

func orNone(id userpool.UserID) userpool.UserID {
	if id == "" {
		return "(no sub)"
	}
	return id
}
