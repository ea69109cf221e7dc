# shellcheck shell=bash
# Builds, runs every test and adds up: the last line is `N passed, N failed`, over the cases of all test programs.

TEST_LABELS=(unit chain contracts web browser slow)

# Adds the cases of one test log to stdout as "passed failed"; knows the summaries of forge, vitest and node:test.
count_log() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    /tests? passed, [0-9]+ failed, [0-9]+ skipped \([0-9]+ total tests\)/ {     # forge: one line over all suites
      for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i - 2); if ($i ~ /^failed/) failed += $(i - 1) }
    }
    $1 == "Tests" && / \([0-9]+\)$/ {                                           # vitest: Tests  1 failed | 12 passed (13)
      for (i = 2; i <= NF; i++) { if ($i == "passed") passed += $(i - 1); if ($i == "failed") failed += $(i - 1) }
    }
    ($1 == "#" || $1 == "ℹ") && $2 == "pass" { passed += $3 }                   # node:test
    ($1 == "#" || $1 == "ℹ") && $2 == "fail" { failed += $3 }
    /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }             # our own scripts
    END { printf "%d %d\n", passed, failed }'
}

# count_ctest LOG XMLDIR   the same for a ctest run: the cases of each gtest program, one for any other program.
count_ctest() {
  local line name state xml passed=0 failed=0 p f
  while IFS= read -r line; do
    name=$(sed -E 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) .*/\1/' <<<"$line")
    state=failed
    [[ $line == *" Passed "* ]] && state=passed
    xml=$2/$name.xml
    p=0 f=0
    if [[ -f $xml ]]; then
      read -r p f < <(awk -F'"' '/<testsuites / {
        for (i = 1; i < NF; i += 2) { key = $i; sub(/.* /, "", key); value[key] = $(i + 1) }
        bad = value["failures="] + value["errors="]
        printf "%d %d\n", value["tests="] - value["disabled="] - bad, bad; exit }' "$xml") || true
    elif [[ $state == passed && $line != *Skipped* ]]; then
      p=1
    fi
    # A crash or a timeout leaves no failed case behind, and is still a failure.
    if [[ $state == failed && $line != *Skipped* ]] && ((f == 0)); then f=1; fi
    passed=$((passed + p)) failed=$((failed + f))
  done < <(grep -E '^ *[0-9]+/[0-9]+ Test +#' "$1")
  echo "$passed $failed"
}

TOTAL_PASSED=0
TOTAL_FAILED=0

# add_counts STATUS PASSED FAILED   a run that failed without a failed case counts as one failure, a silent success as one pass.
add_counts() {
  local status=$1 passed=$2 failed=$3
  if ((status != 0 && failed == 0)); then failed=1; fi
  if ((status == 0 && passed == 0 && failed == 0)); then passed=1; fi
  TOTAL_PASSED=$((TOTAL_PASSED + passed)) TOTAL_FAILED=$((TOTAL_FAILED + failed))
}

# Cases that failed, with what they said, for the end of the output: a log that is cut keeps its end.
FAILURES=()

# note_failures LOG XMLDIR   the failed cases of gtest programs; of other programs what their log says.
note_failures() {
  local text=
  if compgen -G "$2/*.xml" >/dev/null; then
    text=$(awk '
      /<testcase / { match($0, / name="[^"]*"/); name = substr($0, RSTART + 7, RLENGTH - 8)
                     match($0, / classname="[^"]*"/); suite = substr($0, RSTART + 12, RLENGTH - 13) }
      /<failure message="/ { sub(/.*<failure message="/, ""); sub(/" type="".*/, ""); gsub(/&#x0A;/, "\n    "); gsub(/&quot;/, "\"")
                             gsub(/&apos;/, "\047"); gsub(/&lt;/, "<"); gsub(/&gt;/, ">"); gsub(/&amp;/, "\\&")
                             printf "  %s.%s\n    %s\n", suite, name, $0 }' "$2"/*.xml)
  fi
  [[ -n $text ]] || text=$(sed 's/\x1b\[[0-9;]*m//g' "$1" | grep -E '^ *(\[FAIL|FAIL |not ok |×|Error:|[0-9]+ - .*\((Failed|Timeout|SEGFAULT|Subprocess aborted)\))' | head -n 20)
  FAILURES+=("$(basename "$1"):"$'\n'"$text")
}

# run_ctest PRESET LABEL
# Programs of `chain` and `browser` work against clocks and other processes, and a machine that stops for some seconds makes one
# miss a deadline. What fails there is run once more by itself, with the first failure shown; it has passed if it passes then.
run_ctest() {
  local preset=$1 label=$2 status=0 counts xmldir=$LOGS/gtest-$2 limit=1800 tests again p f
  tests=$(ctest --test-dir "build/$preset" -N -L "^$label\$" | sed -n 's/^Total Tests: *//p')
  ((tests)) || return 0
  [[ $label == slow ]] && limit=28800
  rm -rf "$xmldir" "$xmldir-again"
  STAGE_TAIL=150 GTEST_OUTPUT=xml:$xmldir/ stage "test-$label" "test $label ($tests programs)" \
    timeout --kill-after=30 "$limit" ctest --test-dir "build/$preset" -L "^$label\$" -j "$(nproc)" \
    --timeout 900 --output-on-failure --no-tests=error || status=$?
  read -r -a counts < <(count_ctest "$LOGS/test-$label.log" "$xmldir")
  if ((status != 0)); then note_failures "$LOGS/test-$label.log" "$xmldir"; fi
  if ((status != 0 && status < 124)) && [[ $label == chain || $label == browser ]]; then
    again=0
    STAGE_TAIL=150 GTEST_OUTPUT=xml:$xmldir-again/ stage "test-$label-again" "what failed there, once more" \
      timeout --kill-after=30 "$limit" ctest --test-dir "build/$preset" -L "^$label\$" --rerun-failed -j 1 \
      --timeout 900 --output-on-failure --no-tests=error || again=$?
    if ((again == 0)); then
      read -r p f < <(count_ctest "$LOGS/test-$label-again.log" "$xmldir-again")
      say "  passed the second time; the first failure of each is at the end"
      counts=($((counts[0] + counts[1])) 0) status=0
      ((f == 0 && p > 0)) || status=1
    fi
  fi
  add_counts "$status" "${counts[@]}"
}

# run_script LABEL TEXT SECONDS COMMAND...
run_script() {
  local label=$1 text=$2 limit=$3 status=0 counts
  shift 3
  STAGE_TAIL=150 stage "test-$label" "$text" timeout --kill-after=30 "$limit" "$@" || status=$?
  read -r -a counts < <(count_log "$LOGS/test-$label.log")
  if ((status != 0)); then note_failures "$LOGS/test-$label.log" "$LOGS/none"; fi
  add_counts "$status" "${counts[@]}"
}

run_label() {
  local preset=$1 label=$2
  case $label in
    unit | chain | browser) run_ctest "$preset" "$label" ;;
    slow)
      run_ctest "$preset" slow
      ;;
    contracts)
      [[ ! -x contracts/check ]] || run_script contracts "test contracts (forge)" 900 contracts/check
      ;;
    web)
      if [[ -f web/package-lock.json ]]; then
        run_script web-check "check the types of the page" 300 npm --prefix web run check
        run_script web "test web" 600 npm --prefix web test
      fi
      ;;
  esac
}

test_all() {
  local preset=release labels=() label native=0 failure
  while (($#)); do
    case $1 in
      --preset)
        preset=${2-}
        shift
        ;;
      *)
        [[ " ${TEST_LABELS[*]} " == *" $1 "* ]] || die "[test] no label $1: expected some of ${TEST_LABELS[*]}"
        labels+=("$1")
        ;;
    esac
    shift
  done
  ((${#labels[@]})) || labels=(unit chain contracts web browser)
  setup_all
  for label in "${labels[@]}"; do [[ $label =~ ^(unit|chain|browser|slow)$ ]] && native=1; done
  if ((native)); then build_preset "$preset"; fi
  [[ " ${labels[*]} " =~ " "(web|browser|slow)" " ]] && build_page
  export_build "$preset"
  for label in "${labels[@]}"; do run_label "$preset" "$label"; done
  for failure in ${FAILURES[@]+"${FAILURES[@]}"}; do printf 'failed in %s\n' "$failure" | cut -c 1-400 | head -n 60; done
  echo "$TOTAL_PASSED passed, $TOTAL_FAILED failed"
  ((TOTAL_FAILED == 0 && TOTAL_PASSED > 0))
}
