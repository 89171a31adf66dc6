package userpool

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Departure is a user as another system gets him: without password, devices and
// passkeys, which are of no use there.
type Departure struct {
	UserView
	Name   string // what he signs in with
	Groups []string
}

// exportPage is how many places one transaction of an export reads.
const exportPage = 200

// Departures are the pool's users, in the order of their places, page by page: each
// page is a short transaction of its own, so whoever is there all the time is met
// once. Sign-ups that nobody confirmed are none.
func (s *Service) Departures(ctx context.Context, pool PoolID) iter.Seq2[Departure, error] {
	return func(yield func(Departure, error) bool) {
		n := 0
		for after, more := "", true; more; {
			var page []Departure
			err := s.store.View(ctx, func(tx Tx) (err error) {
				page, after, more, err = s.departures(ctx, tx, pool, after)
				return err
			})
			if err != nil {
				yield(Departure{}, err)
				return
			}
			for _, d := range page {
				if !yield(d, nil) {
					return
				}
				n++
			}
		}
		if e := entryOf(ctx); e != nil {
			e.note("exported", n)
		}
	}
}

// departures are those at the places after the one given, and the last place.
func (s *Service) departures(ctx context.Context, tx Tx, pool PoolID, after string) (page []Departure, last string, more bool, err error) {
	p, err := loadPool(ctx, tx, pool)
	if err != nil {
		return nil, "", false, err
	}
	spots, err := tx.Places(ctx, pool, Filter{}, Spot{Place: after}, exportPage, s.now())
	if err != nil {
		return nil, "", false, err
	}
	for _, spot := range spots {
		after = spot.Place
		u, err := tx.UserAt(ctx, pool, spot.Place)
		if errors.Is(err, ErrNotFound) { // a sign-up waits there
			continue
		}
		if err != nil {
			return nil, "", false, err
		}
		groups, err := tx.GroupsOf(ctx, pool, u.ID)
		if err != nil {
			return nil, "", false, err
		}
		d := Departure{UserView: u.view(all), Name: u.Username}
		if p.Settings.namedByContact() {
			d.Name = u.mainName()
		}
		for _, g := range groups {
			d.Groups = append(d.Groups, g.Name)
		}
		page = append(page, d)
	}
	return page, after, len(spots) == exportPage, nil
}

// CSVExport says what an export as CSV wrote.
type CSVExport struct {
	Users   int
	Guarded int // values with an apostrophe before them
	Changed int // values whose line breaks became blanks
}

// ExportCSV writes the pool's users as Cognito's CSV, which import jobs read. A value
// that a spreadsheet would take for a formula has an apostrophe before it, which
// import jobs here take away again, unless it is to be exact.
func (s *Service) ExportCSV(ctx context.Context, pool PoolID, exact bool, w io.Writer) (done CSVExport, err error) {
	p, err := s.viewPool(ctx, pool)
	if err != nil {
		return done, err
	}
	header := p.Settings.CSVHeader()
	out := bufio.NewWriter(w)
	out.WriteString(strings.Join(header, ",") + "\n")
	for d, err := range s.Departures(ctx, pool) {
		if err != nil {
			return done, err
		}
		values := d.csv(p.Settings)
		for i, name := range header {
			if i > 0 {
				out.WriteByte(',')
			}
			value := values[name]
			if flat := lineBreaks.Replace(value); flat != value {
				value, done.Changed = flat, done.Changed+1
			}
			if safe := guarded(value); safe != value && !exact {
				value, done.Guarded = safe, done.Guarded+1
			}
			out.WriteString(csvValue(value, exact))
		}
		out.WriteByte('\n')
		done.Users++
	}
	return done, out.Flush()
}

// csv are the user's values by the names of columns.
func (d Departure) csv(set PoolSettings) map[string]string {
	values := make(map[string]string, len(d.Attributes)+2)
	for _, a := range d.Attributes {
		values[a.Name] = a.Value
	}
	values[CSVUsername] = d.Name
	on := slices.Contains(d.MFA, "SMS_MFA")
	switch set.MFA.Configuration {
	case "":
		on = false
	case "ON": // of which Cognito takes nothing else
		on = true
	}
	values[CSVMFAEnabled] = strconv.FormatBool(on)
	return values
}

// A value in Cognito's CSV is on one line.
var lineBreaks = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

// csvValue is a value as Cognito's CSV has it: a comma in it has a backslash before
// it. One that would be read otherwise is in quotation marks, and, unless it is to be
// exact, one with a formula behind a comma, at which a spreadsheet would end the cell.
func csvValue(value string, exact bool) string {
	if !exact && formulaBehind.MatchString(value) || strings.HasSuffix(value, `\`) || strings.HasPrefix(strings.TrimLeft(value, " \t"), `"`) {
		return `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
	}
	return strings.ReplaceAll(value, ",", `\,`)
}

var (
	// formulaForm is what a spreadsheet may take for a formula, or what has been guarded
	// from that.
	formulaForm = regexp.MustCompile("^'*[=+@\t\r-]")
	// plainNumber is a number, of a phone too, which is no formula.
	plainNumber = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)
	guardedForm = regexp.MustCompile("^'+[=+@\t\r-]")
	// formulaBehind has what may be a formula behind a comma.
	formulaBehind = regexp.MustCompile(`,["'\s]*[=+@-]`)
)

// guarded is the value with an apostrophe before what would be a formula.
func guarded(value string) string {
	if formulaForm.MatchString(value) && !plainNumber.MatchString(value) {
		return "'" + value
	}
	return value
}

// unguarded undoes guarded.
func unguarded(value string) string {
	if guardedForm.MatchString(value) {
		return value[1:]
	}
	return value
}
