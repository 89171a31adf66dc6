package config

import (
	"fmt"
	"slices"
	"strings"
)

// Help returns the flags of a command, one a line and aligned: its own first,
// then those settings that only names, or all for nil, each with its variable and default.
func Help(extra []Flag, only []string) string {
	var rows [][2]string
	for _, f := range extra {
		rows = append(rows, [2]string{usage(f.Name, f.Arg), f.Help})
	}
	for _, s := range Settings() {
		if only != nil && !slices.Contains(only, s.Name) {
			continue
		}
		left := usage(s.Name, s.Arg)
		if s.Secret {
			left = s.env()
		}
		rows = append(rows, [2]string{left, s.Help + " (default " + strings.ReplaceAll(s.shownDefault(), "`", "") + ")"})
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, r[0], r[1])
	}
	return b.String()
}

func usage(name, arg string) string { return strings.TrimSpace("--" + name + " " + arg) }

// Markdown returns the table of all settings for the documentation.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| flag | environment | default | what it does |\n|---|---|---|---|\n")
	for _, s := range Settings() {
		flag, env := "`--"+s.Name+"`", "`"+s.env()+"`"
		if s.Secret {
			flag, env = "", env+" or `"+s.env()+"_FILE`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", flag, env, s.shownDefault(), s.Help)
	}
	return b.String()
}
