package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// buildah imports the image into its storage, of which an overlay is mounted, and exports it again.
type buildah struct {
	of    string // the image
	store cacheUse
	// again says that the layout is that of the round before, with what buildah has committed then.
	again bool
}

// containersConf is containers.conf(5) for machines without CAP_SYS_RESOURCE, without systemd and with old control
// groups, in place of what the machine has.
const containersConf = `[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
netns = "none"
[engine]
runtime = "runc"
events_logger = "none"
`

func (b buildah) image() string      { return b.of }
func (b buildah) programs() []string { return []string{"buildah"} }
func (b buildah) often() int         { return 1 }

func (b buildah) layout(p *place) string {
	if b.again {
		return p.path("again-" + b.of + "-buildah")
	}
	return p.path("layout")
}

// storage is where images and containers are: one place for each image, since they have the same name.
func (b buildah) storage(p *place) string {
	switch {
	case b.store == cold:
		return p.path("storage-cold")
	case b.again:
		return p.path("storage-again-" + b.of)
	}
	return p.path("storage-" + b.of)
}

func (b buildah) prepare(p *place) error {
	if err := os.WriteFile(p.path("containers.conf"), []byte(containersConf), 0o644); err != nil {
		return err
	}
	if b.again {
		return again(p, b.of, b.layout(p))
	}
	return p.freshLayout(b.of, b.layout(p))
}

func (b buildah) session(p *place) *session {
	return &session{env: []string{"TMPDIR=" + p.tmp(), "CONTAINERS_CONF=" + p.path("containers.conf")}}
}

func (b buildah) args(p *place, args ...string) []string {
	global := []string{"--root", b.storage(p) + "/root", "--runroot", b.storage(p) + "/run", "--storage-driver", "overlay"}
	return append(global, args...)
}

func (b buildah) run(ctx context.Context, p *place) (int64, error) {
	s, ref := b.session(p), "oci:"+b.layout(p)
	container, err := s.command(ctx, "buildah", b.args(p, "from", "--quiet", ref+":latest")...)
	if err != nil {
		return 0, err
	}
	mounted, err := s.command(ctx, "buildah", b.args(p, "mount", container)...)
	if err != nil {
		return 0, err
	}
	if err := writeChange(mounted, changedFiles(usualChange, p.runs)); err != nil {
		return 0, err
	}
	if _, err := s.command(ctx, "buildah", b.args(p, "umount", container)...); err != nil {
		return 0, err
	}
	_, err = s.command(ctx, "buildah", b.args(p, "commit", "--quiet", container, ref+":changed")...)
	return s.rss, err
}

func (b buildah) check(p *place) error {
	return checkImage(b.layout(p), p.layers[b.of], changedFiles(usualChange, p.runs))
}

// clean removes the container, and a cold storage with it. It has no part in being interrupted: what is mounted must go.
func (b buildah) clean(p *place) error {
	var errs []error
	if _, err := os.Stat(b.storage(p)); err == nil {
		if _, err := b.session(p).command(context.Background(), "buildah", b.args(p, "rm", "--all")...); err != nil {
			errs = append(errs, fmt.Errorf("removing the container: %w", err))
		}
	}
	if b.store == cold {
		errs = append(errs, unmountBelow(b.storage(p)), os.RemoveAll(b.storage(p)))
	}
	return errors.Join(errs...)
}
