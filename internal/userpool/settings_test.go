package userpool_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// phonePool are settings that a pool can be made with.
func phonePool() userpool.PoolSettings {
	set := userpool.DefaultPoolSettings()
	set.UsernameAttributes = []string{userpool.AttrPhone}
	set.Tags = map[string]string{"bellhop:token-alg": "ES256"}
	return set
}

func TestPoolAndClientNames_OutsideTheModelsPattern_AreRefused(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		for _, name := range []string{"", "a/b", "naïve", strings.Repeat("n", 129), "a\x00"} {
			_, err := w.s.CreateUserPool(w.ctx, userpool.NewPool{Name: name, Settings: phonePool()})
			w.want(err, fault.InvalidParameter, "The pool's name must have")
			_, err = w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: name})
			w.want(err, fault.InvalidParameter, "The client's name must have")
		}
		for _, name := range []string{"a", "My app, v1.0 + @home = _-", strings.Repeat("n", 128)} {
			_, err := w.s.CreateUserPool(w.ctx, userpool.NewPool{Name: name, Settings: phonePool()})
			w.must(err)
			_, err = w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: name})
			w.must(err)
		}
	})
}

func TestPoolSettings_ThatCannotHoldTogether_AreRefused(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		for want, change := range map[string]func(*userpool.PoolSettings){
			"E-mail message templates must contain {####}.": func(s *userpool.PoolSettings) { s.Mail.Invitation = "Welcome, {username}." },
			"SMS message templates must contain {####}.":    func(s *userpool.PoolSettings) { s.InvitationText = "Welcome, {username}." },
			"AccountRecoverySetting: admin_only stands alone.": func(s *userpool.PoolSettings) {
				s.Recovery = []string{"admin_only", "verified_phone_number"}
			},
			"AttributesRequireVerificationBeforeUpdate: email is not in AutoVerifiedAttributes, or is there twice.": func(s *userpool.PoolSettings) {
				s.AutoVerified, s.VerifyFirst = []string{"phone_number"}, []string{"email"}
			},
		} {
			set := phonePool()
			change(&set)
			_, err := w.s.CreateUserPool(w.ctx, userpool.NewPool{Name: "p", Settings: set})
			w.want(err, fault.InvalidParameter, want)
			w.want(w.s.UpdateUserPool(w.ctx, userpool.PoolUpdate{ID: w.pool, Settings: set}), fault.InvalidParameter, want)
		}
	})
}

func TestClientLifetimes_OutOfBounds_AreToldInWords(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		for want, set := range map[string]userpool.ClientSettings{
			"AccessTokenValidity must be from 5 minutes to 1 day.":   {AccessTokenTTL: 25 * time.Hour},
			"IdTokenValidity must be from 5 minutes to 1 day.":       {IDTokenTTL: time.Minute},
			"RefreshTokenValidity must be from 1 hour to 3650 days.": {RefreshTokenTTL: time.Minute},
		} {
			_, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: "c", Settings: set})
			w.want(err, fault.InvalidParameter, want)
		}
	})
}

func TestClientOfUnknownPool_IsResourceNotFoundWhateverElseIsWrong(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		_, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: "us-east-1_none", Name: ""})
		w.want(err, fault.ResourceNotFound, "")
	})
}

func TestPoolAndClient_EmptySettings_AreTheSameMadeAndRead(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		set := phonePool()
		set.AutoVerified, set.Required, set.Tags = []string{}, []string{}, map[string]string{}
		made, err := w.s.CreateUserPool(w.ctx, userpool.NewPool{Name: "p", Settings: set})
		w.must(err)
		read, err := w.s.DescribeUserPool(w.ctx, made.ID)
		w.must(err)
		if !reflect.DeepEqual(made.Settings, read.Settings) {
			t.Errorf("made %+v\nread %+v", made.Settings, read.Settings)
		}
		c, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: "c", Settings: userpool.ClientSettings{
			ExplicitAuthFlows: []string{}, ReadAttributes: []string{}, WriteAttributes: []string{},
		}})
		w.must(err)
		again, err := w.s.DescribeUserPoolClient(w.ctx, w.pool, c.ID)
		w.must(err)
		if !reflect.DeepEqual(c.Settings, again.Settings) || c.Settings.ReadAttributes != nil {
			t.Errorf("made %+v\nread %+v", c.Settings, again.Settings)
		}
	})
}

func TestAttributeBounds_OfAPool_HoldForNewPasswordAnswers(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		set := phonePool()
		set.Bounds = map[string]userpool.Bounds{"nickname": {Min: new(int64(2)), Max: new(int64(4))}}
		p, err := w.s.CreateUserPool(w.ctx, userpool.NewPool{Name: "bounded", Settings: set})
		w.must(err)
		c, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: p.ID, Name: "c", Settings: userpool.ClientSettings{
			ExplicitAuthFlows: []string{userpool.AllowUserAuth},
		}})
		w.must(err)
		w.pool, w.client = p.ID, c.ID
		_, err = w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: p.ID, Username: asha, TemporaryPassword: password, Suppress: true})
		w.must(err)
		answer := func(nickname string) (userpool.AuthResult, error) {
			r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password)
			w.must(err)
			if r.Challenge != "NEW_PASSWORD_REQUIRED" {
				t.Fatalf("challenge %s", r.Challenge)
			}
			return w.answer(home, r.Challenge, r.Session, "USERNAME", asha, "NEW_PASSWORD", "Another-Horse-8", "userAttributes.nickname", nickname)
		}
		_, err = answer("a")
		w.want(err, fault.InvalidParameter, "Attributes did not conform to the schema: nickname: String must be no shorter than 2 characters\n")
		_, err = answer("abcde")
		w.want(err, fault.InvalidParameter, "nickname: String must be no longer than 4 characters\n")
		r, err := answer("abcd")
		w.must(err)
		w.tokens(r)
	})
}
