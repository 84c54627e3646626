package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

const (
	secretUsage    = "let plugins read `ID=FILE` at /run/secrets/ID, or wherever\n$CREDENTIALS_DIRECTORY is: it is in no log, and an error in a\nlayer; may be repeated"
	pluginEnvUsage = "set variable `NAME=VALUE` for plugins, scripts and generators,\nwhich have few others; may be repeated"
)

// maxSecret is the size of the largest secret.
const maxSecret = 1 << 20

var secretID = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}$`)

// checkSecrets finds wrong use of --secret and --plugin-env.
func (o *buildOptions) checkSecrets() error {
	known := map[string]bool{}
	for _, s := range o.secrets {
		id, file, _ := strings.Cut(s, "=")
		switch {
		case !secretID.MatchString(id) || file == "": // which may be the secret itself
			return usageError{fmt.Errorf("--secret: it is ID=FILE, with an ID of letters, digits, dots, dashes and underscores")}
		case known[id]:
			return usageError{fmt.Errorf("--secret %s is given twice", id)}
		}
		known[id] = true
	}
	for _, kv := range o.pluginEnv {
		name, _, ok := strings.Cut(kv, "=")
		switch {
		case !ok || name == "" || strings.ContainsRune(kv, 0):
			return usageError{fmt.Errorf("--plugin-env %q: it is NAME=VALUE", name)}
		case strings.HasPrefix(name, "HOLO_") || name == "TMPDIR":
			return usageError{fmt.Errorf("--plugin-env %s: that is set for each plugin, by what it is called for", name)}
		}
	}
	return nil
}

// newSecrets reads the files of --secret; nil if there are none.
func (b *build) newSecrets() (*holo.Secrets, error) {
	if len(b.o.secrets) == 0 {
		return nil, nil
	}
	values := map[string][]byte{}
	for _, s := range b.o.secrets {
		id, file, _ := strings.Cut(s, "=")
		value, err := readSecret(file)
		if err != nil {
			return nil, fmt.Errorf("--secret %s: %w", id, err)
		}
		values[id] = value
	}
	return holo.NewSecrets(filepath.Join(b.work.Path, "secrets"), values)
}

// readSecret reads a file, which may be a pipe of somebody's password manager.
func readSecret(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	value, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return nil, err
	case len(value) > maxSecret:
		return nil, fmt.Errorf("%s is larger than %d bytes", file, maxSecret)
	case len(strings.TrimSpace(string(value))) == 0:
		return nil, fmt.Errorf("%s is empty", file)
	}
	return value, nil
}

// leaked says which files of the new layer hold a secret, one line each.
func (b *build) leaked(ctx context.Context, root rootfs.Root, changes []rootfs.Change) (problems []string, err error) {
	if b.secrets == nil {
		return nil, nil
	}
	for _, c := range changes {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if c.Kind == rootfs.Deleted {
			continue
		}
		id, err := b.leakedIn(root, c)
		if err != nil {
			return nil, fmt.Errorf("looking for secrets in /%s: %w", c.Path, err)
		}
		if id != "" {
			problems = append(problems, fmt.Sprintf("/%s holds the secret %s (--secret), and would be in the layer", c.Path, id))
		}
	}
	return problems, nil
}

func (b *build) leakedIn(root rootfs.Root, c rootfs.Change) (id string, err error) {
	texts := []string{c.Path, c.After.Target}
	for name, value := range c.After.Xattrs {
		texts = append(texts, name, value)
	}
	if id := b.secrets.In([]byte(strings.Join(texts, "\x00"))); id != "" || c.After.Type != rootfs.Regular {
		return id, nil
	}
	f, err := root.Open(c.Path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return b.secrets.InStream(f)
}
