package storetest

import (
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) sealedRows(kind userpool.SealedKind, after userpool.SealedRow, limit int) []userpool.SealedRow {
	e.Helper()
	return read(e, func(tx userpool.Tx) ([]userpool.SealedRow, error) { return tx.SealedRows(e.ctx, kind, after, limit) })
}

// sealedRow is the one row of the kind that is bound to the owner.
func (e *env) sealedRow(kind userpool.SealedKind, owner string) userpool.SealedRow {
	e.Helper()
	var found []userpool.SealedRow
	for _, row := range e.sealedRows(kind, userpool.SealedRow{}, 10) {
		if row.Owner == owner {
			found = append(found, row)
		}
	}
	if len(found) != 1 {
		e.Fatalf("%s of %q: %+v", kind, owner, found)
	}
	return found[0]
}

// sealedWorld stores one row of each kind, with other columns that must stay.
func (e *env) sealedWorld() {
	user := e.newUser("sub", "+919876543210")
	user.Verifier, user.PasswordHistory = "old verifier", []string{"old first", "old second"}
	user.PasswordHash = "old hash"
	reg := e.newRegistration("reg", "+919812345678")
	reg.Sub, reg.Verifier = "sub of reg", "old sign-up"
	client := e.newClient("sealed-client", e.pool)
	client.Secrets = []userpool.ClientSecret{{ID: "1", Sealed: "old one", CreatedAt: e.now}, {ID: "2", Sealed: "old two", CreatedAt: e.in(time.Hour)}}
	text := e.newMessage("text")
	text.Secret, text.Letter = "old text", "old letter"
	key := e.newKey("kid", "")
	key.Private = "old key"
	access := e.newAccessKey("access")
	access.Secret = "old access"
	device := e.newDevice("device", "sub")
	device.Verifier = "old device"
	e.insertUser(user)
	e.insertImports(e.newImport("import-sealed"))
	e.insertAccessKeys(access)
	e.insertDevices(device, e.freshDevice("not confirmed", "sub"))
	e.setUpToken("sub", "old token", 7)
	e.putPending("sub", "old pending")
	for _, insert := range []func(tx userpool.Tx) error{
		func(tx userpool.Tx) error { return tx.InsertRegistration(e.ctx, reg) },
		func(tx userpool.Tx) error {
			return tx.PutImportPiece(e.ctx, userpool.ImportPiece{Job: "import-sealed", Upload: "file", Text: "old piece"})
		},
		func(tx userpool.Tx) error { return tx.InsertClient(e.ctx, client) },
		func(tx userpool.Tx) error { return tx.InsertMessage(e.ctx, text) },
		func(tx userpool.Tx) error { return tx.InsertKey(e.ctx, key) },
		func(tx userpool.Tx) error { return tx.PutMeta(e.ctx, "server_secret", "old server") },
		func(tx userpool.Tx) error { return tx.PutMeta(e.ctx, "other", "none of it") },
	} {
		e.do(insert)
	}
}

// sealedTexts is what sealedWorld stores, by kind: owner and texts.
var sealedTexts = map[userpool.SealedKind][]string{
	userpool.SealedServerSecret:     {"", "old server"},
	userpool.SealedAccessKeys:       {"access", "old access"},
	userpool.SealedSigningKeys:      {"kid", "old key"},
	userpool.SealedClientSecrets:    {"sealed-client", "old one", "old two"},
	userpool.SealedTextSecrets:      {"text", "old text"},
	userpool.SealedLetters:          {"text", "old letter"},
	userpool.SealedSignUpPasswords:  {"sub of reg", "old sign-up"},
	userpool.SealedPasswords:        {"sub", "old verifier"},
	userpool.SealedEarlierPasswords: {"sub", "old first", "old second"},
	userpool.SealedPasswordHashes:   {"sub", "old hash"},
	userpool.SealedDevices:          {"device", "old device"},
	userpool.SealedSoftwareTokens:   {"sub", "old token"},
	userpool.SealedPendingTokens:    {"sub", "old pending"},
	userpool.SealedImportFiles:      {"import-sealed/file/000000", "old piece"},
}

func anew(texts []string) []string {
	fresh := make([]string, len(texts))
	for i := range texts {
		fresh[i] = fmt.Sprint("new ", i)
	}
	return fresh
}

var sealedCases = []testCase{
	{"SealedRows/finds every kind with its owner and texts", func(e *env) {
		e.sealedWorld()
		for kind, want := range sealedTexts {
			row := e.sealedRow(kind, want[0])
			equal(e, string(kind), row.Texts, want[1:])
			for _, later := range e.sealedRows(kind, row, 10) {
				if later.ID <= row.ID {
					e.Fatalf("%s: %s comes after %s", kind, later.ID, row.ID)
				}
			}
		}
	}},
	{"SealedRows/goes through all in pieces, each once", func(e *env) {
		const users = 7
		other := e.newPool("us-east-1_Away")
		e.do(func(tx userpool.Tx) error { return tx.InsertPool(e.ctx, other) })
		for i := range users {
			for _, pool := range []userpool.PoolID{e.pool, other.ID} {
				u := e.newUser(userpool.UserID(fmt.Sprint("sub", i)), fmt.Sprint("+9198765432", i))
				u.PoolID, u.Verifier = pool, fmt.Sprint(pool, i)
				if i == 3 {
					u.Verifier = ""
				}
				e.insertUser(u)
			}
		}
		seen := map[string]bool{}
		for after := (userpool.SealedRow{}); ; {
			rows := e.sealedRows(userpool.SealedPasswords, after, 3)
			if len(rows) == 0 {
				break
			}
			for _, row := range rows {
				seen[row.Texts[0]] = true
			}
			after = rows[len(rows)-1]
		}
		equal(e, "seen", len(seen), 2*(users-1))
	}},
	{"ReplaceSealed/replaces what was read, and that alone", func(e *env) {
		e.sealedWorld()
		client := read(e, func(tx userpool.Tx) (userpool.Client, error) { return tx.Client(e.ctx, "sealed-client") })
		for kind, want := range sealedTexts {
			row := e.sealedRow(kind, want[0])
			raceOne(e, string(kind), func(tx userpool.Tx) (bool, error) { return tx.ReplaceSealed(e.ctx, row, anew(row.Texts)) })
			equal(e, string(kind), e.sealedRow(kind, want[0]).Texts, anew(row.Texts))
		}
		client.Secrets[0].Sealed, client.Secrets[1].Sealed = "new 0", "new 1"
		equal(e, "client", read(e, func(tx userpool.Tx) (userpool.Client, error) { return tx.Client(e.ctx, "sealed-client") }), client)
		equal(e, "another setting", e.meta("other"), "none of it")
	}},
	{"LastFamilyEnd/looks at families begun before the time and not over", func(e *env) {
		end := func(before time.Time) time.Time {
			return read(e, func(tx userpool.Tx) (time.Time, error) { return tx.LastFamilyEnd(e.ctx, before) })
		}
		equal(e, "of none", end(e.now), time.Time{})
		early, late, revoked := e.newFamily("early", "sub"), e.newFamily("late", "sub"), e.newFamily("revoked", "sub")
		early.CreatedAt, early.ExpiresAt = e.in(-time.Hour), e.in(time.Hour)
		late.ExpiresAt = e.in(2 * time.Hour)
		revoked.CreatedAt, revoked.ExpiresAt, revoked.RevokedAt = e.in(-time.Hour), e.in(9*time.Hour), e.now
		signedOut, nobodys := e.newFamily("signed out", "sub"), e.newFamily("nobody's", "gone")
		signedOut.CreatedAt, signedOut.ExpiresAt, signedOut.SignOuts = revoked.CreatedAt, revoked.ExpiresAt, 1
		nobodys.CreatedAt, nobodys.ExpiresAt = revoked.CreatedAt, revoked.ExpiresAt
		u := e.newUser("sub")
		early.SignOuts, late.SignOuts, revoked.SignOuts = u.SignOuts, u.SignOuts, u.SignOuts
		e.insertUser(u)
		e.insertFamilies(early, late, revoked, signedOut, nobodys)
		equal(e, "before", end(e.now), e.in(time.Hour))
		equal(e, "after", end(e.in(1)), e.in(time.Hour))
		equal(e, "a millisecond after", end(e.in(time.Millisecond)), e.in(2*time.Hour))
	}},
}
