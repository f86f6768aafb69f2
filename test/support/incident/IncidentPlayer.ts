/**
 * The reader of docs/incident.md, at the target's machine at ten past three: runs commands as a shell in the target's
 * directory would, with `lunlog` in its path. What serves (a fork) is started and left to run.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { type Child, runCommand, startChild } from "../child-process.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory } from "../target-process.ts"
import { at, type Night, playNight, storyClock } from "./night.ts"

const commandMillis = 120_000

/** The target's directory, and its port, in the page. */
const pageFolder = "/srv/shop"
const pagePort = 3260

/** A reader, and the night that he looks into. */
export interface IncidentPlayer extends AsyncDisposable {
  readonly night: Night
  /** What a command prints, on stdout and stderr; of one that serves, what it prints until it is ready. */
  readonly run: (command: string) => Promise<string>
}

const writeProgram = (directory: string): void => {
  mkdirSync(join(directory, "bin"))
  const script = `#!/bin/bash\nexec '${process.execPath}' '${join(projectDirectory, "bin/lunlog.js")}' "$@"\n`
  writeFileSync(join(directory, "bin/lunlog"), script, { mode: 0o755 })
}

const serves = (command: string): boolean => /^lunlog fork\b/u.test(command)

/** What it says until it is ready, or until its end. */
const whenReady = async (child: Child): Promise<string> => {
  for (;;) {
    const printed = `${child.stdout()}${child.stderr()}`
    if (/Ctrl-C ends it/u.test(printed) || child.exitStatus() !== undefined) return printed
    await delay(20)
  }
}

/** Ports of a page that this player has, with those that forks make of them by `--port-offset 1000`. */
const portsOf = (port: number): ReadonlyArray<readonly [page: number, here: number]> => [
  [pagePort, port],
  [pagePort + 1000, port + 1000]
]

/** The page's ports and folder as they are here, and the other way. */
const translations = (port: number, directory: string) => {
  const here = (text: string): string =>
    portsOf(port).reduce(
      (result, [page, own]) => result.replaceAll(new RegExp(`\\b${page}\\b`, "gu"), String(own)),
      text
    )
  // In a table the next column stays where it was.
  const paged = (page: number, own: number, isInTable: boolean): string =>
    isInTable ? String(page).padEnd(String(own).length) : String(page)
  const asInPage = (text: string): string =>
    portsOf(port)
      .reduce(
        (result, [page, own]) =>
          result.replaceAll(
            new RegExp(`\\b${own}\\b( {2})?`, "gu"),
            (_, gap) => paged(page, own, gap !== undefined) + (gap ?? "")
          ),
        text
      )
      .replaceAll(directory, pageFolder)
  return { here, asInPage }
}

/** Plays the night; everything that it has started ends with it. */
export const startIncidentPlayer = async (): Promise<IncidentPlayer> => {
  const directory = makeDirectory("incident")
  const port = await freePort()
  writeProgram(directory)
  const night = await playNight(directory, port)
  const forks: Array<Child> = []
  const environment = () => ({
    ...at("paged"),
    PATH: `${join(directory, "bin")}:${dirname(process.execPath)}:${process.env["PATH"]}`,
    LUNLOG_SOCKET: join(directory, "rpc"),
    XDG_STATE_HOME: directory,
    LUNLOG_LOG_LEVEL: undefined,
    NODE_OPTIONS: `--import=${storyClock}`,
    LANG: "C.UTF-8",
    LC_ALL: undefined,
    COLUMNS: "110",
    VITEST: undefined,
    NODE_ENV: undefined
  })
  const { asInPage, here } = translations(port, directory)
  const shell = (command: string) => ({
    command: "bash",
    args: ["-c", `exec 2>&1; ${here(command)}`],
    directory,
    environment: environment()
  })
  return {
    night,
    run: async (command) => {
      if (!serves(command)) return asInPage((await runCommand(shell(command), commandMillis)).stdout)
      const fork = await startChild(shell(command.replace(/^/u, "exec ")))
      forks.push(fork)
      return asInPage(await whenReady(fork))
    },
    [Symbol.asyncDispose]: async () => {
      for (const fork of forks) {
        fork.signal("SIGKILL")
        await fork.exited
      }
      await night[Symbol.asyncDispose]()
      removeDirectory(directory)
    }
  }
}
