package rehearse

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// columns are the names that a provider's log may have for a column, as they are
// compared: in small letters, without spaces and underscores.
var columns = map[string][]string{
	"time":      {"time", "date", "timestamp", "sentdate", "datesent", "senttime", "sentat", "createdat", "datecreated", "createddate"},
	"to":        {"to", "phone", "number", "phonenumber", "recipient", "destination", "msisdn", "tonumber"},
	"price":     {"price", "cost", "amount", "totalprice", "priceusd"},
	"status":    {"status", "state", "deliverystatus", "messagestatus"},
	"converted": {"converted", "verified", "used", "approved", "converts"},
	"used_at":   {"usedat", "convertedat", "verifiedat"},
	"ip":        {"ip", "ipaddress", "clientip", "sourceip"},
	"known":     {"known", "returning"},
}

// sendingFailed are statuses of texts that cost nothing, codeUsed those that say
// that the code was used.
var (
	sendingFailed = []string{"failed", "rejected", "blocked", "canceled", "cancelled", "error"}
	codeUsed      = []string{"approved", "verified", "converted", "used"}
)

// csvRow is a row as far as it is needed, small since all are held to be sorted.
type csvRow struct {
	at, usedAt int64 // milliseconds since 1970
	to         string
	price      float64
	priced     bool
	ip         netip.Addr
	sent       bool
	known      bool
}

// assumed is how long after a text its code is used, where only that is said.
const assumed = 20 * time.Second

// CasesOfCSV reads a provider's log: a heading that names its columns, then a row
// for each text, in any order. A row that cannot be read is a *LineError, which
// shows no number. Prices are of rows that have none.
func CasesOfCSV(r io.Reader, prices *guard.PriceTable) (iter.Seq2[Case, error], error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, &LineError{1, "has no heading that names the columns"}
	}
	read, err := newCSVReader(head)
	if err != nil {
		return nil, err
	}
	var rows []csvRow
	for {
		record, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			slices.SortStableFunc(rows, func(a, b csvRow) int { return cmp.Compare(a.at, b.at) })
			return casesOf(rows, prices), nil
		case errors.Is(err, csv.ErrFieldCount):
			line, _ := in.FieldPos(0)
			return nil, &LineError{line, fmt.Sprintf("has %d columns, and the heading %d", len(record), len(head))}
		case err != nil:
			if bad, ok := errors.AsType[*csv.ParseError](err); ok {
				return nil, &LineError{bad.Line, "is no line of a CSV file"}
			}
			return nil, err
		}
		row, wrong := read.row(record)
		if wrong != "" {
			line, _ := in.FieldPos(0)
			return nil, &LineError{line, wrong}
		}
		rows = append(rows, row)
	}
}

// csvReader knows where the columns are.
type csvReader map[string]int

func newCSVReader(head []string) (csvReader, error) {
	c := csvReader{}
	squeeze := strings.NewReplacer(" ", "", "_", "", "-", "", "\ufeff", "")
	for i, name := range head {
		name = strings.ToLower(squeeze.Replace(name))
		for column, names := range columns {
			if _, twice := c[column]; !twice && slices.Contains(names, name) {
				c[column] = i
			}
		}
	}
	switch {
	case !c.has("time"):
		return nil, &LineError{1, "names no column for the time"}
	case !c.has("to"):
		return nil, &LineError{1, "names no column for the number"}
	case !c.has("converted") && !c.has("used_at") && !c.has("status"):
		return nil, &LineError{1, "names no column that says whether a code was used: converted, used_at or status"}
	}
	return c, nil
}

func (c csvReader) has(column string) bool {
	_, ok := c[column]
	return ok
}

func (c csvReader) field(record []string, column string) string {
	if i, ok := c[column]; ok {
		return strings.TrimSpace(record[i])
	}
	return ""
}

// row reads a record, and says what is wrong with it, or "".
func (c csvReader) row(record []string) (row csvRow, wrong string) {
	at, ok := csvTime(c.field(record, "time"))
	if !ok {
		return row, "the time is none, such as 2026-08-31T12:00:00Z"
	}
	row.at, row.sent = at.UnixMilli(), true
	row.to = strings.Clone(strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "").Replace(c.field(record, "to")))
	if row.to != "" && row.to[0] != '+' {
		row.to = "+" + row.to
	}
	if !digits(row.to) {
		return row, "the number must be a + and digits"
	}
	if text := c.field(record, "price"); text != "" {
		price, err := strconv.ParseFloat(strings.Trim(text, "$ "), 64)
		if err != nil || !(price >= -1e6 && price <= 1e6) {
			return row, "the price must be dollars"
		}
		row.price, row.priced = max(price, -price), true // some lists have what is paid as less than nothing
	}
	if text := c.field(record, "ip"); text != "" {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return row, "the address is none"
		}
		row.ip = ip
	}
	status := strings.ToLower(c.field(record, "status"))
	row.sent = !slices.Contains(sendingFailed, status)
	used := slices.Contains(codeUsed, status)
	if text := c.field(record, "used_at"); text != "" {
		at, ok := csvTime(text)
		if !ok {
			return row, "the time of use is none"
		}
		row.usedAt = at.UnixMilli()
	}
	for column, field := range map[string]*bool{"converted": &used, "known": &row.known} {
		if text := c.field(record, column); text != "" {
			if *field, ok = csvTruth(text); !ok {
				return row, "the column " + column + " must be true or false"
			}
		}
	}
	if used && row.usedAt == 0 {
		row.usedAt = at.Add(assumed).UnixMilli()
	}
	return row, ""
}

// csvLayouts are the times that providers write; those without a zone are UTC's.
var csvLayouts = []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC1123Z, time.RFC1123}

func csvTime(text string) (time.Time, bool) {
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 && n < 1e14 {
		if n > 1e11 { // milliseconds
			return time.UnixMilli(int64(n)).UTC(), true
		}
		return time.UnixMilli(int64(n * 1000)).UTC(), true
	}
	for _, layout := range csvLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func csvTruth(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "y", "1":
		return true, true
	case "false", "no", "n", "0":
		return false, true
	}
	return false, false
}

// casesOf are the rows as cases. Where no column says it, a number is known once a
// code of it was used.
func casesOf(rows []csvRow, prices *guard.PriceTable) iter.Seq2[Case, error] {
	return func(yield func(Case, error) bool) {
		var n numbers
		known := map[string]int64{} // since when
		for _, row := range rows {
			number, route, kind := n.canonical(row.to)
			address, network, party := source(row.ip)
			since, before := known[number]
			c := Case{
				At: time.UnixMilli(row.at).UTC(), Sent: row.sent,
				Ask: guard.Ask{
					Party: guard.Party{Number: number, Address: party}, Route: route, Kind: kind, Address: address,
					Network: network, Source: row.ip, Pool: "pool", Client: "client", Price: prices.Price(number),
					Known: row.known || before && since <= row.at,
				},
			}
			if row.priced {
				c.Ask.Price = guard.Dollars(row.price)
			}
			if row.usedAt != 0 && row.sent {
				c.UsedAt = time.UnixMilli(row.usedAt).UTC()
				if !before {
					known[number] = row.usedAt
				}
			}
			c.Passes = !c.UsedAt.IsZero() || c.Ask.Known
			if !yield(c, nil) {
				return
			}
		}
	}
}
