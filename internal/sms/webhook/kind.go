package webhook

import (
	"errors"
	"net/url"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

// Kind is this kind of provider.
func Kind() provider.Kind {
	return provider.Kind{
		Name:  "webhook",
		About: "An HTTP service of your own, to which each text is posted as JSON.",
		Fields: []provider.Field{
			{Name: "url", Arg: "https://...", Required: true, Check: checkURL,
				About: "where texts are posted to"},
			{Name: "secret", Arg: "whsec_...", Secret: true, Check: checkSecret,
				About: "signs the posts, and verifies what the service posts back, so that without it no receipt is taken"},
			{Name: "username", Arg: "NAME",
				About: "for basic authentication at the service"},
			{Name: "password", Arg: "PASSWORD", Secret: true,
				About: "for basic authentication at the service"},
		},
		Check: check,
		New: func(o provider.Options) (sms.Sender, error) {
			address, err := withUser(o.Values["url"], o.Values["username"], o.Values["password"])
			if err != nil {
				return nil, err
			}
			return New(Config{URL: address, Secret: o.Values["secret"], Transport: o.Transport})
		},
	}
}

func checkURL(value string) error {
	if err := hook.CheckURL(value); err != nil {
		return err
	}
	if u, err := url.Parse(value); err != nil || u.User != nil {
		return errors.New("the URL must hold no user and no password, which have fields of their own")
	}
	return nil
}

func checkSecret(value string) error {
	_, err := hook.NewSigner(value)
	return err
}

func check(v provider.Values) *provider.Problem {
	if (v["username"] == "") != (v["password"] == "") {
		return &provider.Problem{Field: "username", What: "and password go together"}
	}
	return nil
}

func withUser(raw, username, password string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("the URL cannot be parsed")
	}
	if username != "" {
		u.User = url.UserPassword(username, password)
	}
	return u.String(), nil
}
