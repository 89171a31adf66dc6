package endtoend

import (
	"fmt"
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
		time.Sleep(2 * time.Second) // as long as the stock takes
		later = append(later, one())
	}
	for i, d := range row {
		b.ReportMetric(float64(d.Microseconds())/1000, fmt.Sprintf("ms-%d", i+1))
	}
	slices.Sort(later)
	b.ReportMetric(float64(later[len(later)/2].Microseconds())/1000, "ms-later-p50")
	b.ReportMetric(float64(later[len(later)-1].Microseconds())/1000, "ms-later-max")
}
