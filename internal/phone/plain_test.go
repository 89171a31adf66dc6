package phone

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"google.golang.org/protobuf/proto"
)

// Whatever is read without the library is what the library reads: numbers of every
// country, as they are, with a digit changed, more or fewer, or a prefix before them.
func TestPlain_IsWhatTheLibraryReads(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	digit := func() string { return strconv.Itoa(random.IntN(10)) }
	read := 0
	check := func(s string) {
		got := plain(s)
		if got == nil {
			return
		}
		read++
		want, err := phonenumbers.Parse(s, "")
		if err != nil || !proto.Equal(got, want) {
			t.Fatalf("%s is read as %v, by the library as %v, %v", s, got, want, err)
		}
	}
	for code := range phonenumbers.GetSupportedCallingCodes() {
		before := "+" + strconv.Itoa(code)
		var nationals []string
		for _, region := range phonenumbers.GetRegionCodesForCountryCode(code) {
			for kind := phonenumbers.FIXED_LINE; kind < phonenumbers.UNKNOWN; kind++ {
				if n := phonenumbers.GetExampleNumberForType(region, kind); n != nil {
					nationals = append(nationals, phonenumbers.GetNationalSignificantNumber(n))
				}
			}
		}
		for range 20 {
			n := ""
			for range 1 + random.IntN(14) {
				n += digit()
			}
			nationals = append(nationals, n)
		}
		for _, n := range nationals {
			check(before + n)
			check(before + n + digit())
			check(before + n[:len(n)-1])
			at := random.IntN(len(n))
			check(before + n[:at] + digit() + n[at+1:])
			for first := range 10 {
				check(before + strconv.Itoa(first) + n)
				check(before + digit() + strconv.Itoa(first) + n)
			}
		}
	}
	if read < 50_000 {
		t.Errorf("%d numbers were read without the library", read)
	}
}

// Most who come need no more of the library than its tables.
func TestPlain_ReadsUsualNumbers(t *testing.T) {
	for _, s := range []string{"+919876543210", "+14155550123", "+4915112345678", "+447400123456", "+33612345678", "+5511961234567"} {
		if plain(s) == nil {
			t.Errorf("%s is not", s)
		}
	}
	for _, s := range []string{"", "+", "+0491511234567", "0049151123456", "+49 151", "+4401234", "+390612345678", "+999123456", "+12345678901234567"} {
		if n := plain(s); n != nil {
			t.Errorf("%q is: %v", s, n)
		}
	}
}
