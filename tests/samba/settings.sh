# shellcheck shell=bash disable=SC2034
# Names, addresses, folders and locks of the lab. Sourced by tests/samba-lab.

realm=LAB.TEST
dns=lab.test
base=DC=lab,DC=test
workgroup=LAB
admin_password='Lab-Admin-1!'
admin_login="Administrator%$admin_password"
net=${LIBRETTO_LAB_NET:-127.0.0}

target=${CARGO_TARGET_DIR:-$here/../target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
lab=${LIBRETTO_LAB_DIR:-$target/samba-lab}
images=${LIBRETTO_LAB_CACHE:-$target/samba-lab-images}

say() { echo "samba-lab: $*" >&2; }
die() { say "$*"; exit 1; }

address() { echo "$net.$(($1 + 1))"; }
folder() { echo "$lab/dc$1"; }

# The numbers of the controllers that the lab's folder holds.
controllers() {
  local i
  for i in 1 2 3; do [ ! -d "$(folder "$i")" ] || echo "$i"; done
}

# The controllers use ports below 1024 and mount namespaces: whoever is not root becomes root.
become_root() {
  [ "$(id -u)" != 0 ] || return 0
  command -v sudo >/dev/null || die "needs root, and there is no sudo"
  exec sudo --preserve-env=CARGO_TARGET_DIR,LIBRETTO_LAB_DIR,LIBRETTO_LAB_CACHE,LIBRETTO_LAB_NET "$0" "$@"
}

need_tools() {
  command -v samba samba-tool openssl unshare nsenter ss >/dev/null \
    || die "Samba or one of its tools is missing: tests/run installs them"
  unshare --mount --pid --fork true 2>/dev/null \
    || die "this machine lets root make no namespaces; in a container, run it with --privileged"
}

# One command at a time changes the lab. The addresses belong to the machine, so the lock does as well. It is freed when
# this script ends; the servers are started without the descriptor, or they would hold it for as long as they live.
lock_lab() {
  exec 8>"/tmp/libretto-samba-lab-$net.lock"
  flock --wait 300 8 || die "another command has held the lab on $net.x for five minutes"
}
