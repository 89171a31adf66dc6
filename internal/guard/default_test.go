package guard_test

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Numbers that share a code with a cheap country do not have its price.
func TestDefault_Prices(t *testing.T) {
	prices := guard.Default().Prices
	for prefix, want := range map[string]func(guard.Money) bool{
		"+1212":    func(m guard.Money) bool { return m < guard.Dollars(0.02) },
		"+1876":    func(m guard.Money) bool { return m == guard.FallbackPrice },
		"+1809":    func(m guard.Money) bool { return m > guard.Dollars(0.05) && m < guard.FallbackPrice },
		"+447400":  func(m guard.Money) bool { return m < guard.Dollars(0.10) },
		"+447797":  func(m guard.Money) bool { return m == guard.FallbackPrice },
		"+79":      func(m guard.Money) bool { return m > guard.Dollars(0.36) },
		"+77":      func(m guard.Money) bool { return m == guard.Dollars(0.36) },
		"+262692":  func(m guard.Money) bool { return m < guard.Dollars(0.10) },
		"+262639":  func(m guard.Money) bool { return m > guard.Dollars(0.20) },
		"+8816":    func(m guard.Money) bool { return m == guard.FallbackPrice },
		"+979":     func(m guard.Money) bool { return m == guard.FallbackPrice },
		"+9477123": func(m guard.Money) bool { return m > guard.Dollars(0.10) },
	} {
		if got := prices.Price(prefix + "0000000"); !want(got) {
			t.Errorf("%s costs %v", prefix, got)
		}
	}
}

func TestDefault_TypesThatAreTexted(t *testing.T) {
	types := guard.Default().Types
	for kind := phone.Unknown; kind <= phone.Voicemail; kind++ {
		refused := kind == phone.TollFree || kind == phone.PremiumRate || kind == phone.SharedCost ||
			kind == phone.Pager || kind == phone.UAN || kind == phone.Voicemail
		if types[kind] != refused {
			t.Errorf("%v is refused: %v", kind, types[kind])
		}
	}
}
