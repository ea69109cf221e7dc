# Rules that a line of text can break. Usage: awk -f source.awk tools/lint/layers.txt FILE...; prints `FILE:LINE: what`.
# Warnings (a file above 500 lines) begin with `warning: `.

function say(what) { printf "%s:%d: %s\n", FILENAME, FNR, what }
function root_of(path) { return index(path, "/") ? substr(path, 1, index(path, "/") - 1) : "" }
function may_use(from, to) { return from == to || any[from] || ((from, to) in allowed) }

function finish() {
  if (name == "") return
  if (is_header && !once) printf "%s:1: a header begins with #pragma once\n", name
  if (is_source && lines > 500 && !reason)
    printf "warning: %s:%d: above 500 lines: split it, or say why in a line `long because: ...`\n", name, lines
}

FILENAME == ARGV[1] {
  if ($1 == "" || $1 ~ /^#/) next
  known[$1] = 1
  for (i = 2; i <= NF; i++) { if ($i == "*") any[$1] = 1; else allowed[$1, $i] = 1 }
  next
}

FNR == 1 {
  finish()
  name = FILENAME; root = root_of(FILENAME); once = 0; reason = 0; part = ""; in_deps = 0
  is_header = name ~ /\.hpp$/; is_cpp = name ~ /\.(cpp|hpp)$/; is_cmake = name ~ /CMakeLists\.txt$/
  is_source = name ~ /\.(cpp|hpp|sol|ts|tsx|mjs|sh|awk|css)$/
  is_test = name ~ /_(test|bench|fuzz)\.(cpp|hpp)$/ || root == "test"
  is_lint = name ~ /^tools\/lint\//
}
{ lines = FNR }
/long because: / { reason = 1 }

# Text.
/\t/ && is_cpp { say("tab: indent with spaces") }
/[ \t]+$/ && name !~ /\.md$/ { say("trailing space") }
/^(<<<<<<<|>>>>>>>) / { say("conflict marker") }
!is_lint && /(^|[^A-Za-z0-9_])(TODO|FIXME|XXX)([^A-Za-z0-9_]|$)/ { say("unfinished: do it, or open an issue") }
!is_lint && /(^|[ "'`(=:])\/(home|root|Users|w[o]rk)\/[A-Za-z]/ { say("path of one machine") }
/"resolved": *"(https?|git)/ && name ~ /package-lock\.json$/ { say("lock names a host: set omit-lockfile-registry-resolved=true in .npmrc and make it again") }

# C++.
is_header && /^#pragma once/ { once = 1 }
is_cpp && !is_lint {
  if ($0 ~ /\.detach\(\)/) say("no detach: every thread has an owner that waits for it")
  if ($0 ~ /(^|[^A-Za-z0-9_])co_(await|yield|return)[^A-Za-z0-9_]/) say("no coroutines: GCC 12 miscompiles them")
  if ($0 ~ /(TEST|TEST_F|TEST_P)\([^,]*, *DISABLED_/ ) say("no disabled tests: mend it or delete it")
  if ($0 ~ /^[ ]*#[ ]*include/) include_line()
}
/-ffast-math|-Ofast/ && (is_cmake || name ~ /\.cmake$/) { say("no fast-math: results would depend on the compiler") }

function include_line(    target, to) {
  if ($0 ~ /^ *# *include *</) {
    target = $0; sub(/^[^<]*</, "", target); sub(/>.*/, "", target)
    if (is_header && !is_test && target ~ /^(boost\/(beast|asio|multiprecision)|nlohmann\/json\.hpp|spdlog\/|google\/protobuf\/)/)
      heavy[FILENAME] = FILENAME ":" FNR ": <" target ">"
    if (root_of(target) in known) say("<" target ">: our own headers are included with quotes")
    return
  }
  target = $0
  if (!sub(/^[^"]*"/, "", target)) return
  sub(/".*/, "", target)
  if (target ~ /(^|\/)\.\.?\//) { say("\"" target "\": include paths start at the root"); return }
  if (target ~ /\.pb\.h$/) { if (is_header && !is_test) heavy[FILENAME] = FILENAME ":" FNR ": \"" target "\""; return }
  edges++; user[edges] = FILENAME; used[edges] = target; user_test[edges] = is_test
  to = root_of(target)
  if (!(to in known)) { say("\"" target "\": include paths start at a folder of the root"); return }
  if (root in known && !may_use(root, to)) say(root "/ may not include " to "/ (DESIGN, section 3)")
}

# CMake: the DEPS of a part obey the same table.
is_cmake {
  text = $0; sub(/#.*/, "", text); gsub(/[()]/, " & ", text)
  count = split(text, word, /[ \t]+/)
  for (i = 1; i <= count; i++) {
    if (word[i] == "koinon_part") in_deps = 0
    else if (word[i] == "DEPS") in_deps = 1
    else if (word[i] == ")" || word[i] ~ /^[A-Z_]+$/) in_deps = 0
    else if (in_deps && word[i] != "") {
      to = word[i]; if (index(to, "/")) to = root_of(to)
      if (!(to in known)) say("DEPS " word[i] ": no such folder")
      else if (root in known && !may_use(root, to)) say(root "/ may not depend on " to "/ (DESIGN, section 3)")
    }
  }
}

# A header with a heavy include is for the .cpp files of its own folder; a header that includes it is as heavy.
function folder_of(path) { sub(/\/[^\/]*$/, "", path); return path }
END {
  finish()
  do {
    grown = 0
    for (i = 1; i <= edges; i++)
      if ((used[i] in heavy) && user[i] ~ /\.hpp$/ && !user_test[i] && !(user[i] in heavy)) { heavy[user[i]] = heavy[used[i]]; grown = 1 }
  } while (grown)
  for (i = 1; i <= edges; i++)
    if ((used[i] in heavy) && !user_test[i] && folder_of(user[i]) != folder_of(used[i]))
      print heavy[used[i]] ": every user of the header compiles it, such as " user[i] ": keep it in a .cpp"
}
