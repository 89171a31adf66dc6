package endtoend

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

// BenchmarkTextedSignIn drives complete texted-code sign-ins by CUSTOM_AUTH
// against the built program on durable SQLite: start, code from the provider's
// webhook, answer, RS256 tokens. Its own CPU is not counted: cpu-ms/sign-in is
// the server's. The client is an SDK: cmd/bellhop-bench has a cheaper one.
func BenchmarkTextedSignIn(b *testing.B) {
	for _, workers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { benchSignIn(b, workers) })
	}
}

// BenchmarkNodes is BenchmarkTextedSignIn with 32 workers on SQLite and on
// PostgreSQL with one, two and three nodes, all on this machine. database-ms is
// what PostgreSQL used beside.
func BenchmarkNodes(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchSignIn(b, 32) })
	for n := range 3 {
		b.Run(fmt.Sprintf("postgres,nodes=%d", n+1), func(b *testing.B) { benchNodes(b, n+1) })
	}
}

func benchNodes(b *testing.B, n int) {
	cluster := pgtest.Start(b, pgtest.Options{})
	cluster.SQL(b, "postgres", "create database "+database)
	s := onPostgres(b, cluster.DSN(database), "BELLHOP_LIMITS=off")
	s.makePool()
	nodes := s.more(n - 1)
	for _, node := range nodes {
		node.start()
		defer node.stop()
	}
	before := cluster.CPU(b)
	driveSignIns(b, s, nodes, 32)
	b.ReportMetric((cluster.CPU(b)-before).Seconds()*1000/float64(b.N), "database-ms/sign-in")
}

func benchSignIn(b *testing.B, workers int) {
	s := newSite(b, "BELLHOP_LIMITS=off")
	s.start()
	defer s.stop()
	driveSignIns(b, s, []*node{s.node}, workers)
}

// driveSignIns has so many people sign in again and again, each on one node after
// the other.
func driveSignIns(b *testing.B, s *site, nodes []*node, workers int) {
	ctx := bounded(b, 5*time.Minute)
	people := make([]string, workers)
	sdk := s.sdk()
	for i := range people {
		people[i] = newNumber()
		if _, err := sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{UserPoolId: &s.pool, Username: &people[i]}); err != nil {
			b.Fatal(err)
		}
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	before := cpu(nodes)
	var all sync.WaitGroup
	for worker, number := range people {
		all.Go(func() {
			var sdks []*cip.Client
			for _, n := range nodes {
				sdks = append(sdks, s.patientSDK(n))
			}
			for n := 1; left.Add(-1) >= 0; n++ {
				if err := signIn(ctx, s, sdks[(worker+n)%len(sdks)], number, n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	each := (cpu(nodes) - before) / time.Duration(b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sign-ins/s")
	b.ReportMetric(each.Seconds()*1000, "cpu-ms/sign-in")
	b.ReportMetric(float64(s.memory())/(1<<20), "server-MiB")
}

func signIn(ctx context.Context, s *site, sdk *cip.Client, number string, n int) error {
	started, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{
		ClientId: &s.client, AuthFlow: types.AuthFlowTypeCustomAuth, AuthParameters: map[string]string{"USERNAME": number},
	})
	if err != nil {
		return err
	}
	code, err := s.codeOf(ctx, number, n)
	if err != nil {
		return err
	}
	_, err = spentAnswer{number, aws.ToString(started.Session), code}.give(ctx, s, sdk)
	return err
}

// patientSDK comes again when it is told that there are too many at once, as
// SDKs do; the machine has hardly room for three nodes, a database and a crowd.
func (s *site) patientSDK(n *node) *cip.Client {
	o := s.sdkOf(n).Options()
	o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.RateLimiter = 20, ratelimit.None })
	return cip.New(o)
}

func cpu(nodes []*node) (used time.Duration) {
	for _, n := range nodes {
		used += n.cpu()
	}
	return used
}

// cpu is what the server has used, user and system (proc(5), stat, in ticks of
// 10 ms).
func (s *node) cpu() time.Duration {
	s.tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		s.tb.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		s.tb.Fatalf("/proc stat is %q", stat)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory is what the server has resident, in bytes.
func (s *site) memory() int64 {
	s.tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.tb.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				s.tb.Fatal(err)
			}
			return kib << 10
		}
	}
	return 0
}

// BenchmarkStart is the time from the start of the program, on a data folder
// that is there, to its first answer.
func BenchmarkStart(b *testing.B) {
	s := newSite(b)
	s.start()
	s.stop()
	b.ResetTimer()
	for range b.N {
		s.start()
		if _, err := s.sdk().SignUp(b.Context(), &cip.SignUpInput{ClientId: aws.String("nobody"), Username: aws.String(newNumber())}); err == nil {
			b.Fatal("an unknown client was served")
		}
		b.StopTimer()
		b.ReportMetric(float64(s.memory())/(1<<20), "server-MiB")
		s.stop()
		b.StartTimer()
	}
}
