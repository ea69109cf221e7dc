# shellcheck shell=bash
# One line a stage: what is being done and how long it took. The output goes to build/logs/NAME.log; a failure shows its end.

LOGS=$ROOT/build/logs

say() { printf '%s\n' "$*" >&2; }

die() {
  say "dev: $*"
  exit 1
}

# Passes on those of the paths on stdin that exist (a file deleted but not yet committed is still listed by git).
existing() {
  local path
  while IFS= read -r path; do [[ -e $path ]] && printf '%s\n' "$path"; done
  return 0
}

# stage NAME TEXT COMMAND...   runs COMMAND quietly; returns its status after showing the end of the log if it failed.
stage() {
  local name=$1 text=$2 log status=0 start=$SECONDS beat=
  shift 2
  log=$LOGS/$name.log
  mkdir -p "$LOGS"
  : >"$log"
  stage_beat "$text" "$log" "$start" &
  beat=$!
  # Detached from the terminal's input, so that nothing can wait for an answer.
  ("$@") >"$log" 2>&1 </dev/null || status=$?
  kill "$beat" 2>/dev/null || true
  wait "$beat" 2>/dev/null || true
  [[ -t 2 ]] && printf '\r\033[K' >&2
  if ((status == 0)); then
    printf '  %-58s %5d s\n' "$text" $((SECONDS - start)) >&2
    return 0
  fi
  printf '  %-58s %5d s  FAILED (%d)\n' "$text" $((SECONDS - start)) "$status" >&2
  say "---- end of $log"
  tail -n "${STAGE_TAIL-40}" "$log" >&2
  say "----"
  return "$status"
}

# Shows the stage while it runs: every second on a terminal, every minute elsewhere.
stage_beat() {
  local text=$1 log=$2 start=$3 period=60
  trap 'kill $(jobs -p) 2>/dev/null; exit 0' TERM
  [[ -t 2 ]] && period=1
  while true; do
    sleep "$period" &
    wait $!
    # Ninja's and ctest's own counters, such as [12/340] or 12/34.
    local at
    at=$(tail -c 4000 "$log" 2>/dev/null | grep -oE '^(\[[0-9]+/[0-9]+\]| *[0-9]+/[0-9]+ Test)' | tail -n 1 | tr -d ' []Tes' || true)
    if [[ -t 2 ]]; then
      printf '\r\033[K  %-58s %5d s  %s' "$text" $((SECONDS - start)) "$at" >&2
    else
      printf '  ... %-54s %5d s  %s\n' "$text" $((SECONDS - start)) "$at" >&2
    fi
  done
}
