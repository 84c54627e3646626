package usersgroups

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/rootfs"
)

// Plugin is the users-groups plugin. It has no state of its own: all there is to know is in the Env.
//
// Below Env.State it keeps the base images in base/, and the provisioned images in provisioned/.
type Plugin struct{}

var _ holo.Plugin = Plugin{}

// Scan implements holo.Plugin; 4.2.2. The entities are sorted by ID.
func (Plugin) Scan(ctx context.Context, env *holo.Env) ([]holo.Entity, error) {
	makeDirs(env)
	if err := removeIfExists(env.Cache, scannedFile); err != nil {
		return nil, err
	}
	if err := migrate(env); err != nil {
		return nil, err
	}
	c, err := readCatalog(ctx, env)
	if err != nil {
		return nil, err
	}
	c.complain(env.Stderr, env.ImageBuild)
	return c.entities(), keepScanned(env.Cache, c)
}

// Apply implements holo.Plugin; 4.2.6.
func (Plugin) Apply(ctx context.Context, env *holo.Env, id string, force bool) (holo.Outcome, error) {
	makeDirs(env)
	w, err := newWork(ctx, env, id)
	if err != nil {
		return holo.Failed, err
	}
	w.force = force
	var out holo.Outcome
	if w.def == nil {
		out, err = w.scrub(ctx)
	} else {
		out, err = w.provision(ctx)
	}
	if err != nil {
		return holo.Failed, err
	}
	return out, nil
}

// makeDirs makes the directories for images, as the reference does at each call. An image has them only if there is
// something in them. What can't be made is told when it is needed: a scan should work for everybody.
func makeDirs(env *holo.Env) {
	if env.ImageBuild {
		return
	}
	m, err := ownerOf(env.State)
	if err != nil {
		return
	}
	m.Mode = 0o755
	for _, dir := range []string{baseDir, provisionedDir} {
		if _, err := env.State.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			_ = rootfs.MkdirAll(env.State, dir, m)
		}
	}
}

// work is one application of one entity.
type work struct {
	env     *holo.Env
	scanned scanned
	// def is the definition, nil of an orphan.
	def *account
	// base and provided are the two images; nil where there is none.
	base, provided *account
	db             database
	// actual is the account as it is.
	actual account
	// force says that changes by others are overwritten.
	force bool
	// pending are the IDs of the entities for which this one is applied before its time; see forestall.
	pending []string
}

// newWork reads all there is to know of an entity.
func newWork(ctx context.Context, env *holo.Env, id string) (*work, error) {
	w := &work{env: env}
	var err error
	if w.scanned, err = readScanned(ctx, env); err != nil {
		return nil, err
	}
	a, def, err := w.scanned.find(id)
	if err != nil {
		return nil, err
	}
	w.def = def
	if w.base, err = readImage(env.State, baseDir, a); err != nil {
		return nil, err
	}
	if w.def == nil && w.base == nil { // it was scrubbed since
		return nil, unknownEntity(id)
	}
	if w.provided, err = readImage(env.State, provisionedDir, a); err != nil {
		return nil, err
	}
	err = w.look(a)
	if _, ok := errors.AsType[loginGroupError](err); ok && env.ImageBuild && (def == nil || def.loginGroup != "") {
		err = nil // it gets another
	}
	return w, w.explained(err)
}

// explained says in a build what the reference's words leave open.
func (w *work) explained(err error) error {
	if e, ok := errors.AsType[loginGroupError](err); ok && w.env.ImageBuild {
		return e.plain()
	}
	return err
}

// look finds out how things are.
func (w *work) look(a account) (err error) {
	if w.db, err = readDatabase(w.env.Root); err == nil {
		w.actual, err = w.db.lookUp(a)
	}
	return err
}

// real says that accounts are changed by tools, and not only in words.
func (w *work) real() bool { return w.env.Live || w.env.ImageBuild }

// change brings the account from what it is to what is wanted, and looks at what has become of it.
func (w *work) change(ctx context.Context, want account) error {
	if !w.real() {
		declare(w.env.Stdout, command(want, w.actual))
		w.actual = over(imagined(want), w.actual, emptyOnly, false)
		return nil
	}
	if err := w.makeWay(ctx, want); err != nil {
		return err
	}
	if err := w.checkLoginGroup(ctx, want); err != nil {
		return err
	}
	created := !w.actual.exists()
	text, err := w.changed(ctx, want)
	if text != "" && created && (want.exact || !sameGroups(want.groups, w.actual.groups)) {
		// Lists of members may have had the name of a user who was not there. A new user keeps them. And no option of
		// useradd(8) makes a shell empty.
		text, err = w.changed(ctx, want)
	}
	if err == nil && text != "" {
		err = errors.New(text)
	}
	return err
}

// changed runs the tool, and says what of the account is not as it is wanted then.
func (w *work) changed(ctx context.Context, want account) (text string, err error) {
	argv := command(want, w.actual)
	if err := runTool(ctx, w.env, argv); err != nil {
		return "", err
	}
	if err := w.look(want); err != nil {
		return "", w.explained(err)
	}
	if !w.actual.exists() {
		return "", fmt.Errorf("%s succeeded, but %s is not there", argv[0], want.entityID())
	}
	if text = differs(want, w.actual); text != "" {
		text = fmt.Sprintf("%s succeeded, but of %s %s", argv[0], want.entityID(), text)
	}
	return text, nil
}

// checkLoginGroup refuses a new user whose login group would be one that does not exist, before there is half of an
// account. Only of the stand-ins it is known which group that is.
func (w *work) checkLoginGroup(ctx context.Context, want account) error {
	if want.kind != user || want.loginGroup != "" || w.actual.exists() || w.env.Live {
		return nil
	}
	gid, private, err := accounts.Editor{Root: w.env.Root}.LoginGroup(ctx)
	if err != nil || private || len(w.db.named(group, gid)) > 0 {
		return nil // what else is wrong, the tool says
	}
	return loginGroupError{want.name, gid}.plain()
}

// imagined is what the reference takes an account for that it did not make.
func imagined(want account) account {
	if want.id == nil {
		id := uint32(999)
		want.id = &id
	}
	return want
}
