package mock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Later is a use that only a running system gives a meaning to, as such a system is to repeat it.
type Later struct {
	Call
	// Words are the arguments, the tool's name first, of which none is redacted; what whoever used the tool called the root
	// is "/" in them. Secret says that there is something in them that must not be written down.
	Words  []string
	Secret bool
	// Dir is the working directory, as a path of the root; empty if it was none of the root's.
	Dir string
	// Input is what the tool read from its standard input; nil if it reads none.
	Input []byte
}

// maxInput bounds what a tool that is put off reads.
const maxInput = 4 << 20

var errInput = errors.New("more than 4 MB on standard input, which can't be kept for later")

// putOff hands a use on to Defer, and returns its exit status and what has become of it.
func (t *Tools) putOff(ctx context.Context, p tool, u Use) (int, Outcome) {
	var input []byte
	err := error(nil)
	if p.reads != nil && u.Stdin != nil && p.reads(u.Argv[1:]) { // in any case, for the sake of who writes into the pipe
		input, err = io.ReadAll(io.LimitReader(u.Stdin, maxInput+1))
		input = append([]byte{}, input...) // not nil
	}
	switch {
	case ctx.Err() != nil:
		return 1, Refused
	case t.Defer == nil:
		return 0, Deferred
	case err == nil && len(input) > maxInput:
		err = errInput
	}
	if err == nil {
		argv := slices.Clone(p.withoutSecrets(u.Argv))
		err = t.Defer(Later{Call: Call{Argv: argv, Plugin: u.Plugin, Entity: u.Entity, Outcome: Deferred}, Words: u.inRoot(),
			Secret: !slices.Equal(argv, u.Argv), Dir: u.dirInRoot(), Input: input})
	}
	if err != nil {
		fmt.Fprintf(u.Stderr, "%s: %v\n", u.Argv[0], err)
		return 1, Refused
	}
	return 0, Deferred
}

// inRoot are the arguments as a system has them of which the root is the root.
func (u Use) inRoot() []string {
	words := slices.Clone(u.Argv)
	root := path.Clean(u.RootDir)
	if u.RootDir == "" || root == "/" {
		return words
	}
	for i, w := range words {
		if w = strings.ReplaceAll(w, root+"/", "/"); strings.HasSuffix(w, root) {
			w = strings.TrimSuffix(w, root) + "/"
		}
		words[i] = w
	}
	return words
}

// dirInRoot is the working directory, as a path of the root.
func (u Use) dirInRoot() string {
	root := path.Clean(u.RootDir)
	if u.Dir == "" || u.RootDir == "" {
		return ""
	}
	rest, ok := strings.CutPrefix(u.Dir+"/", strings.TrimSuffix(root, "/")+"/")
	if !ok {
		return ""
	}
	return path.Clean("/" + rest)
}

// standardInput are names of files that mean it.
var standardInput = []string{"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}

// sysctlReads says that sysctl(8) is to read settings from standard input.
func sysctlReads(args []string) bool {
	load, input := false, false
	for _, a := range args {
		load = load || strings.HasPrefix(a, "-p") || strings.HasPrefix(a, "--load")
		input = input || isStandardInput(strings.TrimPrefix(strings.TrimPrefix(a, "-p"), "--load="))
	}
	return load && input
}

// nftReads says that nft(8) is to read rules from standard input.
func nftReads(args []string) bool {
	s := scan([]option{{short: 'f', long: "file", arg: true}, {short: 'i', long: "interactive"}, {short: 'I', long: "includepath", arg: true},
		{short: 'D', long: "define", arg: true}, {short: 'c', long: "check"}, {short: 'a', long: "handle"}, {short: 'e', long: "echo"},
		{short: 'j', long: "json"}, {short: 'n', long: "numeric"}, {short: 's', long: "stateless"}, {short: 'o', long: "optimize"}}, args)
	return slices.ContainsFunc(s.given, func(g given) bool {
		return g.option == "file" && isStandardInput(g.value) || g.option == "interactive"
	})
}

// restoreReads says that iptables-restore(8) is not told of a file to read instead.
func restoreReads(args []string) bool {
	s := scan([]option{{short: 'c', long: "counters"}, {short: 'v', long: "verbose"}, {short: 't', long: "test"}, {short: 'n', long: "noflush"},
		{short: 'h', long: "help"}, {short: 'V', long: "version"}, {short: 'M', long: "modprobe", arg: true},
		{short: 'T', long: "table", arg: true}, {short: 'w', long: "wait"}, {short: 'W', long: "wait-interval"}}, args)
	// The number of seconds may be a word of its own.
	files := slices.DeleteFunc(s.operands, func(o string) bool { return strings.Trim(o, "0123456789") == "" })
	return len(files) == 0 || slices.ContainsFunc(files, isStandardInput)
}

func isStandardInput(name string) bool { return slices.Contains(standardInput, name) }
