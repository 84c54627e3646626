// Package usersgroups is the plugin that provisions users and groups from TOML files, which stack:
//
//	[[group]]                 [[user]]
//	name = "app"              name = "app"
//	gid = 300                 comment = "The app"
//	system = true             uid = 300
//	                          system = true
//	                          home = "/srv/app"
//	                          group = "app"
//	                          groups = ["video"]
//	                          shell = "/usr/sbin/nologin"
//	                          skipBaseGroups = true    # groups are these, not these besides those it had
//	                          createHome = true        # or false; else as /etc/login.defs says
//
// What was there before the first definition is kept as the base image, and the account returns to it, or is deleted,
// when its last definition goes; the provisioned image tells a change by somebody else from one of our own. Numbers in
// comments are those of docs/reference.md.
//
// # Names
//
// Under the names holo and holo-users-groups (neither Env.Live nor Env.ImageBuild, or Live alone) the reference is
// followed, whose defects are mended: a UID or GID of 0 is a number like any other, so that root is a user and a group
// that exist; a file that can't be understood keeps everything from being scrubbed, since it may define what seems to
// be orphaned; images are TOML, with comments, blanks and line ends of any kind; other files beside them are let be;
// broken lines in the databases are passed over; negative and too large numbers, and names that no tool takes, are
// errors. Of the reference are kept: unknown keys are passed over in silence; a definition that differs from the account
// as it is needs force, before the account was first provisioned and whenever the definition changes. Where the root is
// not "/", nothing but lines "MOCK: ..." and images come of it, and an account whose number is not known gets 999.
//
// When an image is built (Env.ImageBuild) the account tools are run, with the system's own or stand-ins behind Env.Run,
// and what has become of the account is looked at. There:
//   - a key or table that nobody knows is an error;
//   - only what somebody else has changed since the account was last provisioned needs force. The first definition of an
//     account, and a changed one, never do, nor does what the plugin has done itself, such as deleting a group. Two
//     conditions say so: the account is not as the provisioned image has it, nor as it is wanted. So the two rules
//     differ for the same state: the reference compares the account with definition over image, we with the image. A
//     comment is a part of the account here, for the reference it is not;
//   - so does the scrubbing of an account that somebody else has changed since, unless it is already what it was before
//     the first definition. One that is gone is scrubbed without, and stays gone: only force brings back what was there;
//   - what is scrubbed is as it was before: also an empty comment or shell, and the group of the user's name if it was
//     there already, which userdel(8) takes along. Of an account that could not be made, no image stays;
//   - each error is a line of its own that names file and line;
//   - the state of version 1 is migrated with warnings.
//
// Under the names holo and holo-users-groups scrubbing never needs force. Under no name does a definition empty a list of
// groups, as an empty list is none; and of stacked definitions, the first has the say on skipBaseGroups.
//
// What is applied is what the last scan has found: it is kept in the cache directory, as one line for each account.
package usersgroups
