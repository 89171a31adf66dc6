package phone

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Countries returns the ISO 3166 codes of all countries that have numbers, sorted.
func Countries() []string { return slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions())) }

// IsCountry says whether a country with this ISO 3166 code has numbers.
func IsCountry(iso string) bool { return phonenumbers.GetSupportedRegions()[iso] }

// longestCode is how many digits a country calling code has at most: ITU-T E.164,
// section 6.2.1.
const longestCode = 3

// CountriesOf returns the countries that share the calling code with which the
// prefix begins, the main one first: US, CA, JM … for "+1876". It is empty where no
// country has it (+883…) and where the prefix is shorter than a code.
func CountriesOf(prefix string) []string {
	digits := strings.TrimPrefix(prefix, "+")
	for n := 1; n <= min(longestCode, len(digits)); n++ {
		code, err := strconv.Atoi(digits[:n])
		if err != nil {
			return nil
		}
		regions := phonenumbers.GetRegionCodesForCountryCode(code)
		if len(regions) > 0 {
			return slices.DeleteFunc(slices.Clone(regions), func(r string) bool { return len(r) != 2 })
		}
	}
	return nil
}
