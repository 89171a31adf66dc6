package rehearse_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/guard/rehearse"
)

// What is read can be written and read again, and what cannot be read is a line
// with a number.
func FuzzReader(f *testing.F) {
	f.Add([]byte(line(0, german+"00", `device="d"`) + line(1.25, german+"01", `kind="attack" ip="2001:db8::1" price=null`)))
	f.Add([]byte("{\"t\":-0,\"phone\":\"+1\",\"kind\":\"legit\",\"id\":\"\\u0000\\\"\U0001f600\"}\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := rehearse.NewReader(bytes.NewReader(text))
		for {
			e, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				if _, ok := errors.AsType[*rehearse.LineError](err); !ok {
					t.Fatal(err)
				}
				return
			}
			again, err := rehearse.NewReader(bytes.NewReader(e.AppendJSON(nil))).Next()
			if err != nil || again != e {
				t.Fatalf("%+v was written as %s and read as %+v, %v", e, e.AppendJSON(nil), again, err)
			}
		}
	})
}
