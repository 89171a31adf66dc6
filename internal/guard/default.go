package guard

import (
	"github.com/bellhop-auth/bellhop/internal/guard/pricelist"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// FallbackPrice is what a text is taken to cost where no price is known. It is
// dear, so that little goes where nobody has said what it costs: only a few
// countries ask more.
const FallbackPrice = Dollar / 4

// Default is the shipped settings. All countries are allowed.
func Default() Settings {
	return Settings{
		// Lines that take no texts, or cost those who send them.
		Types: map[phone.Kind]bool{
			phone.TollFree: true, phone.PremiumRate: true, phone.SharedCost: true,
			phone.Pager: true, phone.UAN: true, phone.Voicemail: true,
		},
		StepUp: []string{"proof-of-work"}, // which needs nobody
		Prices: ShippedPrices(FallbackPrice),
		Budgets: Budgets{
			Server:   Budget{Hour: 100 * Dollar, Day: 300 * Dollar, Month: 1500 * Dollar},
			Country:  Budget{Hour: 60 * Dollar, Day: 150 * Dollar, Month: 750 * Dollar},
			EarnBack: 1,
		},
		Tuning: Tuning{
			Prefix: [3]Window{
				{Initial: Dollars(0.12), AtLeast: 2, AtMost: 6, Cap: 12, Kappa: 0.60, PerHour: 0.5},
				{Initial: Dollars(0.20), AtLeast: 2, AtMost: 12, Cap: 30, Kappa: 0.65, PerHour: 1},
				{Initial: Dollars(0.40), AtLeast: 3, AtMost: 30, Cap: 90, Kappa: 0.75, PerHour: 3},
			},
			Country: Window{Initial: Dollars(0.60), AtLeast: 4, AtMost: 60, Cap: 600, Kappa: 0.75, PerHour: 4},
		},
	}
}

// ShippedPrices is the table that comes with Bellhop.
func ShippedPrices(fallback Money) *PriceTable { return PricesOf(pricelist.Shipped(), fallback) }

// PricesOf makes a table of a price list. Its date is that of the newest price.
func PricesOf(list []pricelist.Row, fallback Money) *PriceTable {
	date, rows := "", make(map[string]Money, len(list))
	for _, row := range list {
		rows[row.Prefix] = Money(row.Micros)
		date = max(date, row.Date)
	}
	return NewPriceTable(date, fallback, rows)
}
