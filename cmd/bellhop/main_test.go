package main

import (
	"strings"
	"testing"
)

func TestRun_WhatIsNoCommand_IsRefusedWithTheNearest(t *testing.T) {
	for typed, want := range map[string]string{
		"":                  "say what to do: serve, demo, pool create, apply, import cognito, import csv, export, keys list, ",
		"sreve":             "did you mean bellhop serve?",
		"pool":              "did you mean bellhop pool create?",
		"pool craete":       "did you mean bellhop pool create?",
		"keys rotat":        "did you mean bellhop keys rotate?",
		"master-key":        "did you mean bellhop master-key status, master-key create, ",
		"triggers":          "did you mean bellhop triggers list, triggers test?",
		"triggers tets":     "did you mean bellhop triggers test?",
		"xyzzy":             `"xyzzy" is no command; bellhop help lists the commands`,
		"help xyzzy":        `"xyzzy" is no command`,
		"serve --lisen x":   "--lisen is no flag of this command; did you mean --listen?",
		"demo --sms log":    "--sms is no flag of this command",
		"version --x":       "--x is no flag of this command",
		"pool create --idd": "--idd is no flag of this command; did you mean --id?",
	} {
		code, stdout, stderr := once(t, nil, strings.Fields(typed)...)
		if code != exitUsage || !strings.Contains(stderr, want) || stdout != "" {
			t.Errorf("bellhop %s: exit code %d, said %q and %q, want %q", typed, code, stdout, stderr, want)
		}
	}
}

func TestRun_Help_NamesEveryCommandAndFlag(t *testing.T) {
	for typed, wants := range map[string][]string{
		"help":                  {"bellhop serve", "bellhop demo", "bellhop pool create", "bellhop version"},
		"--help":                {"bellhop serve"},
		"help serve":            {"--listen HOST:PORT", "--sms SENDER", "BELLHOP_ADMIN_SECRET_ACCESS_KEY"},
		"serve --help":          {"--listen HOST:PORT"},
		"help demo":             {"--listen HOST:PORT", "--data FOLDER"},
		"pool create -h":        {"--id ID", "--client-id ID", "--behaviour MODE", "--json", "--data FOLDER"},
		"help audit":            {"--name NAME", "--since TIME", "--json", "--data FOLDER"},
		"help version":          {"bellhop version"},
		"guard --help":          {"bellhop guard explain ", "bellhop guard status "},
		"help keys":             {"bellhop keys list ", "bellhop keys rotate "},
		"help pool create":      {"--id ID"},
		"help keys rotate":      {"--pool ID", "--now", "--revoke-old", "--data FOLDER"},
		"keys list --help":      {"--pool ID", "--json"},
		"master-key rotate -h":  {"--master-key-file FILE"},
		"master-key promote -h": {"promote [KEY]"},
		"master-key status -h":  {"--json"},
		"admin-keys create -h":  {"--name NAME", "--expires TIME", "--operations LIST", "--pools IDS", "--json"},
		"admin-keys delete -h":  {"admin-keys delete ID"},
		"triggers test --help":  {"triggers test ARN", "--source SOURCE", "--event FILE", "--set PATH=TEXT", "--triggers FILE"},
		"guard replay -h":       {"--events FILE", "--settings FILE", "--json"},
		"guard rehearse -h":     {"--log FILE", "--csv FILE", "--settings FILE", "--against FILE", "--export FILE", "--data FOLDER"},
		"guard simulate -h":     {"--scenario NAMES", "S3-0.5-paid", "--seeds N", "--warm-up DAYS", "--events FILE"},
		"help routes":           {"bellhop routes explain ", "bellhop routes check "},
		"routes explain -h":     {"--number NUMBER", "--purpose PURPOSE", "--tried NAMES", "--delivery FILE", "--data FOLDER"},
		"help triggers list":    {"--json", "--triggers FILE", "--data FOLDER"},
		"serve --data d --help": {"--listen"},
	} {
		code, stdout, stderr := once(t, nil, strings.Fields(typed)...)
		if code != exitOK || stderr != "" {
			t.Errorf("bellhop %s: exit code %d, %q", typed, code, stderr)
		}
		for _, want := range wants {
			if !strings.Contains(stdout, want) {
				t.Errorf("bellhop %s does not name %q:\n%s", typed, want, stdout)
			}
		}
	}
}

func TestRun_Version_IsOneLine(t *testing.T) {
	code, stdout, _ := once(t, nil, "version")
	if code != exitOK || !strings.HasPrefix(stdout, "bellhop ") || strings.Count(stdout, "\n") != 1 || !strings.Contains(stdout, "go1.") {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestServe_BadSettings_AreAllReportedAndNothingStarts(t *testing.T) {
	data := t.TempDir() + "/data"
	code, stdout, stderr := once(t, []string{"BELLHOP_REGION=home", "BELLHOP_NOPE=1"}, "serve", "--data", data, "--limits", "on", "--tls-cert", "c.pem")
	if code != exitUsage || stdout != "" {
		t.Errorf("exit code %d, %q", code, stdout)
	}
	for _, want := range []string{"bellhop: BELLHOP_REGION", "bellhop: BELLHOP_NOPE", "bellhop: --limits"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is missing in:\n%s", want, stderr)
		}
	}
	absent(t, data)
}
