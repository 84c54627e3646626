package main

import (
	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/holo/files"
	"github.com/holo-build/holo-build/plugins/holo/imageconfig"
	"github.com/holo-build/holo-build/plugins/holo/runscripts"
	"github.com/holo-build/holo-build/plugins/holo/sshkeys"
	"github.com/holo-build/holo-build/plugins/holo/systemdunits"
	"github.com/holo-build/holo-build/plugins/holo/usersgroups"
)

// transports is the table of all places where images live.
func transports() map[string]oci.Transport {
	return map[string]oci.Transport{
		"docker":         oci.Registry{},
		"docker-archive": oci.DockerArchive{},
		"oci":            oci.Layout{},
		"oci-archive":    oci.Archive{},
		"rootfs":         oci.RootFS{},
		"scratch":        oci.Scratch{},
		"tar":            oci.Tarball{},
	}
}

// bundled is the table of the plugins that are part of this program, with their places in the order of plugins.
func bundled() []holo.Bundled {
	return []holo.Bundled{
		{ID: "files", Order: 10, Plugin: files.Plugin{}},
		{ID: "users-groups", Order: 20, Plugin: usersgroups.Plugin{}},
		{ID: "ssh-keys", Order: 25, Plugin: sshkeys.Plugin{}},
		{ID: "systemd-units", Order: 30, Plugin: systemdunits.Plugin{}},
		{ID: "image-config", Order: 90, Plugin: imageconfig.Plugin{}},
		{ID: "run-scripts", Order: 95, Plugin: runscripts.Plugin{}, OnRoot: true},
	}
}
