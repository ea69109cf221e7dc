# Prints `FILE:LINE TARGET` for each relative link of Markdown, code blocks left out. Usage: awk -f links.awk FILE.md...
FNR == 1 { code = 0 }
/^ *```/ { code = !code }
code { next }
{
  text = $0
  gsub(/`[^`]*`/, "", text)
  while (match(text, /\]\([^)]*\)/)) {
    target = substr(text, RSTART + 2, RLENGTH - 3); text = substr(text, RSTART + RLENGTH)
    sub(/[ ].*/, "", target); sub(/#.*/, "", target)
    if (target == "" || target ~ /^[a-z]+:/) continue
    print FILENAME ":" FNR, target
  }
}
