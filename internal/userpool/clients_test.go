package userpool_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// another makes one more app client of the world's pool.
func (w *world) another(c userpool.NewClient) userpool.ClientView {
	w.t.Helper()
	c.PoolID, c.Name = w.pool, "another"
	view, err := w.s.CreateUserPoolClient(w.ctx, c)
	w.must(err)
	return view
}

func TestDeletedClient_NothingOfItWorksAgain(t *testing.T) {
	flows := []string{userpool.AllowCustom, userpool.AllowUserAuth, userpool.AllowRefresh}
	for name, set := range map[string]userpool.ClientSettings{
		"with revocation":    {ExplicitAuthFlows: flows},
		"without revocation": {ExplicitAuthFlows: flows, NoRevocation: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{}, func(w *world) {
				kept := w.member(home, ravi, "")
				home := w.client
				client := w.another(userpool.NewClient{ID: "again", Settings: set}).ID
				w.client = client
				tokens := w.texted(mobile, ravi)
				begun := w.custom(mobile, ravi)
				code := w.code(ravi)
				signUp := w.signUp(mobile, asha, password)
				signUpCode := w.code(asha)
				w.must(w.s.DeleteUserPoolClient(w.ctx, w.pool, client))

				use := func(kind fault.Kind) {
					t.Helper()
					_, err := w.s.GetUser(w.ctx, tokens.Access)
					w.want(err, fault.NotAuthorized, "Invalid Access Token")
					w.want(w.s.GlobalSignOut(w.ctx, tokens.Access), fault.NotAuthorized, "")
					_, err = w.initiate(mobile, "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", tokens.Refresh)
					w.want(err, kind, "")
					_, err = w.s.GetTokensFromRefreshToken(w.ctx, userpool.RefreshRequest{Caller: mobile, ClientID: client, RefreshToken: tokens.Refresh})
					w.want(err, kind, "")
					_, err = w.answer(mobile, "CUSTOM_CHALLENGE", begun.Session, "USERNAME", ravi, "ANSWER", code)
					w.want(err, kind, "")
					if _, err = w.confirm(mobile, asha, signUpCode, signUp.Session); err == nil {
						t.Fatal("a deleted client's sign-up was confirmed")
					}
				}
				use(fault.ResourceNotFound)
				w.client = home
				_, err := w.confirm(mobile, asha, signUpCode, "")
				w.want(err, fault.ExpiredCode, "")

				w.pass(time.Second)
				w.client = w.another(userpool.NewClient{ID: client, Settings: set}).ID
				use(fault.NotAuthorized)
				if got := w.attribute(kept.Access, "phone_number"); got != ravi {
					t.Errorf("the other client's token shows %q", got)
				}
			})
		})
	}
}

func TestDeletedClient_TextsThatWait_AreNotSent(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.stop()
		w.signUp(home, asha, password)
		w.must(w.s.DeleteUserPoolClient(w.ctx, w.pool, w.client))
		w.start()
		if n := w.texts(asha); n != 0 {
			t.Errorf("%d texts were sent", n)
		}
	})
}

func TestUpdatedClient_KeepsItsSecretsAndTokensFollow(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		tokens := w.member(home, asha, "")
		c := w.another(userpool.NewClient{GenerateSecret: true})
		updated, err := w.s.UpdateUserPoolClient(w.ctx, userpool.ClientUpdate{PoolID: w.pool, ID: c.ID})
		w.must(err)
		if updated.Secret != c.Secret || updated.Name != c.Name {
			t.Error("the update changed the secret or the name")
		}
		_, err = w.s.UpdateUserPoolClient(w.ctx, userpool.ClientUpdate{PoolID: w.pool, ID: w.client, Settings: userpool.ClientSettings{ReadAttributes: []string{"name"}}})
		w.must(err)
		if got := w.attribute(tokens.Access, "phone_number"); got != "" {
			t.Errorf("the client still reads %q", got)
		}
	})
}

func TestClientSecrets_BothServeUntilOneIsDeleted(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := w.another(userpool.NewClient{GenerateSecret: true, Settings: userpool.ClientSettings{ExplicitAuthFlows: []string{userpool.AllowUserAuth}}})
		second, err := w.s.AddUserPoolClientSecret(w.ctx, w.pool, c.ID, strings.Repeat("own", 10))
		w.must(err)
		signUp := func(secret string) error {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(asha + string(c.ID)))
			_, err := w.s.SignUp(w.ctx, userpool.SignUpRequest{Caller: home, ClientID: c.ID, Username: asha, SecretHash: base64.StdEncoding.EncodeToString(mac.Sum(nil))})
			return err
		}
		w.must(signUp(c.Secret))
		w.must(signUp(strings.Repeat("own", 10)))
		all, err := w.s.UserPoolClientSecrets(w.ctx, w.pool, c.ID)
		w.must(err)
		w.must(w.s.DeleteUserPoolClientSecret(w.ctx, w.pool, c.ID, all[0].ID))
		w.want(signUp(c.Secret), fault.NotAuthorized, "Unable to verify secret hash")
		w.must(signUp(strings.Repeat("own", 10)))
		w.want(w.s.DeleteUserPoolClientSecret(w.ctx, w.pool, c.ID, second.ID), fault.InvalidParameter, "The last secret")
	})
}

func TestUpdatedPool_KeepsItsUsersAndItsCustomAttributes(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.must(w.s.AddCustomAttributes(w.ctx, w.pool, []userpool.CustomAttribute{{Name: "custom:tier", Type: userpool.TypeString, Mutable: true}}))
		both := []string{"phone_number", "custom:tier"}
		c := w.another(userpool.NewClient{Settings: userpool.ClientSettings{ExplicitAuthFlows: []string{userpool.AllowUserAuth}, ReadAttributes: both, WriteAttributes: both}})
		w.client = c.ID
		tokens := w.member(home, asha, "", userpool.Attribute{Name: "custom:tier", Value: "gold"})
		w.must(w.s.UpdateUserPool(w.ctx, userpool.PoolUpdate{ID: w.pool, Settings: userpool.DefaultPoolSettings()}))
		if got := w.attribute(tokens.Access, "custom:tier"); got != "gold" {
			t.Errorf("custom:tier is %q", got)
		}
		p, err := w.s.DescribeUserPool(w.ctx, w.pool)
		w.must(err)
		if p.Name != "riders" || p.Settings.TokenAlg() != "ES256" || len(p.Settings.Custom) != 1 {
			t.Errorf("the pool is %+v", p)
		}
	})
}

// skewed is a store in which a sign-in is committed while its client is being
// deleted: on snapshots neither sees the other.
type skewed struct {
	userpool.Store
	begun []userpool.Family
}

func (s *skewed) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	return s.Store.Update(ctx, func(tx userpool.Tx) error { return fn(skewedTx{tx, s}) })
}

type skewedTx struct {
	userpool.Tx
	s *skewed
}

func (tx skewedTx) InsertFamily(ctx context.Context, f userpool.Family) error {
	tx.s.begun = append(tx.s.begun, f)
	return tx.Tx.InsertFamily(ctx, f)
}

func (tx skewedTx) DeleteClient(ctx context.Context, pool userpool.PoolID, id userpool.ClientID) error {
	err := tx.Tx.DeleteClient(ctx, pool, id)
	for _, f := range tx.s.begun {
		err = errors.Join(err, tx.Tx.InsertFamily(ctx, f))
	}
	return err
}

func TestDeleteUserPoolClient_WhatASignInLeft_IsOfNoUseToTheNextOfItsID(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.on(&skewed{Store: w.store})
		kept := w.member(home, asha, password).Refresh
		w.must(w.s.DeleteUserPoolClient(w.ctx, w.pool, w.client))
		w.pass(time.Second)
		_, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, ID: w.client, Name: "next", Settings: userpool.ClientSettings{
			ExplicitAuthFlows: []string{userpool.AllowCustom, userpool.AllowRefresh},
		}})
		w.must(err)
		_, err = w.initiate(home, "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", kept)
		w.want(err, fault.NotAuthorized, "Invalid Refresh Token")
		_, err = w.s.GetTokensFromRefreshToken(w.ctx, userpool.RefreshRequest{Caller: home, ClientID: w.client, RefreshToken: kept})
		w.want(err, fault.NotAuthorized, "Invalid Refresh Token")
	})
}
