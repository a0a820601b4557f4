#!/bin/sh
# Installs an unpacked release of S3MP on a Debian or Raspberry Pi OS machine, or takes it off again.
# Needs root, systemd and nothing else: the release brings its Node and its packages along.
set -eu

PROGRAM=install.sh
PREFIX=/opt/s3mp
RELEASES_KEPT=2
SPACE_KIB=450000

usage() {
  cat <<'USAGE'
usage: install.sh [--role meter|headend|both] [--root DIR] [--no-start]
       install.sh --uninstall [--purge] [--root DIR]

Installs this release under /opt/s3mp, with users, units and names for optical heads, and examples of
the configuration in /etc/s3mp. May be run again at any time; configuration and data are left alone.

  --role ROLE   what this machine is: meter (default), headend, or both
  --root DIR    install into the system below DIR instead of the running one; nothing is started
  --no-start    do not restart services that run; new ones are never started unasked
  --uninstall   take the programs, units and names off again; keeps /etc/s3mp, the data and its users
  --purge       with --uninstall: removes those as well; readings and keys are lost
  --help        this text

exit status: 0 done, 1 failed and nothing was switched over, 2 wrong usage
USAGE
}

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s: %s\n' "$PROGRAM" "$*" >&2
  exit 1
}
wrong() {
  printf "%s: %s; try '%s --help'\n" "$PROGRAM" "$*" "$PROGRAM" >&2
  exit 2
}

role=meter
root=
start=yes
action=install
purge=no
while [ $# -gt 0 ]; do
  case $1 in
    --role | --root)
      [ $# -ge 2 ] || wrong "$1 needs a value"
      if [ "$1" = --role ]; then role=$2; else root=$2; fi
      shift
      ;;
    --role=*) role=${1#*=} ;;
    --root=*) root=${1#*=} ;;
    --no-start) start=no ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) wrong "unknown word '$1'" ;;
  esac
  shift
done
case $role in
  meter) roles=meter ;;
  headend) roles=headend ;;
  both) roles='meter headend' ;;
  *) wrong "--role: expected meter, headend or both, found '$role'" ;;
esac
if [ "$purge" = yes ] && [ "$action" = install ]; then wrong '--purge goes with --uninstall'; fi
root=${root%/}
case $root in
  '' | /*) ;;
  *) root=$PWD/$root ;;
esac
if [ -n "$root" ] && [ ! -d "$root/etc" ]; then fail "--root $root: no system there (no etc/)"; fi
[ "$(id -u)" = 0 ] || fail 'needs root: run it with sudo'

units_of() {
  case $1 in
    meter) echo 's3mp-uplink.service s3mp-meter.service s3mp-page.service' ;;
    headend) echo 's3mp-headend.service' ;;
  esac
}

users_of() {
  case $1 in
    meter) echo 's3mp-meter s3mp-uplink s3mp-page' ;;
    headend) echo 's3mp-headend' ;;
  esac
}

# On the running system services can be asked and told; below --root only files are laid down.
is_live() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

# Files that belong to one role: source in the release, place on the machine.
files_of() {
  for unit in $(units_of "$1"); do echo "systemd/$unit etc/systemd/system/$unit"; done
  echo "systemd/sysusers.d/s3mp-$1.conf etc/sysusers.d/s3mp-$1.conf"
  echo "systemd/tmpfiles.d/s3mp-$1.conf etc/tmpfiles.d/s3mp-$1.conf"
  if [ "$1" = meter ]; then
    echo 'systemd/udev/70-s3mp-heads.rules etc/udev/rules.d/70-s3mp-heads.rules'
  fi
}

link_of() {
  case $1 in
    meter) echo 's3mp firmware/bin/s3mp' ;;
    headend) echo 's3mp-headend headend/bin/s3mp-headend' ;;
  esac
}

MANUAL=usr/local/share/man/man1/s3mp.1
COMPLETION=usr/local/share/bash-completion/completions/s3mp

# What `man s3mp` and the Tab key need; made by the program itself, so that they say what it says.
lay_down_help() {
  case " $roles " in
    *' meter '*) ;;
    *) return 0 ;;
  esac
  mkdir -p "/${MANUAL%/*}" "/${COMPLETION%/*}"
  /usr/local/bin/s3mp man >"/$MANUAL"
  /usr/local/bin/s3mp completion bash >"/$COMPLETION"
  chmod 0644 "/$MANUAL" "/$COMPLETION"
}

uninstall() {
  if is_live; then
    # shellcheck disable=SC2046
    systemctl disable --now --quiet $(units_of meter) $(units_of headend) 2>/dev/null || true
  fi
  for one in meter headend; do
    files_of "$one" | while read -r _ place; do rm -f "$root/$place"; done
    for unit in $(units_of "$one"); do
      rm -f "$root/etc/systemd/system/multi-user.target.wants/$unit"
    done
    link_of "$one" | while read -r name _; do rm -f "$root/usr/local/bin/$name"; done
  done
  rm -f "$root/$MANUAL" "$root/$COMPLETION"
  rm -rf "$root$PREFIX"
  rmdir "$root/etc/sysusers.d" 2>/dev/null || true
  if [ "$purge" = yes ]; then
    rm -rf "$root/etc/s3mp" "$root/var/lib/s3mp" "$root/var/lib/s3mp-page" "$root/var/lib/s3mp-headend" "$root/run/s3mp"
    for user in $(users_of meter) $(users_of headend); do
      remove_user "$user"
    done
  fi
  if is_live; then
    systemctl daemon-reload
    udevadm control --reload 2>/dev/null || true
  fi
  if [ "$purge" = yes ]; then
    say 'S3MP is taken off, with its configuration, its readings and its keys.'
  else
    say 'S3MP is taken off. Left in place: /etc/s3mp, /var/lib/s3mp*, and the users that own them (--purge removes them).'
  fi
}

remove_user() {
  if grep -q "^$1:" "$root/etc/passwd"; then
    userdel ${root:+--prefix "$root"} "$1" || fail "user $1 cannot be removed; is a process of it running?"
  fi
  if grep -q "^$1:" "$root/etc/group"; then groupdel ${root:+--prefix "$root"} "$1"; fi
}

if [ "$action" = uninstall ]; then
  uninstall
  exit 0
fi

# --- what is installed, and whether it can run here ----------------------------------------------

release=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
[ -f "$release/RELEASE" ] || release=$(dirname -- "$release")
[ -f "$release/RELEASE" ] || fail "no release beside this script: run it from an unpacked s3mp-*.tar.gz"
version=$(sed -n 's/^version=//p' "$release/RELEASE")
release_machine=$(sed -n 's/^machine=//p' "$release/RELEASE")
[ -n "$version" ] || fail "$release/RELEASE: expected a line version=…, found none"

case $(uname -m) in
  x86_64 | amd64) machine=x64 ;;
  aarch64 | arm64) machine=arm64 ;;
  *) fail "$(uname -m): expected a 64-bit machine (x86_64 or aarch64); on a Raspberry Pi install the 64-bit system" ;;
esac
# A 64-bit kernel may carry a 32-bit system: Raspberry Pi OS did so on the Pi 4.
if [ -z "$root" ] && command -v dpkg >/dev/null 2>&1; then
  case $(dpkg --print-architecture) in
    amd64 | arm64) ;;
    *) fail 'this is a 32-bit system on a 64-bit kernel; install the 64-bit Raspberry Pi OS' ;;
  esac
fi
if [ "$release_machine" != any ] && [ "$release_machine" != "$machine" ]; then
  fail "this release is for linux-$release_machine, this machine is linux-$machine"
fi
command -v systemd-sysusers >/dev/null 2>&1 || fail 'systemd-sysusers is missing: S3MP is run by systemd'
free_kib=$(df -Pk "$root/" | awk 'NR == 2 { print $4 }')
[ "$free_kib" -ge "$SPACE_KIB" ] || fail "space on $root/: expected $SPACE_KIB KiB, found $free_kib KiB"

say "checking the release $version"
if ! damaged=$(cd "$release" && sha256sum --check --quiet --strict MANIFEST 2>/dev/null); then
  printf '%s\n' "$damaged" | head -n 5 >&2
  fail 'the release is damaged: unpack it again'
fi

# --- the programs ---------------------------------------------------------------------------------

target=$PREFIX/releases/$version

# Whether this very release lies there already, undamaged.
is_there() {
  cmp -s "$release/MANIFEST" "$root$target/MANIFEST" &&
    (cd "$root$target" && sha256sum --check --status --strict MANIFEST)
}

native_works() { "$node" -e "require('$staging/node_modules/$1')" >/dev/null 2>&1; }

build_natives() {
  missing=
  for name in epoll i2c-bus; do
    native_works "$name" || missing="$missing $name"
  done
  [ -n "$missing" ] || return 0
  for tool in npm make g++ python3; do
    if ! command -v "$tool" >/dev/null 2>&1; then
      say "skipped: pins and I2C (add-ons$missing are not built, and there is no $tool to build them);"
      say '  optical heads do not need them'
      return 0
    fi
  done
  say "building$missing"
  # shellcheck disable=SC2086
  (cd "$staging" && npm_config_nodedir=$staging/node_modules/node-linux-$machine \
    npm rebuild $missing >/dev/null 2>&1) || true
  for name in $missing; do
    native_works "$name" || say "skipped: $name does not build here; optical heads do not need it"
  done
}
try_programs() {
  for one in $roles; do
    link_of "$one" | while read -r name place; do
      shown=$("$1/$place" --version) || fail "$name of this release does not start here; nothing was changed"
      say "$name $shown starts"
    done
  done
}

lay_down() {
  staging=$root$target.new
  rm -rf "$staging"
  mkdir -p "$staging"
  trap 'rm -rf "$staging"' EXIT
  tar -C "$release" -cf - . | tar -C "$staging" -xpf -
  chown -R root:root "$staging"
  chmod -R u=rwX,go=rX "$staging"
  if [ ! -d "$staging/node_modules" ]; then
    command -v npm >/dev/null 2>&1 ||
      fail 'this release brings no packages along and npm is missing: take the full release'
    say 'fetching packages with npm'
    (cd "$staging" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund) || fail 'npm ci failed'
  fi
  node=$staging/node_modules/node-linux-$machine/bin/node
  [ -x "$node" ] || fail "the release has no Node for linux-$machine"
  if [ "$role" != headend ]; then build_natives; fi
  try_programs "$staging"
  rm -rf "$root$target.old"
  if [ -d "$root$target" ]; then mv "$root$target" "$root$target.old"; fi
  mv "$staging" "$root$target"
  rm -rf "$root$target.old"
  trap - EXIT
}

if is_there; then try_programs "$root$target"; else lay_down; fi
ln -sfn "releases/$version" "$root$PREFIX/current.new"
mv -T "$root$PREFIX/current.new" "$root$PREFIX/current"

# --- users, folders, units, names -----------------------------------------------------------------

mkdir -p "$root/usr/local/bin" "$root/etc/systemd/system" "$root/etc/sysusers.d" \
  "$root/etc/tmpfiles.d" "$root/etc/udev/rules.d"
install -d -m 0755 "$root/etc/s3mp"
for one in $roles; do
  files_of "$one" | while read -r source place; do
    install -m 0644 "$release/$source" "$root/$place"
  done
  link_of "$one" | while read -r name place; do
    ln -sfn "$PREFIX/current/$place" "$root/usr/local/bin/$name"
  done
  install -m 0644 "$release/systemd/examples/$one.toml" "$root/etc/s3mp/$one.toml.example"
  systemd-sysusers ${root:+--root="$root"} "$root/etc/sysusers.d/s3mp-$one.conf"
  systemd-tmpfiles ${root:+--root="$root"} --create "$root/etc/tmpfiles.d/s3mp-$one.conf"
  # shellcheck disable=SC2046
  systemctl ${root:+--root="$root"} --quiet enable $(units_of "$one")
done

# Keep the release before this one, to go back to by switching the link.
find "$root$PREFIX/releases" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn |
  awk -v kept="$RELEASES_KEPT" 'NR > kept { sub(/^[^ ]* /, ""); print }' |
  while read -r old; do
    if [ "$old" != "$root$target" ]; then rm -rf "$old"; fi
  done

if is_live; then
  lay_down_help
  systemctl daemon-reload
  udevadm control --reload 2>/dev/null || true
  udevadm trigger --subsystem-match=tty 2>/dev/null || true
  if [ "$start" = yes ]; then
    for unit in $(units_of meter) $(units_of headend); do
      if [ -f "/etc/systemd/system/$unit" ]; then systemctl try-restart "$unit"; fi
    done
  fi
fi

say "S3MP $version is installed as $role."
for one in $roles; do
  if [ ! -f "$root/etc/s3mp/$one.toml" ]; then
    say "next: cp /etc/s3mp/$one.toml.example /etc/s3mp/$one.toml, edit it, and follow $PREFIX/current/docs/deploy.md"
  fi
done
