# The steps of tests/run: each runs a command, keeps its output and counts the tests in it. Sourced; tests/style/steps
# tests it. The caller sets `logs`, a folder for the output, and makes $logs/counts.

# A step is stopped when it has printed nothing for this long, ten times the longest silence on a quiet machine. How
# long it takes in all is not limited: a slow machine fails nothing.
silence_max_s=600
# Between asking a process to end and killing it.
grace_s=10

# count NAME PASSED FAILED SKIPPED: one line of the sum. Steps may run side by side, so each has a file of its own.
count() { echo "$2 $3 $4" >"$logs/counts/${1//[^a-z0-9]/-}"; }

# The sum, as the last line; ends the shell.
finish() {
  local p f s passed=0 failed=0 skipped=0
  while read -r p f s; do passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s)); done < <(cat "$logs"/counts/*)
  if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
  else
    echo "$passed passed, $failed failed"
  fi
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}

skip() {
  echo "== $1: skipped, $2"
  count "$1" 0 0 1
}

# watched LOG COMMAND...: runs a command, its output to a log, and returns its exit code. When the log has not grown
# for silence_max_s, ends the command and all that it started, and returns 124.
watched() (
  log=$1
  shift
  # Here timeout limits nothing: it makes one process group of the command and all that it starts.
  timeout 0 "$@" </dev/null >"$log" 2>&1 &
  command=$!
  trap 'kill -- "-$command" 2>/dev/null; exit 130' INT TERM
  size=0 silent_since=$SECONDS
  while kill -0 "$command" 2>/dev/null; do
    sleep 1 &
    wait -n "$command" $!
    now=$(stat -c %s "$log")
    if [ "$now" != "$size" ]; then size=$now silent_since=$SECONDS; fi
    if [ $((SECONDS - silent_since)) -ge "$silence_max_s" ]; then
      kill -- "-$command" 2>/dev/null
      for ((waited = 0; waited < grace_s; ++waited)); do
        kill -0 -- "-$command" 2>/dev/null || break
        sleep 1
      done
      kill -KILL -- "-$command" 2>/dev/null
      exit 124
    fi
  done
  wait "$command"
)

# step NAME COMMAND...: runs a command, for as long as it prints; its output to a log, shown when it fails. Counts the
# tests by what it printed: doctest's summary, a last line "N passed, N failed[, N skipped]", or lines that begin with
# "ok". Returns the command's exit code. Prints all at its end, so two can run side by side.
step() {
  local name=$1 log="$logs/$(tr -d "()" <<<"${1// /-}").log" start=$SECONDS code=0 p=0 f=0 s=0 why=
  shift
  watched "$log" "$@" || code=$?
  if grep -q '^\[doctest\] test cases:' "$log"; then
    read -r p f s < <(sed -nE 's/^\[doctest\] test cases: +[0-9]+ \| +([0-9]+) passed \| +([0-9]+) failed \| +([0-9]+) skipped.*/\1 \2 \3/p' "$log" | tail -n 1)
  elif tail -n 1 "$log" | grep -qE '^[0-9]+ passed, [0-9]+ failed'; then
    read -r p f s < <(tail -n 1 "$log" | sed -E 's/ (passed|failed|skipped),?//g')
  else
    p=$(grep -c '^ok ' "$log")
  fi
  s=${s:-0}
  [ "$code" != 124 ] || why="   nothing printed for $silence_max_s s: stopped"
  if [ "$code" != 0 ] && [ "$f" = 0 ]; then
    f=1
  elif [ $((p + f + s)) = 0 ]; then
    f=1 why="   no test was run"
  fi
  count "$name" "$p" "$f" "$s"
  {
    echo "== $name: $p passed, $f failed, $s skipped, $((SECONDS - start)) s"
    [ -z "$why" ] || echo "$why"
    grep '^skipped ' "$log" | sed 's/^/   /'
    if [ "$f" != 0 ]; then
      # A crash says last where it was. Other failures: where they are marked (doctest's with what stands around them),
      # or else the end.
      {
        { [ "$code" -gt 128 ] && tail -n 60 "$log"; } ||
          sed -n '/^FAILED/,/^ok /p' "$log" | head -n 60 | grep . ||
          grep -a -B 4 -A 8 ' ERROR: ' "$log" | head -n 60 | grep . ||
          tail -n 60 "$log"
      } | sed 's/^/   | /'
      echo "   (the whole of it: $log)"
    fi
  } >"$log.said"
  cat "$log.said"
  return "$code"
}
