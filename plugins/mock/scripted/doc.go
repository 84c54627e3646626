// Package scripted stands in for programs and daemons by the word of a file: what they answer is written there, so that the
// author of a plugin for FooSQL can try it without FooSQL.
//
// The file is TOML, https://toml.io/en/v1.0.0; docs/stand-ins.md has all its keys:
//
//	[[program]]
//	name = "foosql"
//	[[program.answer]]
//	args = ["create", "database", "shop"]
//	stdout = "created\n"
//
//	[[socket]]
//	path = "/run/foosql/socket"
//	variable = "FOOSQL_SOCKET"
//	[[socket.answer]]
//	message = "PING"
//	reply = "PONG\n"
//
// The first answer that fits is given. Where none does, the call is refused: a script that does not know better must not
// claim that something was done.
//
//	files: Parse --> Files --Merge--> Set: --> mock.Tools.Extra, mock.Socket
package scripted
