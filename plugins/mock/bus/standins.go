package bus

import (
	"slices"
	"strconv"
)

// standIn is a service of the system that has one here.
type standIn struct {
	name   string
	object func(path string) (object, bool)
}

func standInTable() []standIn {
	return []standIn{
		{systemdName, systemdObject},
		{loginName, loginObject},
		{hostnameName, hostnameObject},
		{timedateName, timedateObject},
		{localeName, localeObject},
	}
}

// standInNames are the names of all stand-ins.
func standInNames() []string {
	var list []string
	for _, s := range standInTable() {
		list = append(list, s.name)
	}
	slices.Sort(list)
	return list
}

// standIns makes the stand-ins of a bus, by their names and their unique names, which no client gets.
func standIns(b *bus) map[string]*service {
	all := map[string]*service{}
	for i, s := range standInTable() {
		one := &service{b: b, name: s.name, unique: ":0." + strconv.Itoa(i+1), object: s.object}
		all[one.name], all[one.unique] = one, one
	}
	return all
}
