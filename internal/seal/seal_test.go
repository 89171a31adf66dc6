package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/seal"
)

func keyLine(b byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func ringOf(t testing.TB, lines ...string) *seal.Ring {
	t.Helper()
	ring, err := seal.ParseRing([]byte(strings.Join(lines, "\n") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestGenerate_FileText_ParsesToTheSameRing(t *testing.T) {
	ring, text := seal.Generate()
	back, err := seal.ParseRing(text)
	if err != nil {
		t.Fatalf("the generated file does not parse: %v", err)
	}
	plain, err := back.Open("p", nil, ring.Seal("p", nil, []byte("value")))
	if err != nil || string(plain) != "value" {
		t.Errorf("the parsed ring opens %q, %v", plain, err)
	}
	other, _ := seal.Generate()
	if other.Current().ID() == ring.Current().ID() {
		t.Error("two generated rings have the same key")
	}
}

func TestParseRing_CommentsBlankLinesAndWindowsLineEnds_ArePassedOver(t *testing.T) {
	text := "# a comment\r\n\r\n  " + keyLine(1) + "  \r\n\t\n#" + keyLine(9) + "\n" + keyLine(2)
	ring, err := seal.ParseRing([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if ids := ring.IDs(); len(ids) != 2 || ids[0] != ring.Current().ID() || ids[0] != ringOf(t, keyLine(1)).Current().ID() {
		t.Errorf("ids %v", ids)
	}
}

func TestParseRing_AllProblems_InOneErrorWithoutKeyBytes(t *testing.T) {
	lines := []string{
		keyLine(1),              // 1 good
		"c2hvcnQ=",              // 2 short
		"not base64 at all!",    // 3
		keyLine(1),              // 4 twice
		keyLine(0),              // 5 zero
		keyLine(3)[:43],         // 6 no padding
		keyLine(4) + keyLine(5), // 7 two on a line
		hex.EncodeToString(bytes.Repeat([]byte{6}, 32)), // 8 hex: base64 of 48 bytes
	}
	ring, err := seal.ParseRing([]byte(strings.Join(lines, "\n")))
	if err == nil || ring != nil {
		t.Fatal("a bad file parses")
	}
	msg := err.Error()
	for n := 2; n <= 8; n++ {
		if !strings.Contains(msg, fmt.Sprintf("line %d: ", n)) {
			t.Errorf("line %d is not named in %q", n, msg)
		}
	}
	if strings.Contains(msg, "line 1: ") {
		t.Errorf("the good line is blamed: %q", msg)
	}
	for _, line := range lines {
		if strings.Contains(msg, line) || strings.Contains(msg, line[:8]) {
			t.Errorf("the error shows what stands on a line: %q", msg)
		}
	}
	for _, empty := range []string{"", "\n\n", "# only a comment\n"} {
		if _, err := seal.ParseRing([]byte(empty)); err == nil || !strings.Contains(err.Error(), "no key") {
			t.Errorf("file %q: %v", empty, err)
		}
	}
}

func TestKeyID_IsTheDocumentedHash(t *testing.T) {
	if got, want := ringOf(t, keyLine(1)).Current().ID(), "0a212eea"; got != want {
		t.Errorf("id %s, want %s", got, want)
	}
}

func TestDerive_DependsOnKeyAndLabelAlone(t *testing.T) {
	one, two := ringOf(t, keyLine(1)).Current(), ringOf(t, keyLine(2)).Current()
	a := one.Derive("codes")
	if len(a) != 32 || !bytes.Equal(a, one.Derive("codes")) {
		t.Fatal("the same label gives two keys")
	}
	// Fixed: a change would void every code, token and sealed value.
	if got, want := hex.EncodeToString(a), "7a7a9776e30159895bcb68894d02b203491dca9b85344ae03ead805ad342af4b"; got != want {
		t.Errorf("derived %s, want %s", got, want)
	}
	if bytes.Equal(a, one.Derive("codes ")) || bytes.Equal(a, one.Derive("")) || bytes.Equal(a, two.Derive("codes")) {
		t.Error("another label or key gives the same bytes")
	}
}

func TestOpen_OnlySamePurposeAndOwner_Opens(t *testing.T) {
	ring := ringOf(t, keyLine(1))
	sealed := ring.Seal("signing key", []byte("pool"), []byte("secret"))
	if plain, err := ring.Open("signing key", []byte("pool"), sealed); err != nil || string(plain) != "secret" {
		t.Fatalf("Open: %q, %v", plain, err)
	}
	for _, c := range []struct{ purpose, aad string }{
		{"signing key", "poo"}, {"signing key", ""}, {"signing ke", "ypool"}, {"signing keypool", ""},
		{"", "signing keypool"}, {"verifier", "pool"}, {"pool", "signing key"},
	} {
		if plain, err := ring.Open(c.purpose, []byte(c.aad), sealed); !errors.Is(err, seal.ErrTampered) || plain != nil {
			t.Errorf("purpose %q, owner %q: %q, %v", c.purpose, c.aad, plain, err)
		}
	}
}

func TestSeal_AnyLength_RoundTripsAndNeverRepeats(t *testing.T) {
	ring := ringOf(t, keyLine(1))
	for _, n := range []int{0, 1, 15, 16, 17, 1000, 1 << 16} {
		plain := bytes.Repeat([]byte{0xa5}, n)
		first, second := ring.Seal("p", nil, plain), ring.Seal("p", nil, plain)
		if first == second {
			t.Errorf("%d bytes sealed twice give the same text", n)
		}
		got, err := ring.Open("p", nil, first)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if n >= 15 && strings.Contains(first, base64.RawURLEncoding.EncodeToString(plain)[:16]) {
			t.Errorf("%d bytes stand in the open", n)
		}
	}
}

func TestOpen_EachChangedByte_IsRefused(t *testing.T) {
	ring := ringOf(t, keyLine(1))
	sealed := ring.Seal("p", []byte("a"), []byte("some secret value"))
	for i := range sealed {
		for _, b := range []byte{sealed[i] ^ 1, 'A', '.', '=', '\n', 0xff} {
			if b == sealed[i] {
				continue
			}
			changed := sealed[:i] + string([]byte{b}) + sealed[i+1:]
			if plain, err := ring.Open("p", []byte("a"), changed); err == nil {
				t.Errorf("byte %d as %q opens to %q", i, b, plain)
			}
		}
		if _, err := ring.Open("p", []byte("a"), sealed[:i]); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("cut at %d: %v", i, err)
		}
		if _, err := ring.Open("p", []byte("a"), sealed[:i]+"\n"+sealed[i:]); err == nil {
			t.Errorf("a line end at %d is passed over", i)
		}
	}
	for _, tail := range []string{" ", "\n", "A", "=", "."} {
		if _, err := ring.Open("p", []byte("a"), sealed+tail); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("with %q behind it: %v", tail, err)
		}
	}
}

func TestOpen_ForeignTexts_AreTampered(t *testing.T) {
	ring := ringOf(t, keyLine(1))
	id := ring.Current().ID()
	for _, text := range []string{"", "v1", "v1.", "v1.." + id, "v2." + id + ".AAAA", "v1." + id, "v1." + id + ".",
		"v1." + id + ".AAAA", "v1.short.AAAA", "v1.ABCDEF01.AAAA", "V1." + id + ".AAAA", "v1." + strings.ToUpper(id) + ".AAAA"} {
		if _, err := ring.Open("p", nil, text); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("Open(%q): %v", text, err)
		}
	}
}

func TestRotation_OlderKeysStillOpen_LostKeysAreTold(t *testing.T) {
	before := ringOf(t, keyLine(1))
	during := ringOf(t, keyLine(2), keyLine(1))
	after := ringOf(t, keyLine(2))

	old := before.Seal("p", nil, []byte("value"))
	if plain, err := during.Open("p", nil, old); err != nil || string(plain) != "value" {
		t.Fatalf("an older key does not open: %v", err)
	}
	if during.IsCurrent(old) || !before.IsCurrent(old) || during.IsCurrent("nonsense") {
		t.Error("IsCurrent is wrong")
	}
	if _, err := after.Open("p", nil, old); !errors.Is(err, seal.ErrUnknownKey) || errors.Is(err, seal.ErrTampered) {
		t.Errorf("a lost key gives %v", err)
	}
	anew := during.Seal("p", nil, []byte("value"))
	if !during.IsCurrent(anew) {
		t.Error("a new value is not under the current key")
	}
	if _, err := after.Open("p", nil, anew); err != nil {
		t.Errorf("a value sealed during rotation: %v", err)
	}
	// The id is bound: a value cannot be passed off as another key's.
	forged := strings.Replace(old, before.Current().ID(), after.Current().ID(), 1)
	if _, err := during.Open("p", nil, forged); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("another key's id: %v", err)
	}
	if key, ok := during.ByID(before.Current().ID()); !ok || key.ID() != before.Current().ID() {
		t.Error("ByID does not find the older key")
	}
	if _, ok := during.ByID("00000000"); ok {
		t.Error("ByID finds a key that is not there")
	}
}

func TestRing_UsedByManyAtOnce_IsSafe(t *testing.T) {
	ring := ringOf(t, keyLine(1), keyLine(2))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				purpose := fmt.Sprintf("p%d", (g+i)%5)
				if _, err := ring.Open(purpose, nil, ring.Seal(purpose, nil, []byte("v"))); err != nil {
					t.Errorf("%s: %v", purpose, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestRingAndKey_PrintedByAnything_ShowAConstant(t *testing.T) {
	secret := bytes.Repeat([]byte{0xab}, 32)
	ring := ringOf(t, base64.StdEncoding.EncodeToString(secret))
	ring.Seal("p", nil, nil) // fill the cache of ciphers
	derived := ring.Current().Derive("label")[:4]
	type owner struct {
		Ring *seal.Ring
		ring *seal.Ring
		key  *seal.Key
	}
	o := owner{ring, ring, ring.Current()}
	var all bytes.Buffer
	for _, v := range []any{ring, ring.Current()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, v); got != "[master key]" {
				t.Errorf("%T with %s prints %q", v, verb, got)
			}
			fmt.Fprintf(&all, verb+verb, o, &o)
		}
		b, err := json.Marshal(v)
		if err != nil || string(b) != `"[master key]"` {
			t.Errorf("json of %T: %s, %v", v, b, err)
		}
		slog.New(slog.NewJSONHandler(&all, nil)).Info("m", "v", v, "owner", o)
		slog.New(slog.NewTextHandler(&all, nil)).Info("m", "v", v, "owner", o)
	}
	for _, form := range []string{"abababab", "ABABABAB", "171 171", "0xab, 0xab", "q6urq6ur",
		fmt.Sprintf("%x", derived), strings.Trim(fmt.Sprint(derived), "[]"), strings.Trim(fmt.Sprintf("%#v", derived), "[]byte{}")} {
		if strings.Contains(all.String(), form) {
			t.Errorf("the key shows as %s", form)
		}
	}
}

// FuzzOpen takes a piece out of a sealed value and puts another in: only what
// Seal wrote opens, letter by letter, for its purpose and context.
func FuzzOpen(f *testing.F) {
	ring := ringOf(f, keyLine(1), keyLine(2))
	good := ring.Seal("p", []byte("a"), []byte("value"))
	last := uint16(len(good))
	f.Add(uint16(0), uint16(0), "")
	f.Add(uint16(0), last, "")
	f.Add(uint16(0), last, "v1.")
	f.Add(uint16(20), last, "")
	f.Add(last, uint16(0), ".")
	f.Add(last, uint16(0), "=")
	f.Add(last-1, uint16(1), "B") // stray bits
	f.Add(uint16(3), uint16(8), ring.IDs()[1])
	f.Add(uint16(0), last, ring.Seal("q", []byte("a"), []byte("value")))
	f.Add(uint16(0), last, ring.Seal("p", nil, []byte("value")))
	f.Fuzz(func(t *testing.T, from, count uint16, insert string) {
		start := min(int(from), len(good))
		text := good[:start] + insert + good[min(start+int(count), len(good)):]
		plain, err := ring.Open("p", []byte("a"), text)
		if (err == nil) != (text == good) || err == nil && string(plain) != "value" || err != nil && plain != nil {
			t.Fatalf("%q opens to %q, %v", text, plain, err)
		}
		if err != nil && !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrUnknownKey) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func TestSealBytes_OpensForItsPurposeAndOwnerAlone(t *testing.T) {
	ring, _ := seal.Generate()
	stranger, _ := seal.Generate()
	sealed := ring.SealBytes("session", []byte("owner"), []byte("plain"))
	if plain, err := ring.OpenBytes("session", []byte("owner"), sealed); err != nil || string(plain) != "plain" {
		t.Fatalf("%q, %v", plain, err)
	}
	for _, c := range []struct {
		ring    *seal.Ring
		purpose string
		owner   string
		sealed  []byte
		want    error
	}{
		{ring, "other", "owner", sealed, seal.ErrTampered},
		{ring, "session", "other", sealed, seal.ErrTampered},
		{ring, "session", "owner", sealed[:len(sealed)-1], seal.ErrTampered},
		{ring, "session", "owner", sealed[:8], seal.ErrTampered},
		{ring, "session", "owner", sealed[:7], seal.ErrTampered},
		{ring, "session", "owner", nil, seal.ErrTampered},
		{ring, "session", "owner", append([]byte("ABCDEFGH"), sealed[8:]...), seal.ErrTampered},
		{stranger, "session", "owner", sealed, seal.ErrUnknownKey},
	} {
		if plain, err := c.ring.OpenBytes(c.purpose, []byte(c.owner), c.sealed); !errors.Is(err, c.want) || plain != nil {
			t.Errorf("%s of %s, %d bytes: %q, %v", c.purpose, c.owner, len(c.sealed), plain, err)
		}
	}
}
