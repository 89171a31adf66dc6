package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// authEventType is an authentication event as the service shows it. What is not
// known is absent.
type authEventType struct {
	EventId            string
	EventType          string
	CreationDate       epoch
	EventResponse      string
	EventRisk          *eventRiskType `json:",omitzero"`
	ChallengeResponses []challengeResponseType
	EventContextData   eventContextDataType
	EventFeedback      *eventFeedbackType `json:",omitzero"`
}

type eventRiskType struct {
	RiskDecision string
}

type challengeResponseType struct {
	ChallengeName     string
	ChallengeResponse string
}

type eventContextDataType struct {
	IpAddress  *string `json:",omitzero"`
	DeviceName *string `json:",omitzero"`
}

type eventFeedbackType struct {
	FeedbackValue string
	Provider      string
	FeedbackDate  epoch
}

func authEventOut(e userpool.AuthEvent) authEventType {
	out := authEventType{
		EventId: string(e.Row.ID), EventType: e.Type, CreationDate: epoch(e.Row.At), EventResponse: e.Response,
		ChallengeResponses: make([]challengeResponseType, len(e.Answers)),
		EventContextData:   eventContextDataType{IpAddress: unlessEmpty(e.Address), DeviceName: unlessEmpty(e.Row.Device)},
	}
	for i, a := range e.Answers {
		out.ChallengeResponses[i] = challengeResponseType{a.Challenge, successOrFailure(a.Right)}
	}
	if e.Risk != "" {
		out.EventRisk = &eventRiskType{e.Risk}
	}
	if f := e.Feedback; f != nil {
		out.EventFeedback = &eventFeedbackType{f.Value, f.Provider, epoch(f.At)}
	}
	return out
}

func successOrFailure(right bool) string {
	if right {
		return "Success"
	}
	return "Failure"
}

type adminListUserAuthEventsInput struct {
	adminUserInput
	MaxResults *int32
	NextToken  *string
}

func (in *adminListUserAuthEventsInput) validate(v *violations) {
	in.adminUserInput.validate(v)
	v.between("maxResults", in.MaxResults, 0, 60)
	v.optional("nextToken", in.NextToken, pageToken)
}

type adminListUserAuthEventsOutput struct {
	AuthEvents []authEventType
	NextToken  *string `json:",omitzero"`
}

func (a *API) adminListUserAuthEvents(ctx context.Context, _ userpool.Caller, in *adminListUserAuthEventsInput) (*adminListUserAuthEventsOutput, error) {
	pool, name := in.user()
	page, err := a.service.AdminListUserAuthEvents(ctx, pool, name, int(value(in.MaxResults)), value(in.NextToken))
	if err != nil {
		return nil, err
	}
	out := &adminListUserAuthEventsOutput{AuthEvents: make([]authEventType, len(page.Events)), NextToken: unlessEmpty(page.Next)}
	for i, e := range page.Events {
		out.AuthEvents[i] = authEventOut(e)
	}
	return out, nil
}

type adminUpdateAuthEventFeedbackInput struct {
	adminUserInput
	EventId       *string
	FeedbackValue *string
}

func (in *adminUpdateAuthEventFeedbackInput) validate(v *violations) {
	in.adminUserInput.validate(v)
	v.required("eventId", in.EventId, eventID)
	v.required("feedbackValue", in.FeedbackValue, feedbackValue)
}

func (a *API) adminUpdateAuthEventFeedback(ctx context.Context, _ userpool.Caller, in *adminUpdateAuthEventFeedbackInput) (*emptyAnswer, error) {
	pool, name := in.user()
	return &emptyAnswer{}, a.service.AdminUpdateAuthEventFeedback(ctx, pool, name, userpool.AuditID(value(in.EventId)), value(in.FeedbackValue))
}
