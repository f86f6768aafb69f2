#!/bin/bash
# shell.sh PORT: asks the host at PORT for commands, runs one after the other, each in a shell of its own, and sends what
# it prints. Commands and answers end with a zero byte. Ends when the host closes the connection.
port=${1:?usage: shell.sh PORT}
exec 3<>"/dev/tcp/127.0.0.1/$port"
while IFS= read -r -d '' command <&3; do
  printf '%s\0' "$(bash -c "$command" 2>&1 3<&- </dev/null)" >&3
done
