package userpool

import (
	"context"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// customPrefix is before the name of every attribute that is a pool's own.
const customPrefix = "custom:"

// Bounds on a pool's custom attributes.
const (
	maxCustom     = 50
	maxCustomName = 20 // without the prefix
)

// AttributeType is Cognito's AttributeDataType.
type AttributeType string

// The types of custom attributes. All values are texts; the type says which.
const (
	TypeString   AttributeType = "String"
	TypeNumber   AttributeType = "Number"
	TypeDateTime AttributeType = "DateTime"
	TypeBoolean  AttributeType = "Boolean"
)

// CustomAttribute is an attribute of a pool's own. It never goes and never
// changes, so values that were good stay so.
type CustomAttribute struct {
	Name    string        `json:"name"` // with its prefix, custom:
	Type    AttributeType `json:"type"`
	Bounds  Bounds        `json:"bounds,omitzero"` // of a String's length or a Number
	Mutable bool          `json:"mutable"`
}

// CustomName is the name of the custom attribute that is asked for as base.
func CustomName(base string) string { return customPrefix + base }

// custom finds a custom attribute of the pool.
func (s PoolSettings) custom(name string) (CustomAttribute, bool) {
	for _, a := range s.Custom {
		if a.Name == name {
			return a, true
		}
	}
	return CustomAttribute{}, false
}

// writable says whether the schema has such an attribute that users may write at
// all, if their client does.
func (s PoolSettings) writable(name string) bool {
	_, custom := s.custom(name)
	return custom || slices.Contains(standardAttributes, name)
}

// immutable says whether the attribute is set once, when its user is made.
func (s PoolSettings) immutable(name string) bool {
	custom, ok := s.custom(name)
	return ok && !custom.Mutable || slices.Contains(s.Immutable, name)
}

// changeable refuses attributes that no user who is there may change.
func (s PoolSettings) changeable(list []Attribute) error {
	for _, a := range list {
		if s.immutable(a.Name) {
			return fault.New(fault.InvalidParameter, "user.%s: Attribute cannot be updated.", a.Name)
		}
	}
	return nil
}

// fillable is changeable for what comes with a new password: there a user may
// still give what the pool demands, and could not be given otherwise.
func (s PoolSettings) fillable(list []Attribute) error {
	return s.changeable(slices.DeleteFunc(slices.Clone(list), func(a Attribute) bool {
		return slices.Contains(s.Required, a.Name)
	}))
}

var (
	numberForm = regexp.MustCompile(`^-?\d{1,64}(\.\d{1,64})?$`)
	wholeForm  = regexp.MustCompile(`^-?\d{1,18}$`)
)

// canonical checks a value of the attribute and returns it as it is kept. Empty
// is no value, and deletes.
func (a CustomAttribute) canonical(value string) (string, error) {
	switch {
	case value == "":
		return "", nil
	case utf8.RuneCountInString(value) > maxAttributeValue:
		return "", schema("%s: String must be no longer than %d characters\n", a.Name, maxAttributeValue)
	}
	var err error
	switch a.Type {
	case TypeBoolean:
		return boolean(a.Name, value)
	case TypeNumber:
		err = a.checkNumber(value)
	case TypeDateTime:
		err = a.checkTime(value)
	default:
		err = a.Bounds.checkLength(a.Name, value)
	}
	if err != nil {
		return "", err
	}
	return value, nil
}

func (a CustomAttribute) checkNumber(value string) error {
	if !numberForm.MatchString(value) {
		return schema("%s: The value must be a number\n", a.Name)
	}
	n, _ := new(big.Rat).SetString(value)
	return a.Bounds.checkNumber(a.Name, n)
}

// checkTime takes a date, a time with its offset (RFC 3339), or a whole number
// of seconds or milliseconds.
func (a CustomAttribute) checkTime(value string) error {
	_, err := time.Parse(time.RFC3339, value)
	if err != nil {
		_, err = time.Parse(time.DateOnly, value)
	}
	if err != nil && !wholeForm.MatchString(value) {
		return schema("%s: The value must be a time, as 1999-12-31T23:59:59Z, 1999-12-31 or a number of seconds\n", a.Name)
	}
	return nil
}

// checkSchema checks what a pool's settings say of its attributes.
func checkSchema(set PoolSettings) error {
	for _, name := range set.Immutable {
		if !slices.Contains(standardAttributes, name) {
			return fault.New(fault.InvalidParameter, "Schema: %s cannot be made immutable.", clip(name))
		}
	}
	return checkCustom(nil, set.Custom)
}

// checkCustom checks custom attributes that are to be added to those there.
func checkCustom(have, added []CustomAttribute) error {
	if len(have)+len(added) > maxCustom {
		return fault.New(fault.InvalidParameter, "A user pool may have at most %d custom attributes.", maxCustom)
	}
	set := PoolSettings{Custom: slices.Clone(have)}
	for _, a := range added {
		if err := a.check(); err != nil {
			return err
		}
		if _, exists := set.custom(a.Name); exists {
			return fault.New(fault.InvalidParameter, "%s: Existing attribute already has name %s.", a.Name, a.Name)
		}
		set.Custom = append(set.Custom, a)
	}
	return nil
}

func (a CustomAttribute) check() error {
	base, ok := strings.CutPrefix(a.Name, customPrefix)
	length := utf8.RuneCountInString(base)
	switch {
	case !ok || length < 1 || length > maxCustomName:
		return fault.New(fault.InvalidParameter, "The name of a custom attribute must have 1 to %d characters.", maxCustomName)
	case strings.HasPrefix(base, customPrefix) || strings.HasPrefix(base, "dev:"):
		return fault.New(fault.InvalidParameter, "Name the custom attribute without a prefix: %s is its name in full.", strconv.Quote(base))
	case !slices.Contains([]AttributeType{TypeString, TypeNumber, TypeDateTime, TypeBoolean}, a.Type):
		return fault.New(fault.InvalidParameter, "Invalid AttributeDataType input, consider using the provided AttributeDataType enum.")
	}
	return nil
}

// AddCustomAttributes adds custom attributes to the pool's schema, all or none.
// No app client may read or write them until it lists them.
func (s *Service) AddCustomAttributes(ctx context.Context, pool PoolID, added []CustomAttribute) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		p, err := loadPool(ctx, tx, pool)
		if err != nil {
			return err
		}
		if err := checkCustom(p.Settings.Custom, added); err != nil {
			return err
		}
		if err := notImporting(ctx, tx, pool); err != nil {
			return err
		}
		p.Settings.Custom, p.ModifiedAt = append(slices.Clip(p.Settings.Custom), added...), at
		return tx.UpdatePool(ctx, p)
	})
}
