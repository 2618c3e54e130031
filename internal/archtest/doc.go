// Package archtest holds no code, only tests: they read the whole module and fail when a package imports what it should
// not know, when a library is used outside the one package that wraps it, or when a rule of the code that a compiler
// cannot see is broken (who may end the process, how long a file may be).
//
// The tables in table_test.go are the rules. A new package, or a new third-party module, adds its row there and to
// docs/architecture.md, in the same commit, with the reason.
package archtest
