package mail_test

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/mail"
)

func TestPlainText_SaysWhatTheHTMLSays(t *testing.T) {
	for body, want := range map[string]string{
		"<p>Your code is <b>489316</b>.</p>":                                                                "Your code is 489316.",
		"<h1>Hello</h1>\n<p>Your\n  code is 489316</p>":                                                     "Hello\nYour code is 489316",
		"489316<br><br/><br>\n<BR />Bye":                                                                    "489316\n\nBye",
		"<p dir=\"rtl\">رمز التحقق هو 489316</p>":                                                           "رمز التحقق هو 489316",
		"<ul><li>one</li><li>two</li></ul>":                                                                 "one\ntwo",
		"Temp&lt;i&gt;&amp;1 &nbsp; &ldquo;x&rdquo;":                                                        "Temp<i>&1 “x”", // what was escaped is no markup
		"<a href='https://a.example/?x=1&amp;y=2'>Us</a>":                                                   "Us (https://a.example/?x=1&y=2)",
		`<a class="b" href="https://a.example">https://a.example</a>`:                                       "https://a.example",
		`Ask <a href="mailto:help@a.example">us</a>!`:                                                       "Ask us (help@a.example)!",
		`<a href="javascript:x()">here</a>`:                                                                 "here",
		"<!DOCTYPE html><html><head><title>No</title><style>p{color:red}</style></head><body>489316</body>": "489316",
		"<script>if (1 < 2) {}</script><!-- <p>no</p> -->489316<style\n>b > i {}</style >":                  "489316",
		`<img src="https://a.example/logo.png" alt="">`:                                                     "",
		"<table><tr><td>Code:</td> <td>489316</td></tr></table>Bye":                                         "Code: 489316\n\nBye",
	} {
		if got := (mail.Message{Body: body, HTML: true}).PlainText(); got != want {
			t.Errorf("%s\nis %q,\nwant %q", body, got, want)
		}
	}
	if m := (mail.Message{Body: " a\n\n\n <b> "}); m.PlainText() != m.Body {
		t.Errorf("plain text became %q", m.PlainText())
	}
}
