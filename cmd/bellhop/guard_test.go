package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// guardFile writes a file of the guard's settings.
func guardFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guard.yaml")
	write(t, path, []byte(text))
	return path
}

func TestGuardCheck(t *testing.T) {
	good := guardFile(t, "countries: { allow: [DE, US] }\nstep-up: [turnstile: { site-key: a, secret-env: CAPTCHA }]\n")
	env := []string{"CAPTCHA=secret-of-captcha"}
	for _, args := range [][]string{{"guard", "check", good}, {"guard", "check", "--guard", good}} {
		if code, stdout, stderr := once(t, env, args...); code != exitOK || stdout != "fine\n" {
			t.Errorf("%s: %d %s%s", args, code, stdout, stderr)
		}
	}
	refuse(t, exitUsage, ":2: secret-env names the variable CAPTCHA, which is not set", "guard", "check", good)
	refuse(t, exitUsage, "name the file", "guard", "check")
	bad := guardFile(t, "countries: { allow: [DE], deny: [DE] }\nbudgits: {}\n")
	refuse(t, exitUsage, ":1: deny denies DE, which is allowed too", "guard", "check", bad)
	refuse(t, exitUsage, ":2: budgits is not known here; did you mean budgets?", "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--guard", bad)
	refuse(t, exitUsage, ":2: budgits is not known here", "demo", "--listen", "127.0.0.1:0", "--guard", bad)
}

func TestGuard_WhatDeservesALook_IsSaid(t *testing.T) {
	data := t.TempDir()
	past := guardFile(t, "test-numbers:\n  - { number: \"+15555550100\", code: \"518302\", until: 2020-06-30 }\n")
	const said2020 = ":2: the test number worked until 2020-06-30"
	p := start(t, nil, "serve", "--listen", "127.0.0.1:0", "--data", data, "--guard", past)
	p.endWell()
	if !strings.Contains(p.stderr.String(), said2020) || strings.Contains(p.stderr.String(), "5555550") {
		t.Error(p.stderr)
	}
	if code, stdout, _ := once(t, nil, "guard", "check", past); code != exitOK || !strings.Contains(stdout, said2020) || !strings.HasSuffix(stdout, "fine\n") {
		t.Error(code, stdout)
	}
	found, _, output := examined(t, nil, data, "--guard", past)
	if !said(found, "guard", levelWarn, said2020) {
		t.Error(output)
	}
	soon := time.Now().Add(3 * 24 * time.Hour).UTC().Format(time.DateOnly)
	found, _, output = examined(t, nil, data, "--guard", guardFile(t, "test-numbers: [{ number: \"+15555550100\", code: \"518302\", until: "+soon+" }]"))
	if !said(found, "guard", levelWarn, "works until "+soon+" only") {
		t.Error(output)
	}
	found, code, output := examined(t, nil, data, "--guard", guardFile(t, "countries: { allow: [UK] }"))
	if code != exitFailed || !said(found, "guard", levelFail, "did you mean GB?") {
		t.Error(output)
	}
	found, _, output = examined(t, nil, data)
	if !said(found, "guard", levelOK, "the shipped settings, and prices of 20") {
		t.Error(output)
	}
}

func TestGuardPrices(t *testing.T) {
	all := succeed(t, "guard", "prices")
	for _, want := range []string{"PREFIX", "+1876 ", "no list known", "\nThe newest price is of 20", "cost $0.25."} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in:\n%s", want, all)
		}
	}
	of := succeed(t, "guard", "prices", "--for", "+4477")
	if !strings.Contains(of, "+44 ") || !strings.Contains(of, "+447797 ") || strings.Contains(of, "+4476") || strings.Contains(of, "+49") {
		t.Error(of)
	}
	refuse(t, exitUsage, "--for has more than 9 digits", "guard", "prices", "--for", "+15555550100")

	// What it prints as CSV is a price list.
	folder := t.TempDir()
	write(t, filepath.Join(folder, "prices.csv"), []byte(succeed(t, "guard", "prices", "--csv")))
	write(t, filepath.Join(folder, "guard.yaml"), []byte("prices: { file: prices.csv }\n"))
	if again := succeed(t, "guard", "prices", "--guard", filepath.Join(folder, "guard.yaml")); again != all {
		t.Errorf("%s\nwant\n%s", again, all)
	}
}

// The number may stand before the settings and after them.
func TestGuardExplain_TakesItsNumberAnywhere(t *testing.T) {
	data := t.TempDir()
	start(t, nil, "serve", "--listen", "127.0.0.1:0", "--data", data).endWell()
	for _, args := range [][]string{
		{"+14155550123", "--data", data}, {"--data", data, "+14155550123"}, {"--number", "+14155550123", "--data", data},
	} {
		code, stdout, stderr := once(t, nil, append([]string{"guard", "explain"}, args...)...)
		if code != exitOK || !strings.Contains(stdout, "0123  US, ") {
			t.Errorf("%s: %d %s%s", args, code, stdout, stderr)
		}
	}
}
