package srp_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/srp"
)

const (
	pool     = "AbC123xyz"
	user     = "6a1d0c2e-50b1-70d3-9c6f-1f5f3f0c9a11"
	password = "Correct-Horse-9"
	stamp    = "Tue Mar 4 09:07:03 UTC 2025"
)

func TestExchange_RightPassword_IsBelieved(t *testing.T) {
	for _, pw := range []string{password, "", "pässwörd ✓", " leading and trailing ", strings.Repeat("x", 256)} {
		v := inGo.NewVerifier(pool, user, pw)
		if !signIn(t, v, randomClient(t), pw) {
			t.Errorf("password %q is not believed", pw)
		}
	}
}

func TestExchange_WrongPassword_IsNot(t *testing.T) {
	v := inGo.NewVerifier(pool, user, password)
	for _, pw := range []string{"", password + " ", "correct-horse-9", password[1:], ":" + password} {
		if signIn(t, v, randomClient(t), pw) {
			t.Errorf("password %q is believed", pw)
		}
	}
}

func TestExchange_ManyRuns_BothBranchesOfThePadding(t *testing.T) {
	// B, A and the salt each have the top bit set, or an odd count of hex
	// digits, in about half and a sixteenth of the runs.
	topBit, odd := 0, 0
	for range 24 {
		v := inGo.NewVerifier(pool, user, password)
		e, err := inGo.Start(v)
		if err != nil {
			t.Fatal(err)
		}
		c := randomClient(t)
		if strings.Contains("89abcdef", e.B()[:1]) && len(e.B())%2 == 0 {
			topBit++
		}
		if len(e.B())%2 == 1 || len(c.A.Text(16))%2 == 1 || len(v.SaltHex())%2 == 1 {
			odd++
		}
		if !signIn(t, v, c, password) {
			t.Fatalf("not believed: SALT %s, A %s", v.SaltHex(), c.A.Text(16))
		}
	}
	if topBit == 0 {
		t.Error("no B had its top bit set")
	}
	t.Logf("top bit of B %d times, odd digits %d times", topBit, odd)
}

func TestParseA_OddCountOfDigits_IsTaken(t *testing.T) {
	v := inGo.NewVerifier(pool, user, password)
	for a := int64(1); ; a++ { // the first secret whose A has 767 digits
		c := newClient(new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 600), big.NewInt(a)))
		if len(c.A.Text(16)) != 767 {
			continue
		}
		if !signIn(t, v, c, password) {
			t.Error("an A of 767 digits is not believed")
		}
		return
	}
}

func TestParseA_CaseAndLeadingZeros_AreNoDifference(t *testing.T) {
	c := randomClient(t)
	text := c.A.Text(16)
	forms := []string{text, strings.ToUpper(text), strings.Repeat("0", 768-len(text)) + text}
	for _, form := range forms {
		a, err := srp.ParseA(form)
		if err != nil {
			t.Fatal(err)
		}
		if a.String() != text {
			t.Errorf("A = %s, want %s", a, text)
		}
		var back srp.A
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &back); err != nil || back.String() != text {
			t.Errorf("A comes back as %s, %v", back, err)
		}
	}
}

func TestParseA_ZeroModuloN_IsRefused(t *testing.T) {
	twice := new(big.Int).Lsh(bigN, 1).Text(16)
	for name, s := range map[string]string{
		"0": "0", "00": "00", "many zeros": strings.Repeat("0", 768), "N": bigN.Text(16), "N upper": modulusHex,
		"2N": twice, "empty": "", "too long": strings.Repeat("1", 769), "zeros too long": strings.Repeat("0", 5000) + "1",
		"huge": strings.Repeat("f", 1<<20), "not hex": "12g4", "sign": "-1", "plus": "+1", "0x": "0x12", "space": " 12",
		"newline": "12\n", "full-width": "１２", "base64": "Af/LjZIv",
	} {
		if _, err := srp.ParseA(s); !fault.Is(err, fault.InvalidParameter) {
			t.Errorf("%s: %v, want InvalidParameter", name, err)
		} else if !strings.Contains(err.Error(), "SRP_A") || len(err.Error()) > 80 {
			t.Errorf("%s: %q", name, err)
		}
	}
	for _, s := range []string{"1", new(big.Int).Sub(bigN, big.NewInt(1)).Text(16), strings.Repeat("f", 768)} {
		if _, err := srp.ParseA(s); err != nil {
			t.Errorf("ParseA(%.8s…): %v", s, err)
		}
	}
}

func TestSessionKey_AAboveN_IsTakenModuloN(t *testing.T) {
	// A client may send A + N where that still has 768 digits; the hash is
	// over the integer that was sent, the arithmetic modulo N.
	v := inGo.NewVerifier(pool, user, password)
	small, err := srp.ParseA("5")
	if err != nil {
		t.Fatal(err)
	}
	large, err := srp.ParseA(new(big.Int).Add(bigN, big.NewInt(5)).Text(16))
	if err != nil {
		t.Fatal(err)
	}
	e, err := inGo.Start(v)
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := inGo.SessionKey(v, small, e.Secret())
	two, err2 := inGo.SessionKey(v, large, e.Secret())
	if err1 != nil || err2 != nil || one == two {
		t.Errorf("%v, %v, equal %v", err1, err2, one == two)
	}
}

func TestSessionKey_UnusableInput_IsAnError(t *testing.T) {
	v := inGo.NewVerifier(pool, user, password)
	e, err := inGo.Start(v)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := srp.ParseA("5")
	if _, err := inGo.SessionKey(v, srp.A{}, e.Secret()); err == nil {
		t.Error("the zero A is taken")
	}
	for name, secret := range map[string][]byte{
		"none": nil, "short": e.Secret()[:400], "B = 0": make([]byte, 416),
	} {
		if _, err := inGo.SessionKey(v, a, secret); err == nil {
			t.Errorf("secret %s is taken", name)
		}
	}
	if _, err := inGo.SessionKey(srp.Verifier{}, a, e.Secret()); err == nil {
		t.Error("the zero verifier is taken")
	}
	if _, err := inGo.Start(srp.Verifier{}); err == nil {
		t.Error("the zero verifier starts an exchange")
	}
	zeroV := srp.Verifier{Salt: []byte{1}, V: make([]byte, 384)}
	if _, err := inGo.Start(zeroV); err == nil {
		t.Error("v = 0 starts an exchange")
	}
}

func TestClaim_AnyChangedPart_IsRefused(t *testing.T) {
	v := inGo.NewVerifier(pool, user, password)
	e, err := inGo.Start(v)
	if err != nil {
		t.Fatal(err)
	}
	c := randomClient(t)
	a, _ := srp.ParseA(c.A.Text(16))
	key, err := inGo.SessionKey(v, a, e.Secret())
	if err != nil {
		t.Fatal(err)
	}
	block := []byte("a sealed block")
	signature := c.answer(t, v.SaltHex(), e.B(), pool, user, password, block, stamp)
	right := srp.Claim{PoolName: pool, UserID: user, SecretBlock: block, Timestamp: stamp}
	if !right.SignedWith(key, signature) {
		t.Fatal("the right claim is refused")
	}
	wrong := map[string]srp.Claim{
		"pool":      {"AbC123xyZ", user, block, stamp},
		"user":      {pool, user[1:], block, stamp},
		"block":     {pool, user, []byte("a sealed blocK"), stamp},
		"no block":  {pool, user, nil, stamp},
		"timestamp": {pool, user, block, "Tue Mar 04 09:07:03 UTC 2025"},
	}
	for name, claim := range wrong {
		if claim.SignedWith(key, signature) {
			t.Errorf("another %s is believed", name)
		}
	}
	for i := range signature {
		changed := bytes.Clone(signature)
		changed[i] ^= 0x40
		if right.SignedWith(key, changed) {
			t.Errorf("byte %d of the signature may be changed", i)
		}
	}
	for _, s := range [][]byte{nil, {}, signature[:31], append(bytes.Clone(signature), 0)} {
		if right.SignedWith(key, s) {
			t.Errorf("a signature of %d bytes is believed", len(s))
		}
	}
	key[0] ^= 1
	if right.SignedWith(key, signature) {
		t.Error("another key is believed")
	}
}

func TestStart_TwiceForOneUser_GivesTwoExchanges(t *testing.T) {
	v := inGo.NewVerifier(pool, user, password)
	one, _ := inGo.Start(v)
	two, _ := inGo.Start(v)
	if one.B() == two.B() || bytes.Equal(one.Secret(), two.Secret()) {
		t.Error("two exchanges are the same")
	}
}

func TestVerifier_Matches_OnlyItsPassword(t *testing.T) {
	v := inGo.NewVerifier(pool, user, password)
	if !inGo.Matches(v, pool, user, password) {
		t.Error("the password does not match")
	}
	for name, got := range map[string]bool{
		"other password": inGo.Matches(v, pool, user, password+"x"),
		"other user":     inGo.Matches(v, pool, user+"x", password),
		"other pool":     inGo.Matches(v, "x"+pool, user, password),
		"empty":          inGo.Matches(v, pool, user, ""),
		"no verifier":    inGo.Matches(srp.Verifier{}, pool, user, password),
	} {
		if got {
			t.Errorf("%s matches", name)
		}
	}
	again := inGo.NewVerifier(pool, user, password)
	if bytes.Equal(again.Salt, v.Salt) || bytes.Equal(again.V, v.V) {
		t.Error("two verifiers of one password are the same")
	}
}

func TestVerifier_Binary_RoundTripsAndRefusesTheRest(t *testing.T) {
	for range 8 { // salts with and without the padding byte
		v := inGo.NewVerifier(pool, user, password)
		b, err := v.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var back srp.Verifier
		if err := back.UnmarshalBinary(b); err != nil || !bytes.Equal(back.Salt, v.Salt) || !bytes.Equal(back.V, v.V) {
			t.Fatalf("round trip: %v", err)
		}
		for name, bad := range map[string][]byte{
			"empty": nil, "one byte": {1}, "version": append([]byte{2}, b[1:]...), "cut": b[:len(b)-1],
			"longer": append(bytes.Clone(b), 0), "no salt": append([]byte{1, 0}, v.V...),
			"v = 0":  append(bytes.Clone(b[:len(b)-384]), make([]byte, 384)...),
			"v >= N": append(bytes.Clone(b[:len(b)-384]), bytes.Repeat([]byte{0xff}, 384)...),
		} {
			untouched := back
			if err := untouched.UnmarshalBinary(bad); err == nil {
				t.Errorf("%s is taken", name)
			}
		}
	}
	if _, err := (srp.Verifier{}).MarshalBinary(); err == nil {
		t.Error("no verifier is marshalled")
	}
	if !(srp.Verifier{}).IsZero() || inGo.NewVerifier(pool, user, password).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestFakeVerifier_LooksRealAndOpensToNobody(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	one := srp.FakeVerifier(key, pool, "+14155550123")
	again := srp.FakeVerifier(key, pool, "+14155550123")
	if one.SaltHex() != again.SaltHex() || !bytes.Equal(one.V, again.V) {
		t.Error("the decoy of a name changes")
	}
	others := map[string]srp.Verifier{
		"name": srp.FakeVerifier(key, pool, "+14155550124"),
		"pool": srp.FakeVerifier(key, "AbC123xyZ", "+14155550123"),
		"key":  srp.FakeVerifier(bytes.Repeat([]byte{8}, 32), pool, "+14155550123"),
		"cut":  srp.FakeVerifier(key, pool+"+", "14155550123"),
	}
	for what, other := range others {
		if other.SaltHex() == one.SaltHex() || bytes.Equal(other.V, one.V) {
			t.Errorf("another %s has the same decoy", what)
		}
	}
	if signIn(t, one, randomClient(t), password) {
		t.Error("a decoy believes a password")
	}
	// Salts of decoys are as long as real ones.
	lengths := map[bool]map[int]int{true: {}, false: {}}
	for i := range 40 {
		lengths[true][len(inGo.NewVerifier(pool, user, password).Salt)]++
		lengths[false][len(srp.FakeVerifier(key, pool, fmt.Sprint(i)).Salt)]++
	}
	for real, counts := range lengths {
		if counts[16] == 0 || counts[17] == 0 {
			t.Errorf("real %v: salt lengths %v", real, counts)
		}
	}
}

func TestSecrets_PrintedByAnything_ShowAConstant(t *testing.T) {
	v := inGo.NewVerifier(pool, user, password)
	e, _ := inGo.Start(v)
	a, _ := srp.ParseA("5")
	key, _ := inGo.SessionKey(v, a, e.Secret())
	for _, secret := range []any{v, &v, e, &e, key, &key} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			if got := fmt.Sprintf(verb, secret); len(got) > 20 || !strings.HasPrefix(got, "[") || strings.ContainsAny(got, "0123456789") {
				t.Errorf("%T with %s prints %q", secret, verb, got)
			}
		}
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", secret)
		if b.Len() > 200 {
			t.Errorf("slog of %T: %s", secret, b.String())
		}
	}
	if b, err := json.Marshal(v); err == nil {
		t.Errorf("json of a verifier: %s", b)
	}
}

func TestParseTimestamp_JavasFormatWithAnyDay(t *testing.T) {
	want := time.Date(2025, 3, 4, 9, 7, 3, 0, time.UTC)
	for _, s := range []string{stamp, "Tue Mar 04 09:07:03 UTC 2025", "Tue Mar  4 09:07:03 UTC 2025"} {
		if got, err := srp.ParseTimestamp(s); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("ParseTimestamp(%q) = %v, %v", s, got, err)
		}
	}
	late := time.Date(2026, 11, 22, 6, 8, 38, 0, time.UTC)
	if got, err := srp.ParseTimestamp("Sun Nov 22 06:08:38 UTC 2026"); err != nil || !got.Equal(late) {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{
		"", "now", "2025-03-04T09:07:03Z", "Tue Mar 4 09:07:03 GMT 2025", "Tue Mar 4 09:07:03 2025",
		"Tue Mar 32 09:07:03 UTC 2025", "Tue Mrz 4 09:07:03 UTC 2025", "Tue Mar 4 25:07:03 UTC 2025",
		stamp + " ", " " + stamp, stamp + "\x00", strings.Repeat("9", 1<<20), "1741079223",
	} {
		if _, err := srp.ParseTimestamp(s); !fault.Is(err, fault.InvalidParameter) {
			t.Errorf("ParseTimestamp(%.40q): %v", s, err)
		}
	}
}

func TestVector_ThroughTheTestsOwnClient(t *testing.T) {
	// Guards the client above: it must give the vector's signature.
	a, _ := new(big.Int).SetString("a9b9e21a30f7b43c473fc3b61c80f82c983718c73e7fdb8cb0576939fe042beaf18637e4a427d3bb1ece90c693dd90e2"+
		"2a5e337dd9b96acafccc33a62d9964388a7235479f3711e9073e56b5b44832e5eba9e313bc823eae2994ddae6e5dfaa0d553edea761edd3d9c25c7f60427"+
		"fa9f7f68f75a7a6f2da03fbfcd59632fe4f5", 16)
	b, _ := new(big.Int).SetString("33445729411d97fb7dbe88a84efd8a2b28989931f752af2ea21e43b15dfa6d9fae07eabfbb36d9f2b555c22301c0c85b"+
		"2c4fd34e6b6fdef39292672275fc879b6e8db0f33069bbf63da77dd317271fc3890613322fda0ad2d733eeeca60d75004033e7a417f5f8e97b1742da458f"+
		"8b1be19842f5b772d5ad092fe77633166c2f", 16)
	const pool, user = "AbCdEfGhI", "3f1c9a52-7b1e-7c44-9f0a-5d2b6e8c1a70"
	salt, _ := new(big.Int).SetString("c0ffee00112233445566778899aabb", 16)
	inner := sha256.Sum256([]byte(pool + user + ":" + password))
	v := new(big.Int).Exp(bigG, sum(padHex(salt), inner[:]), bigN)
	B := new(big.Int).Mul(sum(padHex(bigN), padHex(bigG)), v)
	B.Add(B, new(big.Int).Exp(bigG, b, bigN)).Mod(B, bigN)
	block, _ := base64.StdEncoding.DecodeString("ZXhhbXBsZS1zZWNyZXQtYmxvY2stYnl0ZXM=")
	got := newClient(a).answer(t, salt.Text(16), B.Text(16), pool, user, password, block, stamp)
	if base64.StdEncoding.EncodeToString(got) != "Af/LjZIvHHlZO1wBkq6ko15T1OW279suGm02zObaJ00=" {
		t.Errorf("signature %x", got)
	}
}

func FuzzParseA(f *testing.F) {
	for _, s := range []string{"", "0", "1", "F", "fff", modulusHex, strings.Repeat("f", 768), "-1", "0x1", "zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := srp.ParseA(s)
		if err != nil {
			if !fault.Is(err, fault.InvalidParameter) {
				t.Fatalf("ParseA(%q): %v", s, err)
			}
			if n, ok := new(big.Int).SetString(s, 16); ok && len(s) <= 768 && s[0] != '-' && s[0] != '+' && new(big.Int).Mod(n, bigN).Sign() != 0 {
				t.Fatalf("ParseA(%q) refuses a good number: %v", s, err)
			}
			if len(s) > 8 && strings.Contains(err.Error(), s) {
				t.Fatalf("the refusal repeats %q", s)
			}
			return
		}
		n, ok := new(big.Int).SetString(s, 16)
		if !ok || n.Sign() < 0 || new(big.Int).Mod(n, bigN).Sign() == 0 || a.String() != n.Text(16) {
			t.Fatalf("ParseA(%q) = %s", s, a)
		}
		var again srp.A
		if err := again.UnmarshalText([]byte(a.String())); err != nil || again.String() != a.String() {
			t.Fatalf("ParseA(%q) = %s, which reads as %s, %v", s, a, again, err)
		}
	})
}

func FuzzParseTimestamp(f *testing.F) {
	for _, s := range []string{stamp, "Tue Mar 04 09:07:03 UTC 2025", "", "Tue Mar 4 09:07:03 UTC 99999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		when, err := srp.ParseTimestamp(s)
		if err != nil {
			if !fault.Is(err, fault.InvalidParameter) || !when.IsZero() {
				t.Fatalf("ParseTimestamp(%q) = %v, %v", s, when, err)
			}
			return
		}
		if len(s) > 40 || when.Location() != time.UTC || when.Year() < 0 || when.Year() > 9999 {
			t.Fatalf("ParseTimestamp(%q) = %v", s, when)
		}
		again, err := srp.ParseTimestamp(when.Format("Mon Jan 2 15:04:05 UTC 2006"))
		if err != nil || !again.Equal(when.Truncate(time.Second)) {
			t.Fatalf("ParseTimestamp(%q) = %v, which reads as %v, %v", s, when, again, err)
		}
	})
}

func TestReadVerifier_TakesWhatClientsMake(t *testing.T) {
	made := inGo.NewVerifier("group", "device", "password")
	for _, value := range [][]byte{made.V, append([]byte{0}, made.V...), bytes.TrimLeft(made.V, "\x00")} {
		v, err := srp.ReadVerifier(made.Salt, value)
		if err != nil || !inGo.Matches(v, "group", "device", "password") || inGo.Matches(v, "group", "device", "passwore") {
			t.Errorf("%d bytes: %v", len(value), err)
		}
	}
	for name, parts := range map[string][2][]byte{
		"zero": {made.Salt, make([]byte, 384)}, "nothing": {}, "too long": {made.Salt, append([]byte{1}, made.V...)},
		"no salt": {nil, made.V}, "not below N": {made.Salt, bytes.Repeat([]byte{0xff}, 384)},
	} {
		if _, err := srp.ReadVerifier(parts[0], parts[1]); err == nil {
			t.Errorf("%s is a verifier", name)
		}
	}
}

func bigExp(base, exponent []byte) []byte {
	n := new(big.Int).SetBytes(srp.N())
	return n.Exp(new(big.Int).SetBytes(base), new(big.Int).SetBytes(exponent), n).FillBytes(make([]byte, len(base)))
}

func TestNewGroup_OtherArithmetic_GivesTheSame(t *testing.T) {
	uses := 0
	other, err := srp.NewGroup(func(base, exponent []byte) []byte {
		uses++
		return bigExp(base, exponent)
	})
	if err != nil {
		t.Fatal(err)
	}
	v := other.NewVerifier(pool, user, password)
	if !inGo.Matches(v, pool, user, password) || !other.Matches(v, pool, user, password) || other.Matches(v, pool, user, "other") {
		t.Error("a verifier of one is not the other's")
	}
	c := randomClient(t)
	a, err := srp.ParseA(c.A.Text(16))
	if err != nil {
		t.Fatal(err)
	}
	e, err := other.Start(v)
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := inGo.SessionKey(v, a, e.Secret())
	two, err2 := other.SessionKey(v, a, e.Secret())
	if one != two || err1 != nil || err2 != nil {
		t.Errorf("keys differ, %v, %v", err1, err2)
	}
	if uses != 7 { // the known power, three verifiers, one start, two of the key
		t.Errorf("computed %d times by the other arithmetic", uses)
	}
}

func TestNewGroup_ArithmeticThatIsWrong_IsRefused(t *testing.T) {
	for name, exp := range map[string]srp.Exp{
		"nothing": func(_, _ []byte) []byte { return nil },
		"another": func(base, _ []byte) []byte { return base },
	} {
		if _, err := srp.NewGroup(exp); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// Arithmetic that fails once is Go's that time.
func TestGroup_ArithmeticThatFails_IsGos(t *testing.T) {
	fails := false
	g, err := srp.NewGroup(func(base, exponent []byte) []byte {
		if fails {
			return nil
		}
		return bigExp(base, exponent)
	})
	if err != nil {
		t.Fatal(err)
	}
	fails = true
	if v := g.NewVerifier(pool, user, password); !inGo.Matches(v, pool, user, password) {
		t.Error("a verifier is wrong")
	}
}
