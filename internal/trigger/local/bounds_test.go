package local

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

func TestRest_GrowsUntilAProcessGetsAnEvent(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := rest{first: firstRest}
	if r.at(now) {
		t.Error("at rest from the start")
	}
	var pauses []time.Duration
	for range 40 {
		pause := r.failed(now, startFailure{exit: "exit status 1"})
		if !r.at(now.Add(pause-1)) || r.at(now.Add(pause)) {
			t.Error("it does not last as long as it says")
		}
		pauses = append(pauses, pause)
	}
	if pauses[0] != firstRest || pauses[1] != 2*firstRest || pauses[39] != longestRest || !slices.IsSorted(pauses) {
		t.Error(pauses)
	}
	r.ended()
	if r.at(now) || r.failed(now, startFailure{}) != firstRest {
		t.Error("it does not begin again")
	}
}

func TestAllowance_WhoeverPrintsWithoutEnd(t *testing.T) {
	now := time.Unix(1e9, 0)
	a := newAllowance(now)
	const line = longestLine
	printed, warned, confessed, lost := 0, 0, 0, 0
	const hours = 10
	for range hours * 3600 * 10 {
		now = now.Add(100 * time.Millisecond)
		for range 3 {
			ok, first, missing := a.spend(line, now)
			if ok {
				printed += line + lineCost
			} else {
				lost++
			}
			if first {
				warned++
			}
			confessed += missing
		}
	}
	if most := printBurst + printRate*hours*3600; printed > most || printed < most*9/10 {
		t.Errorf("%d bytes were printed, of %d", printed, most)
	}
	if warned > hours*3600/2 {
		t.Errorf("%d warnings", warned)
	}
	if confessed == 0 || confessed > lost || confessed < lost-100 {
		t.Errorf("%d of %d lost lines were told of", confessed, lost)
	}
	now = now.Add(time.Hour)
	if ok, _, _ := a.spend(line, now); !ok {
		t.Error("after an hour's silence nothing may be printed")
	}
}

func TestReported_WhateverAFunctionSays(t *testing.T) {
	const unknown = "Unknown application error occurred"
	for body, want := range map[string]trigger.FunctionError{
		`{"errorType":"Denied","errorMessage":"not you","trace":["x"]}`: {Type: "Denied", Message: "not you"},
		`{"errorMessage":"not you"}`:                                    {Type: "Header", Message: "not you"},
		`{"errorType":"Denied"}`:                                        {Type: "Denied", Message: ""},
		`{"errorMessage":7}`:                                            {Type: "Header", Message: unknown},
		`{}`:                                                            {Type: "Header", Message: unknown}, `null`: {Type: "Header", Message: unknown},
		``: {Type: "Header", Message: unknown}, "\x00<html>": {Type: "Header", Message: unknown},
		`{"errorMessage":"` + strings.Repeat("é", longestMessage) + `"}`: {Type: "Header", Message: strings.Repeat("é", longestMessage/2)},
	} {
		if got := reported([]byte(body), "Header"); *got != want {
			t.Errorf("%.40s: %.80q", body, *got)
		}
	}
	if got := reported(nil, ""); got.Type != "Runtime.Unknown" {
		t.Error(got.Type)
	}
}

func TestNamed_TakesAnARNApart(t *testing.T) {
	for arn, want := range map[string][2]string{
		"arn:aws:lambda:eu-west-1:123456789012:function:auth":      {"auth", "eu-west-1"},
		"arn:aws:lambda:eu-west-1:123456789012:function:auth:live": {"auth", "eu-west-1"},
		"arn:aws:sns:eu-west-1:123456789012:topic":                 {},
		"auth": {},
	} {
		if name, region := named(arn); name != want[0] || region != want[1] {
			t.Errorf("%s: %q, %q", arn, name, region)
		}
	}
}

// A call that was meant for a process which died before it got it is nobody's
// failure: the next process has it.
func TestCall_ThatItsProcessNeverGot_GoesToTheNext(t *testing.T) {
	f, err := New(Config{Dir: "testdata/deeds", Handler: "index.handler"})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := &process{secret: newSecret(), overdue: time.AfterFunc(time.Hour, func() {})}
	f.processes = append(f.processes, p)
	offer := f.await(p)
	answers := make(chan string, 1)
	const event = `{"do":"echo"}`
	go func() {
		answer, err := f.Invoke(t.Context(), "", []byte(event))
		if err != nil {
			answer = []byte(err.Error())
		}
		answers <- string(answer)
	}()
	c := <-offer
	f.hungUp(p)
	if f.begin(p, c) {
		t.Error("a process that is to die got an event")
	}
	f.ended(p, "signal: killed", nil)
	if got := <-answers; got != event {
		t.Error(got)
	}
}

func TestStartFailure_OfThisMachine_MayPass(t *testing.T) {
	failed, ok := errors.AsType[*trigger.InvokeError](startFailure{cause: errors.New("no more processes")}.forCall("id"))
	if !ok || !failed.MayPass() {
		t.Error(failed)
	}
}
