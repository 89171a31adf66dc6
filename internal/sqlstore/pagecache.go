package sqlstore

import (
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// tidyPageCache has commits not look through the page cache. Where SQLite splits a page it
// gives the parts their numbers by way of one that no page of a file has, which its page
// cache takes for the largest that it holds from then on: the commit then looks at each
// page that the cache has for such as lie behind the file's end. Sign-ins split some page in
// every other commit, and that costs more than a statement does.
//
// So the cache's method forgets that number again. Methods are given to sqlite3_config, before
// the first file is opened (sqlite.org/c3ref/pcache_methods2.html).
var tidyPageCache = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	defer tls.Close()
	const size = int(unsafe.Sizeof(sqlite3.Tsqlite3_pcache_methods2{}))
	at := tls.Alloc(size + ptrSize)
	defer tls.Free(size + ptrSize)
	config := func(op int32) bool {
		return sqlite3.Xsqlite3_config(tls, op, libc.VaList(at+uintptr(size), at)) == sqlite3.SQLITE_OK
	}
	if !config(sqlite3.SQLITE_CONFIG_GETPCACHE2) { // another of the program has opened a file before
		return
	}
	methods := (*sqlite3.Tsqlite3_pcache_methods2)(place(at))
	ownRekey = methods.FxRekey
	methods.FxRekey = callback(rekey)
	config(sqlite3.SQLITE_CONFIG_PCACHE2)
})

var ownRekey uintptr

// rekey gives a page another number. None but the one in passing is larger than all that
// the cache has held.
func rekey(tls *libc.TLS, cache, page uintptr, from, to uint32) {
	largest := &(*sqlite3.TPCache1)(place(cache)).FiMaxKey
	was := *largest
	method[func(*libc.TLS, uintptr, uintptr, uint32, uint32)](ownRekey)(tls, cache, page, from, to)
	*largest = was
}
