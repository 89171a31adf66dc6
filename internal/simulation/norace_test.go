//go:build !race

package simulation

// fewSeeds is how many a plain test run plays.
const fewSeeds = 40
