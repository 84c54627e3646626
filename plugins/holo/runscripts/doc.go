// Package runscripts is the bundled plugin run-scripts: it runs scripts in the root directory, at every apply.
//
// Each executable file in $HOLO_RESOURCE_DIR is an entity script:NAME. It runs without arguments, with the plugin's
// environment and $HOLO_ROOT_DIR as its working directory; its output and exit status are those of the entity. On file
// descriptor 3 it may write what a plugin writes there, holo-plugin-interface(7): "not changed", so that it is not shown.
// There is no state: what a script changes is its own affair, and force makes no difference.
//
// While an image is provisioned, a script that the builder brought works on the staging root, in test mode; a script that
// comes with the image would be the image's code, and is an error.
package runscripts
