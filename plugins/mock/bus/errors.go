package bus

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/godbus/dbus/v5"

	"github.com/holo-build/holo-build/plugins/internal/machine"
	"github.com/holo-build/holo-build/plugins/internal/units"
)

// Names of errors, which clients know: those of the bus are in the D-Bus specification, those of systemd in
// org.freedesktop.systemd1(5), org.freedesktop.login1(5) and their like.
const (
	dbusError      = "org.freedesktop.DBus.Error."
	failed         = dbusError + "Failed"
	noReply        = dbusError + "NoReply"
	serviceUnknown = dbusError + "ServiceUnknown"
	nameHasNoOwner = dbusError + "NameHasNoOwner"
	unknownMethod  = dbusError + "UnknownMethod"
	unknownObject  = dbusError + "UnknownObject"
	unknownIface   = dbusError + "UnknownInterface"
	unknownProp    = dbusError + "UnknownProperty"
	readOnlyProp   = dbusError + "PropertyReadOnly"
	invalidArgs    = dbusError + "InvalidArgs"
	accessDenied   = dbusError + "AccessDenied"
	notSupported   = dbusError + "NotSupported"
	limitsExceeded = dbusError + "LimitsExceeded"
	fileNotFound   = dbusError + "FileNotFound"
	ruleInvalid    = dbusError + "MatchRuleInvalid"
	ruleNotFound   = dbusError + "MatchRuleNotFound"
	pidUnknown     = dbusError + "UnixProcessIdUnknown"
	contextUnknown = dbusError + "SELinuxSecurityContextUnknown"
	auditUnknown   = dbusError + "AdtAuditDataUnknown"

	systemdError  = "org.freedesktop.systemd1."
	noSuchUnit    = systemdError + "NoSuchUnit"
	noSuchJob     = systemdError + "NoSuchJob"
	noUnitForPID  = systemdError + "NoUnitForPID"
	unitMasked    = systemdError + "UnitMasked"
	unitGenerated = systemdError + "UnitGenerated"
	unitLinked    = systemdError + "UnitLinked"
	unitExists    = systemdError + "UnitExists"
	badSetting    = systemdError + "BadUnitSetting"

	loginError    = "org.freedesktop.login1."
	noSuchSession = loginError + "NoSuchSession"
	noSuchUser    = loginError + "NoSuchUser"
	noSuchSeat    = loginError + "NoSuchSeat"
	noSession     = loginError + "NoSessionForPID"
)

// failure is an error that a caller gets.
func failure(name, format string, args ...any) *dbus.Error {
	return &dbus.Error{Name: name, Body: []any{fmt.Sprintf(format, args...)}}
}

// asFailure makes a caller's error of any, by the names that systemd has for them.
func asFailure(err error) *dbus.Error {
	if e, ok := errors.AsType[*dbus.Error](err); ok {
		return e
	}
	name := failed
	for _, known := range []struct {
		err  error
		name string
	}{
		{units.ErrNotFound, noSuchUnit}, {units.ErrMasked, unitMasked}, {units.ErrGenerated, unitGenerated},
		{units.ErrLinked, unitLinked}, {units.ErrExists, unitExists}, {units.ErrName, invalidArgs}, {fs.ErrNotExist, fileNotFound},
	} {
		if errors.Is(err, known.err) {
			name = known.name
			break
		}
	}
	if e, ok := errors.AsType[*units.InstallError](err); ok && name == failed && e != nil {
		name = badSetting
	}
	if _, ok := errors.AsType[*machine.ValueError](err); ok {
		name = invalidArgs
	}
	return failure(name, "%v", err)
}

// elsewhere is what is meant for a running system, and would be dangerous to take for done.
func elsewhere() *dbus.Error { return failure(accessDenied, "not while an image is provisioned") }

// nothingRuns is what only a running system has an answer to.
func nothingRuns() *dbus.Error {
	return failure(notSupported, "nothing runs while an image is provisioned")
}
