package bench

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestQuantile_IsTheNearestRank(t *testing.T) {
	var sorted []time.Duration
	for i := range 1000 {
		sorted = append(sorted, time.Duration(i+1))
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.001: 1, 0.5: 500, 0.99: 990, 0.999: 999, 0.9991: 1000, 1: 1000} {
		if got := Quantile(sorted, share); got != want {
			t.Errorf("the quantile %g of 1 to 1000 is %d, not %d", share, got, want)
		}
	}
	if got := Quantile(nil, 0.5); got != 0 {
		t.Errorf("the median of nothing is %d", got)
	}
	if got := Quantile(sorted[6:7], 0.999); got != 7 {
		t.Errorf("a quantile of one value is %d, not the value", got)
	}
}

func TestMedian_DoesNotNeedOrder(t *testing.T) {
	values := []float64{9, 1, 5}
	if got := Median(values); got != 5 {
		t.Errorf("the median is %g", got)
	}
	if !slices.Equal(values, []float64{9, 1, 5}) {
		t.Error("the values were put in order")
	}
	if got := Median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("the median of four is %g", got)
	}
}

func TestPaired(t *testing.T) {
	noise := []float64{1, 1.4, 0.8, 1.1, 2, 0.9, 1.3, 1, 0.7, 1.2}
	scaled := func(by float64) (all []float64) {
		for _, n := range noise {
			all = append(all, n*by)
		}
		return all
	}
	for _, c := range []struct {
		name       string
		old, fresh []float64
		moreGood   bool
		ratio      float64
		verdict    string
	}{
		{"what both meet is no difference", noise, noise, false, 1, "no difference shown"},
		{"a tenth less CPU, however the machine is", noise, scaled(0.9), false, 0.9, "better"},
		{"a tenth more CPU", noise, scaled(1.1), false, 1.1, "worse"},
		{"a tenth more flows", noise, scaled(1.1), true, 1.1, "better"},
		{"a tenth fewer flows", noise, scaled(0.9), true, 0.9, "worse"},
		{"as often more as less", []float64{1, 1, 1, 1, 1, 1}, []float64{0.8, 1.25, 0.7, 1.4, 0.9, 1.15}, false, 1.025, "no difference shown"},
		{"five pairs, of which each could be chance", noise[:5], scaled(0.5)[:5], false, 0.5, "too few pairs to tell"},
	} {
		r := Paired("x", c.old, c.fresh, c.moreGood)
		if math.Abs(r.Median-c.ratio) > 1e-9 || r.Verdict() != c.verdict {
			t.Errorf("%s: ratio %g, %s; not %g, %s", c.name, r.Median, r.Verdict(), c.ratio, c.verdict)
		}
		if !(r.Least <= r.Low && r.Low <= r.Median && r.Median <= r.High && r.High <= r.Most) {
			t.Errorf("%s: %g to %g about %g is not within %g to %g", c.name, r.Low, r.High, r.Median, r.Least, r.Most)
		}
		if again := Paired("x", c.old, c.fresh, c.moreGood); again != r {
			t.Errorf("%s: the same figures gave %v and %v", c.name, r, again)
		}
	}
	if r := Paired("x", []float64{0, 0}, []float64{0, 0}, false); r.Median != 0 || math.IsNaN(r.Low) {
		t.Errorf("of nothing came %v", r)
	}
}

// aRun is what a small run could have measured, by libcrypto.
func aRun() Run {
	commits, fsyncs := 2.9, 1.5
	r := Run{
		Program: "bellhop <1.2.3>", Signer: OpenSSL,
		Machine: Machine{Processors: 2, GoRSA: 0.7, GoRSABusy: 0.8, OpenSSLRSA: 0.2, OpenSSLRSABusy: 0.25, OpenSSL: "OpenSSL 3", AppendCPU: 0.1},
		Sites:   []Site{{Database: "sqlite", Start: 30, CreatePool: 60, Idle: 39, Peak: 80, Binary: 40}},
		Cells: []Cell{
			{Database: "sqlite", Limits: "off", Flow: "texted", Workers: 1, Flows: 300, PerSecond: 300, P50: 3, P99: 5, Server: 2, Signatures: 2, Commits: &commits, Fsyncs: &fsyncs},
			{Database: "sqlite", Limits: "off", Flow: "texted", Workers: 8, Flows: 999, PerSecond: 1000, P50: 7, P99: 9, Server: 1.2, Signatures: 2, Commits: &commits, Fsyncs: &fsyncs},
			{Database: "sqlite", Limits: "enforce", Flow: "texted", Workers: 8, Flows: 900, PerSecond: 900, Server: 1.86, Signatures: 2, Failures: map[string]int{"InitiateAuth got 500 & more": 3}, Busy: 7},
			{Database: "sqlite", Limits: "off", Flow: "get-user", Workers: 8, Flows: 9000, PerSecond: 9000, Server: 0.1},
			{Database: "sqlite", Limits: "off", Flow: "texted", Rate: 500, Flows: 500, PerSecond: 500, P50: 4, P99: 12, Server: 1.3, Signatures: 2, Unserved: 2, LateP99: 4},
			{Database: "postgres", Limits: "off", Flow: "texted", Workers: 8, Flows: 500, PerSecond: 500, Server: 2, Store: 1, Signatures: 2},
		},
	}
	r.Added = []Comparison{
		{Database: "sqlite", Flow: "texted", Load: "8", Seconds: 1, Sides: [2]string{"off", "enforce"}, Ratios: []Ratio{Paired(ServerCPU, []float64{1, 1.2, 1, 2, 1, 1}, []float64{1.05, 1.26, 1.05, 2, 1.05, 1.05}, false)}},
		{Database: "postgres", Flow: "texted", Load: "8", Seconds: 1, Sides: [2]string{"off", "enforce"}, Ratios: []Ratio{Paired("flows a second", []float64{1, 1}, []float64{1, 1}, true)}},
	}
	r.SetFloors()
	r.SetTargets()
	return r
}

func TestFloors_AreTheSignaturesAndTheDurableWrites(t *testing.T) {
	r := aRun()
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %g, not %g", what, got, want)
		}
	}
	near("the floor with 1.5 fsyncs", r.Cells[1].Floor, 0.5+0.15)
	near("how often the cost holds it", r.Cells[1].OverFloor(), 1.2/0.65)
	near("what is beyond the signatures", r.Beyond(r.Cells[1]), 0.7)
	near("beyond them with a processor left", r.Beyond(r.Cells[0]), 1.6)
	near("beyond them in an open loop", r.Beyond(r.Cells[4]), 0.9)
	near("the floor where nobody counted", r.Cells[5].Floor, 0.5+0.2)
	near("how often server and database hold it", r.Cells[5].OverFloor(), 3/0.7)
	near("the floor of what signs nothing", r.Cells[3].OverFloor(), 0)
	r.Signer = Go
	r.SetFloors()
	near("the floor where Go signs", r.Cells[1].Floor, 1.6+0.15)
}

func TestTargets_AreComparedWithWhatWasMeasured(t *testing.T) {
	met := map[string]bool{}
	for _, g := range aRun().Targets {
		met[g.Name] = g.Met
	}
	want := map[string]bool{
		"sqlite: texted sign-in, CPU beyond its signatures":   false, // 0.7
		"sqlite: texted sign-in, CPU in all":                  true,  // 1.2
		"sqlite: texted sign-in, commits of one worker":       true,  // 2.9
		"sqlite: what enforcing limits adds to it":            true,  // 5 % of the pairs, whatever a window of its own says
		"sqlite: GetUser by a token seen before, CPU":         false, // 0.1
		"sqlite: p99 at half of peak, over p50 of one worker": true,  // 4
		"sqlite: start to first answer":                       true,
		"sqlite: CreateUserPool":                              false, // 60
		"sqlite: memory when idle":                            true,
		"sqlite: memory under full load":                      true,
		"the program's size":                                  true, // 40 of 40
		"postgres: texted sign-in, CPU beyond its signatures": false,
		"postgres: texted sign-in, CPU in all":                false,
		"postgres: texted sign-in, CPU of the database":       false,
	}
	if !reflect.DeepEqual(met, want) {
		t.Errorf("targets met are %v, not %v", met, want)
	}
}

func TestTable_HidesNothing(t *testing.T) {
	var b strings.Builder
	if err := aRun().WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"0.200 (0.250) by OpenSSL 3", "Tokens are signed by OpenSSL's libcrypto: 0.200 ms a signature, 0.250 while every processor signs",
		"failed 3 times: InitiateAuth got 500 & more", "7 requests were told to come again",
		"2 flows could not begin in time", "began 4.00 ms too late or more",
		"CreateUserPool  60.0 ms  50 ms  missed",
		"What enforcing limits adds: sqlite, limits off and enforce, texted at 8: 6 pairs of 1s, CPU in ms a flow figure off enforce enforce/off",
		"server CPU 1.00 1.05 1.050",
	} {
		if text := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(text, strings.Join(strings.Fields(want), " ")) {
			t.Errorf("the table does not say %q:\n%s", want, b.String())
		}
	}
}

func TestJSON_ReadAgain_IsTheRun(t *testing.T) {
	var b bytes.Buffer
	r := aRun()
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var again Run
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	if err := d.Decode(&again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, again) {
		t.Errorf("read again it is %v, not %v", again, r)
	}
}

func TestChart_IsAPictureWithARowForEachLoad(t *testing.T) {
	var b bytes.Buffer
	if err := aRun().WriteChart(&b); err != nil {
		t.Fatal(err)
	}
	var names []string
	for d, class := xml.NewDecoder(&b), ""; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			class = ""
			for _, a := range e.Attr {
				if a.Name.Local == "class" {
					class = a.Value
				}
				if strings.HasPrefix(a.Value, "-") || strings.Contains(a.Value, "NaN") {
					t.Errorf("%s has %s=%q", e.Name.Local, a.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			if class == "name" && strings.TrimSpace(string(e)) != "" {
				names = append(names, string(e))
			}
		}
	}
	want := []string{
		"SQLite, texted, 1 worker", "SQLite, texted, 8 workers", "SQLite, texted, 8 workers, limits",
		"SQLite, get-user, 8 workers", "SQLite, texted, at 500/s", "PostgreSQL, texted, 8 workers",
	}
	if !slices.Equal(names, want) {
		t.Errorf("the chart's rows are %q, not %q", names, want)
	}
}
