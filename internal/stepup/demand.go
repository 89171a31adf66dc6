package stepup

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"
)

// A demand's token is the base64url of
//
//	version 1 | id 12 | issued 6 (Unix milliseconds) | bits 1 |
//	number 8 | client 8 | address 8 (keyed hashes, under the id) | MAC 16
//
// which are 80 letters: with the counter behind them they fill two blocks of
// SHA-256, of which only the second changes with the counter.
const (
	tokenVersion = 1
	idSize       = 12
	tagSize      = 8
	macSize      = 16
	plainSize    = 1 + idSize + 6 + 1 + 3*tagSize
	tokenSize    = plainSize + macSize
)

// encoding refuses all but the one text of a token.
var encoding = base64.RawURLEncoding.Strict()

// Demand is one demand for proof.
type Demand struct {
	Token    string // as the client has it
	IssuedAt time.Time
	Bits     int // of proof of work

	id                      [idSize]byte
	number, client, address [tagSize]byte
	key                     *[]byte // behind a pointer, which is all that a printer shows
}

// Keys are the secrets that demands are made under: the first makes them, all are
// tried on those that come back, so that a rotation interrupts nobody. Each has at
// least 32 bytes.
type Keys [][]byte

// Issue makes a demand of who.
func (k Keys) Issue(who Who, bits int, now time.Time) Demand {
	d := Demand{IssuedAt: now.UTC().Truncate(time.Millisecond), Bits: bits, key: &k[0]}
	rand.Read(d.id[:]) // never fails since Go 1.24
	d.number, d.client, d.address = d.tags(who)

	raw := make([]byte, 0, tokenSize)
	raw = append(raw, tokenVersion)
	raw = append(raw, d.id[:]...)
	raw = append(raw, binary.BigEndian.AppendUint64(nil, uint64(d.IssuedAt.UnixMilli()))[2:]...)
	raw = append(raw, byte(bits))
	raw = append(raw, d.number[:]...)
	raw = append(raw, d.client[:]...)
	raw = append(raw, d.address[:]...)
	raw = append(raw, keyed(k[0], macSize, "demand", string(raw))...)
	d.Token = encoding.EncodeToString(raw)
	return d
}

// Open reads a token, or answers ErrForged. Whether the demand has expired and of
// whom it was made is not asked.
func (k Keys) Open(token string) (Demand, error) {
	if len(token) != encoding.EncodedLen(tokenSize) || strings.ContainsAny(token, "\r\n") { // the decoder skips line ends
		return Demand{}, ErrForged
	}
	raw, err := encoding.DecodeString(token)
	if err != nil || raw[0] != tokenVersion {
		return Demand{}, ErrForged
	}
	plain, mac := raw[:plainSize], raw[plainSize:]
	for i := range k {
		if hmac.Equal(keyed(k[i], macSize, "demand", string(plain)), mac) {
			return read(token, plain, &k[i]), nil
		}
	}
	return Demand{}, ErrForged
}

func read(token string, plain []byte, key *[]byte) Demand {
	d := Demand{Token: token, key: key}
	rest := plain[1:]
	rest = rest[copy(d.id[:], rest):]
	d.IssuedAt = time.UnixMilli(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, rest[:6]...)))).UTC()
	d.Bits = int(rest[6])
	rest = rest[7:]
	rest = rest[copy(d.number[:], rest):]
	rest = rest[copy(d.client[:], rest):]
	copy(d.address[:], rest)
	return d
}

// ID names the demand. A caller keeps it until Expires, so that the demand is met
// once.
func (d Demand) ID() string { return hex.EncodeToString(d.id[:]) }

// Expires is when no kind meets the demand any more.
func (d Demand) Expires() time.Time { return d.IssuedAt.Add(TextLife) }

// expired says whether it is too late for the kind.
func (d Demand) expired(kind Kind, now time.Time) bool {
	return !now.Before(d.IssuedAt.Add(kind.Life()))
}

// fitsCaller says whether the demand was made of the caller's app client and
// address.
func (d Demand) fitsCaller(who Who) error {
	_, client, address := d.tags(who)
	switch {
	case subtle.ConstantTimeCompare(client[:], d.client[:]) == 0:
		return ErrOtherClient
	case subtle.ConstantTimeCompare(address[:], d.address[:]) == 0:
		return ErrOtherAddress
	}
	return nil
}

// fitsNumber says whether the demand was made of the number.
func (d Demand) fitsNumber(who Who) error {
	number, _, _ := d.tags(who)
	if subtle.ConstantTimeCompare(number[:], d.number[:]) == 0 {
		return ErrOtherNumber
	}
	return nil
}

// tags are of whom the demand is made. They depend on its id, so that two demands
// of one number look unlike.
func (d Demand) tags(who Who) (number, client, address [tagSize]byte) {
	id := string(d.id[:])
	return [tagSize]byte(keyed(*d.key, tagSize, "number", id, who.NumberKey)),
		[tagSize]byte(keyed(*d.key, tagSize, "client", id, who.Pool, who.Client)),
		[tagSize]byte(keyed(*d.key, tagSize, "address", id, who.Address))
}

// keyed is a keyed hash of the parts, each with its length before it.
func keyed(key []byte, size int, label string, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range append([]string{"bellhop step-up v1", label}, parts...) {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)[:size]
}

// AddressClass is an address as a demand is bound to it: the /24 of IPv4, the /48
// of IPv6. A phone behind a carrier's NAT has another address of the same network a
// moment later; who solves for others sits elsewhere.
func AddressClass(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 24
	switch {
	case !a.IsValid(): // a backend that does not tell
		return ""
	case a.Is6():
		bits = 48
	}
	return netip.PrefixFrom(a, bits).Masked().String()
}
