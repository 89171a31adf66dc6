//go:build race

package simulation

// fewSeeds is how many a plain test run plays; the race detector is slow.
const fewSeeds = 3
