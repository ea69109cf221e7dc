# shellcheck shell=bash
# ./dev bench: runs bench/WORKLOAD/run on the release build; each prints its own figures and refuses to when results differ.

bench() {
  local workloads=("$@") workload failed=0
  if ((${#workloads[@]} == 0)); then
    mapfile -t workloads < <(find bench -mindepth 2 -maxdepth 2 -name run -perm -u+x | sed 's|^bench/||; s|/run$||' | sort)
    ((${#workloads[@]})) || die "[bench] bench/ has no workload yet"
  fi
  for workload in "${workloads[@]}"; do
    [[ -x bench/$workload/run ]] || die "[bench] no workload $workload: expected one of $(find bench -mindepth 2 -maxdepth 2 -name run -printf '%h ' | sed 's|bench/||g')"
  done
  setup_all
  build_preset release
  export_build release
  for workload in "${workloads[@]}"; do
    say "== $workload"
    "bench/$workload/run" || failed=1
  done
  return "$failed"
}
