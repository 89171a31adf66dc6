//go:build linux

// Package machine measures what this machine can do at most of the things that a
// sign-in needs: signatures and durable writes, each alone on one core, and RSA
// signatures on every processor at once too.
package machine

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bellhop-auth/bellhop/internal/bench"
)

// Measure measures the machine, for about so long each.
func Measure(ctx context.Context, each time.Duration) (m bench.Machine, err error) {
	m.Processors, m.Go, m.Model = runtime.NumCPU(), runtime.Version(), model()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return m, err
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return m, err
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return m, err
	}
	sum := sha256.Sum256([]byte("bench"))
	for _, s := range []struct {
		to   *float64
		sign func() error
	}{
		{&m.GoRSA, func() error { _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:]); return err }},
		{&m.ECDSA, func() error { _, err := ecdsa.SignASN1(rand.Reader, curve, sum[:]); return err }},
		{&m.Ed25519, func() error { ed25519.Sign(edwards, sum[:]); return nil }},
	} {
		if *s.to, err = cost(ctx, each, s.sign); err != nil {
			return m, err
		}
	}
	if m.GoRSABusy, err = everywhere(m.Processors, func() (float64, error) {
		return cost(ctx, each, func() error { _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:]); return err })
	}); err != nil {
		return m, err
	}
	if err := openSSL(ctx, each, &m); err != nil {
		return m, err
	}
	return m, appends(ctx, each, &m)
}

// everywhere is the mean of what so many at once measure.
func everywhere(processors int, measure func() (float64, error)) (mean float64, err error) {
	type result struct {
		ms  float64
		err error
	}
	results := make(chan result)
	for range processors {
		go func() {
			ms, err := measure()
			results <- result{ms, err}
		}()
	}
	for range processors {
		r := <-results
		mean, err = mean+r.ms/float64(processors), errors.Join(err, r.err)
	}
	return mean, err
}

// cost is the CPU milliseconds of one call, the median of batches.
func cost(ctx context.Context, each time.Duration, call func() error) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const batch = 20
	var all []float64
	for end := time.Now().Add(each); len(all) == 0 || time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		began, err := thread()
		if err != nil {
			return 0, err
		}
		for range batch {
			if err := call(); err != nil {
				return 0, err
			}
		}
		ended, err := thread()
		if err != nil {
			return 0, err
		}
		all = append(all, bench.Milliseconds(ended-began)/batch)
	}
	return bench.Median(all), nil
}

// thread is what this thread has used.
func thread() (time.Duration, error) {
	var at unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at)
	return time.Duration(at.Nano()), err
}

// openSSL measures what the system's OpenSSL needs for one RSA-2048 signature, by its
// own program, and says which it is; nothing where there is none.
func openSSL(ctx context.Context, each time.Duration, m *bench.Machine) error {
	program, err := exec.LookPath("openssl")
	if err != nil {
		return nil
	}
	name, err := exec.CommandContext(ctx, program, "version").Output()
	if err != nil {
		return fmt.Errorf("openssl version: %w", err)
	}
	words := strings.Fields(string(name))
	m.OpenSSL = strings.Join(words[:min(2, len(words))], " ")
	speed := func() (float64, error) {
		seconds := strconv.Itoa(max(1, int(each.Seconds())))
		out, err := exec.CommandContext(ctx, program, "speed", "-mr", "-seconds", seconds, "rsa2048").Output()
		if err != nil {
			return 0, fmt.Errorf("openssl speed: %w", err)
		}
		return parseSpeed(out)
	}
	if m.OpenSSLRSA, err = speed(); err != nil {
		return err
	}
	m.OpenSSLRSABusy, err = everywhere(m.Processors, speed)
	return err
}

// parseSpeed finds the seconds of one signature in what openssl speed -mr prints:
// +F2:…:2048:seconds to sign:seconds to verify. In some versions it is signatures a
// second instead, which are more than one.
func parseSpeed(out []byte) (ms float64, err error) {
	for line := range bytes.Lines(out) {
		fields := strings.Split(strings.TrimSpace(string(line)), ":")
		if fields[0] != "+F2" || len(fields) < 4 {
			continue
		}
		n, err := strconv.ParseFloat(fields[3], 64)
		if err != nil || n <= 0 {
			return 0, fmt.Errorf("openssl speed printed %q", line)
		}
		if n > 1 {
			n = 1 / n
		}
		return n * 1000, nil
	}
	return 0, fmt.Errorf("openssl speed printed no result: %q", out)
}

// appends measures 4 KiB appended to a file and made durable, as a commit is.
func appends(ctx context.Context, each time.Duration, m *bench.Machine) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f, err := os.CreateTemp("", "bellhop-bench-append-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 4096)
	var took []time.Duration
	before, err := thread()
	if err != nil {
		return err
	}
	for end := time.Now().Add(each); len(took) == 0 || time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return err
		}
		began := time.Now()
		if _, err := f.Write(page); err != nil {
			return err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	after, err := thread()
	if err != nil {
		return err
	}
	slices.Sort(took)
	m.Append, m.AppendP99 = bench.Milliseconds(bench.Quantile(took, 0.5)), bench.Milliseconds(bench.Quantile(took, 0.99))
	m.AppendCPU = bench.Milliseconds(after-before) / float64(len(took))
	return nil
}

// model is what the processor calls itself.
func model() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
