package bench

// Target is something that a figure must not exceed.
type Target struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Bound float64 `json:"bound"`
	Unit  string  `json:"unit"`
	Met   bool    `json:"met"`
}

// The bounds. Times are CPU of the server and milliseconds a flow, beyond its
// signatures where that is said.
const (
	textedBeyond  = 0.6
	textedWhole   = 1.8 // where OpenSSL's libcrypto signs
	textedCommits = 3
	textedStore   = 0.9 // PostgreSQL's processes
	refreshBeyond = 0.2
	getUserSeen   = 0.08
	getUserFirst  = 0.13
	tailOverOne   = 5  // p99 at half of peak, over p50 of one worker
	enforcing     = 10 // percent
	startBound    = 100
	poolBound     = 50
	idleBound     = 40
	peakBound     = 150
	binaryBound   = 40
)

// TargetWorkers is the closed loop whose figures the targets are about.
const TargetWorkers = 8

// SetTargets compares what was measured with what is wanted. What was not measured
// has no line.
func (r *Run) SetTargets() {
	r.Targets = nil
	for _, database := range []string{"sqlite", "postgres"} {
		r.targetsOf(database)
	}
	for _, s := range r.Sites {
		r.site(s)
	}
}

func (r *Run) targetsOf(database string) {
	off := func(flow string, workers int) *Cell { return r.find(database, "off", flow, workers) }
	if c := off("texted", TargetWorkers); c != nil {
		r.want(database+": texted sign-in, CPU beyond its signatures", r.Beyond(*c), textedBeyond, "ms")
		if r.Signer == OpenSSL {
			r.want(database+": texted sign-in, CPU in all", c.Server, textedWhole, "ms")
		}
		if database != "sqlite" {
			r.want(database+": texted sign-in, CPU of the database", c.Store, textedStore, "ms")
		}
	}
	for _, c := range r.Added {
		if more := c.Of(ServerCPU); more != nil && c.Database == database && c.Flow == "texted" {
			r.want(database+": what enforcing limits adds to it", (more.Median-1)*100, enforcing, "%")
		}
	}
	one := off("texted", 1)
	if one != nil && one.Commits != nil {
		r.want(database+": texted sign-in, commits of one worker", *one.Commits, textedCommits, "")
	}
	if c := off("refresh", TargetWorkers); c != nil {
		r.want(database+": refresh, CPU beyond its signatures", r.Beyond(*c), refreshBeyond, "ms")
	}
	if c := off("get-user", TargetWorkers); c != nil {
		r.want(database+": GetUser by a token seen before, CPU", c.Server, getUserSeen, "ms")
	}
	if c := off("get-user-first", TargetWorkers); c != nil {
		r.want(database+": GetUser by a token not seen before, CPU", c.Server, getUserFirst, "ms")
	}
	if half := r.half(database); half != nil && one != nil && one.P50 > 0 {
		r.want(database+": p99 at half of peak, over p50 of one worker", half.P99/one.P50, tailOverOne, "x")
	}
}

func (r *Run) site(s Site) {
	r.want(s.Database+": start to first answer", s.Start, startBound, "ms")
	r.want(s.Database+": CreateUserPool", s.CreatePool, poolBound, "ms")
	r.want(s.Database+": memory when idle", s.Idle, idleBound, "MiB")
	r.want(s.Database+": memory under full load", s.Peak, peakBound, "MiB")
	if s.Database == "sqlite" {
		r.want("the program's size", s.Binary, binaryBound, "MiB")
	}
}

func (r *Run) want(name string, value, bound float64, unit string) {
	r.Targets = append(r.Targets, Target{name, value, bound, unit, value <= bound})
}

// find is the closed loop of a flow, nil where it was not driven.
func (r *Run) find(database, limits, flow string, workers int) *Cell {
	for i, c := range r.Cells {
		if c.Database == database && c.Limits == limits && c.Flow == flow && c.Workers == workers && c.Rate == 0 {
			return &r.Cells[i]
		}
	}
	return nil
}

// Peak is the most texted sign-ins a second that a database's closed loops reached.
func (r *Run) Peak(database string) (most float64) {
	for _, c := range r.Cells {
		if c.Database == database && c.Limits == "off" && c.Flow == "texted" && c.Rate == 0 {
			most = max(most, c.PerSecond)
		}
	}
	return most
}

// half is the open loop of texted sign-ins at about half of peak.
func (r *Run) half(database string) *Cell {
	peak := r.Peak(database)
	for i, c := range r.Cells {
		if c.Database == database && c.Limits == "off" && c.Flow == "texted" && c.Rate > 0.45*peak && c.Rate < 0.55*peak {
			return &r.Cells[i]
		}
	}
	return nil
}

func (t Target) verdict() string {
	if t.Met {
		return "met"
	}
	return "missed"
}
