package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// visit is one request at a gate, in a bubble.
type visit struct {
	class   Class
	outcome chan error // what enter said
	leave   chan struct{}
}

// visitAt sends a request to the gate and waits until it is in, out or waiting.
// If it gets in, it stays until leave is closed.
func visitAt(ctx context.Context, g *gate, class Class) *visit {
	v := &visit{class, make(chan error, 1), make(chan struct{})}
	go func() {
		err := g.enter(ctx, class)
		v.outcome <- err
		if err == nil {
			<-v.leave
			g.leave()
		}
	}()
	synctest.Wait()
	return v
}

// said is what enter has said so far; decided is false while it waits.
func (v *visit) said() (err error, decided bool) {
	select {
	case err := <-v.outcome:
		v.outcome <- err
		return err, true
	default:
		return nil, false
	}
}

func (v *visit) inside() bool {
	err, decided := v.said()
	return decided && err == nil
}

func (v *visit) end() {
	close(v.leave)
	synctest.Wait()
}

// empty checks that nobody works or waits.
func empty(t *testing.T, g *gate) {
	t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	waiting := 0
	for c := range g.waiting {
		waiting += g.waiting[c].Len()
	}
	if g.working != 0 || g.queued != 0 || waiting != 0 {
		t.Errorf("left behind: %d work, %d wait, %d in lists", g.working, g.queued, waiting)
	}
}

func TestGate_PlacesTaken_TheHighestClassGoesNextAndWithinItTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 8)
		inside := visitAt(t.Context(), g, Manage)
		admin := visitAt(t.Context(), g, Manage)
		join := visitAt(t.Context(), g, Join)
		begin1, begin2 := visitAt(t.Context(), g, Begin), visitAt(t.Context(), g, Begin)
		finish1 := visitAt(t.Context(), g, Finish)
		keep := visitAt(t.Context(), g, Keep)
		finish2 := visitAt(t.Context(), g, Finish)
		inside.end()
		for i, v := range []*visit{finish1, finish2, keep, begin1, begin2, join, admin} {
			if !v.inside() {
				t.Fatalf("turn %d: %s is not inside", i, v.class)
			}
			v.end()
		}
		empty(t, g)
	})
}

func TestGate_QueueFull_TheLastOfTheLowestClassIsRefusedForAHigher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 3)
		inside := visitAt(t.Context(), g, Finish)
		join := visitAt(t.Context(), g, Join)
		admin1, admin2 := visitAt(t.Context(), g, Manage), visitAt(t.Context(), g, Manage)
		refusedWith := func(v *visit, want error) {
			t.Helper()
			if err, _ := v.said(); err != want {
				t.Errorf("%s was told %v, want %v", v.class, err, want)
			}
		}
		refusedWith(visitAt(t.Context(), g, Manage), errFull) // none is below it
		begin := visitAt(t.Context(), g, Begin)
		refusedWith(admin2, errEvicted)
		keep := visitAt(t.Context(), g, Keep)
		refusedWith(admin1, errEvicted)
		finish := visitAt(t.Context(), g, Finish)
		refusedWith(join, errEvicted)
		refusedWith(visitAt(t.Context(), g, Join), errFull)
		for _, v := range []*visit{inside, finish, keep, begin} {
			if !v.inside() {
				t.Fatalf("%s is not inside", v.class)
			}
			v.end()
		}
		empty(t, g)
	})
}

func TestGate_NoPlaceInTime_IsRefusedAfterThePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 8)
		inside := visitAt(t.Context(), g, Manage)
		start := time.Now()
		if err := g.enter(t.Context(), Finish); err != errWaited || time.Since(start) != patience {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		inside.end()
		empty(t, g)
	})
}

func TestGate_ClientGone_GetsNoPlaceAndLeavesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 8)
		gone, hangUp := context.WithCancel(t.Context())
		inside := visitAt(t.Context(), g, Manage)
		v, next := visitAt(gone, g, Finish), visitAt(t.Context(), g, Begin)
		hangUp()
		synctest.Wait()
		if err, decided := v.said(); !decided || !errors.Is(err, context.Canceled) {
			t.Errorf("decided %v: %v", decided, err)
		}
		inside.end()
		if !next.inside() {
			t.Error("the place was not passed on")
		}
		if err := g.enter(gone, Finish); !errors.Is(err, context.Canceled) {
			t.Errorf("one that was gone when it came: %v", err)
		}
		next.end()
		if err := g.enter(gone, Finish); !errors.Is(err, context.Canceled) {
			t.Errorf("with free places: %v", err)
		}
		empty(t, g)
	})
}

// TestGate_AnyArrivals_KeepTheBoundsAndLoseNoPlace plays random arrivals with
// random work and impatient clients, and checks at each admission what must hold
// at all times.
func TestGate_AnyArrivals_KeepTheBoundsAndLoseNoPlace(t *testing.T) {
	for range 50 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) { anyArrivals(t, rand.New(rand.NewPCG(seed, 1))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func anyArrivals(t *testing.T, chance *rand.Rand) {
	g := newGate(1+chance.IntN(4), chance.IntN(12))
	var all sync.WaitGroup
	var mu sync.Mutex // guards the counts
	inside, served, refused := 0, 0, 0
	arrive := func(class Class, work, stays time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), stays)
		defer cancel()
		err := g.enter(ctx, class)
		mu.Lock()
		if err != nil {
			refused++
			mu.Unlock()
			return
		}
		inside++
		if inside > g.places {
			t.Errorf("%d are inside of %d places", inside, g.places)
		}
		mu.Unlock()
		time.Sleep(work) // virtual
		mu.Lock()
		inside--
		served++
		mu.Unlock()
		g.leave()
	}
	const arrivals = 300
	for range arrivals {
		class := Class(chance.IntN(classes))
		work := time.Duration(chance.IntN(200)) * time.Millisecond
		stays := time.Duration(chance.IntN(1200)) * time.Millisecond
		all.Go(func() { arrive(class, work, stays) })
		time.Sleep(time.Duration(chance.IntN(40)) * time.Millisecond)
		synctest.Wait()
		checkGate(t, g)
	}
	all.Wait()
	empty(t, g)
	if served+refused != arrivals || served == 0 {
		t.Errorf("%d served, %d refused", served, refused)
	}
}

// checkGate: the queue keeps its bound, and no place is idle while somebody waits.
func checkGate(t *testing.T, g *gate) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.queued > g.room || g.queued > 0 && g.working < g.places {
		t.Errorf("%d of %d work, %d of %d wait", g.working, g.places, g.queued, g.room)
	}
}

// TestGate_TenTimesTooMany_FinishesWhatItBegan plays sign-ins of two steps at ten
// times of what the places can do. Hardly any that was begun may be lost.
func TestGate_TenTimesTooMany_FinishesWhatItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const step = 10 * time.Millisecond
		g := newGate(4, 16) // 400 steps or 200 sign-ins a second
		var all sync.WaitGroup
		var mu sync.Mutex // guards the counts
		begun, finished := 0, 0
		do := func(class Class) bool {
			if g.enter(t.Context(), class) != nil {
				return false
			}
			defer g.leave()
			time.Sleep(step)
			return true
		}
		const seconds = 5
		for range seconds * 2000 {
			all.Go(func() {
				if !do(Begin) {
					return
				}
				mu.Lock()
				begun++
				mu.Unlock()
				time.Sleep(50 * time.Millisecond) // the text is read
				if do(Finish) {
					mu.Lock()
					finished++
					mu.Unlock()
				}
			})
			time.Sleep(time.Second / 2000)
		}
		all.Wait()
		if finished != begun || finished < seconds*190 {
			t.Errorf("%d begun, %d finished; %d were possible", begun, finished, seconds*200)
		}
		empty(t, g)
	})
}

func TestHandler_ClassedRequests_AreServedInOrderAndRefusedInOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		release := make(chan struct{})
		h := Handler(Config{Places: 1, Waiting: 1, Refuse: refuse, Log: slog.New(slog.NewTextHandler(&out, nil)),
			Class: func(_ *http.Request, body []byte) Class {
				return map[string]Class{"admin": Manage, "answer": Finish, "preflight": Free}[string(body)]
			}},
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); string(body) != "preflight" {
					<-release
				}
			}))
		send := func(body string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			go h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
			synctest.Wait()
			return w
		}
		first, evicted, answer := send("admin"), send("admin"), send("answer")
		full, free := send("admin"), send("preflight")
		if evicted.Code != http.StatusServiceUnavailable || full.Code != http.StatusServiceUnavailable {
			t.Errorf("the lower class got %d and %d", evicted.Code, full.Code)
		}
		if free.Code != http.StatusOK {
			t.Errorf("what takes no place got %d", free.Code)
		}
		close(release)
		synctest.Wait()
		if first.Code != http.StatusOK || answer.Code != http.StatusOK {
			t.Errorf("first %d, answer %d", first.Code, answer.Code)
		}
		time.Sleep(tellEvery)
		synctest.Wait()
		if n := strings.Count(out.String(), "msg=request "); n != 3 {
			t.Errorf("%d event lines, want those that were served:\n%s", n, &out)
		}
		if !strings.Contains(out.String(), "more came than can be served\" manage=2\n") {
			t.Errorf("the refused are not told:\n%s", &out)
		}
	})
}

func TestHandler_HoweverTheFaceEnds_ThePlaceIsFree(t *testing.T) {
	var lost http.HandlerFunc
	h := Handler(Config{Places: 1, Refuse: refuse, Log: slog.New(slog.DiscardHandler)},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { lost(w, r) }))
	for name, end := range map[string]http.HandlerFunc{
		"answer":             func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") },
		"nothing":            func(http.ResponseWriter, *http.Request) {},
		"header twice":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); w.WriteHeader(204) },
		"panic":              func(http.ResponseWriter, *http.Request) { panic("x") },
		"panic after answer": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x"); panic("x") },
		"abort":              func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"refusal":            func(w http.ResponseWriter, r *http.Request) { refuse(w, r, fault.New(fault.Unavailable, "")) },
	} {
		lost = end
		for range 2 {
			func() {
				defer func() { recover() }()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
			}()
			if g := h.(*handler).gate; g.working != 0 {
				t.Fatalf("%s: %d places are held", name, g.working)
			}
		}
	}
}

func TestHandler_ClientSlowToRead_HoldsNoPlace(t *testing.T) {
	reading := make(chan struct{})
	h := Handler(Config{Places: 1, Refuse: refuse, Log: slog.New(slog.DiscardHandler)},
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }))
	stuck := make(chan struct{})
	go h.ServeHTTP(slowReader{httptest.NewRecorder(), reading, stuck}, httptest.NewRequest(http.MethodPost, "/", nil))
	<-reading
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusOK {
		t.Errorf("beside one that does not read its answer: %d", w.Code)
	}
	close(stuck)
}

// slowReader is a client that takes nothing of its answer until stuck is closed.
type slowReader struct {
	http.ResponseWriter
	reading, stuck chan struct{}
}

func (w slowReader) Write(p []byte) (int, error) {
	close(w.reading)
	<-w.stuck
	return w.ResponseWriter.Write(p)
}

func TestHandler_FaceThatHangs_IsToldToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		serve(t, Config{}, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			if err := r.Context().Err(); err != context.DeadlineExceeded || time.Since(start) != requestTimeout {
				t.Errorf("after %s: %v", time.Since(start), err)
			}
		}, httptest.NewRequest(http.MethodPost, "/", nil))
	})
}

// BenchmarkHandler_Refused is what the plumbing spends on a request that it
// refuses, without net/http.
func BenchmarkHandler_Refused(b *testing.B) {
	h := Handler(Config{Places: 1, Refuse: refuse, Log: slog.New(slog.NewJSONHandler(io.Discard, nil))}, http.NotFoundHandler())
	g := h.(*handler).gate
	if err := g.enter(b.Context(), Manage); err != nil {
		b.Fatal(err)
	}
	defer g.leave()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"a":1}`)))
	}
}

// A request that waits for somebody else lets others work, and goes on at once
// when it is back, though the places are taken; then fewer are let in until the
// work fits again.
func TestHandler_StandingAside_LetsOthersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := make(chan struct{})
		var order []string
		var mu sync.Mutex // guards order
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		h := Handler(Config{Log: slog.New(slog.DiscardHandler), Places: 1, Waiting: 8}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				back := Aside(r.Context())
				<-wait
				back()
			}
			note(r.URL.Path)
			w.WriteHeader(http.StatusOK)
		}))
		serve := func(path string) {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, nil))
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { serve("/slow") })
		}
		synctest.Wait()
		for range 2 {
			serve("/quick")
		}
		close(wait)
		wg.Wait()
		if want := "/quick /quick /slow /slow /slow"; strings.Join(order, " ") != want {
			t.Errorf("%v, want %s", order, want)
		}
		empty(t, h.(*handler).gate)
	})
}

func TestAside_WhereNoPlaceIsHeld_DoesNothing(t *testing.T) {
	Aside(t.Context())()
	h := Handler(Config{Log: slog.New(slog.DiscardHandler), Places: 1, Waiting: 1}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK) // gives the place back
		Aside(r.Context())()
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	g := h.(*handler).gate
	if g.working != 0 {
		t.Errorf("%d work", g.working)
	}
}

// However requests stand aside, more than the places work for no longer than it
// takes those who came back to leave.
func TestGate_Rejoining_NeverLosesAPlace(t *testing.T) {
	g := newGate(2, 4)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if g.enter(t.Context(), Class(rand.N(classes))) != nil {
					continue
				}
				if rand.N(2) == 0 {
					g.leave()
					g.rejoin()
				}
				g.leave()
			}
		})
	}
	wg.Wait()
	if g.working != 0 || g.queued != 0 {
		t.Errorf("left behind: %d work, %d wait", g.working, g.queued)
	}
}
