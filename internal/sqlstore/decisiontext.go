package sqlstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Each text leaves a line in the decision log, and the most of it is what nothing is
// looked up by. It is kept short: a row of more than a kilobyte has a page of its own in
// an SQLite file, and five of them are a page of PostgreSQL's.

// decisionDetail is what of a line is looked up by nothing.
type decisionDetail struct {
	Operation string        `json:",omitempty"`
	Purpose   string        `json:",omitempty"`
	Asked     asked         `json:",omitzero"`
	Rule      guard.Rule    `json:",omitempty"`
	Of        string        `json:",omitempty"`
	Until     time.Time     `json:",omitzero"`
	Looked    string        `json:",omitempty"` // the levels, see levelsText
	Levels    []guard.Level `json:",omitempty"` // those that have no such text
	Receipt   guard.Receipt `json:",omitzero"`  // where it is not the ask's, see sent
	StepUp    string        `json:",omitempty"`
	Sent      *sent         `json:",omitempty"`

	Ask *guard.Ask `json:",omitempty"` // of lines that were written when it was kept as it is
}

// sent is what a receipt has beside the ask: the rest would be there twice.
type sent struct {
	Windows bool      `json:",omitempty"`
	Earned  bool      `json:",omitempty"`
	Matured bool      `json:",omitempty"`
	At      time.Time `json:",omitzero"` // the line's, if it says nothing
}

// receipt is what was sent for the ask.
func (s sent) receipt(a guard.Ask) guard.Receipt {
	r := a.Receipt()
	r.Windows, r.Earned, r.Matured, r.SentAt = s.Windows, s.Earned, s.Matured, s.At
	return r
}

// asked is an ask without its party's number, which has a column.
type asked struct {
	OfDevice  string     `json:"pd,omitempty"` // the party's
	OfAddress string     `json:"pa,omitempty"`
	OfNetwork string     `json:"pn,omitempty"`
	Country   string     `json:"c,omitempty"`
	Block     uint64     `json:"b,omitempty"`
	Digits    int        `json:"n,omitempty"`
	Kind      phone.Kind `json:"k,omitempty"`
	Address   string     `json:"a,omitempty"` // a cell's name, or sameAddress
	Network   string     `json:"w,omitempty"`
	Pool      string     `json:"p,omitempty"`
	Client    string     `json:"i,omitempty"`
	Price     int64      `json:"m,omitempty"`
	Known     bool       `json:"y,omitempty"`
	Device    string     `json:"d,omitempty"`
	Stepped   bool       `json:"s,omitempty"`
	Silent    bool       `json:"x,omitempty"`
}

// sameAddress is an address whose cell has the hash that the party has it by.
const sameAddress = "="

func askedOf(a guard.Ask) asked {
	return asked{
		OfDevice: a.Party.Device, OfAddress: a.Party.Address, OfNetwork: a.Party.Network,
		Country: a.Route.Country, Block: a.Route.Block, Digits: a.Route.Digits, Kind: a.Kind,
		Address: addressText(a.Address, a.Party.Address), Network: addressText(a.Network, ""),
		Pool: a.Pool, Client: a.Client, Price: int64(a.Price),
		Known: a.Known, Device: a.Device, Stepped: a.Stepped, Silent: a.Silent,
	}
}

func (a asked) ask(number string) (guard.Ask, error) {
	address, err := addressCell(a.Address, a.OfAddress)
	if err != nil {
		return guard.Ask{}, err
	}
	network, err := addressCell(a.Network, "")
	return guard.Ask{
		Party:   guard.Party{Number: number, Device: a.OfDevice, Address: a.OfAddress, Network: a.OfNetwork},
		Route:   guard.Route{Country: a.Country, Block: a.Block, Digits: a.Digits},
		Kind:    a.Kind,
		Address: address, Network: network, Pool: a.Pool, Client: a.Client, Price: guard.Money(a.Price),
		Known: a.Known, Device: a.Device, Stepped: a.Stepped, Silent: a.Silent,
	}, err
}

func addressText(k guard.Key, same string) string {
	switch {
	case k == guard.Key{}:
		return ""
	case k.Kind == guard.CellAddress && hashText(k) == same:
		return sameAddress
	}
	return cellName(k)
}

func addressCell(text, same string) (k guard.Key, err error) {
	switch text {
	case "":
		return guard.Key{}, nil
	case sameAddress:
		k.Kind = guard.CellAddress
		if len(same) != 2*hashDigits {
			return k, fmt.Errorf("an address is the same as %q", same)
		}
		if k.Hi, err = strconv.ParseUint(same[:hashDigits], 16, 64); err == nil {
			k.Lo, err = strconv.ParseUint(same[hashDigits:], 16, 64)
		}
		return k, err
	}
	return cellKey(text)
}

// hashDigits are those of half a hash.
const hashDigits = 16

func hashText(k guard.Key) string { return fmt.Sprintf("%016x%016x", k.Hi, k.Lo) }

// A level is a rule, of what, how much there was and is needed, and the limit. What is as
// in the level before is sameAsBefore.
const (
	betweenLevels = ";"
	betweenParts  = " "
	sameAsBefore  = "="
	partsOfLevel  = 5
)

// levelsText is the short form of levels; false where their names do not allow it.
func levelsText(levels []guard.Level) (string, bool) {
	b := make([]byte, 0, 64*len(levels))
	for i, l := range levels {
		before := guard.Level{}
		if i > 0 {
			before = levels[i-1]
			b = append(b, betweenLevels...)
		}
		for j, name := range [...][2]string{{string(l.Rule), string(before.Rule)}, {l.Of, before.Of}} {
			switch {
			case strings.ContainsAny(name[0], betweenLevels+betweenParts) || name[0] == sameAsBefore:
				return "", false
			case i > 0 && name[0] == name[1]:
				b = append(b, sameAsBefore...)
			default:
				b = append(b, name[0]...)
			}
			if j == 0 {
				b = append(b, betweenParts...)
			}
		}
		for _, f := range [...][2]float64{{l.Have, before.Have}, {l.Need, before.Need}, {l.Limit, before.Limit}} {
			b = append(b, betweenParts...)
			if now := finite(f[0]); i > 0 && now == finite(f[1]) {
				b = append(b, sameAsBefore...)
			} else {
				b = strconv.AppendFloat(b, now, 'g', -1, 64)
			}
		}
	}
	return string(b), true
}

func levelsOf(text string) ([]guard.Level, error) {
	if text == "" {
		return nil, nil
	}
	all := make([]guard.Level, 0, 1+strings.Count(text, betweenLevels))
	var parts [partsOfLevel]string
	for level := range strings.SplitSeq(text, betweenLevels) {
		own := strings.Split(level, betweenParts)
		if len(own) != partsOfLevel {
			return nil, fmt.Errorf("a level is %q", level)
		}
		for j, p := range own {
			if p != sameAsBefore {
				parts[j] = p
			}
		}
		l := guard.Level{Rule: guard.Rule(parts[0]), Of: parts[1]}
		for j, to := range []*float64{&l.Have, &l.Need, &l.Limit} {
			var err error
			if *to, err = strconv.ParseFloat(parts[2+j], 64); err != nil {
				return nil, fmt.Errorf("a level is %q", level)
			}
		}
		all = append(all, l)
	}
	return all, nil
}

func detailOf(e guard.Entry) decisionDetail {
	e.Receipt.SentAt = kept(e.Receipt.SentAt)
	own := &sent{e.Receipt.Windows, e.Receipt.Earned, e.Receipt.Matured, e.Receipt.SentAt}
	switch {
	case e.Receipt == guard.Receipt{}, own.At.IsZero(), own.receipt(e.Ask) != e.Receipt:
		own = nil
	default:
		e.Receipt = guard.Receipt{}
		if own.At.Equal(kept(e.At)) {
			own.At = time.Time{}
		}
	}
	d := decisionDetail{
		Operation: e.Operation, Purpose: e.Purpose, Asked: askedOf(e.Ask), Rule: e.Rule, Of: e.Of, Until: kept(e.Until),
		Receipt: e.Receipt, StepUp: e.StepUp, Sent: own,
	}
	looked, short := levelsText(e.Levels)
	if short {
		d.Looked = looked
		return d
	}
	d.Levels = slices.Clone(e.Levels)
	for i := range d.Levels {
		l := &d.Levels[i]
		l.Have, l.Need, l.Limit = finite(l.Have), finite(l.Need), finite(l.Limit)
	}
	return d
}

// fill sets what of a line the detail has. The line has what its columns have.
func (d decisionDetail) fill(e *guard.Entry, number string) (err error) {
	e.Operation, e.Purpose, e.Rule, e.Of, e.Until = d.Operation, d.Purpose, d.Rule, d.Of, d.Until
	e.Levels, e.Receipt, e.StepUp = d.Levels, d.Receipt, d.StepUp
	if d.Ask != nil {
		e.Ask = *d.Ask
		e.Ask.Party.Number = number
	} else if e.Ask, err = d.Asked.ask(number); err != nil {
		return err
	}
	if d.Looked != "" {
		if e.Levels, err = levelsOf(d.Looked); err != nil {
			return err
		}
	}
	if d.Sent != nil {
		own := *d.Sent
		if own.At.IsZero() {
			own.At = kept(e.At)
		}
		e.Receipt = own.receipt(e.Ask)
	}
	return nil
}
