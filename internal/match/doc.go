// Package match says what kind of pair two photos are, given what is known
// about each and what a comparison of their pixels has shown.
//
// It is pure: values in, values out. It opens no file, asks no clock and knows
// no store; internal/find collects the facts and keeps the verdicts. A kind is
// never guessed: what no evidence confirms is Similar.
package match
