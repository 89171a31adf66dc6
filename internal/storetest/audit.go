package storetest

import (
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// newAuditRow is a row in which everything is set.
func (e *env) newAuditRow(id string) userpool.AuditRow {
	return userpool.AuditRow{
		ID: userpool.AuditID(id), At: e.in(time.Second), Operation: "SignUp",
		ActorKind: userpool.ActorUser, Actor: "actor", PoolID: e.pool, ClientID: e.client, UserID: "user",
		NameHash: "hash", Masked: "+*******0100", Address: "203.0.113.7", Device: "Chrome 126, Windows 10", RequestID: "request",
		Outcome: userpool.OutcomeRefused, Reason: "CodeMismatch", Detail: `{"challenge":"SMS_OTP"}`,
	}
}

func (e *env) audit(p userpool.AuditPage) []userpool.AuditRow {
	e.Helper()
	if p.Limit == 0 {
		p.Limit = 100
	}
	return read(e, func(tx userpool.Tx) ([]userpool.AuditRow, error) { return tx.Audit(e.ctx, p) })
}

func (e *env) auditIDs(p userpool.AuditPage) string {
	e.Helper()
	var ids []userpool.AuditID
	for _, r := range e.audit(p) {
		ids = append(ids, r.ID)
	}
	return fmt.Sprint(ids)
}

func (e *env) putAudit(rows ...userpool.AuditRow) {
	e.Helper()
	e.do(func(tx userpool.Tx) error {
		for _, r := range rows {
			if err := tx.PutAudit(e.ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

var auditCases = []testCase{
	{"Audit/round trip", func(e *env) {
		row, bare := e.newAuditRow("a"), userpool.AuditRow{ID: "b", Operation: "x"}
		e.putAudit(row, bare)
		equal(e, "rows", e.audit(userpool.AuditPage{}), []userpool.AuditRow{row, bare})
	}},
	{"Audit/PutAudit replaces, InsertAudit leaves what is there", func(e *env) {
		row := e.newAuditRow("a")
		e.putAudit(row)
		late := row
		late.Outcome, late.Reason = userpool.OutcomeFailed, "Unavailable"
		e.do(func(tx userpool.Tx) error { return tx.InsertAudit(e.ctx, late) })
		equal(e, "after InsertAudit", e.audit(userpool.AuditPage{}), []userpool.AuditRow{row})
		e.putAudit(late)
		equal(e, "after PutAudit", e.audit(userpool.AuditPage{}), []userpool.AuditRow{late})
		fresh := e.newAuditRow("b")
		e.do(func(tx userpool.Tx) error { return tx.InsertAudit(e.ctx, fresh) })
		equal(e, "both", e.audit(userpool.AuditPage{}), []userpool.AuditRow{late, fresh})
	}},
	{"Audit/AddAudit stores what is new alone", func(e *env) {
		row := e.newAuditRow("a")
		e.do(func(tx userpool.Tx) error { return tx.AddAudit(e.ctx, row) })
		second := row
		second.Outcome = userpool.OutcomeFailed
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.AddAudit(e.ctx, second) })
		equal(e, "rows", e.audit(userpool.AuditPage{}), []userpool.AuditRow{row})
	}},
	{"Audit/what is said of a row stays with it", func(e *env) {
		row := e.newAuditRow("a")
		e.putAudit(row, e.newAuditRow("b"))
		say := func(id userpool.AuditID, feedback string) bool {
			return write(e, func(tx userpool.Tx) (bool, error) { return tx.SayOfAudit(e.ctx, id, feedback) })
		}
		equal(e, "said", say("a", `{"value":"Valid"}`), true)
		equal(e, "said again", say("a", `{"value":"Invalid"}`), true)
		equal(e, "said of nothing", say("c", `{"value":"Valid"}`), false)
		row.Outcome, row.Device = userpool.OutcomeFailed, "Safari 17, iOS 17"
		e.putAudit(row) // the end of the call, late
		row.Feedback = `{"value":"Invalid"}`
		find := func(id userpool.AuditID) func(userpool.Tx) (userpool.AuditRow, error) {
			return func(tx userpool.Tx) (userpool.AuditRow, error) { return tx.AuditRow(e.ctx, id) }
		}
		equal(e, "the row", read(e, find("a")), row)
		equal(e, "the other", read(e, find("b")), e.newAuditRow("b"))
		absent(e, "no row", find("c"))
	}},
	{"Audit/pages go through all rows in either order", func(e *env) {
		for _, id := range []string{"3", "1", "5", "2", "4"} {
			e.putAudit(e.newAuditRow(id))
		}
		equal(e, "oldest", e.auditIDs(userpool.AuditPage{Limit: 2}), "[1 2]")
		equal(e, "and on", e.auditIDs(userpool.AuditPage{Limit: 2, Above: "2"}), "[3 4]")
		equal(e, "to the end", e.auditIDs(userpool.AuditPage{Limit: 2, Above: "4"}), "[5]")
		equal(e, "newest", e.auditIDs(userpool.AuditPage{Limit: 2, Newest: true}), "[5 4]")
		equal(e, "and back", e.auditIDs(userpool.AuditPage{Limit: 2, Newest: true, Below: "4"}), "[3 2]")
		equal(e, "between", e.auditIDs(userpool.AuditPage{Above: "2", Below: "5"}), "[3 4]")
	}},
	{"Audit/pool, user and name pick rows", func(e *env) {
		pool, user, name := e.newAuditRow("1"), e.newAuditRow("2"), e.newAuditRow("3")
		pool.PoolID, user.UserID, name.NameHash = "another", "another", "another"
		e.putAudit(pool, user, name)
		for _, newest := range []bool{false, true} {
			equal(e, "pool", e.auditIDs(userpool.AuditPage{Pool: "another", Newest: newest}), "[1]")
			equal(e, "user", e.auditIDs(userpool.AuditPage{User: "another", Newest: newest}), "[2]")
			equal(e, "name", e.auditIDs(userpool.AuditPage{NameHash: "another", Newest: newest}), "[3]")
		}
		equal(e, "the others", e.auditIDs(userpool.AuditPage{User: "user", Newest: true}), "[3 1]")
		equal(e, "nobody", e.auditIDs(userpool.AuditPage{User: "nobody"}), "[]")
	}},
	{"Audit/SweepAudit takes the oldest, at most its limit", func(e *env) {
		for _, id := range []string{"3", "1", "5", "2", "4"} {
			e.putAudit(e.newAuditRow(id))
		}
		sweep := func(below userpool.AuditID, limit int) int {
			return write(e, func(tx userpool.Tx) (int, error) { return tx.SweepAudit(e.ctx, below, limit) })
		}
		equal(e, "first", sweep("4", 2), 2)
		equal(e, "left", e.auditIDs(userpool.AuditPage{}), "[3 4 5]")
		equal(e, "second", sweep("4", 2), 1)
		equal(e, "third", sweep("4", 2), 0)
		equal(e, "left at last", e.auditIDs(userpool.AuditPage{}), "[4 5]")
	}},
	{"Audit/rows outlive pool and user, who leaves no masked name", func(e *env) {
		u := e.newUser("user", "+15550100")
		e.insertUser(u)
		own, others := e.newAuditRow("1"), e.newAuditRow("2")
		others.UserID = "another"
		e.putAudit(own, others)
		e.do(func(tx userpool.Tx) error { return tx.DeleteUser(e.ctx, e.pool, u.ID) })
		own.Masked = ""
		equal(e, "without the user", e.audit(userpool.AuditPage{}), []userpool.AuditRow{own, others})
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, e.pool) })
		equal(e, "without the pool", e.audit(userpool.AuditPage{}), []userpool.AuditRow{own, others})
	}},
}
