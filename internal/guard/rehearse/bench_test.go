package rehearse_test

import (
	"bytes"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/rehearse"
	"github.com/bellhop-auth/bellhop/internal/guard/traffic"
)

// trace is a scenario as a file.
func trace(t testing.TB, name string, o traffic.Options) []byte {
	t.Helper()
	var b []byte
	for e := range find(t, name).Stream(o).All() {
		b = e.AppendJSON(b)
	}
	return b
}

func find(t testing.TB, name string) traffic.Scenario {
	t.Helper()
	for _, s := range traffic.Scenarios() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no scenario %s", name)
	return traffic.Scenario{}
}

// What a line of a trace costs, reading and the engine with its memory and all.
func BenchmarkReplay(b *testing.B) {
	settings := guard.Default()
	for _, name := range []string{"quiet", "S2", "S3-0.5-paid"} {
		b.Run(name, func(b *testing.B) {
			text := trace(b, name, traffic.Options{Seed: 1, CodesPerDay: 100000})
			lines := bytes.Count(text, []byte("\n"))
			b.ResetTimer()
			for range b.N {
				if _, err := rehearse.Replay(ctx, guard.NewEngine(settings), settings.Prices, bytes.NewReader(text)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
