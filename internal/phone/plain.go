package phone

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// readNumber is phonenumbers.Parse. That takes a text for one that a person wrote in
// any way and looks for extensions, second numbers and the like; most who come have
// + and digits, and behind the country's code nothing that may be a prefix.
func readNumber(s string) (*phonenumbers.PhoneNumber, error) {
	if n := plain(s); n != nil {
		return n, nil
	}
	return phonenumbers.Parse(s, "")
}

// plain reads a number that says all of itself, as the library would; nil for one in
// which that may find more.
func plain(s string) *phonenumbers.PhoneNumber {
	digits, ok := strings.CutPrefix(s, "+")
	if !ok || len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
		return nil
	}
	code, national := splitCode(digits)
	if len(national) <= phonenumbers.MIN_LENGTH_FOR_NSN || national[0] == '0' {
		return nil // too short, or with zeros to count
	}
	if prefix := prefixes()[code]; prefix != nil && prefix().MatchString(national) {
		return nil
	}
	value, err := strconv.ParseUint(national, 10, 64)
	if err != nil {
		return nil
	}
	return &phonenumbers.PhoneNumber{CountryCode: new(int32(code)), NationalNumber: new(value)}
}

// splitCode takes the country's code off, of which none is the beginning of another;
// without one there is nothing behind it.
func splitCode(digits string) (code int, national string) {
	if strings.HasPrefix(digits, "0") {
		return 0, "" // no code begins so
	}
	for i := 1; i <= min(len(digits), phonenumbers.MAX_LENGTH_COUNTRY_CODE); i++ {
		code = 10*code + int(digits[i-1]-'0')
		if len(phonenumbers.GetRegionCodesForCountryCode(code)) > 0 {
			return code, digits[i:]
		}
	}
	return 0, ""
}

// prefixes are by country code what may stand before a national number and is not of
// it, where there is such a thing: the library's tables of each code's main country,
// which is what it goes by.
var prefixes = sync.OnceValue(func() map[int]func() *regexp.Regexp {
	all := make(map[int]func() *regexp.Regexp)
	tables, err := phonenumbers.MetadataCollection()
	if err != nil {
		panic(err) // it is part of the program, and was read at its start
	}
	for _, t := range tables.GetMetadata() {
		code, prefix := int(t.GetCountryCode()), t.GetNationalPrefixForParsing()
		if prefix != "" && t.GetId() == phonenumbers.GetRegionCodeForCountryCode(code) {
			all[code] = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:` + prefix + `)`) })
		}
	}
	return all
})
