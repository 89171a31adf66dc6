// Package passwordhash owns the hashes of passwords that other systems kept: it
// reads the four formats that Amazon Cognito imports, and says whether a password
// is the one. What a check may cost is bounded when a hash is read, since whoever
// writes a file of users must not decide what a sign-in costs the server.
package passwordhash

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// Algorithm is Cognito's PasswordHashingAlgorithm.
type Algorithm string

// The algorithms.
const (
	Bcrypt       Algorithm = "BCRYPT"
	Scrypt       Algorithm = "SCRYPT"
	Argon2ID     Algorithm = "ARGON2ID"
	PBKDF2SHA256 Algorithm = "PBKDF2_SHA256"
)

// Algorithms are all of them.
func Algorithms() []Algorithm { return []Algorithm{Bcrypt, Scrypt, Argon2ID, PBKDF2SHA256} }

// The most that a check may cost: Cognito's own bounds (developer guide, supported
// password hashing algorithms).
const (
	maxBcryptCost  = 12
	maxScryptN     = 65536
	maxScryptR     = 8
	maxScryptP     = 1
	maxArgonMemory = 19456 // KiB
	maxArgonTime   = 2
	maxArgonLanes  = 1
	maxIterations  = 600000
)

// What a hash is made of, in bytes. A shorter one than the least is met by too many
// passwords.
const (
	minSum  = 16
	maxSum  = 64
	maxSalt = 64
)

// maxText is longer than any hash within these bounds.
const maxText = 512

// Why a text is refused. No error repeats any of it.
var (
	ErrMalformed = errors.New("the password hash does not have the form of its algorithm")
	ErrTooDear   = errors.New("the password hash has parameters above what is allowed")
	ErrMismatch  = errors.New("the password hash is one of another algorithm")
)

// Hash is a hash that was read. The zero Hash is no password's.
type Hash struct {
	algorithm Algorithm
	cost      string // its parameters, as Cost returns them
	text      string // of bcrypt alone
	salt, sum []byte
	a, b, c   int // the parameters, in the order of the text
}

// Algorithm says what the hash was made by.
func (h Hash) Algorithm() Algorithm { return h.algorithm }

// String says what the hash is without giving it away.
func (h Hash) String() string { return "hash:" + string(h.algorithm) }

// Parse reads a hash of any of the algorithms, which its beginning tells.
func Parse(text string) (Hash, error) {
	switch {
	case len(text) > maxText:
		return Hash{}, ErrMalformed
	case strings.HasPrefix(text, "$2"):
		return parseBcrypt(text)
	case strings.HasPrefix(text, "$argon2"):
		return parseArgon(text)
	case strings.HasPrefix(text, "$pbkdf2"):
		return parsePBKDF2(text)
	}
	return parseScrypt(text)
}

// ParseAs is Parse for a file that says by which algorithm its hashes were made.
func ParseAs(want Algorithm, text string) (Hash, error) {
	h, err := Parse(text)
	if err == nil && h.algorithm != want {
		err = ErrMismatch
	}
	if err != nil {
		return Hash{}, err
	}
	return h, nil
}

// Cost names the algorithm and its parameters: what Stand needs to cost the same.
func (h Hash) Cost() string { return h.cost }

// parseBcrypt reads $2b$10$ and 53 characters. The letter says how old
// implementations failed with long passwords and with letters beyond ASCII; a hash
// of 2x of such a password is met by none.
func parseBcrypt(text string) (Hash, error) {
	if len(text) != 60 || text[3] != '$' || text[6] != '$' || !strings.ContainsRune("abxy", rune(text[2])) {
		return Hash{}, ErrMalformed
	}
	cost, err := digits(text[4:6])
	if err != nil {
		return Hash{}, ErrMalformed
	}
	// What is no base64 of bcrypt's own, and a cost below its least, fails here.
	if _, err := bcrypt.Cost([]byte(text)); err != nil || strings.IndexFunc(text[7:], notBcrypt) >= 0 {
		return Hash{}, ErrMalformed
	}
	if cost > maxBcryptCost {
		return Hash{}, ErrTooDear
	}
	return Hash{algorithm: Bcrypt, cost: text[:7], text: text, a: cost}, nil
}

func notBcrypt(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '/')
}

// parseScrypt reads N$r$p$salt$sum, the last two in hexadecimal.
func parseScrypt(text string) (Hash, error) {
	part := strings.Split(text, "$")
	if len(part) != 5 {
		return Hash{}, ErrMalformed
	}
	h := Hash{algorithm: Scrypt, cost: "scrypt$" + strings.Join(part[:3], "$")}
	var err error
	if h.a, h.b, h.c, err = three(part[0], part[1], part[2]); err != nil {
		return Hash{}, err
	}
	if h.salt, err = hex.DecodeString(part[3]); err != nil {
		return Hash{}, ErrMalformed
	}
	if h.sum, err = hex.DecodeString(part[4]); err != nil {
		return Hash{}, ErrMalformed
	}
	switch {
	case h.a > maxScryptN || h.b > maxScryptR || h.c > maxScryptP:
		return Hash{}, ErrTooDear
	case h.a < 2 || h.a&(h.a-1) != 0: // N is a power of two
		return Hash{}, ErrMalformed
	}
	return h.sized()
}

// parseArgon reads $argon2id$v=19$m=19456,t=2,p=1$salt$sum.
func parseArgon(text string) (Hash, error) {
	part := strings.Split(text, "$")
	if len(part) != 6 {
		return Hash{}, ErrMalformed
	}
	switch {
	case part[1] == "argon2i", part[1] == "argon2d":
		return Hash{}, ErrMismatch
	case part[1] != "argon2id", part[2] != "v=19":
		return Hash{}, ErrMalformed
	}
	m, t, p := "", "", ""
	if cost := strings.Split(part[3], ","); len(cost) == 3 {
		m, t, p = after(cost[0], "m="), after(cost[1], "t="), after(cost[2], "p=")
	}
	h := Hash{algorithm: Argon2ID, cost: "$argon2id$" + part[3]}
	var err error
	if h.a, h.b, h.c, err = three(m, t, p); err != nil {
		return Hash{}, err
	}
	if h.salt, err = unpadded(part[4]); err != nil {
		return Hash{}, err
	}
	if h.sum, err = unpadded(part[5]); err != nil {
		return Hash{}, err
	}
	switch {
	case h.a > maxArgonMemory || h.b > maxArgonTime || h.c > maxArgonLanes:
		return Hash{}, ErrTooDear
	case h.a < 8*h.c: // RFC 9106, section 3.1
		return Hash{}, ErrMalformed
	}
	return h.sized()
}

// parsePBKDF2 reads $pbkdf2-sha256$600000$salt$sum.
func parsePBKDF2(text string) (Hash, error) {
	part := strings.Split(text, "$")
	if len(part) != 5 {
		return Hash{}, ErrMalformed
	}
	if part[1] != "pbkdf2-sha256" {
		return Hash{}, ErrMismatch
	}
	h := Hash{algorithm: PBKDF2SHA256, cost: "$pbkdf2-sha256$" + part[2]}
	var err error
	if h.a, err = digits(part[2]); err != nil {
		return Hash{}, err
	}
	if h.salt, err = unpadded(part[3]); err != nil {
		return Hash{}, err
	}
	if h.sum, err = unpadded(part[4]); err != nil {
		return Hash{}, err
	}
	if h.a > maxIterations {
		return Hash{}, ErrTooDear
	}
	return h.sized()
}

// sized refuses a salt or a sum of no good length.
func (h Hash) sized() (Hash, error) {
	if len(h.salt) == 0 || len(h.salt) > maxSalt || len(h.sum) < minSum || len(h.sum) > maxSum {
		return Hash{}, ErrMalformed
	}
	return h, nil
}

// digits reads a positive decimal number without sign or leading zeros beyond
// bcrypt's two digits.
func digits(text string) (int, error) {
	if text == "" || strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }) >= 0 {
		return 0, ErrMalformed
	}
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, ErrTooDear
	case err != nil, n == 0:
		return 0, ErrMalformed
	}
	return int(n), nil
}

func three(a, b, c string) (x, y, z int, err error) {
	x, errX := digits(a)
	y, errY := digits(b)
	z, errZ := digits(c)
	for _, err := range []error{errX, errY, errZ} {
		if errors.Is(err, ErrMalformed) {
			return 0, 0, 0, err
		}
	}
	return x, y, z, errors.Join(errX, errY, errZ)
}

// after is what follows the prefix, "" without it.
func after(text, prefix string) string {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return ""
	}
	return rest
}

// unpadded reads base64 without padding. Some libraries write a dot for the plus.
func unpadded(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // the decoder skips line ends
		return nil, ErrMalformed
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.ReplaceAll(strings.TrimRight(text, "="), ".", "+"))
	if err != nil {
		return nil, ErrMalformed
	}
	return raw, nil
}

// Matches says whether the password is the one. It costs what the hash wants: up to
// a quarter of a second and 64 MiB.
func (h Hash) Matches(password string) bool {
	var sum []byte
	var err error
	switch h.algorithm {
	case Bcrypt:
		return bcrypt.CompareHashAndPassword([]byte(h.text), []byte(password)) == nil
	case Scrypt:
		sum, err = scrypt.Key([]byte(password), h.salt, h.a, h.b, h.c, len(h.sum))
	case Argon2ID:
		sum = argon2.IDKey([]byte(password), h.salt, uint32(h.b), uint32(h.a), uint8(h.c), uint32(len(h.sum)))
	case PBKDF2SHA256:
		sum, err = pbkdf2.Key(sha256.New, password, h.salt, h.a, len(h.sum))
	default:
		return false
	}
	return err == nil && subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// Stand makes a hash of the cost that no password has, but by chance: it stands in
// where there is none and the same work is to be done.
func Stand(cost string) (Hash, error) {
	const (
		salt  = "AAAAAAAAAAAAAAAAAAAAAA"
		sum   = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		zeros = "00000000000000000000000000000000"
	)
	switch {
	case strings.HasPrefix(cost, "$2"):
		return Parse(cost + strings.Repeat(".", 53))
	case strings.HasPrefix(cost, "$argon2id$"):
		return Parse("$argon2id$v=19$" + strings.TrimPrefix(cost, "$argon2id$") + "$" + salt + "$" + sum)
	case strings.HasPrefix(cost, "$pbkdf2"):
		return Parse(cost + "$" + salt + "$" + sum)
	case strings.HasPrefix(cost, "scrypt$"):
		return Parse(strings.TrimPrefix(cost, "scrypt$") + "$" + zeros + "$" + zeros + zeros)
	}
	return Hash{}, fmt.Errorf("%w: no cost of any algorithm", ErrMalformed)
}
