package rootfs

// Actor is who changed a path: an entity of a plugin, a plugin outside any entity, or a step of the build itself.
type Actor struct {
	// Kind is "entity", "plugin", "resources" or "build"; empty where nobody is known.
	Kind string
	// Plugin is the ID of the plugin, for entities and plugins.
	Plugin string
	// Entity is the ID of the entity.
	Entity string
}
