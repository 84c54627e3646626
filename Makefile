SHELL := /bin/bash -euo pipefail
PREFIX ?= /usr/local
FUZZTIME ?= 30s
HISTORIES ?= 5000
SEED ?= $(shell date +%s)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# As root, tests run once more as a plain user, but for those that need root or the go tool.
NOT_AS_USER := ^(TestOrderOfRooms|TestStyle|TestStatic|TestReal)
PACKAGES := umoci buildah skopeo erofs-utils busybox libarchive-tools podman runc mmdebstrap python3 git ca-certificates disorderfs e2fsprogs xfsprogs btrfs-progs openssh-client openssh-server systemd passwd dbus-daemon dbus-bin libglib2.0-bin bsdutils xenstore-utils
BINARY ?= bin/holo-build
BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)' -o $(BINARY) ./cmd/holo-build
# The plugins that are part of the program, which is each of them under the name holo-ID.
PLUGINS = $(shell sed -n 's/^.*{ID: "\([a-z0-9-]*\)", Order: .*/\1/p' cmd/holo-build/tables.go)

export CGO_ENABLED ?= 0
.PHONY: build repro install check test test-deps race stress fuzz images bench demo clean

build: ; $(BUILD)
install: build
	install -D -m 0755 $(BINARY) '$(DESTDIR)$(PREFIX)/bin/holo-build'
	ln -sfn holo-build '$(DESTDIR)$(PREFIX)/bin/holo'
	install -d '$(DESTDIR)$(PREFIX)/lib/holo'
	for id in $(PLUGINS); do ln -sfn ../../bin/holo-build '$(DESTDIR)$(PREFIX)/lib/holo/holo-'$$id; done
	share='$(DESTDIR)$(PREFIX)/share'; b="$$share/bash-completion/completions" z="$$share/zsh/site-functions" f="$$share/fish/vendor_completions.d"; \
	install -d "$$share/man/man1" "$$b" "$$z" "$$f"; install -D -m 0644 docs/man/holo.8 "$$share/man/man8/holo.8"; \
	$(BINARY) man >"$$share/man/man1/holo-build.1"; for p in holo-build holo; do $(BINARY) completion bash $$p >"$$b/$$p"; \
	$(BINARY) completion zsh $$p >"$$z/_$$p"; $(BINARY) completion fish $$p >"$$f/$$p.fish"; done
# Once more, from a copy elsewhere and with nothing compiled before.
repro: build
	dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && cp -R go.mod go.sum cmd oci plugins rootfs "$$dir" && \
		(cd "$$dir" && GOCACHE="$$dir/cache" $(BUILD)) && cmp bin/holo-build "$$dir/bin/holo-build"

check:
	@unformatted=$$(gofmt -l cmd oci plugins rootfs); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	go test -count=1 -run '^(TestOrderOfRooms|TestStyle)' ./cmd/holo-build

test:
	go test -timeout 20m ./...
	[ "$$(id -u)" != 0 ] || go test -vet=off -timeout 10m -exec '$(CURDIR)/.ci/as-user' -skip '$(NOT_AS_USER)' \
		./rootfs/... ./oci ./oci/cache ./plugins/... ./cmd/holo-build
	.ci/fuzz 200x

test-deps: ; .ci/test-deps $(PACKAGES)

race:
	CGO_ENABLED=1 go test -race -timeout 20m ./...

stress: ; .ci/stress $(HISTORIES) $(SEED)
fuzz: ; .ci/fuzz $(FUZZTIME)

images: work/debian.oci/index.json work/large.oci/index.json
work/debian.oci/index.json:
	.ci/debian-image work
work/large.oci/index.json:
	rm -rf work/large.oci && go run ./oci/ocitest/mkimages -large work/large.oci

# BENCH may choose, as in make bench BENCH='-case cold-* -on tmpfs -rounds 5'.
bench: build images
	go run ./cmd/holo-build/bench $(foreach arg,$(BENCH),'$(arg)')
	go run ./cmd/holo-build/bench -packing
	go run ./cmd/holo-build/bench -entities
	go run ./cmd/holo-build/bench -processes
demo: build
	testdata/demo.sh

clean:
	rm -rf bin work
