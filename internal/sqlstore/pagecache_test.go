package sqlstore

import (
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// largestPage is the largest number that the page cache of a connection goes by.
func largestPage(c *liteConn) uint32 {
	type (
		db    = sqlite3.Tsqlite3
		tree  = sqlite3.TBtree
		pager = sqlite3.TPager
	)
	main := (*sqlite3.TDb)(place((*db)(place(c.db)).FaDb))
	shared := (*sqlite3.TBtShared)(place((*tree)(place(main.FpBt)).FpBt))
	cache := (*sqlite3.TPCache)(place((*pager)(place(shared.FpPager)).FpPCache))
	return (*sqlite3.TPCache1)(place(cache.FpCache)).FiMaxKey
}

// The numbers of pages are checked while the transaction is under way: its end forgets
// what lies behind the file.
func TestPageCache_GoesByPagesOfTheFile_AfterSplits(t *testing.T) {
	db := openTemp(t, Options{})
	for part := range 20 {
		err := db.Update(t.Context(), func(u userpool.Tx) error {
			for i := range 100 { // in no order, so that pages split in the middle
				sum := fnv.New64a()
				fmt.Fprint(sum, part, i)
				if err := u.PutMeta(t.Context(), fmt.Sprintf("%016x", sum.Sum64()), strings.Repeat("x", 200)); err != nil {
					return err
				}
			}
			c := u.(*tx).conn.(*liteConn)
			pages, err := number(c, "pragma page_count")
			if err == nil && largestPage(c) > uint32(pages) {
				t.Errorf("part %d: page %d of %d", part, largestPage(c), pages)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	mustBeIntact(t, db)
}
