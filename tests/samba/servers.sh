# shellcheck shell=bash
# The running processes: start, await, freeze, kill. Sourced by tests/samba-lab.
#
# Each controller has a process namespace of its own. Whatever Samba starts stays inside, and the kernel ends all of it
# with the namespace's first process; nothing here ever looks for processes by name.

# The keeper is the `unshare` that waits outside of the namespace. Its file holds its number and its start time, for
# numbers are given out again.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

keeper_of() {
  local pid since
  read -r pid since 2>/dev/null <"$(folder "$1")/keeper" || return 1
  [ -n "$since" ] && [ "$(start_time "$pid")" = "$since" ] && echo "$pid"
}

children() { cat "/proc/$1"/task/*/children 2>/dev/null || true; }

first_child() {
  local all
  read -r -a all <<<"$(children "$1")"
  [ -n "${all[0]-}" ] && echo "${all[0]}"
}

# The namespace's first process: the root of the controller's `samba`.
init_of() {
  local keeper
  keeper=$(keeper_of "$1") && first_child "$keeper"
}

tree() {
  local child
  echo "$1"
  for child in $(children "$1"); do tree "$child"; done
}

start_controller() {
  local i=$1 d taken; d=$(folder "$i")
  [ -d "$d" ] || die "there is no controller $i: tests/samba-lab up"
  if keeper_of "$i" >/dev/null; then return; fi
  taken=$(ss --no-header --listening --tcp --numeric --processes "( sport = :636 or sport = :445 )" \
    | grep --extended-regexp " ($(address "$i")|0\.0\.0\.0|\*|\[::\]):(636|445) " || true)
  [ -z "$taken" ] || die "something else listens on $(address "$i"): $taken"
  # what a controller that was killed left behind
  find "$d/run" -mindepth 1 -delete
  # 8 and 9 are the locks of this script and of tests/run
  local launch=(setsid "${launch[@]}" --pid --fork --kill-child --mount-proc)
  in_view "$i" samba --foreground --no-process-group </dev/null >>"$d/log/output" 2>&1 8>&- 9>&- &
  # in_view is a function: the shell that performs it is the keeper's parent, and goes when it ends
  local shell=$! keeper tries
  for tries in $(seq 200); do
    keeper=$(first_child "$shell") && [ "$(cat "/proc/$keeper/comm" 2>/dev/null)" = unshare ] && break
    [ "$tries" -lt 200 ] || die "controller $i did not start: $(tail -3 "$d/log/output")"
    sleep 0.01
  done
  echo "$keeper $(start_time "$keeper")" >"$d/keeper"
}

port_open() { timeout 1 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }

# Waits until controller $1 takes connections on every port that the tests use.
await_controller() {
  local i=$1 port deadline=$((SECONDS + 60))
  for port in 636 389 445 53 88; do
    until port_open "$(address "$i")" "$port"; do
      keeper_of "$i" >/dev/null || die "controller $i ended: $(tail -5 "$(folder "$i")/log/output")"
      [ "$SECONDS" -lt "$deadline" ] || die "controller $i does not open port $port: see $(folder "$i")/log"
      sleep 0.05
    done
  done
}

# Sends a signal to every process of a controller; twice, for one may be started between the look and the signal.
signal_controller() {
  local init
  init=$(init_of "$2") || die "controller $2 does not run"
  # shellcheck disable=SC2046
  kill -s "$1" $(tree "$init") 2>/dev/null || true
  # shellcheck disable=SC2046
  kill -s "$1" $(tree "$init") 2>/dev/null || true
}

await_end() {
  local deadline=$((SECONDS + $2))
  while keeper_of "$1" >/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.02
  done
}

# Ends a controller at once, as a power cut would.
kill_controller() {
  local init
  init=$(init_of "$1") || return 0
  kill -s KILL "$init"
  await_end "$1" 10 || die "controller $1 does not end"
}

# Ends a controller in good order, for its files are to be kept.
stop_controller() {
  local init
  init=$(init_of "$1") || return 0
  kill -s TERM "$init"
  await_end "$1" 10 || kill_controller "$1"
}

each_controller() {
  local i
  for i in $(controllers); do "$1" "$i"; done
}

lab_status() {
  local i state
  for i in $(controllers); do
    state=down
    if keeper_of "$i" >/dev/null; then state="up, process $(init_of "$i")"; fi
    echo "dc$i.$dns $(address "$i") $state"
  done
}

lab_down() {
  each_controller kill_controller
  rm -rf "$lab"
}
