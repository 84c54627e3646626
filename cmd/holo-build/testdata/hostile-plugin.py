#!/usr/bin/env python3
"""A plugin that tries to get out of its sandbox. Each entity is an attack, and says what came of it."""
import array, ctypes, errno, os, resource, signal, socket, sys, time

root = os.environ.get("HOLO_ROOT_DIR", "")
libc = ctypes.CDLL(None, use_errno=True)


def call(name, *args):
    if getattr(libc, name)(*args) < 0:
        raise OSError(ctypes.get_errno(), name)


def read(path):
    with open(path, "rb") as f:
        return "read %d" % len(f.read(10))


def write(path):
    with open(path, "w") as f:
        f.write("attacked\n")
    return "written"


def outlive(keep):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            if not keep:
                os.closerange(0, 100)
            os.execv("/bin/sleep", ["sleep", os.environ["MARK"]])
        os._exit(0)
    os.wait()
    return "done"


def fill():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open(root + "/etc/large", "wb", buffering=0) as f:
        try:
            for _ in range(1000):
                f.write(bytes(1 << 20))
        finally:
            os.unlink(root + "/etc/large")
    return "filled"


def flood():
    while True:
        os.write(1, b"x" * 65535 + b"\n")


def bomb():
    children = 0
    try:
        while children < 3000:
            if os.fork() == 0:
                time.sleep(600)
                os._exit(0)
            children += 1
    except OSError as e:
        return errno.errorcode[e.errno] + (" few" if children < 1000 else " %d" % children)
    return "%d children" % children


def builder():
    "The process that builds is the parent of the launcher's helper, if it can be seen."
    with open("/proc/%d/stat" % os.getppid()) as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def end_builder():
    pid = builder()
    if pid == 0:
        return "not seen"
    os.kill(pid, signal.SIGTERM)
    return "killed"


def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        s.settimeout(5)
        s.connect(address)
    return "connected"


def garbage():
    tools = os.environ["PATH"].split(":")[0]
    for text in (b"", b"\0\0\0\1x", b"\xff" * 4, b"GET / HTTP/1.0\r\n\r\n", b"\0\0\0\5/\x001\0a"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(tools + "/.holo-build")
        fds = array.array("i", [0, 1, 2])
        s.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if text else [])
        s.close()
    return "sent, %d" % os.system("getent passwd root >/dev/null; groupadd after-garbage")


def others():
    "Stand-ins of other processes."
    tools = os.environ["PATH"].split(":")[0]
    above = os.path.dirname(tools)
    return " ".join(sorted(os.listdir(above)))


ATTACKS = {
    "outlive": lambda: outlive(False),
    "descriptor": lambda: outlive(True),
    "fill": fill,
    "flood": flood,
    "bomb": bomb,
    "secret": lambda: read(os.environ["SECRET"]),
    "secret-written": lambda: write(os.environ["SECRET"]),
    "shadow": lambda: read("/etc/shadow"),
    "proc-root": lambda: read("/proc/1/root" + os.environ["SECRET"]),
    "link": lambda: write(root + "/etc/out/secret"),
    "dots": lambda: read(root + "/etc/out/../../../../../../.." + os.environ["SECRET"]),
    "ptrace": lambda: call("ptrace", 16, os.getppid(), 0, 0),
    "mount": lambda: call("mount", b"none", root.encode() + b"/etc", b"tmpfs", 0, None),
    "builder": end_builder,
    "tcp": lambda: connect(socket.AF_INET, ("127.0.0.1", int(os.environ["PORT"]))),
    "udp": lambda: connect(socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM),
    "abstract": lambda: connect(socket.AF_UNIX, "\0" + os.environ["ABSTRACT"]),
    "garbage": garbage,
    "others": others,
    "docker": lambda: connect(socket.AF_UNIX, os.environ["SOCKET"]),
}

if sys.argv[1] == "info":
    print("MIN_API_VERSION=3\nMAX_API_VERSION=3")
elif sys.argv[1] == "scan":
    for i, name in enumerate(ATTACKS):
        print("ENTITY: attack:%02d-%s" % (i, name))
elif sys.argv[1] == "apply":
    name = sys.argv[2].split("-", 1)[1]
    try:
        print("%s: %s" % (name, ATTACKS[name]() or "done"), flush=True)
    except OSError as e:
        print("%s: %s" % (name, errno.errorcode.get(e.errno, e)), flush=True)
