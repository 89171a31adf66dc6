package cognito

import (
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// lambdaConfigType is a pool's triggers, kept and given back as they were sent.
type lambdaConfigType struct {
	PreSignUp                   *string              `json:",omitzero"`
	CustomMessage               *string              `json:",omitzero"`
	PostConfirmation            *string              `json:",omitzero"`
	PreAuthentication           *string              `json:",omitzero"`
	PostAuthentication          *string              `json:",omitzero"`
	DefineAuthChallenge         *string              `json:",omitzero"`
	CreateAuthChallenge         *string              `json:",omitzero"`
	VerifyAuthChallengeResponse *string              `json:",omitzero"`
	PreTokenGeneration          *string              `json:",omitzero"`
	UserMigration               *string              `json:",omitzero"`
	PreTokenGenerationConfig    *versionedLambdaType `json:",omitzero"`
	CustomSMSSender             *versionedLambdaType `json:",omitzero"`
	CustomEmailSender           *versionedLambdaType `json:",omitzero"`
	KMSKeyID                    *string              `json:",omitzero"`
	InboundFederation           *versionedLambdaType `json:",omitzero"`
}

// versionedLambdaType is a trigger whose events have versions.
type versionedLambdaType struct {
	LambdaVersion *string `json:",omitzero"`
	LambdaArn     *string `json:",omitzero"`
}

// plain are the triggers that are an ARN and no more.
func (c *lambdaConfigType) plain() map[trigger.Name]*string {
	return map[trigger.Name]*string{
		trigger.PreSignUp: c.PreSignUp, trigger.CustomMessage: c.CustomMessage, trigger.PostConfirmation: c.PostConfirmation,
		trigger.PreAuthentication: c.PreAuthentication, trigger.PostAuthentication: c.PostAuthentication,
		trigger.DefineAuthChallenge: c.DefineAuthChallenge, trigger.CreateAuthChallenge: c.CreateAuthChallenge,
		trigger.VerifyAuthChallenge: c.VerifyAuthChallengeResponse,
		trigger.PreTokenGeneration:  c.PreTokenGeneration, trigger.UserMigration: c.UserMigration,
	}
}

func (c *lambdaConfigType) validate(v *violations) {
	if c == nil {
		return
	}
	for _, m := range []struct {
		path string
		arn  *string
	}{
		{"preSignUp", c.PreSignUp}, {"customMessage", c.CustomMessage}, {"postConfirmation", c.PostConfirmation},
		{"preAuthentication", c.PreAuthentication}, {"postAuthentication", c.PostAuthentication},
		{"defineAuthChallenge", c.DefineAuthChallenge}, {"createAuthChallenge", c.CreateAuthChallenge},
		{"verifyAuthChallengeResponse", c.VerifyAuthChallengeResponse}, {"preTokenGeneration", c.PreTokenGeneration},
		{"userMigration", c.UserMigration}, {"kMSKeyID", c.KMSKeyID},
	} {
		if value(m.arn) != "" { // "" is how tools take one back
			v.optional("lambdaConfig."+m.path, m.arn, resourceARN)
		}
	}
	for _, m := range []struct {
		path    string
		to      *versionedLambdaType
		version rule
	}{
		{"preTokenGenerationConfig", c.PreTokenGenerationConfig, tokenEvents},
		{"customSMSSender", c.CustomSMSSender, senderEvents},
		{"customEmailSender", c.CustomEmailSender, senderEvents},
		{"inboundFederation", c.InboundFederation, senderEvents},
	} {
		if m.to != nil {
			v.required("lambdaConfig."+m.path+".lambdaVersion", m.to.LambdaVersion, m.version)
			v.required("lambdaConfig."+m.path+".lambdaArn", m.to.LambdaArn, resourceARN)
		}
	}
}

// triggers are what the domain acts on.
func (c *lambdaConfigType) triggers() (userpool.Triggers, error) {
	t := userpool.Triggers{}
	if c == nil {
		return t, nil
	}
	t.Functions = make(map[trigger.Name]string)
	for name, arn := range c.plain() {
		if value(arn) != "" {
			t.Functions[name] = *arn
		}
	}
	if p := c.PreTokenGenerationConfig; p != nil {
		if old := t.Functions[trigger.PreTokenGeneration]; old != "" && old != *p.LambdaArn {
			return t, fault.New(fault.InvalidParameter, "LambdaConfig: PreTokenGeneration and PreTokenGenerationConfig must name the same function.")
		}
		t.Functions[trigger.PreTokenGeneration], t.TokenVersion = *p.LambdaArn, *p.LambdaVersion
	}
	for name, to := range map[trigger.Name]*versionedLambdaType{
		trigger.CustomSMSSender: c.CustomSMSSender, trigger.CustomEmailSender: c.CustomEmailSender,
	} {
		if to != nil {
			t.Functions[name] = *to.LambdaArn
		}
	}
	t.KMSKey = value(c.KMSKeyID)
	if c.InboundFederation != nil {
		return t, fault.New(fault.InvalidParameter, "LambdaConfig.InboundFederation is not served by this version of Bellhop: it has no federated sign-in.")
	}
	return t, nil
}
