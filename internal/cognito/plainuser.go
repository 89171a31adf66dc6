package cognito

import "github.com/bellhop-auth/bellhop/internal/plain"

// appendPlain implements plainAnswer.
func (out *getUserOutput) appendPlain(b []byte) (_ []byte, ok bool) {
	if out.MFAOptions != nil || out.PreferredMfaSetting != "" || out.UserMFASettingList != nil {
		return nil, false
	}
	if b, ok = appendText(append(b, `{"Username":`...), &out.Username); !ok {
		return nil, false
	}
	b = append(b, `,"UserAttributes":[`...)
	for i, a := range out.UserAttributes {
		if i > 0 {
			b = append(b, ',')
		}
		if b, ok = appendText(append(b, `{"Name":`...), a.Name); !ok {
			return nil, false
		}
		if b, ok = appendText(append(b, `,"Value":`...), a.Value); !ok {
			return nil, false
		}
		b = append(b, '}')
	}
	return append(b, "]}"...), true
}

func appendText(b []byte, text *string) ([]byte, bool) {
	if text == nil || !plain.Is(*text) {
		return nil, false
	}
	return append(append(append(b, '"'), *text...), '"'), true
}
