//go:build !race

package cognito_test

const underRace = false
