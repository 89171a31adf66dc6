package sqlstore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func TestFolder_CopiesALongLogIntoTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	db := reopen(t, path, Options{})
	const much = 100 * 4096
	err := db.Update(t.Context(), func(tx userpool.Tx) error {
		return tx.PutMeta(t.Context(), "much", strings.Repeat("x", much))
	})
	if err != nil {
		t.Fatal(err)
	}
	folded := func(sizes ...int64) bool {
		c, err := newConn(t.Context(), dataSource(path), folderPragmas)
		if err != nil {
			t.Fatal(err)
		}
		freed := false
		f := newFolder(c, func() { freed = true })
		for _, size := range sizes {
			f.note(size)
		}
		if err := f.close(); err != nil { // which waits for what it does
			t.Fatal(err)
		}
		file, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if copied := file.Size() > much; copied != freed {
			t.Errorf("copied %v, and the way was made free for it %v", copied, freed)
		}
		return file.Size() > much
	}
	if folded(0, foldFrom-1) {
		t.Error("a short log is copied")
	}
	if !folded(0, foldFrom-1, foldFrom) {
		t.Error("a long log is not copied")
	}
}

// The log begins again before it has many more pages than writerPragmas say, and again.
func TestUpdate_ManyTimes_WakesTheFolderAndBoundsTheLog(t *testing.T) {
	db := openTemp(t, Options{})
	w := db.file().writer
	again := 0
	for i, size := 0, int64(0); again < 2; i, size = i+1, w.conn.gather.size {
		if i == 200 {
			t.Fatal("the log grows no more")
		}
		err := db.Update(t.Context(), func(tx userpool.Tx) error {
			return tx.PutMeta(t.Context(), "much", strings.Repeat(fmt.Sprint(i%10), 100*4096))
		})
		if err != nil {
			t.Fatal(err)
		}
		if w.conn.gather.size < size {
			again++
		}
		if n := w.conn.gather.size; n >= foldFrom && w.folder.asked < foldFrom {
			t.Fatalf("with %d bytes of log the folder was not woken", n)
		}
		if n := w.conn.gather.size; n > 2*autoCheckpoint*frameBytes {
			t.Fatalf("the log has %d bytes", n)
		}
	}
	if w.folder.asked >= foldFrom {
		t.Error("the folder takes the log for as long as it was")
	}
}
