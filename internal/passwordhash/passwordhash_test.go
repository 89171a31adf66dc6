package passwordhash

import (
	"errors"
	"strings"
	"testing"
)

// known are hashes with their passwords: of the algorithms' own authors where there
// are any within the bounds.
var known = []struct {
	name, text, password string
	algorithm            Algorithm
}{
	{"bcrypt, crypt_blowfish's own", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", Bcrypt},
	{"bcrypt, the same by its newer name", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", Bcrypt},
	{"bcrypt of crypt_blowfish", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*", Bcrypt},
	{"bcrypt, ASCII under its broken name", "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", Bcrypt},
	{"scrypt, RFC 7914 section 12", "16384$8$1$536f6469756d43686c6f72696465$7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887", "pleaseletmein", Scrypt},
	{"argon2id, of the reference implementation's tests", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password", Argon2ID},
	{"PBKDF2, RFC 7914 section 11", "$pbkdf2-sha256$80000$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ", "Password", PBKDF2SHA256},
	{"PBKDF2, a dot for each plus", "$pbkdf2-sha256$1000$KSkpKSkpKSkpKSkpKSkpKQ$P5gcT6Sqwx2.dPXaLjepcfNiAvhXVp7HjRcvhpLdDA4", "letmein", PBKDF2SHA256},
}

func TestMatches_ThePasswordAndNoOther(t *testing.T) {
	for _, c := range known {
		h, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if h.Algorithm() != c.algorithm || !h.Matches(c.password) {
			t.Errorf("%s: %v does not match", c.name, h)
		}
		for _, wrong := range []string{"", c.password + "x", strings.ToUpper(c.password) + ".", c.password[1:]} {
			if h.Matches(wrong) {
				t.Errorf("%s: matches %q", c.name, wrong)
			}
		}
		stand, err := Stand(h.Cost())
		if err != nil || stand.Cost() != h.Cost() || stand.Matches(c.password) {
			t.Errorf("%s: what stands in for it costs %q and not %q, %v", c.name, stand.Cost(), h.Cost(), err)
		}
		for _, other := range Algorithms() {
			if _, err := ParseAs(other, c.text); (err == nil) != (other == c.algorithm) {
				t.Errorf("%s as %s: %v", c.name, other, err)
			}
		}
		if strings.Contains(h.String(), c.text[len(c.text)-8:]) {
			t.Errorf("%s is printed: %v", c.name, h)
		}
	}
	if (Hash{}).Matches("") {
		t.Error("the zero hash matches")
	}
}

// documented are the examples of the developer guide, with the highest parameters.
var documented = []string{
	"$2b$10$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6",
	"$2b$12$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6",
	"65536$8$1$304dbaef7c5e828dc19c98f0600d18fe$4f69c498c12cd102d057356facf8d77e8d42407090491ea32c5b038f5a18c099",
	"$argon2id$v=19$m=19456,t=2,p=1$ko/G5o1ms+ML08P95sQ8DA$AkVbvWSOqz7Hs3qthhWKxicOWnGLN+MBmpwc3emi5VA",
	"$pbkdf2-sha256$600000$1XZlmwLQ2hhM3JYuCPiArQ$Pfheg9Zi/v5lXU4yyLA0WFUYEd/rlaVbzrM9oMD6IrA",
}

func TestParse_ReadsWhatCognitoDocuments(t *testing.T) {
	for _, text := range documented {
		if _, err := Parse(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParse_RefusesWhatIsDearOrMalformed(t *testing.T) {
	const salt, sum = "ko/G5o1ms+ML08P95sQ8DA", "AkVbvWSOqz7Hs3qthhWKxicOWnGLN+MBmpwc3emi5VA"
	const hexSalt, hexSum = "304dbaef7c5e828dc19c98f0600d18fe", "4f69c498c12cd102d057356facf8d77e8d42407090491ea32c5b038f5a18c099"
	for _, c := range []struct {
		text string
		want error
	}{
		{"$2b$13$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6", ErrTooDear},
		{"$2b$31$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6", ErrTooDear},
		{"$2b$99$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6", ErrMalformed},
		{"$2b$03$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6", ErrMalformed},
		{"$2b$10$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq", ErrMalformed},
		{"$2b$10$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq66", ErrMalformed},
		{"$2b$10$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEF=6", ErrMalformed},
		{"$2c$10$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6", ErrMalformed},
		{"$2b$-1$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6", ErrMalformed},
		{"131072$8$1$" + hexSalt + "$" + hexSum, ErrTooDear},
		{"65536$9$1$" + hexSalt + "$" + hexSum, ErrTooDear},
		{"65536$8$2$" + hexSalt + "$" + hexSum, ErrTooDear},
		{"99999999999999999999$8$1$" + hexSalt + "$" + hexSum, ErrTooDear},
		{"1000$8$1$" + hexSalt + "$" + hexSum, ErrMalformed}, // no power of two
		{"1$8$1$" + hexSalt + "$" + hexSum, ErrMalformed},
		{"0$8$1$" + hexSalt + "$" + hexSum, ErrMalformed},
		{"+16$8$1$" + hexSalt + "$" + hexSum, ErrMalformed},
		{"16384$8$1$" + hexSalt + "$" + hexSum[:30], ErrMalformed}, // too short to tell passwords apart
		{"16384$8$1$$" + hexSum, ErrMalformed},
		{"16384$8$1$" + hexSalt + "$zz" + hexSum, ErrMalformed},
		{"$argon2id$v=19$m=19457,t=2,p=1$" + salt + "$" + sum, ErrTooDear},
		{"$argon2id$v=19$m=19456,t=3,p=1$" + salt + "$" + sum, ErrTooDear},
		{"$argon2id$v=19$m=19456,t=2,p=2$" + salt + "$" + sum, ErrTooDear},
		{"$argon2id$v=19$m=4,t=2,p=1$" + salt + "$" + sum, ErrMalformed},
		{"$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + sum, ErrMalformed},
		{"$argon2id$m=19456,t=2,p=1$" + salt + "$" + sum, ErrMalformed},
		{"$argon2id$v=19$t=2,m=19456,p=1$" + salt + "$" + sum, ErrMalformed},
		{"$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + sum, ErrMismatch},
		{"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + sum + "\n", ErrMalformed},
		{"$pbkdf2-sha256$600001$" + salt + "$" + sum, ErrTooDear},
		{"$pbkdf2-sha256$0$" + salt + "$" + sum, ErrMalformed},
		{"$pbkdf2-sha512$1000$" + salt + "$" + sum, ErrMismatch},
		{"$pbkdf2-sha256$1000$" + salt + "$AAAA", ErrMalformed},
		{"$pbkdf2-sha256$1000$" + salt + "$" + strings.Repeat("A", 100), ErrMalformed},
		{"", ErrMalformed},
		{"plain text", ErrMalformed},
		{"5f4dcc3b5aa765d61d8327deb882cf99", ErrMalformed},
		{strings.Repeat("$", 400), ErrMalformed},
		{strings.Repeat("1", 600), ErrMalformed},
	} {
		h, err := Parse(c.text)
		if !errors.Is(err, c.want) {
			t.Errorf("%.60q: %v, not %v", c.text, err, c.want)
		}
		if h.Matches("") || h.Cost() != "" {
			t.Errorf("%.60q leaves a hash", c.text)
		}
		if err != nil && len(c.text) > 8 && strings.Contains(err.Error(), c.text) {
			t.Errorf("the error repeats the hash: %v", err)
		}
	}
}

// FuzzParse: whatever the text, it is refused or its parameters are within bounds,
// what stands in for it costs the same, and reading it costs nothing.
func FuzzParse(f *testing.F) {
	for _, c := range known {
		f.Add(c.text)
	}
	for _, text := range documented {
		f.Add(text)
	}
	f.Add("$2b$")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := Parse(text)
		if err != nil {
			if h.Algorithm() != "" {
				t.Fatalf("%q: a hash beside %v", text, err)
			}
			return
		}
		ok := map[Algorithm]bool{
			Bcrypt:       h.a >= 4 && h.a <= maxBcryptCost,
			Scrypt:       h.a >= 2 && h.a <= maxScryptN && h.b >= 1 && h.b <= maxScryptR && h.c == 1,
			Argon2ID:     h.a >= 8 && h.a <= maxArgonMemory && h.b >= 1 && h.b <= maxArgonTime && h.c == 1,
			PBKDF2SHA256: h.a >= 1 && h.a <= maxIterations,
		}
		if !ok[h.Algorithm()] {
			t.Fatalf("%q: %d %d %d", text, h.a, h.b, h.c)
		}
		if stand, err := Stand(h.Cost()); err != nil || stand.Cost() != h.Cost() {
			t.Fatalf("%q: stood in for by %q, %v", text, stand.Cost(), err)
		}
	})
}
