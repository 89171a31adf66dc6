package endtoend

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/srptest"
)

// asking is one thing that is measured. ready does what must be there before, and is
// not measured; do gets what it returned.
type asking struct {
	name  string
	ready func(ctx context.Context, a *aDirectory) (any, error)
	do    func(ctx context.Context, a *aDirectory, with any) error
}

// compare measures each asking on both in turns, and prints the table.
func compare(t *testing.T, engine string, rounds int, small, large *aDirectory) {
	t.Helper()
	ctx := bounded(t, time.Hour)
	t.Logf("| %s | %d users | %d users | ratio | CPU there | CPU here | ratio |", engine, small.n, large.n)
	t.Log("|---|---|---|---|---|---|---|")
	var worst float64
	for _, ask := range askings() {
		var took, used [2][]time.Duration
		for round := range rounds + rounds/8 {
			for _, side := range []int{round % 2, 1 - round%2} { // each goes first as often
				a := []*aDirectory{small, large}[side]
				wall, cpu, err := a.once(ctx, ask)
				if err != nil {
					t.Fatalf("%s with %d users: %v", ask.name, a.n, err)
				}
				if round >= rounds/8 { // the first ones warm up
					took[side], used[side] = append(took[side], wall), append(used[side], cpu)
				}
			}
		}
		wall, cpu := [2]time.Duration{median(took[0]), median(took[1])}, [2]time.Duration{median(used[0]), median(used[1])}
		ratio := float64(wall[1]) / float64(wall[0])
		worst = max(worst, ratio)
		t.Logf("| %s | %s | %s | %.2f | %s | %s | %.2f |", ask.name, ms(wall[0]), ms(wall[1]), ratio, ms(cpu[0]), ms(cpu[1]), float64(cpu[1])/float64(max(1, cpu[0])))
	}
	t.Logf("| the worst | | | %.2f | | | |", worst)
	starts := [2][]time.Duration{}
	var rest [2]int64
	for round := range max(3, rounds/8) {
		for _, side := range []int{round % 2, 1 - round%2} {
			a := []*aDirectory{small, large}[side]
			rest[side] = a.memory()
			a.stop()
			began := time.Now()
			a.start()
			if err := a.unknownClient(ctx); err != nil {
				t.Fatal(err)
			}
			starts[side] = append(starts[side], time.Since(began))
			a.sdk = a.site.sdk()
		}
	}
	s, l := median(starts[0]), median(starts[1])
	t.Logf("| start, to the first answer | %s | %s | %.2f | | | |", ms(s), ms(l), float64(l)/float64(s))
	t.Logf("| resident after all this, MiB | %d | %d | %.2f | | | |", rest[0]>>20, rest[1]>>20, float64(rest[1])/float64(rest[0]))
	t.Logf("| bytes on the disk for each user | %d | %d | | | | |", small.bytes/int64(small.n), large.bytes/int64(large.n))
	t.Logf("| filled in | %s | %s | | | | |", small.filled, large.filled)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

// unknownClient is a request that reads the database.
func (a *aDirectory) unknownClient(ctx context.Context) error {
	_, err := a.site.sdk().SignUp(ctx, &cip.SignUpInput{ClientId: aws.String("nobody"), Username: aws.String(newNumber())})
	if err == nil {
		return fmt.Errorf("an unknown client was served")
	}
	return nil
}

// once says how long the asking took, and what the server and its database used.
func (a *aDirectory) once(ctx context.Context, ask asking) (wall, cpu time.Duration, err error) {
	var with any
	if ask.ready != nil {
		if with, err = ask.ready(ctx, a); err != nil {
			return 0, 0, err
		}
	}
	before := a.used()
	began := time.Now()
	err = ask.do(ctx, a, with)
	wall = time.Since(began)
	return wall, a.used() - before, err
}

// used is what the server's threads, and those of its cluster, have run so far, in
// nanoseconds (schedstat of proc(5)).
func (a *aDirectory) used() (sum time.Duration) {
	pattern := fmt.Sprintf("/proc/%d/task/*/schedstat", a.cmd.Process.Pid)
	files, _ := filepath.Glob(pattern)
	if a.cluster != nil {
		files = append(files, a.cluster.Schedstats()...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		ran, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(ran, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

// list is a listing of the pool of numbers, or of names, from a mark on: as many users as
// are wanted at least, and no more than at most.
type list struct {
	ofNames     bool
	filter      string
	limit       int32
	mark        string
	least, most int
}

func (l list) do(ctx context.Context, a *aDirectory, _ any) error {
	pool := string(a.numbers)
	if l.ofNames {
		pool = string(a.names)
	}
	in := &cip.ListUsersInput{UserPoolId: &pool, Limit: aws.Int32(l.limit)}
	if l.filter != "" {
		in.Filter = &l.filter
	}
	if l.mark != "" {
		in.PaginationToken = aws.String(a.token(pool, l.filter, l.mark))
	}
	out, err := a.sdk.ListUsers(ctx, in)
	if a.n < directoryBase && l.most != rare {
		l.least = min(l.least, 1) // a trial's are too few
	}
	if err == nil && (len(out.Users) < l.least || len(out.Users) > l.most) {
		err = fmt.Errorf("%q listed %d users, not %d to %d", l.filter, len(out.Users), l.least, l.most)
	}
	return err
}

// token leads to a place in a list that nobody has walked to: as the server seals it.
func (a *aDirectory) token(pool, filter, mark string) string {
	attribute, rest, _ := strings.Cut(filter, " ")
	value := strings.Trim(strings.TrimLeft(rest, "^= "), `"`)
	var aad strings.Builder
	for _, part := range []string{"ListUsers", pool, attribute, fmt.Sprint(strings.HasPrefix(rest, "^")), value} {
		fmt.Fprintf(&aad, "%d:%s", len(part), part)
	}
	return a.ring.Seal("page", []byte(aad.String()), []byte(mark))
}

// mid is a mark in the middle of all places.
const mid = "V"

func askings() []asking {
	var all []asking
	lists := func(name string, l list) {
		all = append(all, asking{name: "ListUsers " + name, do: l.do})
	}
	full := func(limit int32) list { return list{limit: limit, least: int(limit), most: int(limit)} }
	for _, limit := range []int32{1, 60} {
		l := full(limit)
		lists(fmt.Sprintf("all, first page of %d", limit), l)
		l.mark = mid
		lists(fmt.Sprintf("all, a page of %d in the middle", limit), l)
	}
	lists("all, the last page", list{limit: 60, mark: "zzzz", least: 0, most: 60})

	// Each filter where many are found, few, and none.
	for _, f := range []struct{ attribute, op, many, middle, few, none string }{
		{"phone_number", "^=", "+9198", "+919850000000\x00" + mid, "", "+4479"},
		{"email", "^=", "a", "arjun\x00" + mid, "wilhelmina.", "xxxx"},
		{"given_name", "=", "Asha", mid, rareName, "Nobody"},
		{"given_name", "^=", "A", "Anna\x00" + mid, rareName, "Nobody"},
		{"family_name", "^=", "A", "An\x00" + mid, rareName, "Xyzzy"},
		{"name", "^=", "As", "Asha M\x00" + mid, rareName, "Nobody"},
		{"sub", "^=", "4", "48\x00" + mid, "", "not a sub"},
		{"username", "^=", "4", "48\x00" + mid, "", "not a sub"},
		{"status", "=", "Enabled", mid, "", "no"},
		{"cognito:user_status", "=", "CONFIRMED", mid, "RESET_REQUIRED", "ARCHIVED"},
		{"cognito:user_status", "^=", "C", mid, "R", "X"},
	} {
		filter := func(value string) string { return fmt.Sprintf("%s %s %q", f.attribute, f.op, value) }
		for _, limit := range []int32{1, 60} {
			l := full(limit)
			l.filter = filter(f.many)
			lists(fmt.Sprintf("%s, many, first page of %d", strings.ReplaceAll(l.filter, `"`, ""), limit), l)
		}
		l := full(60)
		l.filter, l.mark, l.least = filter(f.many), f.middle, 20
		lists(fmt.Sprintf("%s, many, in the middle", strings.ReplaceAll(l.filter, `"`, "")), l)
		if f.few != "" {
			lists(fmt.Sprintf("%s %s, few", f.attribute, f.op), list{filter: filter(f.few), limit: 60, least: rare, most: rare})
		}
		lists(fmt.Sprintf("%s %s, none", f.attribute, f.op), list{filter: filter(f.none), limit: 60})
	}
	one := func(name string, ofNames bool, filter func(a *aDirectory, i int) string) {
		all = append(all, asking{
			name:  "ListUsers " + name + ", one",
			ready: func(_ context.Context, a *aDirectory) (any, error) { return filter(a, a.anybody(ofNames)), nil },
			do: func(ctx context.Context, a *aDirectory, with any) error {
				return list{ofNames: ofNames, filter: with.(string), limit: 60, least: 1, most: 1}.do(ctx, a, nil)
			},
		})
	}
	one("phone_number =", false, func(a *aDirectory, i int) string { return fmt.Sprintf("phone_number = %q", number(i)) })
	one("sub =", false, func(a *aDirectory, i int) string { return fmt.Sprintf("sub = %q", a.byNumber(i).User.ID) })
	one("sub ^= all but three of it", false, func(a *aDirectory, i int) string { return fmt.Sprintf("sub ^= %q", a.byNumber(i).User.ID[:33]) })
	one("username =", true, func(a *aDirectory, i int) string { return fmt.Sprintf("username = %q", a.userName(i)) })
	one("preferred_username =", true, func(a *aDirectory, i int) string { return fmt.Sprintf("preferred_username = %q", "the-"+a.userName(i)) })
	lists("username ^= wilhelmina of names, few", list{ofNames: true, filter: `username ^= "wilhelmina"`, limit: 60, least: rare, most: rare})
	lists("username ^= an of names, many", list{ofNames: true, filter: `username ^= "an"`, limit: 60, least: 1, most: 60})
	lists("preferred_username ^= the- of names, many", list{ofNames: true, filter: `preferred_username ^= "the-"`, limit: 60, least: 60, most: 60})

	all = append(all, members("riders", "", 60), members("riders", "80000000-0000-4000-8000-000000000000", 60), members("staff", "", rare))
	all = append(all, asking{name: "DescribeUserPool", do: func(ctx context.Context, a *aDirectory, _ any) error {
		out, err := a.sdk.DescribeUserPool(ctx, &cip.DescribeUserPoolInput{UserPoolId: &a.pool})
		if err == nil {
			if got := int(out.UserPool.EstimatedNumberOfUsers); got < a.count()*9/10 || got > a.count()*11/10+1000 {
				err = fmt.Errorf("%d users are estimated as %d", a.count(), got)
			}
		}
		return err
	}})
	get := func(name string, ofNames bool, username func(a *aDirectory, i int) string) {
		all = append(all, asking{
			name:  "AdminGetUser by " + name,
			ready: func(_ context.Context, a *aDirectory) (any, error) { return username(a, a.anybody(ofNames)), nil },
			do: func(ctx context.Context, a *aDirectory, with any) error {
				pool := string(a.numbers)
				if ofNames {
					pool = string(a.names)
				}
				_, err := a.sdk.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &pool, Username: aws.String(with.(string))})
				return err
			},
		})
	}
	get("number", false, func(a *aDirectory, i int) string { return number(i) })
	// The same of somebody whose rows have just been read, so that no disk is waited for.
	again := all[len(all)-1]
	again.name += ", again"
	again.ready = all[len(all)-1].readyUser
	all = append(all, again)
	get("sub", false, func(a *aDirectory, i int) string { return string(a.byNumber(i).User.ID) })
	get("user name", true, func(a *aDirectory, i int) string { return a.userName(i) })
	get("alias", true, func(a *aDirectory, i int) string { return "the-" + a.userName(i) })
	return append(all, signUps(), byCodes(), proved(), refreshes(), seen(), created(), deleted(), disabled())
}

// anybody is a resident by chance, whom hardly anybody has asked for before.
func (a *aDirectory) anybody(ofNames bool) int {
	if ofNames {
		return rand.IntN(a.n / 10)
	}
	return rand.IntN(a.count())
}

func members(group, after string, want int) asking {
	name := "ListUsersInGroup " + group
	if after != "" {
		name += ", in the middle"
	}
	return asking{name: name, do: func(ctx context.Context, a *aDirectory, _ any) error {
		in := &cip.ListUsersInGroupInput{UserPoolId: &a.pool, GroupName: &group, Limit: aws.Int32(60)}
		if after != "" {
			var aad strings.Builder
			for _, part := range []string{"ListUsersInGroup", a.pool, group} {
				fmt.Fprintf(&aad, "%d:%s", len(part), part)
			}
			in.NextToken = aws.String(a.ring.Seal("page", []byte(aad.String()), []byte(after)))
		}
		out, err := a.sdk.ListUsersInGroup(ctx, in)
		if err == nil && len(out.Users) != want {
			err = fmt.Errorf("%d members of %s", len(out.Users), group)
		}
		return err
	}}
}

// newcomer is a number that no resident has.
func (a *aDirectory) newcomer() string {
	a.fresh++
	return fmt.Sprintf("+9197%08d", time.Now().UnixMilli()%10_000_000*10+int64(a.fresh%10))
}

func signUps() asking {
	return asking{
		name:  "sign-up and confirmation",
		ready: func(_ context.Context, a *aDirectory) (any, error) { return a.newcomer(), nil },
		do: func(ctx context.Context, a *aDirectory, with any) error {
			number := with.(string)
			if _, err := a.sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &a.client, Username: &number}); err != nil {
				return err
			}
			code, err := a.codeOf(ctx, number, 1)
			if err != nil {
				return err
			}
			_, err = a.sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &a.client, Username: &number, ConfirmationCode: &code})
			return err
		},
	}
}

func byCodes() asking {
	return asking{
		name:  "sign-in by texted code",
		ready: func(_ context.Context, a *aDirectory) (any, error) { return a.able(), nil },
		do: func(ctx context.Context, a *aDirectory, with any) error {
			_, err := a.byText(ctx, with.(string))
			return err
		},
	}
}

// able is the number of somebody who may sign in by a code.
func (a *aDirectory) able() string {
	for {
		i := a.anybody(false)
		if u := a.byNumber(i).User; u.Enabled && u.Status == "CONFIRMED" {
			return number(i)
		}
	}
}

func (a *aDirectory) byText(ctx context.Context, number string) (*types.AuthenticationResultType, error) {
	n := len(distinct(a.sink.TextsTo(number))) + 1
	answer, err := start(ctx, a.site, a.sdk, number, n)
	if err != nil {
		return nil, err
	}
	out, err := answer.give(ctx, a.site, a.sdk)
	if err != nil {
		return nil, err
	}
	return out.AuthenticationResult, nil
}

const residentsPassword = "Correct-Horse-9"

func proved() asking {
	return asking{
		name: "sign-in by password proof",
		ready: func(ctx context.Context, a *aDirectory) (any, error) {
			name := a.able()
			_, err := a.sdk.AdminSetUserPassword(ctx, &cip.AdminSetUserPasswordInput{
				UserPoolId: &a.pool, Username: &name, Password: aws.String(residentsPassword), Permanent: true,
			})
			return name, err
		},
		do: func(ctx context.Context, a *aDirectory, with any) error {
			claim := srptest.New(a.tb)
			asked, err := a.sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{
				ClientId: &a.client, AuthFlow: types.AuthFlowTypeUserSrpAuth,
				AuthParameters: map[string]string{"USERNAME": with.(string), "SRP_A": claim.A()},
			})
			if err != nil {
				return err
			}
			_, err = a.sdk.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
				ClientId: &a.client, ChallengeName: types.ChallengeNameTypePasswordVerifier, Session: asked.Session,
				ChallengeResponses: claim.Respond(a.tb, a.pool, residentsPassword, asked.ChallengeParameters),
			})
			return err
		},
	}
}

func refreshes() asking {
	return asking{
		name: "refresh",
		ready: func(ctx context.Context, a *aDirectory) (any, error) {
			tokens, err := a.byText(ctx, a.able())
			if err != nil {
				return nil, err
			}
			return *tokens.RefreshToken, nil
		},
		do: func(ctx context.Context, a *aDirectory, with any) error {
			_, err := a.sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{
				ClientId: &a.client, AuthFlow: types.AuthFlowTypeRefreshTokenAuth, AuthParameters: map[string]string{"REFRESH_TOKEN": with.(string)},
			})
			return err
		},
	}
}

func seen() asking {
	return asking{
		name: "GetUser",
		ready: func(ctx context.Context, a *aDirectory) (any, error) {
			tokens, err := a.byText(ctx, a.able())
			if err != nil {
				return nil, err
			}
			return *tokens.AccessToken, nil
		},
		do: func(ctx context.Context, a *aDirectory, with any) error {
			_, err := a.sdk.GetUser(ctx, &cip.GetUserInput{AccessToken: aws.String(with.(string))})
			return err
		},
	}
}

func created() asking {
	return asking{
		name:  "AdminCreateUser",
		ready: func(_ context.Context, a *aDirectory) (any, error) { return a.newcomer(), nil },
		do: func(ctx context.Context, a *aDirectory, with any) error {
			_, err := a.sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{
				UserPoolId: &a.pool, Username: aws.String(with.(string)), MessageAction: types.MessageActionTypeSuppress,
				UserAttributes: []types.AttributeType{{Name: aws.String("name"), Value: aws.String("Asha Newcomer")}, {Name: aws.String("email"), Value: aws.String("asha." + with.(string)[1:] + "@example.com")}},
			})
			return err
		},
	}
}

func deleted() asking {
	return asking{
		name:  "AdminDeleteUser",
		ready: created().readyUser,
		do: func(ctx context.Context, a *aDirectory, with any) error {
			_, err := a.sdk.AdminDeleteUser(ctx, &cip.AdminDeleteUserInput{UserPoolId: &a.pool, Username: aws.String(with.(string))})
			return err
		},
	}
}

// readyUser makes somebody by the asking, and says who it is.
func (ask asking) readyUser(ctx context.Context, a *aDirectory) (any, error) {
	with, err := ask.ready(ctx, a)
	return with, cmp.Or(err, ask.do(ctx, a, with))
}

func disabled() asking {
	return asking{
		name:  "AdminDisableUser",
		ready: func(_ context.Context, a *aDirectory) (any, error) { return a.able(), nil },
		do: func(ctx context.Context, a *aDirectory, with any) error {
			number := with.(string)
			if _, err := a.sdk.AdminDisableUser(ctx, &cip.AdminDisableUserInput{UserPoolId: &a.pool, Username: &number}); err != nil {
				return err
			}
			_, err := a.sdk.AdminEnableUser(ctx, &cip.AdminEnableUserInput{UserPoolId: &a.pool, Username: &number})
			return err
		},
	}
}
