/**
 * The state directory (mode 0700): `log/` is the event log, `instance-id` the UUID from which identities of disks are
 * derived that were given none. The id is also in the log, which is believed first.
 */
import { randomUUID } from "node:crypto"
import { existsSync, type Stats, statSync } from "node:fs"
import { chmod, mkdir, readFile, stat } from "node:fs/promises"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"
import { Effect } from "effect"
import { isUuid, type Uuid } from "../../domain/ids.ts"
import { CliFailure } from "../CliFailure.ts"
import { isMissing, writePrivateFile } from "./private-file.ts"

const systemDirectory = "/var/lib/lunlog"

/** The user's home, if there is one: a container's numeric user may have no entry in /etc/passwd. */
const homeOf = (): string | undefined => {
  try {
    const home = homedir()
    return isAbsolute(home) ? home : undefined
  } catch {
    return undefined
  }
}

/** `/var/lib/lunlog` for root and for users without a home, else below XDG_STATE_HOME. */
export const defaultStateDirectory = (): string => {
  if (process.getuid?.() === 0) return systemDirectory
  const stateHome = process.env["XDG_STATE_HOME"]
  if (stateHome !== undefined && isAbsolute(stateHome)) return join(stateHome, "lunlog")
  const home = homeOf()
  return home === undefined ? systemDirectory : join(home, ".local", "state", "lunlog")
}

/** Where the event log of a state directory is. */
export const logDirectoryOf = (stateDirectory: string): string => join(stateDirectory, "log")

/** The log that a user means: a state directory's, or a log directory (a copy, say) as it is. */
export const findLogDirectory = (directory: string): string =>
  existsSync(join(directory, "FORMAT")) ? directory : logDirectoryOf(directory)

/** Whether what stands for a state directory is a file: an incident bundle, then. */
export const isBundle = (path: string): boolean => {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const failed = (path: string, error: unknown): CliFailure => {
  const why = error instanceof Error ? error.message : String(error)
  const remedy = "let this user write there, or name another with --state DIR"
  return new CliFailure({ message: `cannot use the state directory ${path}: ${why}; ${remedy}` })
}

/** Bits of a mode: others may write, and may remove only what is their own. */
const othersWrite = 0o002
const sticky = 0o1000

/** Who else could put another key, or another log, in its place; a group may share it on purpose (Kubernetes does). */
const whoElseWrites = ({ mode, uid }: Stats): string | undefined => {
  const self = process.getuid?.() ?? uid
  if (uid !== self && uid !== 0) return `user ${uid}, who owns it,`
  return (mode & othersWrite) !== 0 && (mode & sticky) === 0 ? "everybody" : undefined
}

/** Makes the directory, readable by nobody else; of one that was there it is told who else may write to it. */
export const prepareStateDirectory = (directory: string): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const before = yield* Effect.tryPromise({
      try: async () => {
        const created = await mkdir(directory, { recursive: true, mode: 0o700 })
        // What was there before may be shared on purpose; the log's own directory is private in any case.
        if (created !== undefined) await chmod(directory, 0o700)
        return created === undefined ? await stat(directory) : undefined
      },
      catch: (error) => failed(directory, error)
    })
    const who = before === undefined ? undefined : whoElseWrites(before)
    if (who === undefined) return
    const advice = `chown it to this user, and chmod 700 ${directory}`
    yield* Effect.logWarning(`${who} may exchange the log and the keys in the state directory ${directory}: ${advice}`)
  })

const readId = async (path: string): Promise<string | undefined> => {
  try {
    return (await readFile(path, "utf8")).trim()
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** The instance id: `fromLog` if the log has one, else the file's, else a new one. The file is made to agree. */
export const instanceIdOf = (directory: string, fromLog: Uuid | undefined): Effect.Effect<Uuid, CliFailure> =>
  Effect.tryPromise({
    try: async () => {
      const path = join(directory, "instance-id")
      const found = await readId(path)
      const id = fromLog ?? found ?? randomUUID()
      if (!isUuid(id)) throw new Error(`${path} holds no UUID in lower case; write the one that it held into it`)
      if (id !== found) await writePrivateFile(path, `${id}\n`)
      return id
    },
    catch: (error) => failed(directory, error)
  })
