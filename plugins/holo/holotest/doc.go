// Package holotest tests Holo plugins: it runs the test cases of holo-test(7), and holds any plugin executable against
// holo-plugin-interface(7).
//
// A test case is a directory:
//
//	source-tree | source-image --> target/ --env.sh, scan, diff, apply, apply --force--> expected-*-output, expected-tree
//
// A case with expected-calls, or with scripts in mocks/, finds stand-ins in the places of the system's tools, which work on
// target/; what they were used for during apply is compared with expected-calls.
//
// The tree before and after is written as a dump, one text for a whole tree; [Tree] has the format. source-image is an
// extension: it names an image or a root file system that target/ begins as, and over which source-tree is laid, if there
// is one. The expected tree then has only what changed.
//
// Cases are run in a copy of their directories, so that nothing is written there, and several can run at once. Around the
// copies, there are links to what lies around the cases. Or they are run in place, as the reference does.
package holotest
