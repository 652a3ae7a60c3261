# Sourced: starts processes in sessions of their own and sees to it that none outlives this script.
#
# A terminal sends Ctrl-C to its whole foreground process group at once. A server that others still need while they stop
# (nats-server, while Watchbell drains) must not hear it, so everything started here leads its own session, and this script
# alone hears the signal and passes it on in the right order: first to the command it waits for, then, when that has ended,
# to the servers, newest first.
# shellcheck shell=bash

sessions=()         # "PID SIGNAL" of each leader, oldest first; its pid is also its process group, SIGNAL ends it in order
started=            # pid of the newest leader
foreground=         # what signals are passed to: a pid, or -pid for a whole group; empty while nothing is waited for
foreground_leader=  # its leader, killed on an impatient second Ctrl-C
starting=           # set while a process is being started and its pid is not noted yet
pending=            # a signal that came in that moment
signals=0           # how many came
passed_on=          # set once one of them went to the foreground
first_signal_s=0    # when the first came, on bash's clock $SECONDS

# Runs COMMAND… as the leader of a session of its own, in the background; its pid is in $started. SIGNAL is what ends it.
start_session() { # SIGNAL COMMAND…
  local signal=$1
  shift
  starting=1
  if command -v setsid >/dev/null; then
    # Without job control bash starts background commands with SIGINT ignored; the inner trap undoes that.
    (
      trap - INT QUIT
      exec setsid "$@"
    ) &
  elif command -v perl >/dev/null; then # macOS has no setsid program
    perl -e 'use POSIX "setsid"; $SIG{INT} = $SIG{QUIT} = "DEFAULT"; setsid(); exec @ARGV or die "$ARGV[0]: $!\n"' "$@" &
  else
    echo "neither setsid (util-linux) nor perl is here; please install one of them" >&2
    exit 1
  fi
  started=$!
  sessions+=("$started $signal")
  starting=
  if [ -n "$pending" ]; then on_signal "$pending"; fi
}

# Runs COMMAND… in a session, waits for it and returns its exit code. A signal that arrives meanwhile is passed on as SIGTERM
# (which, unlike Ctrl-C's SIGINT, also works on a program that has not set up its handlers yet), to the leader alone or to
# its whole group. What has not ended GRACE_S seconds later is killed; so is, in the end, what the leader left behind in
# its group.
run_session() { # leader|group GRACE_S COMMAND…
  local whom=$1 grace_s=$2 pid seen code rc=
  shift 2
  start_session TERM "$@"
  pid=$started
  foreground_leader=$pid
  if [ "$whom" = group ]; then foreground=-$pid; else foreground=$pid; fi
  while :; do
    seen=$signals
    code=0
    wait "$pid" 2>/dev/null || code=$?
    # 127 a second time: bash has handed out the code already.
    if [ -z "$rc" ] || [ "$code" != 127 ]; then rc=$code; fi
    [ "$seen" != "$signals" ] || break
    # A signal cut `wait` short: from here on there is an end to the patience.
    while kill -0 "$pid" 2>/dev/null; do
      if [ $((SECONDS - first_signal_s)) -ge "$grace_s" ]; then
        echo "process $pid did not stop within $grace_s s and is killed" >&2
        kill -KILL -- "-$pid" 2>/dev/null || true
      fi
      sleep 0.1 || true # a signal to the whole group ends sleep too
    done
  done
  foreground='' foreground_leader=''
  kill -KILL -- "-$pid" 2>/dev/null || true
  forget_session "$pid"
  return "$rc"
}

# Ends the session of leader PID by SIGNAL and, where that is not enough within 10 s, by SIGKILL.
stop_session() { # PID SIGNAL
  local until_s=$((SECONDS + 10))
  kill "-$2" "$1" 2>/dev/null || true
  while kill -0 "$1" 2>/dev/null && [ "$SECONDS" -lt "$until_s" ]; do sleep 0.05 || true; done
  kill -KILL -- "-$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# An ended process's pid may be given to a stranger, so it must not be signalled again.
forget_session() { # PID
  local entry kept=()
  for entry in ${sessions[@]+"${sessions[@]}"}; do
    if [ "${entry% *}" != "$1" ]; then kept+=("$entry"); fi
  done
  sessions=(${kept[@]+"${kept[@]}"})
}

on_signal() { # NAME
  signals=$((signals + 1))
  if [ "$signals" = 1 ]; then first_signal_s=$SECONDS; fi
  if [ -n "$starting" ]; then
    pending=$1
  elif [ -z "$foreground" ]; then
    exit $((128 + $(kill -l "$1")))
  elif [ -z "$passed_on" ]; then
    passed_on=1
    kill -TERM -- "$foreground" 2>/dev/null || true
  elif [ "$1" = INT ] && [ $((SECONDS - first_signal_s)) -ge 2 ]; then
    # Only a Ctrl-C, and only seconds later, means "at once": make and process managers may deliver one stop twice.
    kill -KILL -- "-$foreground_leader" 2>/dev/null || true
  fi
}

# Sets the traps. CLEANUP, a function of the caller, runs once at the very end, after all sessions were ended.
own_sessions() { # CLEANUP
  session_cleanup=$1
  trap 'on_signal INT' INT
  trap 'on_signal TERM' TERM
  trap 'on_signal HUP' HUP
  trap end_sessions EXIT
}

end_sessions() {
  local rc=$? i entry
  trap '' INT TERM HUP
  for ((i = ${#sessions[@]} - 1; i >= 0; i--)); do
    entry=${sessions[$i]}
    stop_session "${entry% *}" "${entry#* }"
  done
  "$session_cleanup" || true
  exit "$rc"
}
