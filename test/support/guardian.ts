/**
 * Ends what a test worker leaves: process groups are killed, loop devices are let go. Test workers are ended by signal,
 * also after tests that have passed, so no exit handler can do that. A shell beside the worker can: it sees the pipe
 * from the worker close, however the worker ends.
 */
import { spawn } from "node:child_process"
import { Socket } from "node:net"

/** Reads `+KIND VALUE` for what is there and `-KIND VALUE` for what is not any more, until its input ends. */
const script = `
kept=""
while read -r line; do
  entry="\${line#?}"
  others=""
  for one in $kept; do [ "$one" = "$entry" ] || others="$others $one"; done
  kept="$others"
  case "$line" in "+"*) kept="$others $entry" ;; esac
done
for one in $kept; do case "$one" in group:*) kill -KILL "-\${one#group:}" 2>/dev/null ;; esac; done
for one in $kept; do case "$one" in loop:*) losetup --detach "\${one#loop:}" 2>/dev/null ;; esac; done
`

/** The shell's input, which keeps no worker from ending. */
const startGuardian = (): Socket => {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`
  // In a group of its own, because Ctrl-C goes to the whole group of a terminal.
  const shell = spawn("/bin/sh", ["-c", script], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: path }
  })
  shell.unref()
  const { stdin } = shell
  if (!(stdin instanceof Socket)) throw new Error("the guardian's input is no pipe")
  stdin.unref()
  // One that was killed by hand cannot guard; the tests go on.
  shell.on("error", () => undefined)
  stdin.on("error", () => undefined)
  return stdin
}

let input: Socket | undefined

/** What can be left: `group:PID` is a process group, `loop:PATH` a loop device. No blanks. */
export type Guarded = `group:${number}` | `loop:${string}`

/** From now on it ends when this process does. */
export const guard = (what: Guarded): void => {
  input ??= startGuardian()
  input.write(`+${what}\n`)
}

/** It has ended, or somebody else sees to it. */
export const unguard = (what: Guarded): void => {
  input?.write(`-${what}\n`)
}
