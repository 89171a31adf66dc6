package endtoend

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// BenchmarkCreateUserPool is what the first pools of a new server take, one at once
// after the other, and then what one takes where the last was made a while ago. Each
// has two RSA keys, which are in stock unless many were asked for.
func BenchmarkCreateUserPool(b *testing.B) {
	s := prepareSite(b)
	s.start()
	sdk := s.sdk()
	one := func() time.Duration {
		began := time.Now()
		if _, err := sdk.CreateUserPool(b.Context(), &cip.CreateUserPoolInput{PoolName: aws.String("riders")}); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	var row, later []time.Duration
	for range 8 {
		row = append(row, one())
	}
	for range b.N {
		awaitStock(b, s)
		later = append(later, one())
	}
	for i, d := range row {
		b.ReportMetric(float64(d.Microseconds())/1000, fmt.Sprintf("ms-%d", i+1))
	}
	slices.Sort(later)
	b.ReportMetric(float64(later[len(later)/2].Microseconds())/1000, "ms-later-p50")
	b.ReportMetric(float64(later[len(later)-1].Microseconds())/1000, "ms-later-max")
}

// awaitStock waits until the server has as many keys in stock as it makes at once.
func awaitStock(b *testing.B, s *site) {
	b.Helper()
	const enough = 4
	file, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, "bellhop.db")+"?mode=ro")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	ctx := bounded(b, time.Minute)
	for have := 0; have < enough; {
		select {
		case <-look.C:
		case <-ctx.Done():
			b.Fatalf("%d keys are in stock after a minute, want %d", have, enough)
		}
		if err := file.QueryRowContext(ctx, "select count(*) from signing_keys where pool_id = ''").Scan(&have); err != nil {
			b.Fatal(err)
		}
	}
}
