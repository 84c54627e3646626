package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/mock/firstboot"
	"github.com/holo-build/holo-build/rootfs"
)

const deferUsage = "what becomes of calls of tools that only a running system can do:\n`HOW` log (they are told), unit (run at the first boot) or fail"

// deferFlag is the value of --defer; empty is deferLog.
type deferFlag string

// The values of --defer.
const (
	deferLog  = "log"
	deferUnit = "unit"
	deferFail = "fail"
)

// deferWays are the values of --defer.
func deferWays() []string { return []string{deferLog, deferUnit, deferFail} }

// Set implements pflag.Value.
func (f *deferFlag) Set(s string) error {
	if !slices.Contains(deferWays(), s) {
		return errors.New("it is log, unit or fail")
	}
	*f = deferFlag(s)
	return nil
}

func (f *deferFlag) String() string { return cmp.Or(string(*f), deferLog) }

// Type implements pflag.Value.
func (*deferFlag) Type() string { return "HOW" }

// deferred are the calls of stand-ins that only a running system can do. Tools are used one at a time.
type deferred struct {
	how   deferFlag
	root  rootfs.Root
	calls []mock.Later
	hide  *holo.Secrets // are in no command; nil for none
	// able is whether the root can run commands when it boots; asked says that this is known.
	able  error
	asked bool
}

// accept keeps a call, or refuses it.
func (d *deferred) accept(l mock.Later) error {
	hidden := l.Secret
	for i, arg := range l.Argv {
		l.Argv[i] = d.hide.Redact(arg)
		hidden = hidden || l.Argv[i] != arg
	}
	if d.how != deferUnit {
		d.calls = append(d.calls, mock.Later{Call: l.Call})
		return nil
	}
	if !d.asked {
		d.able, d.asked = firstboot.Supported(d.root), true
	}
	err := d.able
	var script []byte
	if err == nil {
		script, err = command(l).Script()
	}
	if err == nil && (hidden || d.hide != nil && d.hide.In(script) != "") {
		err = errors.New("there is a password or a secret in it, which no image may hold")
	}
	if err != nil {
		return fmt.Errorf("it can't be left to the first boot (--defer unit): %w", err)
	}
	d.calls = append(d.calls, l)
	return nil
}

func command(l mock.Later) firstboot.Command {
	return firstboot.Command{Argv: l.Words, Dir: l.Dir, Input: l.Input}
}

// leaveDeferred does with the calls that were deferred what --defer says. In an order that is none of the build's, as
// --shuffle tries them, nothing is left in the root: the commands follow the entities, and are in another order, too.
func (b *build) leaveDeferred(stage stager, done *provisioned) error {
	switch {
	case b.o.deferral == deferFail:
		done.problems = append(done.problems, done.deferred.complaints(done.plugins)...)
	case b.o.deferral == deferUnit && b.order == nil:
		var list []firstboot.Asked
		for _, l := range done.deferred.sorted(done.plugins) {
			list = append(list, firstboot.Asked{Command: command(l), By: actorOf(l.Call)})
		}
		if err := firstboot.Add(stage.Root, byBuild, list); err != nil {
			return fmt.Errorf("--defer unit: %w", err)
		}
		done.firstBoot = len(list) > 0
	}
	return nil
}

// actorOf is who has used a tool. What has no plugin is a generator.
func actorOf(c mock.Call) rootfs.Actor {
	kind := "entity"
	switch {
	case c.Plugin == "":
		kind = "generator"
	case c.Entity == "":
		kind = "plugin"
	}
	return rootfs.Actor{Kind: kind, Plugin: c.Plugin, Entity: c.Entity}
}

// sorted are the calls in the order in which the log has them.
func (d *deferred) sorted(plugins []pluginRecord) []mock.Later {
	list := slices.Clone(d.calls)
	slices.SortStableFunc(list, func(a, b mock.Later) int { return placeAmong(plugins, a.Plugin) - placeAmong(plugins, b.Plugin) })
	return list
}

// complaints are the problems of a build in which nothing may be deferred, each once.
func (d *deferred) complaints(plugins []pluginRecord) (list []string) {
	for _, l := range d.sorted(plugins) {
		text := fmt.Sprintf("--defer fail: %s (%s): only a running system can do it", shellLine(l.Argv), whose(l.Call))
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// whose names who has used a tool.
func whose(c mock.Call) string {
	if c.Entity == "" {
		return "plugin " + c.Plugin
	}
	if c.Plugin == "" {
		return c.Entity
	}
	return c.Entity + " of plugin " + c.Plugin
}
