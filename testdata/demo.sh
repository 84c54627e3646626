#!/bin/sh
# The demo, run by make demo: provisions the minimal image with the resource tree demo and the plugin holo-greeting,
# shows what became of it, and, if run as root, does it again as a plain user and compares the digests.
set -eu
cd "$(dirname "$0")/.."
mkdir -p work
rm -rf work/demo work/demo.tar

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }

# provision [COMMAND...] builds in the current directory, as COMMAND starts it, and prints the manifest's digest.
provision() {
    "$@" bin/holo-build build oci:testdata/images/minimal -r testdata/demo --no-cache \
        --plugin greeting=testdata/demo-plugins/holo-greeting \
        -o oci:work/demo:latest -o tar:work/demo.tar >work/demo.digests
    sed -n 's/^oci:.*@//p' work/demo.digests
}

say '$ holo-build build oci:testdata/images/minimal -r testdata/demo --plugin greeting=... -o oci:work/demo:latest'
digest=$(provision)
cat work/demo.digests

say '$ holo-build log oci:work/demo'
bin/holo-build log oci:work/demo

say 'What became of etc/ssh/sshd_config, and two files that are new:'
tar -xzOf testdata/images/rootfs.tar.gz ./etc/ssh/sshd_config >work/demo.before
tar -xOf work/demo.tar etc/ssh/sshd_config >work/demo.after
rc=0
diff -u --label before --label after work/demo.before work/demo.after || rc=$?
[ "$rc" = 1 ] || { echo 'demo: the holoscript changed nothing' >&2; exit 1; }
tar -xOf work/demo.tar etc/motd etc/greetings/hello

[ "$(id -u)" = 0 ] || exit 0
say 'The same as a plain user:'
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp -R bin testdata "$dir"
mkdir "$dir/work"
chown -R 65534:65534 "$dir"
cd "$dir"
unset XDG_CACHE_HOME TMPDIR
plain=$(HOME=$dir provision setpriv --reuid=65534 --regid=65534 --clear-groups)
echo "as root:         $digest"
echo "as a plain user: $plain"
[ -n "$digest" ] && [ "$digest" = "$plain" ] || { echo 'demo: the digests differ' >&2; exit 1; }
