package cognito

import (
	"reflect"
	"strings"
)

// toldPrefix begins the keys of ClientMetadata that are for Bellhop itself.
const toldPrefix = "bellhop:"

// toldDevice is the key under which a flow that has no DEVICE_KEY tells its device.
const toldDevice = "device"

// takeTold takes out of a request's ClientMetadata what it tells Bellhop itself, by
// keys without the prefix. It is done here for all operations, so that no function
// of a pool sees any of it.
func takeTold(in any) map[string]string {
	var told map[string]string
	v := reflect.ValueOf(in).Elem()
	metadata := mapMember(v, "ClientMetadata")
	for key, text := range metadata {
		name, own := strings.CutPrefix(key, toldPrefix)
		if !own {
			continue
		}
		if told == nil {
			told = map[string]string{}
		}
		told[name] = text
		delete(metadata, key)
	}
	if told != nil && len(metadata) == 0 { // as if there had been none
		v.FieldByName("ClientMetadata").SetZero()
	}
	return told
}

// deviceOf is the device key that a request gives: where clients send it by
// themselves, else in the line for flows that do not.
func deviceOf(in any, told map[string]string) string {
	v := reflect.ValueOf(in).Elem()
	for _, name := range []string{"AuthParameters", "ChallengeResponses"} {
		if key := mapMember(v, name)["DEVICE_KEY"]; key != "" {
			return key
		}
	}
	return told[toldDevice]
}
