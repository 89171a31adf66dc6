package cognito

import (
	"reflect"
	"testing"
)

// What clients send is read plainly where it is plain: else it is read at the old cost,
// which nothing else would show.
func TestReadPlain_OfUsualRequests_IsAll(t *testing.T) {
	for body, plain := range map[string]bool{
		`{"ClientId":"abc","AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"+919876543210"}}`:                                true,
		`{"ClientId": "abc", "AuthFlow": "CUSTOM_AUTH", "AuthParameters": {"USERNAME": "+919876543210"}, "ClientMetadata": {}}`:    true,
		"{\n\t\"AuthFlow\":\"REFRESH_TOKEN_AUTH\",\r\n\t\"UserContextData\":{\"EncodedData\":\"x\"},\"AnalyticsMetadata\":{}\n}\n": true,
		`{}`: true,
		`{"AuthParameters":{"USERNAME":"Ünï"}}`:              false,
		`{"AuthParameters":{"USERNAME":"a\u0062"}}`:          false,
		`{"AuthParameters":{"DEVICE_KEY":null}}`:             false,
		`{"authFlow":"CUSTOM_AUTH"}`:                         false,
		`{"AuthFlow":"CUSTOM_AUTH","AuthFlow":"x"}`:          false,
		`{"Else":"where"}`:                                   false,
		`{"AuthParameters":{"USERNAME":"a","USERNAME":"b"}}`: false,
		`{"AuthFlow":1}`:                                     false,
		`{"AuthFlow":{}}`:                                    false,
		`{"AuthFlow":"a"`:                                    false,
		`{"AuthFlow":"a"}}`:                                  false,
		``:                                                   false,
	} {
		s := shapeOf(reflect.TypeFor[initiateAuthInput]())
		got, want := new(initiateAuthInput), new(initiateAuthInput)
		if readPlain([]byte(body), s, got) != plain {
			t.Errorf("%s: read plainly: %v", body, !plain)
		}
		if plain && (decodeStrictly([]byte(body), s, want) != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("%s: %+v, strictly %+v", body, got, want)
		}
	}
}
