package phone

import (
	"errors"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

const (
	maxInput  = 20 // bytes; what is longer never reaches the library
	maxDigits = 15 // ITU-T E.164, section 6.2.1
)

// Hints say what is wrong with a number. None of them echoes it.
const (
	hintPlus      = "Start with + and the country code, for example +14155550123."
	hintZeroZero  = "Write + in place of the leading 00, for example +14155550123."
	hintTel       = "Leave out tel: and start with + and the country code, for example +14155550123."
	hintExtension = "Leave out the extension."
	hintDigits    = "After the + only the digits 0 to 9 may stand, without spaces or other characters."
	hintCountry   = "No country or service has this country code."
	hintShort     = "It has too few digits for its country."
	hintLong      = "It has too many digits for its country."
	hintLength    = "No number of its country has this many digits."
	hintUnusable  = "Write the country code and the national number alone, for example +14155550123."
)

// Parse reads a number as a Cognito client must write it: + and digits, no
// spaces, ASCII alone. It returns the canonical form of the line (see
// canonical), so that one phone is one account, however it was spelled.
//
// As in Cognito, a number need not be allocated: +15555550100 is accepted. It
// is refused when no country has its code or the code's country has no numbers
// of that length. The error is a fault.InvalidParameter that says what is
// wrong and never shows the number.
func Parse(s string) (Number, error) {
	p, err := read(s)
	if err != nil {
		return Number{}, err
	}
	return FromCanonical(p.e164), nil
}

// ParseLine is Parse, MainRegion and Kind at the cost of one. The country and the
// sort of line are those of s as it stands where it is refused.
func ParseLine(s string) (Number, string, Kind, error) {
	p, err := read(s)
	if err != nil {
		p = FromCanonical(s).look()
		return Number{}, p.mainRegion(), p.kind(), err
	}
	return FromCanonical(p.e164), p.mainRegion(), p.kind(), nil
}

func read(s string) (parsed, error) {
	if hint := misshapen(s); hint != "" {
		return parsed{}, refuse(hint)
	}
	return canonical(s)
}

func refuse(hint string) error {
	return fault.New(fault.InvalidParameter, "Invalid phone number format. %s", hint)
}

// misshapen returns a hint if s is not + and a few ASCII digits, else "". It
// looks at no more than the first bytes of a long text.
func misshapen(s string) string {
	head := s[:min(len(s), 2*maxInput)]
	switch {
	case hasPrefixFold(head, "tel:"):
		return hintTel
	case strings.HasPrefix(head, "00"):
		return hintZeroZero
	case !strings.HasPrefix(head, "+"):
		return hintPlus
	}
	digits := head[1:]
	switch rest := strings.TrimLeft(digits, "0123456789"); {
	case digits == "":
		return hintPlus
	case rest != "" && rest != digits && strings.IndexByte(";xXeE#,", rest[0]) >= 0:
		return hintExtension
	case rest != "":
		return hintDigits
	case digits[0] == '0': // no country code does: ITU-T E.164.1, zone 0 is unassigned
		return hintCountry
	case len(s) > maxInput:
		return hintLong
	}
	return ""
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// parsed is what the library makes of a number.
type parsed struct {
	e164     string
	country  int
	national string // the national significant number, with Italy's zeros
	length   phonenumbers.ValidationResult
	region   string // ISO 3166 code, or "" if unknown or none
	number   *phonenumbers.PhoneNumber
}

// look asks the library. It answers a panic, of which the library had some on
// odd input, with errPanic.
func look(e164 string) (p parsed, err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	n, err := readNumber(e164)
	if err != nil {
		return parsed{}, err
	}
	region := phonenumbers.GetRegionCodeForNumber(n)
	if len(region) != 2 || region == phonenumbers.UNKNOWN_REGION {
		region = "" // "001": a worldwide service
	}
	return parsed{
		e164:     phonenumbers.Format(n, phonenumbers.E164),
		country:  int(n.GetCountryCode()),
		national: phonenumbers.GetNationalSignificantNumber(n),
		length:   phonenumbers.IsPossibleNumberWithReason(n),
		region:   region,
		number:   n,
	}, nil
}

// kind asks the library for the sort of line, which is a third of the work and which
// most who read a number do not ask.
func (p parsed) kind() (k Kind) {
	defer func() {
		if recover() != nil {
			k = Unknown
		}
	}()
	if p.number == nil {
		return Unknown
	}
	return kinds[phonenumbers.GetNumberType(p.number)]
}

var errPanic = errors.New("phone: the library panicked")

// valid reports whether the library's tables know the number as allocated.
func (p parsed) valid() bool { return p.kind() != Unknown }

// refusal returns why a number cannot be one, or nil.
func (p parsed) refusal() error {
	switch p.length {
	case phonenumbers.IS_POSSIBLE:
	case phonenumbers.INVALID_COUNTRY_CODE:
		return refuse(hintCountry)
	case phonenumbers.TOO_SHORT, phonenumbers.IS_POSSIBLE_LOCAL_ONLY:
		return refuse(hintShort)
	case phonenumbers.TOO_LONG:
		return refuse(hintLong)
	default:
		return refuse(hintLength)
	}
	if len(p.e164) > len("+")+maxDigits {
		return refuse(hintLong)
	}
	return nil
}

func parseRefusal(err error) error {
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return refuse(hintCountry)
	case errors.Is(err, phonenumbers.ErrTooShortNSN), errors.Is(err, phonenumbers.ErrTooShortAfterIDD),
		errors.Is(err, phonenumbers.ErrNotANumber):
		return refuse(hintShort)
	case errors.Is(err, phonenumbers.ErrNumTooLong):
		return refuse(hintLong)
	}
	return refuse(hintUnusable)
}
