//go:build linux

package machine

import (
	"math"
	"testing"
)

func TestParseSpeed_OfEveryVersion(t *testing.T) {
	for text, want := range map[string]float64{
		"+H:16\n+F2:2:2048:4764.516129:79154.545455\n":            1000 / 4764.516129, // OpenSSL 3.0: a second
		"+DTP:2048:private:rsa:1\n+F2:2:2048:0.000210:0.000013\n": 0.21,               // 1.1: seconds
	} {
		if got, err := parseSpeed([]byte(text)); err != nil || math.Abs(got-want) > 1e-9 {
			t.Errorf("of %q: %g ms, %v; not %g", text, got, err, want)
		}
	}
	for _, text := range []string{"", "+F2:2:2048:0:1\n", "+F2:2:2048\n", "+F2:2:2048:many:1\n"} {
		if got, err := parseSpeed([]byte(text)); err == nil {
			t.Errorf("of %q: %g ms", text, got)
		}
	}
}
