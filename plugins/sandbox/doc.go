// Package sandbox is the one launcher through which every process starts, and sees to it that none outlives its call,
// unless it is meant to.
//
// [Run] does not start the program itself, but this executable once more under a name of its own: the helper ([Main]).
//
//	Run --fork, new session, new PID namespace--> helper --fork, new session--> the program --> whatever it forks
//	    --control pipe: the job, then silence; its end is the death of whoever called Run-->
//	    <--status pipe: the program's wait status, or why it could not be started--
//
// The helper is init of a PID namespace where one can be had, so that the kernel ends everything in it. Elsewhere it is
// a subreaper, prctl(2), to which all orphans come and which kills them. Either way Run returns when all are dead, and
// when the caller of Run dies, they die.
//
// What a process may touch is what its [Confinement] names. The helper makes the parts of it from the outside in:
//
//	Run         clones the helper into namespaces, as far as the kernel grants them (probe.go)
//	newroot.go  the helper's root becomes one in which nothing else is; the mounts are made detached, so none stays
//	inroot.go   or the root that the program works on, with as little mounted in it; sealed.go keeps the helper's file from it
//	limits.go   processes, memory, sizes of files
//	caps.go     of one thread of the helper: capabilities, no_new_privs,
//	landlock.go rules for files, TCP, signals and abstract sockets,
//	filter.go   and a filter of system calls; refused.go lists them
//	helper.go   that thread forks, so that all this is the program's, and the rest of the helper can still end it
//	facts.go    what was in force and what was missing, in words
//
// Without a Confinement only how long a process runs and how much it writes is limited.
//
// A [Process] that is Direct is started without all that, as holo(8) and plugins on a live system do: they are told to
// change the system that they run on, and to restart its daemons, which must outlive the call.
package sandbox
