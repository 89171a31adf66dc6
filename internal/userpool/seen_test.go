package userpool_test

import (
	"crypto"
	"crypto/rsa"
	"log/slog"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/token"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// unbelieving signs, and finds no signature right.
type unbelieving struct{}

func (unbelieving) Signer(private *rsa.PrivateKey) (crypto.Signer, error) {
	return unbeliever{private}, nil
}

type unbeliever struct{ *rsa.PrivateKey }

func (unbeliever) Verifies(_, _ []byte) bool { return false }

// A server does not verify what it has signed itself. What has ended a token does so all
// the same, and a server that has not signed it verifies it.
func TestAccessToken_OfThisServer_NeedsNoVerifying(t *testing.T) {
	inWorld(t, options{tags: map[string]string{"bellhop:token-alg": "RS256"}}, func(w *world) {
		open := func(by token.RSA) *userpool.Service {
			s, err := userpool.Open(w.ctx, userpool.Config{
				Store: w.store, Ring: w.ring, Sender: w.phone, Mailer: w.mail, Region: "us-east-1",
				PublicURL: "http://localhost:9400", LimitsOff: w.limitsOff, Log: slog.New(slog.NewTextHandler(w.log, nil)),
				RSA: by, Guard: guard.NewEngine(w.guard), StepUp: w.stepUp,
			})
			w.must(err)
			return s
		}
		tokens := w.member(home, asha, "")
		verifying := w.s
		w.stop()
		w.s = open(unbelieving{})
		w.start()
		_, err := w.s.GetUser(w.ctx, tokens.Access)
		w.want(err, fault.NotAuthorized, "Invalid Access Token")
		for name, end := range map[string]func(userpool.Tokens) error{
			"revoked":    func(t userpool.Tokens) error { return w.revoke(t.Refresh) },
			"signed out": func(t userpool.Tokens) error { return w.s.GlobalSignOut(w.ctx, t.Access) },
		} {
			own := w.texted(home, asha)
			again, err := w.refresh(own.Refresh)
			w.must(err)
			for _, raw := range []string{own.Access, again.Access} {
				w.attribute(raw, "sub")
			}
			if _, err := verifying.GetUser(w.ctx, again.Access); err != nil {
				t.Errorf("another server refuses it: %v", err)
			}
			unshown, err := w.refresh(own.Refresh)
			w.must(err)
			w.must(end(own))
			for _, raw := range []string{own.Access, again.Access, unshown.Access} {
				if _, err := w.s.GetUser(w.ctx, raw); !fault.Is(err, fault.NotAuthorized) {
					t.Errorf("%s, and got %v", name, err)
				}
			}
			w.pass(2 * time.Second)
		}
	})
}
