package main

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/deliveryfile"
)

// A dry run texts nobody, not even who asks for help: the provider would send what it
// is answered.
func TestNewTexts_DryRun_AnswersNoHelp(t *testing.T) {
	for dry, want := range map[string]string{"true": "", "false": "Ask us."} {
		path := deliveryFile(t, "providers:\n  own: { type: webhook, url: \"http://127.0.0.1:1/\" }\nhelp: Ask us.\ndry-run: "+dry+"\n")
		f, err := deliveryfile.Load(path, kinds(quiet()), nil)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := newTexts(&config.Config{}, f, "", quiet())
		if err != nil {
			t.Fatal(err)
		}
		if opened.help != want {
			t.Errorf("dry-run: %s answers HELP with %q, want %q", dry, opened.help, want)
		}
	}
}
