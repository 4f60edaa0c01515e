# shellcheck shell=bash
# The image: a domain as it is just after its controllers were made, packed. Making it takes most of a minute, a copy a
# second. Sourced by tests/samba-lab.

# An image is for N controllers of this version of the recipe and of Samba; anything else makes another.
image_of() {
  local key
  key=$( (cat "$here"/samba/*.sh; samba --version; echo "$net") | sha256sum | cut -c1-16)
  echo "$images/$1-$key.tar.gz"
}

lab_up() {
  local n=$1 image
  case $n in 1 | 2 | 3) ;; *) die "one, two or three controllers, not '$n'" ;; esac
  image=$(image_of "$n")
  if [ "$(cat "$lab/image" 2>/dev/null)" != "$image" ]; then
    lab_down
    [ -e "$image" ] || build_image "$n" "$image"
    mkdir -p "$lab"
    unpack_image "$image"
  fi
  each_controller start_controller
  each_controller await_controller
  write_facts
  echo "$image" >"$lab/image"
}

# The access lists of sysvol live in extended attributes of the kinds security and trusted.
unpack_image() { tar --extract --gzip --xattrs --xattrs-include='*' --acls --directory "$lab" --file "$1"; }

pack_image() {
  mkdir -p "$images"
  rm -f "$images"/*.part
  tar --create --warning=no-file-ignored --use-compress-program='gzip -1' --xattrs --xattrs-include='*' --acls --directory "$lab" --file "$1.part" .
  mv "$1.part" "$1"
}

build_image() {
  local n=$1 i
  mkdir -p "$lab"
  say "making the image of a domain with $n controllers"
  make_authority
  for i in $(seq "$n"); do
    make_folders "$i"
    write_settings "$i"
    make_certificate "$i"
  done
  make_domain || die "the domain was not made: $(tail -5 "$lab/dc1/log/making")"
  if [ "$n" -gt 1 ]; then
    start_controller 1
    await_controller 1
    for i in $(seq 2 "$n"); do
      join_domain "$i" || die "controller $i did not join: $(tail -5 "$(folder "$i")/log/making")"
      start_controller "$i"
      await_controller "$i"
    done
    # a controller that starts fetches at once over the links that were just made
    each_controller stop_controller
    each_controller start_controller
    each_controller await_controller
    await_replication "$n"
  fi
  each_controller stop_controller
  for i in $(seq "$n"); do find "$(folder "$i")/run" "$(folder "$i")/cache" -mindepth 1 -delete; rm -f "$(folder "$i")/keeper"; done
  pack_image "$2"
  say "made it in $SECONDS s"
}

make_domain() {
  in_view 1 samba-tool domain provision --realm="$realm" --domain="$workgroup" --server-role=dc \
    --dns-backend=SAMBA_INTERNAL --host-name=dc1 --host-ip="$(address 1)" --adminpass="$admin_password" \
    >"$lab/dc1/log/making" 2>&1 || return
  register_names 1
}

join_domain() {
  local i=$1 log; log=$(folder "$i")/log/making
  in_view "$i" samba-tool domain join "$dns" DC --server="dc1.$dns" -U "$admin_login" \
    --dns-backend=SAMBA_INTERNAL >"$log" 2>&1 || return
  register_names "$i"
  register_addresses "$i" >>"$log" 2>&1
}

# The names of a controller's services. Its own service for that is left out of `server services`; without them Kerberos
# sign-ins to LDAP and replication both fail.
register_names() { in_view "$1" samba_spnupdate >>"$(folder "$1")/log/making" 2>&1; }

# A join over loopback registers no address, so it is done here as an administrator would.
register_addresses() {
  local i=$1 id zone name type data
  id=$(in_view "$i" /usr/bin/python3 -c '
from samba.param import LoadParm
from samba.samdb import SamDB
lp = LoadParm()
lp.load_default()
print(SamDB(lp=lp).get_ntds_GUID())')
  while read -r zone name type data; do
    as_controller 1 samba-tool dns add "dc1.$dns" "$zone" "$name" "$type" "$data" -U "$admin_login" </dev/null || return
  done <<END
$dns dc$i A $(address "$i")
$dns @ A $(address "$i")
_msdcs.$dns $id CNAME dc$i.$dns
_msdcs.$dns _ldap._tcp.dc SRV dc$i.$dns 389 0 100
$dns _ldap._tcp SRV dc$i.$dns 389 0 100
_msdcs.$dns _kerberos._tcp.dc SRV dc$i.$dns 88 0 100
$dns _kerberos._tcp SRV dc$i.$dns 88 0 100
END
}

# Waits until what is written on any controller has come to every other.
await_replication() {
  local n=$1 i j dn deadline=$((SECONDS + 120))
  for i in $(seq "$n"); do as_controller "$i" samba-tool group add "settle-$i" >/dev/null; done
  for i in $(seq "$n"); do
    for j in $(seq "$n"); do
      until as_controller "$j" samba-tool group show "settle-$i" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || die "no replication from controller $i to controller $j"
        sleep 0.2
      done
    done
  done
  for i in $(seq "$n"); do as_controller 1 samba-tool group delete "settle-$i" >/dev/null; done
  for j in $(seq 2 "$n"); do
    while as_controller "$j" samba-tool group show "settle-$n" >/dev/null 2>&1; do
      [ "$SECONDS" -lt "$deadline" ] || die "no replication from controller 1 to controller $j"
      sleep 0.2
    done
  done
}

# What a test must know, as tests/support/samba.rs reads it.
write_facts() {
  local i targets=
  for i in $(controllers); do targets+="${targets:+, }[\"dc$i.$dns\", \"$(address "$i")\"]"; done
  cat >"$lab/lab.json" <<END
{
  "domain": "$dns",
  "base": "$base",
  "ca": "$lab/tls/ca.pem",
  "admin": "administrator@$dns",
  "admin_password": "$admin_password",
  "targets": [$targets],
  "dir": "$lab"
}
END
}
