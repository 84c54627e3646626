package accounts

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

const (
	defsFile     = "etc/login.defs"
	defaultsFile = "etc/default/useradd"
)

// maxSettings bounds a file of settings, which is read for each edit. Debian's login.defs has 13 KiB.
const maxSettings = 1 << 20

// defsItems are the items of login.defs(5) that can be overridden for one call.
var defsItems = strings.Fields(`CHFN_RESTRICT CONSOLE_GROUPS CONSOLE CREATE_HOME DEFAULT_HOME ENCRYPT_METHOD ENV_HZ ENV_PATH
	ENV_SUPATH ERASECHAR FAIL_DELAY FAKE_SHELL GID_MAX GID_MIN HOME_MODE HUSHLOGIN_FILE KILLCHAR LASTLOG_UID_MAX
	LOG_OK_LOGINS LOG_UNKFAIL_ENAB LOGIN_RETRIES LOGIN_TIMEOUT MAIL_DIR MAIL_FILE MAX_MEMBERS_PER_GROUP MD5_CRYPT_ENAB
	NONEXISTENT PASS_MAX_DAYS PASS_MIN_DAYS PASS_WARN_AGE SHA_CRYPT_MIN_ROUNDS SHA_CRYPT_MAX_ROUNDS SULOG_FILE SU_NAME
	SUB_GID_MIN SUB_GID_MAX SUB_GID_COUNT SUB_UID_MIN SUB_UID_MAX SUB_UID_COUNT SYS_GID_MAX SYS_GID_MIN SYS_UID_MAX
	SYS_UID_MIN SYSLOG_SG_ENAB SYSLOG_SU_ENAB TTYGROUP TTYPERM TTYTYPE_FILE UID_MAX UID_MIN UMASK USERDEL_CMD
	USERGROUPS_ENAB FAILLOG_ENAB`)

// defs are the settings of a file, by name.
type defs map[string]string

// parseDefs reads login.defs(5): a name and a value on a line, the value perhaps in double quotes. The last one counts.
func parseDefs(r io.Reader) (defs, error) {
	text, err := readBounded(r, maxSettings, 0)
	if err != nil {
		return nil, err
	}
	d := defs{}
	for line := range lines(text) {
		line = strings.TrimSpace(line)
		name, value := line, ""
		if i := strings.IndexAny(line, " \t"); i >= 0 {
			name, value = line[:i], line[i:]
		}
		if value = strings.Trim(value, " \t\""); value != "" && !strings.HasPrefix(name, "#") {
			d[name] = value
		}
	}
	return d, nil
}

// parseDefaults reads /etc/default/useradd: NAME=VALUE, to the letter.
func parseDefaults(r io.Reader) (defs, error) {
	text, err := readBounded(r, maxSettings, 0)
	if err != nil {
		return nil, err
	}
	d := defs{}
	for line := range lines(text) {
		if name, value, ok := strings.Cut(line, "="); ok {
			d[name] = value
		}
	}
	return d, nil
}

// readDefs reads a file of settings; a missing one has none.
func readDefs(root rootfs.Root, name string, parse func(io.Reader) (defs, error)) (defs, error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return defs{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parse(f)
}

// with returns the settings with some overridden.
func (d defs) with(over map[string]string) defs {
	d = maps.Clone(d)
	maps.Copy(d, over)
	return d
}

// KnownItem says whether login.defs(5) has an item of that name.
func KnownItem(name string) bool { return slices.Contains(defsItems, name) }

func (d defs) bool(name string) bool { return strings.EqualFold(d[name], "yes") }

func (d defs) text(name, otherwise string) string {
	if v, ok := d[name]; ok {
		return v
	}
	return otherwise
}

// number returns a number: decimal, octal after 0, or hexadecimal after 0x. warn is told of what is none.
func (d defs) number(name string, otherwise int64, warn func(format string, args ...any)) int64 {
	v, ok := d[name]
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(v, 0, 64)
	if err != nil || strings.Contains(v, "_") {
		warn("configuration error - cannot parse %s value: '%s'", name, v)
		return otherwise
	}
	return n
}
