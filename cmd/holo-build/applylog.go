package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/rootfs"
)

// The apply log, docs/apply-log.md: JSON Lines, one record to a line, each with its type. It has no clock, no host name
// and no path of this machine in it.
const (
	applyLogDir  = "var/lib/holo-build"
	applyLogPath = applyLogDir + "/apply-log.jsonl"
)

// record is one line of the apply log. portable returns the part of it that does not depend on how the build was run:
// that part goes into the layer.
type record interface{ portable() record }

type buildRecord struct {
	Type        string      `json:"type"` // "build"
	Version     string      `json:"version,omitempty"`
	Base        baseRecord  `json:"base"`
	Resources   string      `json:"resources,omitempty"`
	Epoch       string      `json:"epoch"`
	Compression string      `json:"compression,omitempty"`
	Stage       string      `json:"stage,omitempty"`
	Overlay     bool        `json:"overlay,omitempty"`
	Flags       flagsRecord `json:"flags"`
}

type baseRecord struct {
	Reference string `json:"reference,omitempty"`
	Digest    string `json:"digest,omitempty"`
	ChainID   string `json:"chainID,omitempty"`
}

// flagsRecord are the flags that change what is made.
type flagsRecord struct {
	Plugins   []string `json:"plugins,omitempty"`
	Force     bool     `json:"force,omitempty"`
	Ephemeral bool     `json:"ephemeral,omitempty"`
	Squash    bool     `json:"squash,omitempty"`
	Defer     string   `json:"defer,omitempty"` // "unit"
	// XenStore is the digest of the nodes that processes found at the beginning.
	XenStore string   `json:"xenStore,omitempty"`
	InRoot   []string `json:"inRoot,omitempty"`
	Mocks    []string `json:"mocks,omitempty"`
}

func (r buildRecord) portable() record {
	r.Version, r.Compression, r.Stage, r.Overlay, r.Base.Reference, r.Base.Digest = "", "", "", false, "", ""
	return r
}

type pluginRecord struct {
	Type       string  `json:"type"` // "plugin"
	ID         string  `json:"id"`
	Bundled    bool    `json:"bundled,omitempty"`
	Executable string  `json:"executable,omitempty"`
	API        *[2]int `json:"api,omitempty"`
	Mode       string  `json:"mode,omitempty"`
	Sandbox    string  `json:"sandbox,omitempty"`
	// Messages are those outside of any entity.
	Messages []messageRecord `json:"messages,omitempty"`
}

// messageRecord is what a plugin told a daemon of the system.
type messageRecord struct {
	To       string `json:"to"`
	Priority string `json:"priority"`
	Tag      string `json:"tag,omitempty"`
	Text     string `json:"text"`
}

func newMessageRecords(list []mock.Message) (out []messageRecord) {
	for _, m := range list {
		out = append(out, messageRecord{m.Source, m.Priority.String(), m.Tag, m.Text})
	}
	return out
}

func (r pluginRecord) portable() record {
	return pluginRecord{Type: r.Type, ID: r.ID, Bundled: r.Bundled}
}

type entityRecord struct {
	Type    string         `json:"type"` // "entity"
	ID      string         `json:"id"`
	Plugin  string         `json:"plugin"`
	Action  string         `json:"action,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Sources []sourceRecord `json:"sources,omitempty"`
	Info    [][2]string    `json:"info,omitempty"`
	Mode    string         `json:"mode,omitempty"` // in-root, of what ran there
	Outcome holo.Outcome   `json:"outcome"`
	Error   string         `json:"error,omitempty"`
	Stdout  string         `json:"stdout,omitempty"`
	Stderr  string         `json:"stderr,omitempty"`
	Changes []string       `json:"changes,omitempty"`

	Messages []messageRecord `json:"messages,omitempty"`
}

// sourceRecord is a resource that defines an entity. Digest is that of its content, or of a symlink's target.
type sourceRecord struct {
	Path   string `json:"path"`
	Digest string `json:"digest,omitempty"`
}

func (r entityRecord) portable() record {
	r.Stdout, r.Stderr, r.Messages, r.Mode = "", "", nil, ""
	return r
}

// settingRecord is a setting of the image's configuration that was changed. A value of null is one that is not set.
type settingRecord struct {
	Type   string     `json:"type"` // "setting"
	Name   string     `json:"name"`
	Before []string   `json:"before"`
	After  []string   `json:"after"`
	By     []byRecord `json:"by"`
}

func (r settingRecord) portable() record { return r }

type changeRecord struct {
	Type   string      `json:"type"` // "change"
	Path   string      `json:"path"`
	Raw    string      `json:"rawPath,omitempty"` // in hexadecimal, of a name that is no UTF-8
	Kind   rootfs.Kind `json:"kind"`
	Class  string      `json:"class,omitempty"` // of classifier
	Before *fileRecord `json:"before,omitempty"`
	After  *fileRecord `json:"after,omitempty"`
	LinkTo string      `json:"linkTo,omitempty"`
	By     []byRecord  `json:"by,omitempty"`
}

func (r changeRecord) portable() record { return r }

// fileRecord is a file before or after a change.
type fileRecord struct {
	Type   string            `json:"type"`
	Mode   string            `json:"mode"`
	UID    uint32            `json:"uid"`
	GID    uint32            `json:"gid"`
	Size   *int64            `json:"size,omitempty"`
	Digest string            `json:"digest,omitempty"`
	Target string            `json:"target,omitempty"`
	Device string            `json:"device,omitempty"`
	Xattrs map[string]string `json:"xattrs,omitempty"` // values in hexadecimal
}

// byRecord is who changed a path.
type byRecord struct {
	Kind   string `json:"kind"`
	Plugin string `json:"plugin,omitempty"`
	Entity string `json:"entity,omitempty"`
}

// callRecord is one use of a stand-in.
type callRecord struct {
	Type    string       `json:"type"` // "call"
	Tool    string       `json:"tool"`
	Argv    []string     `json:"argv"`
	Plugin  string       `json:"plugin,omitempty"`
	Entity  string       `json:"entity,omitempty"`
	Outcome mock.Outcome `json:"outcome"`
	Exit    int          `json:"exit,omitempty"`
	// Service is the name on D-Bus of who was called, and Error that of the error that the caller got; empty for a program.
	Service string `json:"service,omitempty"`
	Error   string `json:"error,omitempty"`
	// Mock is the file by whose word the outcome is what it is.
	Mock string `json:"mock,omitempty"`
}

func (r callRecord) portable() record { return r }

type resultRecord struct {
	Type     string         `json:"type"` // "result"
	DiffID   string         `json:"diffID,omitempty"`
	Entities map[string]int `json:"entities"`
	Changes  map[string]int `json:"changes"`
	Calls    map[string]int `json:"calls,omitempty"`
	// Deferred are the calls that can only happen on a running system.
	Deferred []string `json:"deferred,omitempty"`
	// Unattributed are the changed paths that nobody claims.
	Unattributed []string `json:"unattributed,omitempty"`
	// Conflicts are the paths that more than one entity has changed.
	Conflicts []conflictRecord `json:"conflicts,omitempty"`
}

func (r resultRecord) portable() record {
	r.DiffID = ""
	return r
}

func newFileRecord(m rootfs.Meta) *fileRecord {
	f := &fileRecord{Type: m.Type.String(), Mode: fmt.Sprintf("%04o", m.Mode), UID: m.UID, GID: m.GID, Target: m.Target}
	switch m.Type {
	case rootfs.Regular:
		f.Size, f.Digest = &m.Size, sha256Text(m.Digest)
	case rootfs.CharDevice, rootfs.BlockDevice:
		f.Device = fmt.Sprintf("%d:%d", m.Major, m.Minor)
	}
	for name, value := range m.Xattrs {
		if f.Xattrs == nil {
			f.Xattrs = map[string]string{}
		}
		f.Xattrs[name] = hex.EncodeToString([]byte(value))
	}
	return f
}

func sha256Text(sum [32]byte) string { return "sha256:" + hex.EncodeToString(sum[:]) }

func newChangeRecord(c rootfs.Change, class string) changeRecord {
	r := changeRecord{Type: "change", Path: "/" + c.Path, Kind: c.Kind, Class: class}
	if c.Path == "." {
		r.Path = "/"
	}
	if !utf8.ValidString(r.Path) {
		r.Raw = hex.EncodeToString([]byte(r.Path))
	}
	if c.Kind != rootfs.Added {
		r.Before = newFileRecord(c.Before)
	}
	if c.Kind != rootfs.Deleted {
		r.After = newFileRecord(c.After)
	}
	if c.LinkTo != "" {
		r.LinkTo = "/" + c.LinkTo
	}
	for _, by := range c.By {
		for _, one := range holo.Apart(by) {
			r.By = append(r.By, byRecord(one))
		}
	}
	return r
}

// writeLog writes records as JSON Lines.
func writeLog(w io.Writer, records []record) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, r := range records {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// portableLog is the log as the layer has it.
func portableLog(records []record) ([]byte, error) {
	var buf bytes.Buffer
	list := make([]record, len(records))
	for i, r := range records {
		list[i] = r.portable()
	}
	err := writeLog(&buf, list)
	return buf.Bytes(), err
}

// assembleLog puts the records of a build in their order: build, plugins, entities, calls, settings, changes, result. Entities are
// told which paths they changed.
func assembleLog(b buildRecord, p provisioned, changes []rootfs.Change, class func(string) string) []record {
	out := []record{b}
	for _, r := range p.plugins {
		out = append(out, r)
	}
	paths := map[rootfs.Actor][]string{}
	result := resultRecord{Type: "result", Entities: map[string]int{}, Changes: map[string]int{}}
	var list []changeRecord
	for _, c := range changes {
		if c.Path == applyLogPath {
			continue
		}
		r := newChangeRecord(c, class(c.Path))
		list = append(list, r)
		result.Changes[string(c.Kind)]++
		for _, by := range c.By {
			paths[by] = append(paths[by], r.Path)
		}
	}
	for _, r := range p.entities {
		r.Changes = slices.Compact(paths[rootfs.Actor{Kind: "entity", Plugin: r.Plugin, Entity: r.ID}])
		result.Entities[string(r.Outcome)]++
		out = append(out, r)
	}
	for _, r := range p.calls.records(p.plugins) {
		result.count(r)
		out = append(out, r)
	}
	for _, r := range p.settingRecords {
		out = append(out, r)
	}
	for _, r := range list {
		out = append(out, r)
	}
	result.Unattributed, result.Conflicts = unattributed(list), conflicts(list)
	return append(out, result)
}

// timeText is a time as the log has it.
func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
