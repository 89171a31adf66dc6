//go:build race

package cognito_test

// underRace says that the race detector runs, which makes everything several times
// slower: a long table is sampled then, and whole without it (scripts/test.sh).
const underRace = true
