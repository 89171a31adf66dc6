package cognito

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// signedWire is a signed request of an SDK family, as the bytes on the wire.
func signedWire(t testing.TB, family string) []byte {
	t.Helper()
	r := signAs(familyRequest(family), describeBody, signedAt, families[family]...)
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	return wire.Bytes()
}

// asked is all of a request that decides what is done, and by whom: what a
// signature must cover.
type asked struct {
	method, path, host string
	authorization      authorization
	signed             map[string]string
	body               [sha256.Size]byte
}

// accepted reads a request as a server does and returns what it asks for, if it
// is accepted as signed.
func accepted(wire []byte) (asked, bool) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		return asked{}, false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return asked{}, false
	}
	if _, err := verifySignature(r, body, signedAt, testKeys); err != nil {
		return asked{}, false
	}
	a := asked{method: r.Method, path: cmp.Or(r.URL.Path, "/"), host: r.Host, signed: map[string]string{}, body: sha256.Sum256(body)}
	a.authorization, _ = parseAuthorization(r.Header.Values("Authorization"))
	for _, name := range a.authorization.headers {
		a.signed[name] = strings.Join(strings.Fields(strings.Join(r.Header.Values(name), "\n")), " ")
	}
	return a, true
}

// What of a request the signature does not cover, and need not: headers that
// this server does not act on, the case of headers' names, space that HTTP takes
// off or that both sides squeeze, the version of HTTP, the scheme of a whole URL
// in the request line, an empty path for /, and the order of the parameters of
// Authorization. Nothing of it changes what is asked.
func checkMutation(t *testing.T, original asked, wire []byte) (refused bool) {
	t.Helper()
	got, ok := accepted(wire)
	if ok && !reflect.DeepEqual(got, original) {
		t.Fatalf("the signature covers something else:\n%q\n%+v", wire, got)
	}
	return !ok
}

func TestVerifySignature_FiveHundredMutationsOnTheWire_AskForNothingElse(t *testing.T) {
	for family := range families {
		wire := signedWire(t, family)
		original, ok := accepted(wire)
		if !ok {
			t.Fatalf("%s: the good request is refused", family)
		}
		chance := rand.New(rand.NewPCG(23, 500))
		refused := 0
		for i := range 500 {
			changed := slices.Clone(wire)
			at := chance.IntN(len(changed))
			switch i % 4 {
			case 0, 1:
				changed[at] ^= byte(1 + chance.IntN(255))
			case 2:
				changed = slices.Delete(changed, at, at+1)
			case 3:
				changed = slices.Insert(changed, at, byte(chance.IntN(256)))
			}
			if checkMutation(t, original, changed) {
				refused++
			}
		}
		t.Logf("%s: %d of 500 refused", family, refused)
		if refused < 350 {
			t.Errorf("%s: only %d of 500 mutations are refused", family, refused)
		}
	}
}

// TestVerifySignature_EveryByteOfTheSignedPart_IsCovered changes each byte of the
// values that are signed, on the wire, in the lowest bit.
func TestVerifySignature_EveryByteOfTheSignedPart_IsCovered(t *testing.T) {
	for family := range families {
		wire := signedWire(t, family)
		signed := append(slices.Clone(families[family]), "authorization")
		start := 0
		for line := range bytes.SplitAfterSeq(wire, []byte("\n")) {
			name, value, ok := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
			from, to := start+len(name)+2, start+len(name)+2+len(value)
			if !ok && start > 0 {
				from, to = start, start+len(line) // the body
			}
			if ok && !slices.Contains(signed, strings.ToLower(string(name))) || start == 0 || len(bytes.TrimSpace(line)) == 0 {
				from, to = 0, 0
			}
			for at := from; at < to; at++ {
				changed := slices.Clone(wire)
				changed[at] ^= 1
				if _, ok := accepted(changed); ok && wire[at] != ' ' && changed[at] != ' ' {
					t.Errorf("%s: %q for %q in %q is accepted", family, changed[at], wire[at], line)
				}
			}
			start += len(line)
		}
	}
}

// FuzzSignedRequest cuts a piece out of a signed request on the wire and puts
// another in.
func FuzzSignedRequest(f *testing.F) {
	names := slices.Sorted(func(yield func(string) bool) {
		for family := range families {
			if !yield(family) {
				return
			}
		}
	})
	wires := map[string][]byte{}
	originals := map[string]asked{}
	for _, family := range names {
		wires[family] = signedWire(f, family)
		originals[family], _ = accepted(wires[family])
		at := func(text string) uint16 { return uint16(bytes.Index(wires[family], []byte(text))) }
		f.Add(family, uint16(0), uint16(0), "")
		f.Add(family, uint16(0), uint16(4), "PUT")
		f.Add(family, uint16(5), uint16(1), "//")
		f.Add(family, uint16(5), uint16(1), "http://evil.example/")
		f.Add(family, uint16(5), uint16(1), "/?X-Amz-Signature=0")
		f.Add(family, at("DescribeUserPool"), uint16(8), "Delete")
		f.Add(family, at("X-Amz-Target"), uint16(0), "X-Amz-Target: "+targetPrefix+"DeleteUserPool\r\n")
		f.Add(family, at("X-Amz-Date"), uint16(0), "Host: evil.example\r\n")
		f.Add(family, at("X-Amz-Date"), uint16(0), "Transfer-Encoding: chunked\r\n")
		f.Add(family, at("X-Amz-Date"), uint16(0), " ")
		f.Add(family, at("Content-Length"), uint16(14), "content-length")
		f.Add(family, at(describeBody), uint16(0), " ")
		f.Add(family, at(describeBody)+uint16(len(describeBody)), uint16(0), "\r\n\r\nPOST / HTTP/1.1\r\n")
		f.Add(family, at("Credential="), uint16(0), "Credential=x, ")
		f.Add(family, at("SignedHeaders="), uint16(14), "SignedHeaders=accept-encoding;")
	}
	f.Fuzz(func(t *testing.T, family string, from, count uint16, insert string) {
		family = pick(names, family)
		wire := wires[family]
		start := min(int(from), len(wire))
		changed := slices.Concat(wire[:start], []byte(insert), wire[min(start+int(count), len(wire)):])
		if checkMutation(t, originals[family], changed) && bytes.Equal(changed, wire) {
			t.Fatal("the good request is refused")
		}
	})
}

// FuzzCanonicalRequest holds that two requests that differ in what a signature
// covers have two canonical forms: no value passes for a header, a path for a
// value, or one header for two.
func FuzzCanonicalRequest(f *testing.F) {
	f.Add("/", "a", "b", "/", "a", "b")
	f.Add("/a", "x\n", "y", "/", "x", "\ny")
	f.Add("/%2F", "", "", "//", " ", "  ")
	f.Add("/a\nb", "host", "x-amz-date:", "/a", "b\nhost", "")
	f.Add("", "é", "%", "/", "é ", "%25")
	headers := []string{"host", "x-amz-date", "x-amz-target"}
	payload := hex.EncodeToString(make([]byte, sha256.Size))
	canonical := func(path, date, target string) (string, []string, bool) {
		r := adminRequest(describeBody)
		r.URL.Path = path
		r.Header["X-Amz-Date"], r.Header["X-Amz-Target"] = []string{date}, []string{target}
		c, err := canonicalRequest(r, headers, payload)
		escaped := r.URL.EscapedPath()
		if escaped == "" {
			escaped = "/"
		}
		return c, []string{escaped, squeeze(date), squeeze(target)}, err == nil && !strings.ContainsAny(date+target, "\r\n\x00")
	}
	f.Fuzz(func(t *testing.T, path1, date1, target1, path2, date2, target2 string) {
		one, covers1, ok1 := canonical(path1, date1, target1)
		other, covers2, ok2 := canonical(path2, date2, target2)
		if !ok1 || !ok2 {
			return // net/http takes no line end in a header
		}
		if (one == other) != slices.Equal(covers1, covers2) {
			t.Fatalf("%q and %q have the canonical forms\n%q\n%q", covers1, covers2, one, other)
		}
		if lines := strings.Count(one, "\n"); lines != 5+len(headers) {
			t.Fatal(fmt.Sprintf("%d lines: ", lines), one)
		}
	})
}
