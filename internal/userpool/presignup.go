package userpool

import (
	"context"
	"errors"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// signUpAsked is SignUp in a pool with a PreSignUp function. It is asked once for
// each user action, after all that the request itself decides, and before anybody
// looks whether the name is taken: functions free half-finished accounts.
func (s *Service) signUpAsked(ctx context.Context, up signingUp) (SignUpResult, error) {
	r := up.request
	end, err := s.alone(ctx, r.Caller)
	if err != nil {
		return SignUpResult{}, err
	}
	defer end()
	up.apart = true
	result, found, err := recalled(ctx, s, r.Caller, up.at, up.stands(ctx))
	if err == nil && !found {
		if err = s.preSignUp(ctx, &up); err == nil {
			result, err = s.storeSignUp(ctx, up)
		}
	}
	if err == nil && result.Confirmed && up.pool.Settings.Triggers.has(trigger.PostConfirmation) {
		err = s.tellOnce(ctx, r.Caller, found, string(result.Sub), up.at, func(ctx context.Context) error {
			return s.confirmedByID(ctx, up.pool, up.client.ID, result.Sub, trigger.PostConfirmationConfirmSignUp, r.ClientMetadata)
		})
	}
	if err != nil {
		return SignUpResult{}, err
	}
	return result, nil
}

// preSignUp asks the pool's function whether somebody may sign up. It may confirm
// him at once, and call his contacts verified.
func (s *Service) preSignUp(ctx context.Context, up *signingUp) error {
	if err := s.countStart(ctx, &up.request.Caller, up.at); err != nil {
		return err
	}
	o := occasion{up.pool, up.client.ID, up.pool.Settings.username(up.reg)}
	said, err := ask(ctx, s, o, trigger.PreSignUpSignUp, trigger.PreSignUpRequest{
		UserAttributes: up.reg.Attributes, ValidationData: up.request.ValidationData, ClientMetadata: up.request.ClientMetadata,
	}, trigger.PreSignUpResponse{})
	if err != nil {
		return err
	}
	verified := map[string]bool{AttrPhone: said.AutoVerifyPhone, AttrEmail: said.AutoVerifyEmail}
	for _, attr := range contactAttributes {
		if !verified[attr] {
			continue
		}
		c := attributeContact(up.reg.Attributes, attr)
		if c.IsZero() {
			return s.unusable(ctx, o.pool, trigger.PreSignUp, "it verifies the "+whatIs(attr)+" of somebody who has none")
		}
		up.reg.Attributes[c.verified()] = "true"
	}
	up.confirms = said.AutoConfirmUser
	return nil
}

// confirmAtOnce makes the sign-up a user without a code. Whoever signed up has
// proved nothing, so outside a pool that is exact the user is Unproved: the first
// right code that Bellhop texts to him drops the password and the attributes that
// came with the sign-up. Where a taken name must not be told nothing changes, and
// the answer is the same.
func (s *Service) confirmAtOnce(ctx context.Context, tx Tx, up signingUp) (SignUpResult, error) {
	p, result := up.pool, SignUpResult{Confirmed: true, Sub: up.reg.Sub}
	switch _, err := holder(ctx, tx, up.reg); {
	case err == nil && hidesNames(p):
		return result, nil
	case err == nil:
		return SignUpResult{}, nameExists(p, up.reg.Name, errUserExists)
	case !errors.Is(err, ErrNotFound):
		return SignUpResult{}, err
	}
	if p.Settings.exact() {
		if err := makeRoom(ctx, tx, p, up.reg, up.at); err != nil {
			return SignUpResult{}, err
		}
	}
	_, err := s.confirmUnproved(ctx, tx, p, up.reg, true, up.at)
	if taken, ok := errors.AsType[*fault.Error](err); ok && taken.Kind == fault.AliasExists {
		err = fault.New(fault.UsernameExists, "%s", taken.Message) // what SignUp has for it
	}
	return result, err
}

// preCreate asks the pool's function whether an administrator may create the user.
// What else it says of him does not count.
func (s *Service) preCreate(ctx context.Context, p Pool, u User, r NewUser) error {
	if !p.Settings.Triggers.has(trigger.PreSignUp) {
		return nil
	}
	_, err := ask(ctx, s, occasion{pool: p, userName: u.Username}, trigger.PreSignUpAdminCreateUser, trigger.PreSignUpRequest{
		UserAttributes: u.Attributes, ValidationData: r.ValidationData, ClientMetadata: r.ClientMetadata,
	}, trigger.PreSignUpResponse{})
	return err
}
