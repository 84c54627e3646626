// Package imageconfig is the plugin that provisions the configuration of an image: what it tells whoever runs it. Its
// resources are TOML files, which stack in the order of their names:
//
//	entrypoint = ["/usr/bin/app", "--serve"]
//	cmd = []                                  # none, even if the base has one
//	user = "app:app"
//	workdir = "/srv/app"
//	stop-signal = "SIGTERM"
//	ports = ["8080/tcp"]
//	volumes = ["/srv/app/data"]
//	remove = ["env/DEBUG", "volume//data"]    # entities that the base has
//
//	[env]
//	LANG = "C.UTF-8"
//
//	[labels]
//	"org.opencontainers.image.title" = "App"
//
// Each setting is an entity: image-config:user, image-config:env/LANG, image-config:label/NAME, image-config:port/8080/tcp,
// image-config:volume//srv/app/data. What two files say of one of them must agree. Unknown keys are errors.
//
// A root has no configuration of an image. The settings that the image has lie in the plugin's state, in image.json, where
// whoever builds puts them before the plugin is called, and takes them from afterwards; the package's [Image] is that file.
// In settings.json the plugin keeps of each entity what it was before, to which it returns when the last definition goes,
// and what was provisioned last, by which a change of somebody else is told. A setting that the builder gives on the
// command line wins over its definitions, and counts as provisioned.
package imageconfig
