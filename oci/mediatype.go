package oci

import "github.com/google/go-containerregistry/pkg/v1/types"

// dockerLayerZstd is what some programs call a zstd layer in a manifest of Docker's; Docker never defined it.
const dockerLayerZstd types.MediaType = "application/vnd.docker.image.rootfs.diff.tar.zstd"

// ociRestrictedZstd is the third of the deprecated non-distributable layers (image-spec, layer.md).
const ociRestrictedZstd types.MediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"

// isLayer reports whether a media type is that of a root file system layer. How it is compressed is seen from its
// first bytes instead, as other programs do it: registries hold many layers whose type is wrong about that.
func isLayer(m types.MediaType) bool {
	return m.IsLayer() || m == dockerLayerZstd || m == ociRestrictedZstd
}

// isDocker reports whether a manifest is of Docker's family.
func isDocker(m types.MediaType) bool { return m == types.DockerManifestSchema2 }

// layerType is the media type of a new layer.
func layerType(c Compression, docker bool) types.MediaType {
	switch {
	case c == Zstd:
		return types.OCILayerZStd
	case c == None && docker:
		return types.DockerUncompressedLayer
	case c == None:
		return types.OCIUncompressedLayer
	case docker:
		return types.DockerLayer
	}
	return types.OCILayer
}

// toOCI is the media type of the OCI family that means the same.
func toOCI(m types.MediaType) types.MediaType {
	switch m {
	case types.DockerManifestSchema2:
		return types.OCIManifestSchema1
	case types.DockerConfigJSON:
		return types.OCIConfigJSON
	case types.DockerLayer:
		return types.OCILayer
	case types.DockerUncompressedLayer:
		return types.OCIUncompressedLayer
	case types.DockerForeignLayer:
		return types.OCIRestrictedLayer
	case dockerLayerZstd:
		return types.OCILayerZStd
	}
	return m
}
