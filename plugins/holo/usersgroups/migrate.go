package usersgroups

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/pelletier/go-toml/v2"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// legacyState is where version 1 of the reference kept its state: lists of the groups and users that it had made.
const legacyState = "state.toml"

// migrate turns the state of version 1 into base images; 4.2.9.
func migrate(env *holo.Env) error {
	m, err := env.State.Lstat(legacyState)
	if errors.Is(err, fs.ErrNotExist) || err == nil && m.Type != rootfs.Regular {
		return nil
	}
	path := env.State.Join(legacyState)
	var state struct{ ProvisionedGroups, ProvisionedUsers []string }
	text, err := readFile(env.State, legacyState)
	if err == nil {
		err = toml.Unmarshal(text, &state)
	}
	if err != nil {
		return fmt.Errorf("migrating %s: %w", path, err)
	}
	warning := "!!"
	if env.ImageBuild {
		warning = ">>" // an error would fail the build, and with it the migration
	}
	fmt.Fprintf(env.Stderr, ">> Migrating %s...\n", path)
	fmt.Fprintf(env.Stderr, "%s This might require manual intervention! Please find instructions at:\n", warning)
	fmt.Fprintf(env.Stderr, "%s   <https://github.com/holocm/holo-users-groups/wiki/Migrating-to-v2.0>\n", warning)
	for _, list := range []struct {
		kind  kind
		names []string
	}{{group, state.ProvisionedGroups}, {user, state.ProvisionedUsers}} {
		for _, name := range list.names {
			if why := checkName(name); why != "" {
				return fmt.Errorf("migrating %s: the name %q of a %s %s", path, name, list.kind, why)
			}
			if err := migrateOne(env, account{kind: list.kind, name: name}); err != nil {
				return fmt.Errorf("migrating %s: %w", path, err)
			}
		}
	}
	fmt.Fprintf(env.Stderr, ">> All entities migrated. Removing %s...\n", path)
	return removeIfExists(env.State, legacyState)
}

func migrateOne(env *holo.Env, a account) error {
	id := a.entityID()
	_, err := env.State.Lstat(baseDir + "/" + imageName(id))
	switch {
	case err == nil:
		fmt.Fprintf(env.Stderr, ">> Skipping %s (found existing base image)\n", id)
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	fmt.Fprintf(env.Stderr, ">> Writing empty base image for %s\n", id)
	return writeImage(env.State, baseDir, a)
}
