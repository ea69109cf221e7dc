# shellcheck shell=bash
# Makes the Debian package: the program, its page, the local ledger's chain, examples, the service.

# Packages of this system that hold the libraries a program is linked to, with commas between.
package_libraries() {
  local file
  objdump -p "$@" | awk '$1 == "NEEDED" { print $2 }' | while read -r file; do
    dpkg -S "*/$file" 2>/dev/null | grep -v -e '-cross' -e '^diversion' | head -n 1 | cut -d: -f1
  done | sort -u | paste -sd, | sed 's/,/, /g'
}

# package_tree ROOT   everything that the package installs.
package_tree() {
  local root=$1 arch anvil
  arch=$(dpkg --print-architecture)
  anvil=contracts/node_modules/@foundry-rs/anvil-linux-$arch/bin/anvil
  install -D -m 755 build/release/bin/koinon "$root/usr/bin/koinon"
  install -D -m 755 build/release/bin/koinon-sandbox "$root/usr/lib/koinon/koinon-sandbox"
  strip --strip-unneeded "$root/usr/bin/koinon" "$root/usr/lib/koinon/koinon-sandbox"
  install -D -m 755 "$anvil" "$root/usr/lib/koinon/anvil"
  mkdir -p "$root/usr/share/koinon/page" "$root/usr/share/koinon/examples"
  cp -r web/dist/. "$root/usr/share/koinon/page/"
  cp -r examples/digits "$root/usr/share/koinon/examples/"
  install -D -m 644 tools/package/koinon.service "$root/lib/systemd/system/koinon.service"
  install -D -m 644 tools/package/koinon.toml "$root/etc/koinon/koinon.toml"
  install -D -m 644 README.md "$root/usr/share/doc/koinon/README.md"
  install -D -m 644 node/config/README.md "$root/usr/share/doc/koinon/configuration.md"
  gzip -9nc CHANGELOG.md >"$root/usr/share/doc/koinon/changelog.gz"
  {
    printf 'Koinon is licensed under the Apache License, Version 2.0 (/usr/share/common-licenses/Apache-2.0).\n\n'
    printf 'lib/koinon/anvil is of the Foundry project, licensed under MIT or Apache-2.0.\n'
    printf 'The page holds Preact (MIT), viem (MIT), uPlot (MIT).\n'
  } >"$root/usr/share/doc/koinon/copyright"
  mkdir -p "$root/usr/share/bash-completion/completions"
  "$root/usr/bin/koinon" completion --shell bash >"$root/usr/share/bash-completion/completions/koinon"
  chmod -R u=rwX,go=rX "$root"
}

# package_control ROOT VERSION
package_control() {
  local root=$1 version=$2
  mkdir -p "$root/DEBIAN"
  cat >"$root/DEBIAN/control" <<TEXT
Package: koinon
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: The Koinon authors <koinon@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $(package_libraries "$root/usr/bin/koinon" "$root/usr/lib/koinon/koinon-sandbox"), adduser
Section: net
Priority: optional
Description: member of an open AI network
 Koinon makes this machine a member of an open network that buys, sells and
 checks AI work: one program, which runs a node with its page and its API,
 compiles models to exact integer programs, runs, proves and orders them.
TEXT
  echo /etc/koinon/koinon.toml >"$root/DEBIAN/conffiles"
  install -m 755 tools/package/postinst tools/package/prerm tools/package/postrm "$root/DEBIAN/"
}

# The package as it would be installed works by itself, away from this checkout.
package_try() {
  local root=$1/try
  dpkg-deb -x "$2" "$root" || return 1
  (
    cd "$root" || exit 1
    export HOME=$root PATH=/usr/bin:/bin
    ./usr/bin/koinon version &&
      ./usr/bin/koinon model build usr/share/koinon/examples/digits/digits-mlp.onnx -o m.koinon &&
      ./usr/bin/koinon run m.koinon --input usr/share/koinon/examples/digits/digit-7.png &&
      ./usr/bin/koinon doctor --http 127.0.0.1:0 --data data | tee doctor.txt &&
      grep -q "$root/usr/lib/koinon/anvil" doctor.txt && grep -q "$root/usr/share/koinon/page" doctor.txt
  )
}

package() {
  local version work deb
  setup_all
  build_preset release koinon koinon-sandbox
  build_page
  version=$(sed -n 's/^ *VERSION \([0-9.]*\).*/\1/p;s/^project(.*VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt | head -n 1)
  work=build/package
  deb=build/koinon_${version}_$(dpkg --print-architecture).deb
  rm -rf "$work"
  mkdir -p "$work/root"
  package_tree "$work/root"
  package_control "$work/root" "$version"
  stage package "pack $deb" dpkg-deb --root-owner-group -Zxz --build "$work/root" "$deb" || die "the package cannot be made"
  stage package-try "try it away from this checkout" package_try "$(cd "$work" && pwd)" "$deb" || die "the package does not work by itself"
  rm -rf "$work"
  echo "$deb ($(du -h "$deb" | cut -f1)). Install it on Debian 12 with: apt install ./$deb"
}
