package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// deviceType is a device as the service shows it.
type deviceType struct {
	DeviceKey                   string
	DeviceAttributes            []attributeType
	DeviceCreateDate            epoch
	DeviceLastModifiedDate      epoch
	DeviceLastAuthenticatedDate epoch
}

func deviceOut(d userpool.Device) deviceType {
	out := deviceType{
		DeviceKey:                   d.Key,
		DeviceCreateDate:            epoch(d.CreatedAt),
		DeviceLastModifiedDate:      epoch(d.ModifiedAt),
		DeviceLastAuthenticatedDate: epoch(d.AuthenticatedAt),
	}
	for _, a := range []userpool.Attribute{
		{Name: "device_status", Value: "valid"}, // of every device that is there
		{Name: "device_name", Value: d.Name},
		{Name: "last_ip_used", Value: d.Address},
		{Name: "dev:device_remembered_status", Value: rememberedStatus(d.Remembered)},
	} {
		if a.Value != "" {
			out.DeviceAttributes = append(out.DeviceAttributes, attributeType{Name: new(a.Name), Value: new(a.Value)})
		}
	}
	return out
}

// The values of DeviceRememberedStatus.
const (
	isRemembered  = "remembered"
	notRemembered = "not_remembered"
)

func rememberedStatus(remembered bool) string {
	if remembered {
		return isRemembered
	}
	return notRemembered
}

// rememberedIn reads a DeviceRememberedStatus, nil where none is given.
func rememberedIn(status *string) *bool {
	if status == nil {
		return nil
	}
	return new(*status == isRemembered)
}

type confirmDeviceInput struct {
	AccessToken                *string
	DeviceKey                  *string
	DeviceName                 *string
	DeviceSecretVerifierConfig *deviceSecretVerifierConfigType
}

type deviceSecretVerifierConfigType struct {
	PasswordVerifier *string
	Salt             *string
}

func (in *confirmDeviceInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	v.required("deviceKey", in.DeviceKey, deviceKey)
	v.optional("deviceName", in.DeviceName, deviceName)
	if c := in.DeviceSecretVerifierConfig; c != nil {
		v.optional("deviceSecretVerifierConfig.passwordVerifier", c.PasswordVerifier, deviceSecret)
		v.optional("deviceSecretVerifierConfig.salt", c.Salt, deviceSecret)
	}
}

type confirmDeviceOutput struct {
	UserConfirmationNecessary bool
}

func (a *API) confirmDevice(ctx context.Context, c userpool.Caller, in *confirmDeviceInput) (*confirmDeviceOutput, error) {
	secret := value(in.DeviceSecretVerifierConfig)
	ask, err := a.service.ConfirmDevice(ctx, userpool.DeviceConfirmation{
		Caller:      c,
		AccessToken: value(in.AccessToken),
		Key:         value(in.DeviceKey),
		Name:        value(in.DeviceName),
		Verifier:    value(secret.PasswordVerifier),
		Salt:        value(secret.Salt),
	})
	return &confirmDeviceOutput{UserConfirmationNecessary: ask}, err
}

// deviceInput names a device of whoever holds the token.
type deviceInput struct {
	AccessToken *string
	DeviceKey   *string
}

// A token is not required by the service model; without one nobody is shown anything.
func (in *deviceInput) validate(v *violations) {
	v.optional("accessToken", in.AccessToken, jwtOrHandle)
	v.required("deviceKey", in.DeviceKey, deviceKey)
}

// adminDeviceInput names a device of a user.
type adminDeviceInput struct {
	adminUserInput
	DeviceKey *string
}

func (in *adminDeviceInput) validate(v *violations) {
	in.adminUserInput.validate(v)
	v.required("deviceKey", in.DeviceKey, deviceKey)
}

type deviceOutput struct {
	Device deviceType
}

func (a *API) getDevice(ctx context.Context, _ userpool.Caller, in *deviceInput) (*deviceOutput, error) {
	d, err := a.service.GetDevice(ctx, value(in.AccessToken), value(in.DeviceKey))
	return &deviceOutput{deviceOut(d)}, err
}

func (a *API) adminGetDevice(ctx context.Context, _ userpool.Caller, in *adminDeviceInput) (*deviceOutput, error) {
	pool, name := in.user()
	d, err := a.service.AdminGetDevice(ctx, pool, name, value(in.DeviceKey))
	return &deviceOutput{deviceOut(d)}, err
}

func (a *API) forgetDevice(ctx context.Context, _ userpool.Caller, in *deviceInput) (*noBody, error) {
	return &noBody{}, a.service.ForgetDevice(ctx, value(in.AccessToken), value(in.DeviceKey))
}

func (a *API) adminForgetDevice(ctx context.Context, _ userpool.Caller, in *adminDeviceInput) (*noBody, error) {
	pool, name := in.user()
	return &noBody{}, a.service.AdminForgetDevice(ctx, pool, name, value(in.DeviceKey))
}

// devicePage are the members of the lists of devices.
type devicePage struct {
	Limit           *int32
	PaginationToken *string
}

func (p devicePage) validate(v *violations) {
	v.between("limit", p.Limit, 0, 60)
	v.optional("paginationToken", p.PaginationToken, pageToken)
}

type listDevicesInput struct {
	AccessToken *string
	devicePage
}

func (in *listDevicesInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	in.devicePage.validate(v)
}

type adminListDevicesInput struct {
	adminUserInput
	devicePage
}

func (in *adminListDevicesInput) validate(v *violations) {
	in.adminUserInput.validate(v)
	in.devicePage.validate(v)
}

type devicesOutput struct {
	Devices         []deviceType
	PaginationToken *string `json:",omitzero"`
}

func devicesOut(page userpool.DevicePage) *devicesOutput {
	out := &devicesOutput{Devices: make([]deviceType, len(page.Devices)), PaginationToken: unlessEmpty(page.Next)}
	for i, d := range page.Devices {
		out.Devices[i] = deviceOut(d)
	}
	return out
}

func (a *API) listDevices(ctx context.Context, _ userpool.Caller, in *listDevicesInput) (*devicesOutput, error) {
	page, err := a.service.ListDevices(ctx, value(in.AccessToken), int(value(in.Limit)), value(in.PaginationToken))
	return devicesOut(page), err
}

func (a *API) adminListDevices(ctx context.Context, _ userpool.Caller, in *adminListDevicesInput) (*devicesOutput, error) {
	pool, name := in.user()
	page, err := a.service.AdminListDevices(ctx, pool, name, int(value(in.Limit)), value(in.PaginationToken))
	return devicesOut(page), err
}

type updateDeviceStatusInput struct {
	deviceInput
	DeviceRememberedStatus *string
}

func (in *updateDeviceStatusInput) validate(v *violations) {
	v.present("accessToken", in.AccessToken != nil)
	in.deviceInput.validate(v)
	v.optional("deviceRememberedStatus", in.DeviceRememberedStatus, deviceRemembered)
}

func (a *API) updateDeviceStatus(ctx context.Context, _ userpool.Caller, in *updateDeviceStatusInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.UpdateDeviceStatus(ctx, value(in.AccessToken), value(in.DeviceKey), rememberedIn(in.DeviceRememberedStatus))
}

type adminUpdateDeviceStatusInput struct {
	adminDeviceInput
	DeviceRememberedStatus *string
}

func (in *adminUpdateDeviceStatusInput) validate(v *violations) {
	in.adminDeviceInput.validate(v)
	v.optional("deviceRememberedStatus", in.DeviceRememberedStatus, deviceRemembered)
}

func (a *API) adminUpdateDeviceStatus(ctx context.Context, _ userpool.Caller, in *adminUpdateDeviceStatusInput) (*emptyAnswer, error) {
	pool, name := in.user()
	return &emptyAnswer{}, a.service.AdminUpdateDeviceStatus(ctx, pool, name, value(in.DeviceKey), rememberedIn(in.DeviceRememberedStatus))
}
