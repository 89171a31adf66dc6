package pack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

var update = flag.Bool("update", false, "rewrite the golden responses")

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What is drawn anew for each challenge stands in events and responses under these
// names.
const idName, codeName = "<challenge>", "<code>"

// TestEvents gives the function each event that Cognito sends, as the developer
// guide and logged events have them, and compares the response with the one kept.
func TestEvents_ResponsesAreTheKeptOnes(t *testing.T) {
	events, err := filepath.Glob("testdata/events/*.event.json")
	if err != nil || len(events) == 0 {
		t.Fatal("no events", err)
	}
	confirms := newWorld(t, "BELLHOP_SIGN_UP=auto-confirm")
	confirms.pool.clients = []pack.Client{onlyCustom(clientID)}
	leaves := confirms.under(t)
	for _, path := range events {
		name := strings.TrimSuffix(filepath.Base(path), ".event.json")
		t.Run(name, func(t *testing.T) {
			w := leaves
			if strings.HasSuffix(name, ".auto-confirm") {
				w = confirms
			}
			w.now = w.now.Add(24 * time.Hour) // out of the limits of the ones before
			event, names := readFile(t, path), strings.NewReplacer()
			if strings.Contains(event, idName) {
				c := w.begin(owner(number))
				id := c.PrivateChallengeParameters["challengeId"]
				event = strings.NewReplacer(idName, id, codeName, w.code()).Replace(event)
				names = strings.NewReplacer(id, idName, w.code(), codeName)
			}
			got := names.Replace(w.response(t, []byte(event)))
			kept := strings.TrimSuffix(path, "event.json") + "response.json"
			if *update {
				if err := os.WriteFile(kept, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := readFile(t, kept); got != want {
				t.Errorf("the response is\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// response is the answer's response, or its error as Lambda reports it. All else
// must be the event.
func (w *world) response(t *testing.T, event []byte) string {
	t.Helper()
	answer, err := w.pack.Handle(context.Background(), event, w.now)
	if err != nil {
		return indented(t, map[string]string{"errorMessage": err.Error()})
	}
	var sent, got map[string]any
	if err := json.Unmarshal(event, &sent); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatal(err)
	}
	response := got["response"]
	delete(sent, "response")
	delete(got, "response")
	if a, b := indented(t, sent), indented(t, got); a != b {
		t.Errorf("the event came back as %s", b)
	}
	// A new challenge's id is drawn.
	if r, ok := response.(map[string]any); ok {
		if private, ok := r["privateChallengeParameters"].(map[string]any); ok && len(private["challengeId"].(string)) >= 26 {
			private["challengeId"] = idName
		}
	}
	return indented(t, response)
}

func indented(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEvents_ThereIsOneOfEveryTrigger(t *testing.T) {
	for _, name := range trigger.Names() {
		prefix := string(name)
		if name == trigger.PreTokenGeneration {
			prefix = "TokenGeneration"
		}
		found, err := filepath.Glob("testdata/events/" + prefix + "_*.event.json")
		if err != nil || len(found) == 0 {
			t.Errorf("no event of %s: %v", name, err)
		}
	}
}

func TestHandle_WhatIsNoEvent_IsRefused(t *testing.T) {
	w := newWorld(t)
	for _, payload := range []string{
		``, `null`, `{}`, `[]`, `"x"`, `{"triggerSource":7}`, `{"triggerSource":"Nothing_Known","request":{}}`,
		`{"triggerSource":"DefineAuthChallenge_Authentication","request":{"session":"none"}}`,
		`{"triggerSource":"CreateAuthChallenge_Authentication","request":{"challengeName":"SMS_MFA"}}`,
	} {
		answer, err := w.pack.Handle(context.Background(), []byte(payload), w.now)
		if answer != nil || err == nil || err.Error() != "Unavailable: The service cannot answer now; try again later" {
			t.Errorf("%s: %s, %v", payload, answer, err)
		}
	}
}
