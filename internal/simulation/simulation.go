// Package simulation plays the whole domain, several nodes of it on one store,
// under virtual time: people sign up and in, a stranger and an operator come in
// between, and a seed says what breaks meanwhile. It judges by what the people
// were told and by what the store holds. It has no code outside its tests.
package simulation
