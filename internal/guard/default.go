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
			Server:   Budget{Hour: 300 * Dollar, Day: 1000 * Dollar, Month: 10000 * Dollar},
			Country:  Budget{Hour: 100 * Dollar, Day: 400 * Dollar, Month: 4000 * Dollar},
			EarnBack: 1,
		},
		Tuning: DefaultTuning(),
	}
}

// ShippedPrices is the table that comes with Bellhop.
func ShippedPrices(fallback Money) *PriceTable { return PricesOf(pricelist.Shipped(), fallback) }

// PricesOf makes a table of a price list. Its date is that of the newest price.
func PricesOf(list []pricelist.Row, fallback Money) *PriceTable {
	date, rows := "", make(map[string]Money, len(list))
	for _, row := range list {
		if row.Unknown {
			rows[row.Prefix] = fallback
			continue
		}
		rows[row.Prefix] = Money(row.Micros)
		date = max(date, row.Date)
	}
	return NewPriceTable(date, fallback, rows)
}
