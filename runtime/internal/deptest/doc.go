// Package deptest holds the directions in which the packages of the module may
// depend on one another. It has no code but its test: arrows_test.go lists the
// rules, each with its reason, and every package must be under one of them.
//
//	cmd ──▶ node, turns, trace, gpu
//	        node, sim ──▶ core ──▶ sched, kvpin, kvpin/anchor, toolpredict ──▶ programs
//	examples ──▶ sdk ──▶ sdk/wire ◀── turns
//
// The rules are about what a package is built from. What its tests import is its
// own affair.
package deptest
