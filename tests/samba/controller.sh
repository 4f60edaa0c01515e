# shellcheck shell=bash
# One controller's files, and the view of the machine that it gets. Sourced by tests/samba-lab.
#
# Samba's paths are compiled in: smbd looks for winbindd in /run/samba alone, whatever smb.conf says, a tool without a
# configuration reads /etc/samba, everything reads /etc/resolv.conf. So each controller runs in a mount namespace in
# which these paths are its own folders; smb.conf needs no path at all, and socket names stay short.

# A folder of the controller -> where it sees it.
views=(etc:/etc/samba lib:/var/lib/samba cache:/var/cache/samba run:/run/samba log:/var/log/samba)

make_folders() {
  local d; d=$(folder "$1")
  mkdir -p "$d"/{etc,cache,run,log} "$d"/lib/{private,homes,full}
  chmod 700 "$d/lib/private"
  chmod 1777 "$d/lib/homes"
}

write_settings() {
  local i=$1 d ip; d=$(folder "$i"); ip=$(address "$i")
  cat >"$d/etc/smb.conf" <<END
[global]
	netbios name = DC$i
	realm = $realm
	workgroup = $workgroup
	server role = active directory domain controller
	server services = s3fs, rpc, ldap, cldap, kdc, drepl, winbindd, kcc, dns
	interfaces = $ip/8
	bind interfaces only = yes
	dns forwarder =
	tls keyfile = /etc/samba/key.pem
	tls certfile = /etc/samba/cert.pem
	tls cafile = /etc/samba/ca.pem
	log level = 1 auth_audit:3
	# replicate within a second or two, not within minutes
	dreplsrv:notify_interval = 1
	dreplsrv:periodic_interval = 10
	dreplsrv:periodic_startup_interval = 2
	kccsrv:periodic_startup_interval = 3
	# the lab may lose everything in a power cut: password resets become three times faster
	ldb:nosync = true
	load printers = no
	printcap name = /dev/null
	disable spoolss = yes
[sysvol]
	path = /var/lib/samba/sysvol
	read only = no
[netlogon]
	path = /var/lib/samba/sysvol/$dns/scripts
	read only = no
# The home-directory servers of the tests; all but the first have a fault.
[homes\$]
	path = /var/lib/samba/homes
	read only = no
	create mask = 0700
	directory mask = 0700
[nowrite]
	path = /var/lib/samba/homes
	read only = yes
[secret]
	path = /var/lib/samba/homes
	read only = no
	server smb encrypt = required
[full]
	path = /var/lib/samba/full
	read only = no
[gone]
	path = /var/lib/samba/no-such-folder
	read only = no
[denied]
	path = /var/lib/samba/homes
	read only = no
	valid users = @"Domain Admins"
END
  # its own DNS first; the first controller's while it joins
  printf 'search %s\nnameserver %s\nnameserver %s\noptions timeout:1 attempts:1\n' "$dns" "$ip" "$(address 1)" \
    >"$d/etc/resolv.conf"
  # key distribution centres by address, so that Kerberos asks no DNS but the lab's
  cat >"$d/etc/krb5.conf" <<END
[libdefaults]
	default_realm = $realm
	dns_lookup_realm = false
	dns_lookup_kdc = false
	dns_canonicalize_hostname = false
	rdns = false
[realms]
	$realm = {
		kdc = $ip
		kpasswd_server = $ip
	}
[domain_realm]
	.$dns = $realm
	$dns = $realm
END
}

# The lab's own authority. Samba would sign for itself, without the names that a careful client compares.
make_authority() {
  mkdir -p "$lab/tls"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Libretto test authority" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$lab/tls/ca.key" -out "$lab/tls/ca.pem" 2>/dev/null
}

make_certificate() {
  local i=$1 d; d=$(folder "$i")/etc
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=dc$i.$dns" \
    -keyout "$d/key.pem" -out "$d/request.pem" 2>/dev/null
  openssl x509 -req -in "$d/request.pem" -CA "$lab/tls/ca.pem" -CAkey "$lab/tls/ca.key" -CAcreateserial -days 3650 \
    -out "$d/cert.pem" -extfile /dev/stdin 2>/dev/null <<END
subjectAltName = DNS:dc$i.$dns, DNS:$dns, DNS:localhost, IP:$(address "$i")
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = serverAuth
END
  cp "$lab/tls/ca.pem" "$d/ca.pem"
  chmod 600 "$d/key.pem" # Samba refuses one that others may read
}

# Performs a command with controller $1's view of the machine.
launch=(unshare --mount --propagation private)
in_view() {
  local d script view; d=$(folder "$1"); shift
  script="mount --bind '$d/etc/resolv.conf' /etc/resolv.conf"
  for view in "${views[@]}"; do
    mkdir -p "${view#*:}" # what a package would have made; stays empty
    script+=" && mount --bind '$d/${view%%:*}' '${view#*:}'"
  done
  # a share that is truly full: 64 KiB of memory
  script+=" && mount -t tmpfs -o size=64k,mode=1777 full /var/lib/samba/full"
  KRB5_CONFIG=/etc/samba/krb5.conf "${launch[@]}" bash -c "$script"' && exec "$@"' view "$@"
}

# The same for a tool: inside the running controller, where one runs, so that both see the same processes.
as_controller() {
  local i=$1 init; shift
  if init=$(init_of "$i"); then
    KRB5_CONFIG=/etc/samba/krb5.conf nsenter --target "$init" --mount --pid "$@"
  else
    in_view "$i" "$@"
  fi
}
