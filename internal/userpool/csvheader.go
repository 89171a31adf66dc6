package userpool

// The columns of Cognito's CSV of users that are no attributes.
const (
	CSVUsername   = "cognito:username"
	CSVMFAEnabled = "cognito:mfa_enabled"
)

// csvAttributes are the standard attributes in the order that Cognito gives them
// as the header of its CSV (API reference, GetCSVHeader).
var csvAttributes = []string{
	"name", "given_name", "family_name", "middle_name", "nickname", attrPreferred, "profile",
	"picture", "website", AttrEmail, AttrEmailVerified, "gender", "birthdate", "zoneinfo", "locale",
	AttrPhone, AttrPhoneVerified, "address", attrUpdatedAt,
}

// CSVHeader is the header of the pool's CSV of users: a column for each attribute
// that can be written, then the two that are none.
func (s PoolSettings) CSVHeader() []string {
	header := append([]string(nil), csvAttributes...)
	for _, a := range s.Custom {
		header = append(header, a.Name)
	}
	return append(header, CSVMFAEnabled, CSVUsername)
}
