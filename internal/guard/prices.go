package guard

// PriceTable is what a text costs by prefix. The longest prefix that is in it
// decides.
type PriceTable struct {
	Date     string // of the prices, YYYY-MM-DD
	Fallback Money  // where no prefix is in the table
	rows     map[string]Money
	longest  int
}

// NewPriceTable makes a table of prices by prefix ("+91").
func NewPriceTable(date string, fallback Money, rows map[string]Money) *PriceTable {
	t := &PriceTable{Date: date, Fallback: fallback, rows: rows}
	for prefix := range rows {
		t.longest = max(t.longest, len(prefix))
	}
	return t
}

// Price is what a text to the number costs, by its E.164 digits with the +.
func (t *PriceTable) Price(e164 string) Money {
	for n := min(len(e164), t.longest); n > 1; n-- {
		if price, ok := t.rows[e164[:n]]; ok {
			return price
		}
	}
	return t.Fallback
}
