package usersgroups

import (
	"context"

	"github.com/holo-build/holo-build/plugins/holo"
)

// The two files of a diff, in a directory of the entity's below the cache directory.
const (
	desiredFile = "desired.toml"
	actualFile  = "actual.toml"
)

// Diff implements holo.Plugin; 4.2.8. What an orphan is expected to be is what it was last made.
func (Plugin) Diff(ctx context.Context, env *holo.Env, id string) (expected, actual string, err error) {
	makeDirs(env)
	w, err := newWork(ctx, env, id)
	if err != nil {
		return "", "", err
	}
	desired, known := w.actual, w.def != nil || w.actual.exists()
	if w.provided != nil {
		desired, known = *w.provided, true
	}
	if w.def != nil {
		// The reference forgets skipBaseGroups here.
		desired = over(*w.def, desired, compatible, env.ImageBuild)
	}
	if err := show(env.Cache, id, desiredFile, desired, known); err != nil {
		return "", "", err
	}
	if err := show(env.Cache, id, actualFile, w.actual, w.actual.exists()); err != nil {
		return "", "", err
	}
	return env.Cache.Join(id + "/" + desiredFile), env.Cache.Join(id + "/" + actualFile), nil
}

// show writes an account where a diff will read it, or sees to it that there is nothing to be read.
func show(cache holo.Dir, dir, name string, a account, there bool) error {
	if !there {
		return removeIfExists(cache, dir+"/"+name)
	}
	return writeFile(cache, dir, name, a.encode(), 0o700)
}
