/**
 * Plays the guide on the target's side: writes its files, starts and ends its targets, runs its commands as a shell
 * with `lunlog` and `iscsi_tgt` in its path would. Port 3260 becomes one that is free, and is 3260
 * again in what is printed.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { connectWhenServed } from "../cli/support.ts"
import { type Child, runCommand, startChild } from "./child-process.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory } from "./target-process.ts"

const commandMillis = 120_000

/** Where the guide's reader is. */
const guideFolder = "/srv/guide"

/** A command that serves until it is ended. */
const servesPattern = /^(lunlog serve|iscsi_tgt)\b/u

/** A reader of the guide at the target's machine. */
export interface GuidePlayer extends AsyncDisposable {
  /** Where the guide's files are. */
  readonly directory: string
  /** Of the target that runs. */
  readonly socketPath: string
  /** With the port of this player in place of 3260. */
  readonly here: (text: string) => string
  /** With 3260 again, and the folder that the guide has. */
  readonly asInGuide: (text: string) => string
  readonly write: (path: string, text: string) => void
  /** Whether a command starts a target. */
  readonly serves: (command: string) => boolean
  /** Ends the target of before (Ctrl-C), and starts the next; resolves when it is ready. */
  readonly start: (command: string) => Promise<void>
  /** What a command prints, on stdout and stderr. */
  readonly run: (command: string) => Promise<string>
}

/** Programs of the names that the guide uses, whose state and socket are the player's. */
const writePrograms = (directory: string): void => {
  mkdirSync(join(directory, "bin"))
  const own = {
    lunlog: `[[ $1 == serve ]] && set -- "$@" --state state`,
    iscsi_tgt: `set -- --state state -r rpc "$@"`
  }
  for (const [name, line] of Object.entries(own)) {
    const program = join(projectDirectory, "bin", `${name}.js`)
    const script = `#!/bin/bash\n${line}\nexec '${process.execPath}' '${program}' "$@"\n`
    writeFileSync(join(directory, "bin", name), script, { mode: 0o755 })
  }
}

const startAndWait = async (
  command: string,
  directory: string,
  environment: Readonly<Record<string, string | undefined>>
): Promise<Child> => {
  const child = await startChild({ command: "bash", args: ["-c", `exec ${command}`], directory, environment })
  const rpc = await connectWhenServed(join(directory, "rpc"), () => child.exitStatus() !== undefined)
  try {
    if (rpc === undefined) throw new Error(`${command} serves nothing:\n${child.stdout()}${child.stderr()}`)
    await rpc.call("framework_wait_init")
    return child
  } catch (error) {
    child.signal("SIGKILL")
    throw error
  } finally {
    rpc?.close()
  }
}

/** A reader with an empty folder; everything that it has started ends with it. */
export const startGuidePlayer = async (): Promise<GuidePlayer> => {
  const directory = makeDirectory("guide")
  const port = String(await freePort())
  writePrograms(directory)
  const environment = {
    PATH: `${join(directory, "bin")}:${dirname(process.execPath)}:${process.env["PATH"]}`,
    LUNLOG_SOCKET: join(directory, "rpc"),
    LUNLOG_LOG_LEVEL: undefined,
    NODE_OPTIONS: undefined,
    VITEST: undefined,
    NODE_ENV: undefined
  }
  const here = (text: string): string => text.replaceAll(/\b3260\b/gu, port)
  let served: Child | undefined
  const end = async (): Promise<void> => {
    served?.signal("SIGINT")
    await served?.exited
  }
  return {
    directory,
    socketPath: environment.LUNLOG_SOCKET,
    here,
    asInGuide: (text) => text.replaceAll(directory, guideFolder).replaceAll(new RegExp(`\\b${port}\\b`, "gu"), "3260"),
    write: (path, text) => writeFileSync(join(directory, path), here(text)),
    serves: (command) => servesPattern.test(command),
    start: async (command) => {
      await end()
      served = await startAndWait(here(command), directory, environment)
    },
    run: async (command) => {
      const args = ["-c", `exec 2>&1; ${here(command)}`]
      return (await runCommand({ command: "bash", args, directory, environment }, commandMillis)).stdout
    },
    [Symbol.asyncDispose]: async () => {
      await end()
      removeDirectory(directory)
    }
  }
}
