package logdelivery

import (
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// event is an event in the shape that Amazon documents for logs that user pools
// export: Amazon Cognito Developer Guide, "Exporting logs from Amazon Cognito user
// pools". What is not known is an empty text, as there.
type event struct {
	Timestamp string `json:"eventTimestamp"` // milliseconds since 1970
	Source    string `json:"eventSource"`
	Level     string `json:"logLevel"`
	Message   any    `json:"message"`
	LogSource source `json:"logSourceId"`

	id string
}

type source struct {
	UserPoolID string `json:"userPoolId"`
}

// activity is the message of an authentication event.
type activity struct {
	Version               string   `json:"version"`
	EventID               string   `json:"eventId"`
	EventType             string   `json:"eventType"`
	UserSub               string   `json:"userSub"`
	UserName              string   `json:"userName"` // masked
	UserPoolID            string   `json:"userPoolId"`
	ClientID              string   `json:"clientId"`
	CreationDate          string   `json:"creationDate"`
	EventResponse         string   `json:"eventResponse"`
	RiskLevel             string   `json:"riskLevel"`
	RiskDecision          string   `json:"riskDecision"`
	Challenges            []string `json:"challenges"`
	DeviceName            string   `json:"deviceName"`
	IPAddress             string   `json:"ipAddress"`
	RequestID             string   `json:"requestId"`
	IDPName               string   `json:"idpName"`
	Compromised           string   `json:"compromisedCredentialDetected"`
	City                  string   `json:"city"`
	Country               string   `json:"country"`
	EventFeedbackValue    string   `json:"eventFeedbackValue"`
	EventFeedbackDate     string   `json:"eventFeedbackDate"`
	EventFeedbackProvider string   `json:"eventFeedbackProvider"`
	HasContextData        string   `json:"hasContextData"`
}

// undelivered is the message of a notification that did not arrive. Amazon's has
// details alone.
type undelivered struct {
	Details     string `json:"details"`
	EventID     string `json:"eventId"`
	UserSub     string `json:"userSub"`
	ClientID    string `json:"clientId"`
	Medium      string `json:"deliveryMedium"`
	Destination string `json:"destination"` // masked
	Purpose     string `json:"purpose"`
	Provider    string `json:"provider"`
	Code        string `json:"code"` // the provider's, or how the last try ended
	MessageID   string `json:"messageId"`
}

func eventOf(e userpool.LogEvent) event {
	row := e.Row()
	out := event{
		Timestamp: strconv.FormatInt(row.At.UnixMilli(), 10),
		LogSource: source{string(row.PoolID)}, id: string(row.ID),
	}
	if e.Auth != nil {
		out.Source, out.Level, out.Message = "USER_ACTIVITY", "INFO", activityOf(*e.Auth)
		return out
	}
	out.Source, out.Level, out.Message = "USER_NOTIFICATION", "ERROR", undeliveredOf(*e.Undelivered)
	return out
}

func activityOf(e userpool.AuthEvent) activity {
	r := e.Row
	a := activity{
		Version: "1", EventID: string(r.ID), EventType: e.Type, UserSub: string(r.UserID), UserName: r.Masked,
		UserPoolID: string(r.PoolID), ClientID: string(r.ClientID), CreationDate: date(r.At), EventResponse: e.Response,
		RiskDecision: riskWords[e.Risk], Challenges: make([]string, len(e.Answers)),
		DeviceName: r.Device, IPAddress: e.Address, RequestID: r.RequestID,
		HasContextData: strconv.FormatBool(e.Address != "" || r.Device != ""),
	}
	for i, answer := range e.Answers {
		a.Challenges[i] = answer.Challenge + ":" + resultWords[answer.Right]
	}
	if f := e.Feedback; f != nil {
		a.EventFeedbackValue, a.EventFeedbackDate, a.EventFeedbackProvider = f.Value, date(f.At), f.Provider
	}
	return a
}

// date is a time as Amazon's example has it.
func date(at time.Time) string { return at.UTC().Format(time.UnixDate) }

// riskWords are decisions as Amazon's example has them, which calls none PASS.
var riskWords = map[string]string{userpool.RiskNone: "PASS", userpool.RiskBlock: "BLOCK"}

var resultWords = map[bool]string{true: "Success", false: "Failure"}

func undeliveredOf(u userpool.Undelivered) undelivered {
	r := u.Row
	out := undelivered{
		EventID: string(r.ID), UserSub: string(r.UserID), ClientID: string(r.ClientID), Medium: u.Medium, Destination: r.Masked,
		Purpose: u.Purpose, Provider: u.Provider, Code: r.Reason, MessageID: u.Message,
	}
	said := []string{"The message was not delivered"}
	if r.Masked != "" {
		said[0] = "The message to " + r.Masked + " was not delivered"
	}
	if u.Provider != "" {
		said = append(said, "by "+u.Provider)
	}
	if r.Reason != "" {
		said = append(said, "("+r.Reason+")")
	}
	out.Details = strings.Join(said, " ") + "."
	return out
}
