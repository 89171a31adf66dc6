package local

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// What Lambda itself says of functions, word for word, since people look for it.

func timedOut(id string, limit time.Duration, now time.Time) *trigger.FunctionError {
	return &trigger.FunctionError{
		Type: "Sandbox.Timedout",
		Message: fmt.Sprintf("%s %s Task timed out after %.2f seconds",
			now.UTC().Format("2006-01-02T15:04:05.000Z"), id, limit.Seconds()),
	}
}

// startTimedOut is ours: Lambda would start the function once more, within the call.
func startTimedOut(limit time.Duration) *trigger.FunctionError {
	return &trigger.FunctionError{
		Type:    "Sandbox.Timedout",
		Message: fmt.Sprintf("Init timed out after %.2f seconds", limit.Seconds()),
	}
}

// exited is the end of a process without an answer; how is "exit status 1", or ""
// for a process that ended as if all were well.
func exited(id, how string) *trigger.FunctionError {
	text := "Error: Runtime exited without providing a reason"
	if how != "" {
		text = "Error: Runtime exited with error: " + how
	}
	if id != "" {
		text = "RequestId: " + id + " " + text
	}
	return &trigger.FunctionError{Type: "Runtime.ExitError", Message: text}
}

func tooLarge() *trigger.FunctionError {
	return &trigger.FunctionError{
		Type:    "Function.ResponseSizeTooLarge",
		Message: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
	}
}

// longestMessage bounds what a function says of its failure, in bytes.
const longestMessage = 8 << 10

// reported reads what a function says of its failure; kind is the type that the
// header names, for a body that is none.
func reported(body []byte, kind string) *trigger.FunctionError {
	type saying struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	var said saying
	if err := json.Unmarshal(body, &said); err != nil || said == (saying{}) {
		said = saying{Message: "Unknown application error occurred"}
	}
	if said.Type == "" {
		said.Type = kind
	}
	if said.Type == "" {
		said.Type = "Runtime.Unknown"
	}
	return &trigger.FunctionError{Type: shortened(said.Type, 256), Message: shortened(said.Message, longestMessage)}
}

// shortened is at most so many bytes of a text, in whole characters.
func shortened(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}
