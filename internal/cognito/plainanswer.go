package cognito

import (
	"slices"
	"strconv"

	"github.com/bellhop-auth/bellhop/internal/plain"
)

// plainAnswer is an answer that writes itself where all of its texts are plain: those of
// sign-ins and refreshes, of which there are the most.
type plainAnswer interface {
	// appendPlain appends what encode makes of the answer; ok is false if it is not plain.
	appendPlain(b []byte) (_ []byte, ok bool)
}

func (out *initiateAuthOutput) appendPlain(b []byte) ([]byte, bool) {
	w := plainWriter{b: append(b, '{')}
	w.outcome(out.AuthenticationResult, out.ChallengeName, out.Session, out.ChallengeParameters)
	if out.AvailableChallenges != nil {
		w.list("AvailableChallenges", out.AvailableChallenges)
	}
	return append(w.b, '}'), !w.odd
}

func (out *respondToAuthChallengeOutput) appendPlain(b []byte) ([]byte, bool) {
	w := plainWriter{b: append(b, '{')}
	w.outcome(out.AuthenticationResult, out.ChallengeName, out.Session, out.ChallengeParameters)
	return append(w.b, '}'), !w.odd
}

// plainWriter writes the members of an object.
type plainWriter struct {
	b   []byte
	odd bool // something was not plain
}

// outcome writes what each step of a sign-in has.
func (w *plainWriter) outcome(tokens *authenticationResultType, challenge, session string, parameters textMap) {
	w.b = slices.Grow(w.b, usualStep+tokens.size())
	if tokens != nil {
		w.open("AuthenticationResult")
		w.tokens(tokens)
		w.close()
	}
	if challenge != "" {
		w.text("ChallengeName", challenge)
	}
	if session != "" {
		w.text("Session", session)
	}
	w.open("ChallengeParameters")
	var room [8]string
	names := room[:0]
	for name := range parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		w.odd = w.odd || !plain.Is(name)
		w.text(name, parameters[name])
	}
	w.close()
}

// usualStep is room for an answer but for its tokens.
const usualStep = 1 << 9

func (t *authenticationResultType) size() int {
	if t == nil {
		return 0
	}
	return len(t.AccessToken) + len(t.IdToken) + len(t.RefreshToken)
}

func (w *plainWriter) tokens(t *authenticationResultType) {
	w.text("AccessToken", t.AccessToken)
	w.text("IdToken", t.IdToken)
	if t.RefreshToken != "" {
		w.text("RefreshToken", t.RefreshToken)
	}
	w.b = strconv.AppendInt(plain.AppendName(w.b, "ExpiresIn"), int64(t.ExpiresIn), 10)
	w.text("TokenType", t.TokenType)
	if d := t.NewDeviceMetadata; d != nil {
		w.open("NewDeviceMetadata")
		w.text("DeviceKey", d.DeviceKey)
		w.text("DeviceGroupKey", d.DeviceGroupKey)
		w.close()
	}
}

func (w *plainWriter) text(name, v string) {
	w.odd = w.odd || !plain.Is(v)
	w.b = plain.Append(plain.AppendName(w.b, name), v)
}

func (w *plainWriter) list(name string, list []string) {
	w.b = append(plain.AppendName(w.b, name), '[')
	for i, v := range list {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.odd = w.odd || !plain.Is(v)
		w.b = plain.Append(w.b, v)
	}
	w.b = append(w.b, ']')
}

func (w *plainWriter) open(name string) { w.b = append(plain.AppendName(w.b, name), '{') }

func (w *plainWriter) close() { w.b = append(w.b, '}') }
