package routes

import (
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// demotion is why a provider is put last in a country.
type demotion struct {
	since time.Time
	why   string
}

// lessons are what was learned of providers in countries.
type lessons map[pair]*lesson

type lesson struct {
	demoted *demotion
}

func (l lessons) demotion(provider int, country string) *demotion {
	if s := l[pair{provider, country}]; s != nil {
		return s.demoted
	}
	return nil
}

// Learn implements sms.Learner.
func (r *Router) Learn(now time.Time, recent []sms.Evidence) {}
