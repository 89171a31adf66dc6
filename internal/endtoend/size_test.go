package endtoend

import (
	"debug/elf"
	"runtime"
	"testing"
	"time"
)

// maxProgram is how large the program may be, without the tables for debuggers that
// `make build` leaves out.
const maxProgram = 40 << 20

// TestProgram_IsSmall. It grows by half where one package anywhere in it looks methods
// up by names that the linker cannot know, as the templates of text/template do: every
// method of every type is then kept. `go build -ldflags=-dumpdep` names it (ReflectMethod).
func TestProgram_IsSmall(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads programs of Linux")
	}
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var size uint64
	for _, s := range file.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS {
			size += s.Size
		}
	}
	t.Logf("%.1f MiB", float64(size)/(1<<20))
	if size < 1<<20 || size > maxProgram {
		t.Errorf("the program is %d bytes, and %d are the most", size, maxProgram)
	}
}

// maxIdle is what a server may have resident that has nothing to do.
const maxIdle = 40 << 20

func TestProgram_Idle_GivesBackWhatItsStartNeeded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	ctx := bounded(t, time.Minute)
	for s.memory() > maxIdle {
		select {
		case <-ctx.Done():
			t.Fatalf("%d MiB are resident, want %d at most", s.memory()>>20, maxIdle>>20)
		case <-time.After(50 * time.Millisecond):
		}
	}
	s.alive()
}
