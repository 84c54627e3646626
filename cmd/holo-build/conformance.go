package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo/holotest"
)

// conformOptions are the flags of test that are about conformance.
type conformOptions struct{ binary, resources, root string }

// keptRule is something in which one of our own plugins follows the reference rather than the interface, under the name
// holo-ID: who has used the reference must find the same.
type keptRule struct {
	// check is the check that sees it; empty if none does.
	check, why string
}

// kept are those rules, by plugin.
func kept() map[string][]keptRule {
	const runs = "scripts run at every apply, whatever somebody else has changed"
	return map[string][]keptRule{
		"files": {
			{"", "an updated stock file becomes the base copy also where apply then demands force"},
			{"", "a target that no package has installed is not made, but an error"},
		},
		"users-groups": {
			{"second-apply", "with a root other than / accounts are only declared, by lines MOCK: ..., so that they seem to be gone afterwards"},
			{"", "a definition that differs from the account demands force, also where only the definition has changed"},
			{"", "scrubbing never demands force, whatever somebody else has changed, nor does a changed comment"},
		},
		"ssh-keys": {
			{"force-restore", "keys that somebody else has taken out come back: force is never demanded"},
			{"", "with a root other than / modes that were mended are no change, and the home of a user who is not in passwd is /home/USER"},
		},
		"run-scripts": {{"force-overwrite", runs}, {"force-restore", runs}},
	}
}

// runConformance holds a plugin against the interface.
func runConformance(ctx context.Context, p process, o testOptions) (err error) {
	c := o.conform
	for _, name := range []string{c.binary, c.resources, c.root} {
		if _, err := os.Stat(name); name != "" && err != nil {
			return usageError{err}
		}
	}
	work, err := newWorkDir(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	failed, ours, known := 0, keptOf(c.binary), make(map[string]string)
	for _, rule := range ours {
		known[rule.check] = rule.why
	}
	report := &testReport{p: p, color: p.colorOf(p.stdout)}
	all, err := holotest.Conform(ctx, holotest.ConformOptions{
		Binary: c.binary, Resources: c.resources, Root: c.root, Environ: p.environ, Scratch: work.Path, Timeout: o.timeout, Kept: known,
		Notice: func(text string) { fmt.Fprintln(p.stderr, ">> "+printableLines(text)) },
		Done: func(v holotest.Verdict) {
			if v.Status == holotest.NotOK {
				failed++
			}
			report.verdict(v)
		},
	})
	if err != nil {
		return err
	}
	for _, rule := range ours {
		if rule.check == "" {
			report.verdict(holotest.Verdict{Status: holotest.Kept, Name: "-", Sentence: "What no check sees.", Why: rule.why})
		}
	}
	if failed > 0 {
		text := fmt.Sprintf("%s does not conform: %d of %s.", filepath.Base(c.binary), failed, count(len(all), "check", "checks"))
		report.print(report.red("!! " + printable(text)))
		return errors.Join(report.err, toldError{errors.New(text)})
	}
	return report.err
}

// verdict prints one line for a check.
func (r *testReport) verdict(v holotest.Verdict) {
	line := fmt.Sprintf("%-15s %-16s %s", v.Status, v.Name, v.Sentence)
	if v.Why != "" {
		line += " [" + printable(v.Why) + "]"
	}
	if v.Status == holotest.NotOK {
		line = r.red(line)
	}
	r.print(line)
}

// keptOf returns what a plugin keeps on purpose, if it is one of ours.
func keptOf(binary string) []keptRule {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	a, err1 := os.Stat(self)
	b, err2 := os.Stat(binary)
	if err1 != nil || err2 != nil || !os.SameFile(a, b) {
		return nil
	}
	return kept()[strings.TrimPrefix(filepath.Base(binary), "holo-")]
}
