package machine

import (
	"errors"
	"fmt"

	"github.com/holo-build/holo-build/rootfs"
)

// cmdlineFile is the command line that kernel-install(8) gives to kernels.
const cmdlineFile = "etc/kernel/cmdline"

// FirstBoot is what systemd-firstboot(1) sets. Fields that are nil set nothing.
type FirstBoot struct {
	// Locale and Messages are LANG and LC_MESSAGES. The root need not have their data, nor that of the keymap.
	Locale, Messages, Keymap *string
	TimeZone                 *string
	Hostname                 *string
	// ID is a machine ID, or [Uninitialized].
	ID                *string
	KernelCommandLine *string
	// Force changes what there is already; without it, that is passed over.
	Force bool
	// Written and Passed are told of each file, by its absolute path.
	Written, Passed func(name string)
	// Then is called at the end; if it fails, nothing stays written. May be nil.
	Then func() error
}

// Check looks at what is wrong with the values; the texts are those of the tool.
func (b *FirstBoot) Check(root rootfs.Root) error {
	for _, locale := range []*string{b.Locale, b.Messages} {
		if locale != nil && !IsLocaleName(*locale) {
			return invalid("Locale %s is not installed.", *locale)
		}
	}
	if b.Keymap != nil && !isKeymapName(*b.Keymap) {
		return invalid("Keymap %s is not valid.", *b.Keymap)
	}
	if b.Hostname != nil && !ValidHostname(*b.Hostname) {
		return invalid("Host name %s is not valid.", *b.Hostname)
	}
	if b.ID != nil && *b.ID != Uninitialized {
		id, ok := ParseID(*b.ID)
		if !ok {
			return invalid("Failed to parse machine id %s.", *b.ID)
		}
		b.ID = &id
	}
	if b.KernelCommandLine != nil && !isText(*b.KernelCommandLine) {
		return invalid("Kernel command line %q is not valid.", *b.KernelCommandLine)
	}
	if b.TimeZone == nil {
		return nil
	}
	has, err := HasTimeZone(root, *b.TimeZone)
	if err == nil && !has {
		err = invalid("Timezone %s is not valid.", *b.TimeZone)
	}
	return err
}

// SetFirstBoot sets all, or nothing.
func SetFirstBoot(root rootfs.Root, b FirstBoot) error {
	if err := b.Check(root); err != nil {
		return err
	}
	e := &edit{root: root}
	locale, err := localePlace(root)
	if err != nil {
		return err
	}
	var written []string
	for _, s := range []struct {
		name  string
		given bool
		set   func() error
	}{
		{locale, b.Locale != nil || b.Messages != nil, func() error { return e.setLocale(locale, b.variables()) }},
		{consoleFile, b.Keymap != nil, func() error { return e.setVariables(consoleFile, variable{"KEYMAP", *b.Keymap}) }},
		{localtimeFile, b.TimeZone != nil, func() error { return e.setTimeZone(*b.TimeZone) }},
		{hostnameFile, b.Hostname != nil, func() error { return e.set(hostnameFile, *b.Hostname+"\n") }},
		{idFile, b.ID != nil, func() error { return e.setID(*b.ID) }},
		{cmdlineFile, b.KernelCommandLine != nil, func() error { return e.set(cmdlineFile, *b.KernelCommandLine+"\n") }},
	} {
		if !s.given {
			continue
		}
		if _, err := root.Lstat(s.name); !isMissing(err) && !b.Force {
			if err != nil {
				return fmt.Errorf("reading /%s: %w", s.name, err)
			}
			b.Passed("/" + s.name)
			continue
		}
		if err := s.set(); err != nil {
			return err
		}
		written = append(written, s.name)
	}
	if err := e.commit(); err != nil {
		return err
	}
	if b.Then != nil {
		if err := b.Then(); err != nil {
			return errors.Join(err, e.restore(len(e.steps)))
		}
	}
	for _, name := range written {
		b.Written("/" + name)
	}
	return nil
}

func (b *FirstBoot) variables() (list []LocaleVariable) {
	if b.Locale != nil {
		list = append(list, LocaleVariable{"LANG", *b.Locale})
	}
	if b.Messages != nil {
		list = append(list, LocaleVariable{"LC_MESSAGES", *b.Messages})
	}
	return list
}
