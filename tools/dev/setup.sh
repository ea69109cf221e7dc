# shellcheck shell=bash
# Installs what is missing and nothing else: Debian packages by apt-get, npm packages inside the folder that locks them.

as_root() {
  if ((EUID == 0)); then
    env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

# Prints the packages of tools/packages.txt that are not installed. A line is `package`, or `package command` when having the
# command, wherever it came from, is good enough.
missing_packages() {
  local installed package command
  installed=" $(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" { printf "%s ", $2 }')"
  while read -r package command; do
    [[ -n $package ]] || continue
    [[ $installed == *" $package "* ]] && continue
    [[ -n $command ]] && command -v "$command" >/dev/null 2>&1 && continue
    printf '%s\n' "$package"
  done < <(sed 's/#.*//' tools/packages.txt)
}

apt_install() {
  local options=(-y --no-install-recommends --no-remove -o DPkg::Lock::Timeout=300)
  # Lists that are absent or stale show as packages that cannot be found or fetched: refresh them once, then try again.
  if apt-cache show "$@" >/dev/null 2>&1 && as_root apt-get install "${options[@]}" "$@"; then return 0; fi
  as_root apt-get update
  as_root apt-get install "${options[@]}" "$@"
}

setup_packages() {
  if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    die "this needs Debian 12 (apt-get and dpkg-query); elsewhere use a Debian 12 container"
  fi
  local missing
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0
  say "Installing ${#missing[@]} Debian packages:"
  printf '%s ' "${missing[@]}" | fold -s -w 110 | sed 's/^/    /' >&2
  say ""
  if ((EUID != 0)); then
    command -v sudo >/dev/null 2>&1 || die "no sudo here; run as root: apt-get install ${missing[*]}"
    sudo -v || die "sudo was refused; run as root: apt-get install ${missing[*]}"
  fi
  stage apt "install ${#missing[@]} Debian packages" apt_install "${missing[@]}" ||
    die "apt-get could not install them. If it would have to remove packages (libboost1.74-dev conflicts), remove those first."
}

# Newer npm refuses a lock that leaves out the optional binaries of other platforms, which older npm accepts; the locked versions and
# digests hold either way, and --no-save leaves the lock alone.
npm_install() {
  local options=(--prefix "$1" --ignore-scripts --no-audit --no-fund --no-update-notifier)
  npm ci "${options[@]}" || npm install --no-save "${options[@]}"
  # Debian's Node is older than the binaries of anvil and forge ask for, and npm leaves such packages out without a word. They do not
  # run in Node, so the lock does not repeat what they ask for.
  [[ $1 != contracts ]] || compgen -G "$1/node_modules/@foundry-rs/anvil-*/bin/anvil"
}

# setup_npm FOLDER   installs exactly what FOLDER/package-lock.json says, once.
setup_npm() {
  local folder=$1 stamp want
  [[ -f $folder/package.json && -f $folder/package-lock.json ]] || return 0
  stamp=$folder/node_modules/.koinon-lock
  want="$(sha256sum <"$folder/package-lock.json" | cut -d' ' -f1) $(uname -m)"
  [[ -f $stamp && $(<"$stamp") == "$want" ]] && return 0
  # No package here needs its install scripts, and not running them is one thing less to trust.
  stage "npm-$folder" "install npm packages of $folder/" \
    npm_install "$folder" ||
    die "npm could not install $folder/package-lock.json; check that a registry is reachable (npm ping)"
  printf '%s\n' "$want" >"$stamp"
}

setup_all() {
  setup_packages
  local folder
  for folder in contracts web tools; do setup_npm "$folder"; done
}
