// Package sshkeys is the bundled plugin ssh-keys: it provisions public keys in users' ~/.ssh/authorized_keys.
//
// A resource USER/NAME.pub below $HOLO_RESOURCE_DIR, in the syntax of authorized_keys (sshd(8)), is an entity
// ssh-keyset:USER/NAME. Its keys get the comment "holo=ssh-keyset:USER/NAME", by which they are told from keys of
// others, which are never touched. The list of entities in the state directory is that of the reference, so that either
// can take over from the other.
//
// Home and owner are those of the root's own passwd file. A user who is not in there is an error, but for the names holo
// and holo-ssh-keys with a root other than /: there the home is /home/USER below the root, and nobody is made an owner.
//
// Like the reference, the plugin never asks for force: keys of the entity that someone has taken out come back. The one
// exception is what holo-build has provisioned: then there is a record of the lines that were written, and a line of
// the entity that was edited since is only overwritten by force, as somebody's work would be lost.
package sshkeys
