package cognito

import (
	"testing"

	"github.com/go-json-experiment/json"
)

// An answer that writes itself is, byte for byte, what the encoder makes of it, and does so
// if all of its texts are plain.
func FuzzPlainAnswer(f *testing.F) {
	f.Add("a.b-c_d", "SELECT_CHALLENGE", "+14155550123", 3600, uint8(0xff))
	f.Add("a.b-c_d", "", "", 0, uint8(0))
	f.Add(`a"`, "<&>", "Zoë", -1, uint8(0x55))
	f.Add("x", "\xff", "a\\", 1, uint8(0xaa))
	f.Fuzz(func(t *testing.T, token, name, value string, n int, has uint8) {
		out := &initiateAuthOutput{}
		if has&1 != 0 {
			out.AuthenticationResult = &authenticationResultType{AccessToken: token, IdToken: "i" + token, ExpiresIn: n, TokenType: "Bearer"}
			if has&2 != 0 {
				out.AuthenticationResult.RefreshToken = token
			}
			if has&4 != 0 {
				out.AuthenticationResult.NewDeviceMetadata = &newDeviceMetadataType{DeviceKey: value, DeviceGroupKey: name}
			}
		}
		if has&8 != 0 {
			out.ChallengeName, out.Session = name, token
		}
		if has&16 != 0 {
			out.ChallengeParameters = textMap{name: value, "USERNAME": token, "CODE": ""}
		}
		if has&32 != 0 {
			out.AvailableChallenges = []string{name, value}
		}
		if has&64 != 0 {
			out.AvailableChallenges = []string{}
		}
		agree(t, out)
		agree(t, &respondToAuthChallengeOutput{
			AuthenticationResult: out.AuthenticationResult, ChallengeName: out.ChallengeName,
			Session: out.Session, ChallengeParameters: out.ChallengeParameters,
		})
	})
}

func agree(t *testing.T, out plainAnswer) {
	t.Helper()
	want, err := json.Marshal(out, written)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := out.appendPlain(nil); ok && string(got) != string(want) {
		t.Errorf("it writes\n%s\nwant\n%s", got, want)
	}
	if got, err := encode(out); err != nil || string(got) != string(want) {
		t.Errorf("%s, %v\nwant\n%s", got, err, want)
	}
}

// What most sign-ins are answered is plain, or it would be written at the old cost, which
// nothing else would show.
func TestPlainAnswer_OfUsualAnswers_IsAll(t *testing.T) {
	for _, out := range []plainAnswer{
		&initiateAuthOutput{ChallengeName: "CUSTOM_CHALLENGE", Session: "AYABeC", ChallengeParameters: textMap{"USERNAME": "+91"}},
		&initiateAuthOutput{AuthenticationResult: &authenticationResultType{AccessToken: "e.e.e", IdToken: "e.e.e", ExpiresIn: 3600, TokenType: "Bearer"}},
		&respondToAuthChallengeOutput{AuthenticationResult: &authenticationResultType{
			RefreshToken: "AQ", NewDeviceMetadata: &newDeviceMetadataType{DeviceKey: "us-east-1_0d5a", DeviceGroupKey: "-x"},
		}},
	} {
		if _, ok := out.appendPlain(nil); !ok {
			t.Errorf("%+v is not plain", out)
		}
	}
}
