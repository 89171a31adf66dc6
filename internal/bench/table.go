package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteJSON writes the run as JSON.
func (r Run) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the run as people read it.
func (r Run) WriteTable(w io.Writer) error {
	if r.measured() {
		if err := r.Machine.write(w); err != nil {
			return err
		}
		alone, busy := r.Sign(Cell{}), r.Sign(Cell{Workers: math.MaxInt})
		fmt.Fprintf(w, "\nTokens are signed by %s: %s ms a signature, %s while every processor signs.\n", signers[r.Signer], short(alone), short(busy))
	}
	fmt.Fprintf(w, "Program: %s.\n\n", r.Program)
	if err := r.writeCells(w); err != nil {
		return err
	}
	for _, c := range r.Cells {
		writeTroubles(w, c)
	}
	for _, c := range r.Added {
		fmt.Fprint(w, "\nWhat enforcing limits adds: ")
		if err := c.Write(w); err != nil {
			return err
		}
	}
	if err := writeSites(w, r.Sites); err != nil {
		return err
	}
	return writeTargets(w, r.Targets)
}

var signers = map[string]string{Go: "Go's crypto/rsa", OpenSSL: "OpenSSL's libcrypto"}

func (m Machine) write(w io.Writer) error {
	fmt.Fprintf(w, "Machine: %d processors, %s, %s. Each alone on one core (or on every processor at once), milliseconds of CPU:\n", m.Processors, m.Model, m.Go)
	openssl := "not there"
	if m.OpenSSLRSA > 0 {
		openssl = fmt.Sprintf("%s (%s) by %s", short(m.OpenSSLRSA), short(m.OpenSSLRSABusy), m.OpenSSL)
	}
	_, err := fmt.Fprintf(w, "  RSA-2048 signature %s (%s) by Go, %s; ECDSA P-256 %s; Ed25519 %s\n  4 KiB appended and fdatasync: p50 %s, p99 %s; %s of CPU\n",
		short(m.GoRSA), short(m.GoRSABusy), openssl, short(m.ECDSA), short(m.Ed25519), short(m.Append), short(m.AppendP99), short(m.AppendCPU))
	return err
}

// measured tells whether the machine was.
func (r Run) measured() bool { return r.Machine.GoRSA > 0 }

func (r Run) writeCells(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "database\tlimits\tflow\tload\tflows\tfailed\t/s\tp50\tp99\tp99.9\tserver\tbeyond\tdatabase\tx floor\tMiB\tpeak\tcommits\tfsyncs\tdriver\t\n")
	fmt.Fprint(t, "\t\t\t\t\t\t\tms\tms\tms\tcpu-ms\tsigning\tcpu-ms\t\t\t\ta flow\ta flow\tcpu-ms\t\n")
	for _, c := range r.Cells {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.0f\t%s\t%s\t%s\t\n",
			c.Database, c.Limits, c.Flow, c.Load(), c.Flows, c.Failed(), short(c.PerSecond), short(c.P50), short(c.P99), short(c.P999),
			short(c.Server), r.beyond(c), unlessZero(c.Store), unlessZero(c.OverFloor()), c.Memory, c.Peak,
			counted(c.Commits), counted(c.Fsyncs), short(c.Driver))
	}
	return t.Flush()
}

// beyond is what is left beside the signatures, where their cost is known.
func (r Run) beyond(c Cell) string {
	if !r.measured() {
		return "-"
	}
	return short(r.Beyond(c))
}

// Load is how the flow was driven: so many workers, or so many a second.
func (c Cell) Load() string {
	if c.Rate > 0 {
		return short(c.Rate) + "/s"
	}
	return strconv.Itoa(c.Workers)
}

// writeTroubles says what went wrong.
func writeTroubles(w io.Writer, c Cell) {
	name := fmt.Sprintf("%s, limits %s, %s at %s", c.Database, c.Limits, c.Flow, c.Load())
	for _, what := range slices.Sorted(maps.Keys(c.Failures)) {
		fmt.Fprintf(w, "%s: failed %d times: %s\n", name, c.Failures[what], what)
	}
	if c.Busy > 0 {
		fmt.Fprintf(w, "%s: %d requests were told to come again, and did\n", name, c.Busy)
	}
	if c.Unserved > 0 {
		fmt.Fprintf(w, "%s: %d flows could not begin in time\n", name, c.Unserved)
	}
	if c.LateP99 > 1 {
		fmt.Fprintf(w, "%s: one in a hundred began %s ms too late or more, which is in its percentiles\n", name, short(c.LateP99))
	}
}

func writeSites(w io.Writer, sites []Site) error {
	if len(sites) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "database\tstart to first answer, ms\tCreateUserPool, ms\tidle, MiB\tpeak, MiB\tprogram, MiB\t\n")
	for _, s := range sites {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", s.Database, short(s.Start), short(s.CreatePool), short(s.Idle), short(s.Peak), short(s.Binary))
	}
	return t.Flush()
}

func writeTargets(w io.Writer, targets []Target) error {
	if len(targets) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "target\tmeasured\tbound\t\n")
	for _, g := range targets {
		fmt.Fprintf(t, "%s\t%s %s\t%g %s\t%s\n", g.Name, short(g.Value), g.Unit, g.Bound, g.Unit, g.verdict())
	}
	return t.Flush()
}

// short is a number with three digits that count.
func short(f float64) string {
	switch a := max(f, -f); {
	case a == 0:
		return "0"
	case a >= 100:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(f, 'f', 2, 64)
	default:
		return strconv.FormatFloat(f, 'f', 3, 64)
	}
}

func unlessZero(f float64) string {
	if f == 0 {
		return "-"
	}
	return short(f)
}

func counted(f *float64) string {
	if f == nil {
		return "-"
	}
	return short(*f)
}

// Oneline is a cell in a few words, for whoever watches.
func (c Cell) Oneline() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, limits %s, %s at %s: %s/s, p50 %s p99 %s ms, %s cpu-ms a flow", c.Database, c.Limits, c.Flow, c.Load(), short(c.PerSecond), short(c.P50), short(c.P99), short(c.Server))
	if c.Store > 0 {
		fmt.Fprintf(&b, " and %s of the database's", short(c.Store))
	}
	if n := c.Failed(); n > 0 {
		fmt.Fprintf(&b, ", %d failed", n)
	}
	return b.String()
}
