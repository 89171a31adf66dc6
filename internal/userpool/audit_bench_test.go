package userpool_test

import (
	"log/slog"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

// BenchmarkAuditRow makes the row of a call: the name's key, its mask, and the details as
// JSON.
func BenchmarkAuditRow(b *testing.B) {
	store, err := sqlstore.Open(b.Context(), worldtest.Database(b), sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	ring, _ := seal.Generate()
	s, err := userpool.Open(b.Context(), userpool.Config{
		Store: store, Ring: ring, Region: "us-east-1", PublicURL: "http://localhost:9400",
		Log: slog.New(slog.DiscardHandler), Guard: guard.NewEngine(guard.Default()),
	})
	if err != nil {
		b.Fatal(err)
	}
	call := userpool.Call{
		Operation: "InitiateAuth", Kind: userpool.ActorAnonymous, Address: home.Address,
		Device: "Chrome 126, Windows 10", RequestID: "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10",
	}
	b.ReportAllocs()
	for b.Loop() {
		if row := userpool.AuditRowOf(s, call, asha); row.NameHash == "" || row.Masked == "" || row.Detail == "" {
			b.Fatalf("the row is %+v", row)
		}
	}
}
