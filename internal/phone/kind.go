package phone

import "github.com/nyaruka/phonenumbers"

// Kind is the sort of line, as far as its digits tell. It comes from a static
// table: a filter for the guard, not a proof.
type Kind uint8

// The kinds, as libphonenumber divides the lines.
const (
	Unknown       Kind = iota // not allocated as far as the table knows, or no number
	Mobile                    // a mobile
	Fixed                     // a fixed line
	FixedOrMobile             // where digits do not tell, as in the USA
	TollFree                  // free for the caller
	PremiumRate               // dear for the caller
	SharedCost                // paid by both
	VoIP                      // Internet telephony
	Personal                  // follows a person
	Pager                     // a pager
	UAN                       // a company's one number
	Voicemail                 // somebody's voice mail
)

var kindNames = [...]string{
	"unknown", "mobile", "fixed", "fixed or mobile", "toll free", "premium rate",
	"shared cost", "VoIP", "personal", "pager", "UAN", "voicemail",
}

// String returns the kind's name for logs and reports.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Unknown]
}

var kinds = map[phonenumbers.PhoneNumberType]Kind{
	phonenumbers.MOBILE:               Mobile,
	phonenumbers.FIXED_LINE:           Fixed,
	phonenumbers.FIXED_LINE_OR_MOBILE: FixedOrMobile,
	phonenumbers.TOLL_FREE:            TollFree,
	phonenumbers.PREMIUM_RATE:         PremiumRate,
	phonenumbers.SHARED_COST:          SharedCost,
	phonenumbers.VOIP:                 VoIP,
	phonenumbers.PERSONAL_NUMBER:      Personal,
	phonenumbers.PAGER:                Pager,
	phonenumbers.UAN:                  UAN,
	phonenumbers.VOICEMAIL:            Voicemail,
}

func (p parsed) mobile() bool {
	k := p.kind()
	return k == Mobile || k == FixedOrMobile
}

// Kind returns the sort of line.
func (n Number) Kind() Kind { return n.look().kind() }

// Region returns the ISO 3166 code of the number's country, as "DE"; "" if the
// digits do not tell (+15555550100) or no country has it (+883…).
func (n Number) Region() string { return n.look().region }

// MainRegion is Region, and where the digits do not tell it the main country of
// the code: US for +15555550100. "" if no country has it.
func (n Number) MainRegion() string { return n.look().mainRegion() }

// Describe returns MainRegion and Kind at the cost of one.
func (n Number) Describe() (region string, kind Kind) {
	p := n.look()
	return p.mainRegion(), p.kind()
}

func (p parsed) mainRegion() string {
	if p.region != "" {
		return p.region
	}
	if main := phonenumbers.GetRegionCodeForCountryCode(p.country); len(main) == 2 && main != phonenumbers.UNKNOWN_REGION {
		return main
	}
	return ""
}

// CountryCode returns the country calling code, as 49; 0 for no number.
func (n Number) CountryCode() int { return n.look().country }

// look returns the zero parsed for what the library cannot read.
func (n Number) look() parsed {
	p, err := look(n.E164())
	if err != nil {
		return parsed{}
	}
	return p
}
