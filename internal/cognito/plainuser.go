package cognito

import "github.com/bellhop-auth/bellhop/internal/plain"

// appendPlain implements plainAnswer.
func (out *getUserOutput) appendPlain(b []byte) ([]byte, bool) {
	if out.MFAOptions != nil || out.PreferredMfaSetting != "" || out.UserMFASettingList != nil {
		return nil, false
	}
	w := plainWriter{b: append(b, '{')}
	w.text("Username", out.Username)
	w.b = append(plain.AppendName(w.b, "UserAttributes"), '[')
	for i, a := range out.UserAttributes {
		if a.Name == nil || a.Value == nil {
			return nil, false
		}
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, '{')
		w.text("Name", *a.Name)
		w.text("Value", *a.Value)
		w.close()
	}
	return append(w.b, "]}"...), !w.odd
}
