package userpool_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/passwordhash"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

// BenchmarkImport imports users with hashes from a file:
//
//	go test ./internal/userpool -run '^$' -bench Import -benchtime 20000x
func BenchmarkImport(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchImport(b, worldtest.Database(b)) })
	b.Run("PostgreSQL", func(b *testing.B) { benchImport(b, pgtest.NewSchema(b, pgtest.Shared(b).NewDatabase(b))) })
}

func benchImport(b *testing.B, database string) {
	const hash = "$2b$12$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6"
	var file strings.Builder
	file.WriteString(importHeader)
	for n := range b.N {
		fmt.Fprintf(&file, "+9198%08d,+9198%08d,TRUE,Rider %d,%s\n", n, n, n, hash)
	}
	store, err := sqlstore.Open(b.Context(), database, sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	ring, _ := seal.Generate()
	s, err := userpool.Open(b.Context(), userpool.Config{Store: store, Ring: ring, Sender: &smstest.Phone{}, Region: "us-east-1", PublicURL: "http://localhost:9400"})
	if err != nil {
		b.Fatal(err)
	}
	worldtest.Stock(b, store, ring)
	set := userpool.DefaultPoolSettings()
	set.UsernameAttributes, set.AutoVerified = []string{"phone_number"}, []string{"phone_number"}
	p, err := s.CreateUserPool(b.Context(), userpool.NewPool{Name: "riders", Settings: set})
	if err != nil {
		b.Fatal(err)
	}
	f, err := userpool.NewUserFile(p, passwordhash.Bcrypt, strings.NewReader(file.String()))
	if err != nil {
		b.Fatal(err)
	}
	var counts userpool.ImportCounts
	b.ResetTimer()
	err = s.ImportFile(b.Context(), p, f, func(_ []userpool.UserRow, _ []error, so userpool.ImportCounts) { counts = so })
	if err != nil || counts.Imported != int64(b.N) {
		b.Fatalf("imported %+v of %d, %v", counts, b.N, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Minutes(), "users/min")
}
