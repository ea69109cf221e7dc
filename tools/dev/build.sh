# shellcheck shell=bash
# Builds with CMake and Ninja into build/PRESET, and the page into web/dist.

export CCACHE_DIR=${CCACHE_DIR-${XDG_CACHE_HOME-$HOME/.cache}/ccache}
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE-5G}
# Paths below the root and the build folder are no part of an object's key, so that another checkout finds what this one built.
export CCACHE_BASEDIR=$ROOT
export CCACHE_NOHASHDIR=1

# One job a core, and no more than memory allows: a heavy unit needs 1.5 GB.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo)
  ((memory > 0)) || memory=1
  echo $((cores < memory ? cores : memory))
}

# build_preset PRESET [TARGET]   configures when needed, builds everything or one target (everything if there is no such target).
build_preset() {
  local preset=$1 target=${2-all} folder=build/$1 presets
  presets=$(cmake --list-presets 2>/dev/null | sed -n 's/^ *"\(.*\)".*/\1/p' | tr '\n' ' ')
  [[ " $presets" == *" $preset "* ]] || die "[build] no preset $preset: expected one of $presets"
  if [[ ! -f $folder/build.ninja || CMakePresets.json -nt $folder/build.ninja ]]; then
    stage "configure-$preset" "configure $preset" cmake --preset "$preset" ||
      die "configuring failed. A missing library belongs in tools/packages.txt."
  fi
  if [[ $target != all ]] && ! ninja -C "$folder" -t query "$target" >/dev/null 2>&1; then target=all; fi
  stage "build-$preset" "build $preset" cmake --build "$folder" --target "$target" -j "$(build_jobs)" ||
    die "the build failed. Again with all output: cmake --build $folder"
}

# The page that the node serves; rebuilt only when a source is newer.
build_page() {
  [[ -f web/package-lock.json && -f web/vite.config.ts ]] || return 0
  if [[ -f web/dist/index.html ]] &&
    [[ -z $(find web node/api -name node_modules -prune -o -name dist -prune -o -type f -newer web/dist/index.html -print -quit) ]]; then
    return 0
  fi
  stage page "build the page" npm --prefix web run build || die "the page does not build. Again: npm --prefix web run build"
}

# export_build PRESET   where tests, benches and the demo find what was built.
export_build() {
  export KOINON_BUILD=$ROOT/build/$1
  export PATH=$KOINON_BUILD/bin:$KOINON_BUILD/cli:$ROOT/contracts/node_modules/.bin:$PATH
}
