package triggerfile

import (
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// reader reads what only this file has.
type reader struct{ *yamlfile.Reader }

type (
	place  = yamlfile.Place
	fields = yamlfile.Fields
)

func (r *reader) texts(p place) []string {
	if p.Node.Kind != yaml.SequenceNode || len(p.Node.Content) == 0 {
		r.Problem(p, "must be a list of texts, such as [./bootstrap]")
		return nil
	}
	var all []string
	for _, n := range r.Elements(p, "") {
		all = append(all, r.Text(place{Where: p.Where, Node: n.Node}))
	}
	return all
}

// environment reads variables. A number or a boolean is its text as it stands.
func (r *reader) environment(p place) map[string]string {
	given, _ := r.Pairs(p)
	all := map[string]string{}
	for _, g := range given {
		switch {
		case g.Key == "" || strings.ContainsAny(g.Key, "=\x00"):
			r.Problem(g.Place, "is no name of a variable")
		case !g.Scalar() || strings.Contains(g.Node.Value, "\x00"):
			r.Problem(g.Place, "must be a text")
		default:
			all[g.Key] = g.Node.Value
		}
	}
	return all
}

// existing reads the path of a folder that is there.
func (r *reader) existing(p place) string {
	text := r.Text(p)
	if text == "" {
		return ""
	}
	path := r.From(text)
	if info, err := os.Stat(path); err != nil {
		r.Problem(p, "names a folder that cannot be used: %v", err)
	} else if !info.IsDir() {
		r.Problem(p, "names %s, which is no folder", path)
	}
	return path
}

// secret reads a file that holds a secret of webhooks.
func (r *reader) secret(p place) config.Secret {
	secret := r.Secret(p)
	if secret == "" {
		return ""
	}
	if err := config.CheckWebhookSecret(string(secret)); err != nil {
		r.Problem(p, "names a file whose secret %v", err)
	}
	return secret
}
