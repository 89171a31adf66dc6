package cognito

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Wire types that several families share. Members are spelled as on the wire.
// In requests, what may be absent and must be told from its empty value is a
// pointer.

// epoch is a time on the wire: a JSON number of seconds since 1970, with
// milliseconds behind the point.
type epoch time.Time

// MarshalJSONTo writes the number.
func (t epoch) MarshalJSONTo(enc *jsontext.Encoder) error {
	seconds := float64(time.Time(t).UnixMilli()) / 1000
	return enc.WriteValue(strconv.AppendFloat(nil, seconds, 'f', -1, 64))
}

// textMap is a map of texts in which null stands for an absent key, as clients
// send it (amazon-cognito-identity-js: "DEVICE_KEY": null).
type textMap map[string]string

// UnmarshalJSONFrom reads the map without its nulls.
func (m *textMap) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var all map[string]*string
	if err := json.UnmarshalDecode(dec, &all); err != nil {
		return err
	}
	if all == nil {
		*m = nil
		return nil
	}
	*m = make(textMap, len(all))
	for k, v := range all {
		if v != nil {
			(*m)[k] = *v
		}
	}
	return nil
}

// textList is a list of texts in which nulls are passed over, as in textMap.
type textList []string

// UnmarshalJSONFrom reads the list without its nulls.
func (l *textList) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var all []*string
	if err := json.UnmarshalDecode(dec, &all); err != nil {
		return err
	}
	if all == nil {
		*l = nil
		return nil
	}
	*l = make(textList, 0, len(all))
	for _, s := range all {
		if s != nil {
			*l = append(*l, *s)
		}
	}
	return nil
}

// attributeType is one user attribute.
type attributeType struct {
	Name  *string
	Value *string `json:",omitzero"`
}

func attributesIn(list []attributeType) []userpool.Attribute {
	out := make([]userpool.Attribute, len(list))
	for i, a := range list {
		out[i] = userpool.Attribute{Name: value(a.Name), Value: value(a.Value)}
	}
	return out
}

// textsIn is a list of attributes as the map that functions get, nil where it is
// empty.
func textsIn(list []attributeType) map[string]string {
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]string, len(list))
	for _, a := range list {
		out[value(a.Name)] = value(a.Value)
	}
	return out
}

func attributesOut(list []userpool.Attribute) []attributeType {
	out := make([]attributeType, len(list))
	for i := range list {
		out[i] = attributeType{Name: &list[i].Name, Value: &list[i].Value}
	}
	return out
}

// codeDeliveryDetailsType says where a code went.
type codeDeliveryDetailsType struct {
	Destination    string
	DeliveryMedium string
	AttributeName  string `json:",omitzero"`
}

func deliveryOut(d userpool.Delivery) codeDeliveryDetailsType {
	return codeDeliveryDetailsType{Destination: d.Destination, DeliveryMedium: d.Medium, AttributeName: d.Attribute}
}

// analyticsMetadataType and userContextDataType feed Amazon Pinpoint and threat
// protection. They are read and not used.
type analyticsMetadataType struct {
	AnalyticsEndpointId *string
}

type userContextDataType struct {
	IpAddress   *string
	EncodedData *string
}

// emptyAnswer is {}: the output of operations that only succeed.
type emptyAnswer struct{}
