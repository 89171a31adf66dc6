package cognito

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// auditedFace is the face on a real store, and its service.
func auditedFace(t *testing.T) (*API, *userpool.Service) {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "bellhop.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	ring, _ := seal.Generate()
	service, err := userpool.Open(t.Context(), userpool.Config{
		Store: store, Ring: ring, Sender: sms.None{}, Region: "us-east-1", PublicURL: "http://localhost", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	api, err := New(Config{Service: service, Keys: testKeys})
	if err != nil {
		t.Fatal(err)
	}
	return api, service
}

func trailOf(t *testing.T, service *userpool.Service) (rows []userpool.AuditRow) {
	t.Helper()
	service.FlushAudit(t.Context())
	for r, err := range service.Audit(t.Context(), userpool.AuditFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

// Every row of the table is called, as somebody who knows nothing would and with
// an administrator's signature: what is added to the table is audited.
func TestAudit_EveryOperationOfTheTable_HasOneRowACall(t *testing.T) {
	api, service := auditedFace(t)
	handler := web.Handler(web.Config{Log: slog.New(slog.DiscardHandler), Refuse: api.Refuse}, api)
	address := 0
	for _, o := range api.table() {
		for _, signed := range []bool{false, true} {
			if signed && o.who != admin {
				continue
			}
			r := post(o.name, "{}")
			r.RemoteAddr = "198.51.100." + string(rune('1'+address%9)) + ":80" // below what one address may be refused
			address++
			if signed {
				signAs(r, "{}", time.Now(), families["boto3"]...)
			}
			before := len(trailOf(t, service))
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			rows := trailOf(t, service)[before:]
			kind := userpool.ActorAnonymous
			if signed {
				kind = userpool.ActorAdmin
			}
			if len(rows) != 1 {
				t.Errorf("%s, signed %v: %d rows", o.name, signed, len(rows))
				continue
			}
			if got := rows[0]; got.Operation != o.name || got.RequestID != w.Header().Get("x-amzn-RequestId") || got.ActorKind != kind ||
				(w.Code != 200) != (got.Outcome == userpool.OutcomeRefused) {
				t.Errorf("%s, signed %v, answered with %d: %+v", o.name, signed, w.Code, got)
			}
		}
	}
}

func TestAudit_WrongSignature_NamesTheKeyThatIsClaimed(t *testing.T) {
	for _, c := range []struct{ key, actor, reason string }{
		{testKeyID, testKeyID, "InvalidSignature"},
		{"AKIASOMEBODYELSES", "", "UnrecognizedClient"},
	} {
		api, service := auditedFace(t)
		r := post("DescribeUserPool", "{}")
		signAs(r, "{}", time.Now(), families["boto3"]...)
		auth := []byte(r.Header.Get("Authorization"))
		auth[len(auth)-1] ^= 1 // of the signature
		r.Header.Set("Authorization", strings.Replace(string(auth), testKeyID, c.key, 1))
		api.ServeHTTP(httptest.NewRecorder(), r)
		rows := trailOf(t, service)
		if len(rows) != 1 || rows[0].ActorKind != userpool.ActorAnonymous || rows[0].Actor != c.actor || rows[0].Reason != c.reason {
			t.Errorf("%s: %+v", c.key, rows)
		}
	}
}

func TestAudit_Panic_IsAFailure(t *testing.T) {
	_, service := auditedFace(t)
	api := &API{service: service, keys: testKeys, operations: map[string]operation{"Breaks": {name: "Breaks", serve: func(context.Context, userpool.Caller, permission, []byte) ([]byte, error) { panic("mistake") }}}}
	func() {
		defer func() { _ = recover() }()
		api.ServeHTTP(httptest.NewRecorder(), post("Breaks", "{}"))
	}()
	rows := trailOf(t, service)
	if len(rows) != 1 || rows[0].Outcome != userpool.OutcomeFailed || rows[0].Reason != "Internal" {
		t.Errorf("rows: %+v", rows)
	}
}
