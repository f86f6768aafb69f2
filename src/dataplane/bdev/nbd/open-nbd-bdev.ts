/**
 * Opens the export of an NBD server as a disk, or says why there is none. It is tried once: who wants it later tries
 * again.
 */
import type { TellNews } from "../BdevNews.ts"
import type { NbdSpec } from "../BdevSpec.ts"
import type { OpenFiles } from "../file/OpenFiles.ts"
import { failure, type OpenedBdev, opened } from "../OpenedBdev.ts"
import { exportProblem } from "./export-problem.ts"
import { NbdBdev, type NbdSurroundings } from "./NbdBdev.ts"
import { type ConnectionOwner, NbdConnection } from "./NbdConnection.ts"
import type { NbdExport } from "./NbdNegotiation.ts"
import { NbdTransport, serverText } from "./NbdTransport.ts"

/** What opening one needs. */
export interface NbdOpening {
  readonly openFiles: OpenFiles
  readonly tell: TellNews
  readonly failed: NbdSurroundings["failed"]
}

/** What no two disks may write to; servers on one machine may have several names, which is not noticed. */
const writerKey = ({ exportName, server }: NbdSpec): string => `nbd ${serverText(server)} ${exportName}`

const inUse = (spec: NbdSpec, name: string): OpenedBdev => {
  const where = `export "${spec.exportName}" of ${serverText(spec.server)}`
  return failure("EBUSY", `the ${where} is in use: bdev ${name} writes to it; use it read-only, or through that bdev`)
}

const nobody: ConnectionOwner = { agreed: () => {}, answered: () => {}, lost: () => {} }

/** Calls `done` once, later; not at all after `signal` was aborted, and then nothing stays open. */
export const openNbdBdev = (
  name: string,
  spec: NbdSpec,
  { failed, openFiles, tell }: NbdOpening,
  signal: AbortSignal,
  done: (result: OpenedBdev) => void
): void => {
  const { exportName, readOnly, server: address, tls } = spec
  const server = serverText(address)
  const keys = readOnly ? [] : [writerKey(spec)]
  const connect = (): NbdConnection => new NbdConnection(new NbdTransport(address, tls, openFiles), exportName, nobody)
  const first = connect()
  const end = (result: OpenedBdev): void => {
    signal.removeEventListener("abort", giveUp)
    if (!signal.aborted) done(result)
  }
  const refuse = (code: string, detail: string): void => end(failure(code, `the NBD server ${server} ${detail}`))
  const giveUp = (): void => first.cut("ECANCELED", "is not needed any more")
  const use = (of: NbdExport): void => {
    const problem = exportProblem(of, spec, 0)
    const writer = openFiles.writerOf(keys)
    if (problem === undefined && writer === undefined) {
      const claim = openFiles.claim(keys, name)
      const closing = (): void => {
        claim.writer.closing = true
      }
      const surroundings = { server, connect, tell, failed, closing, closed: claim.release }
      return end(opened(new NbdBdev(spec, first, of, surroundings)))
    }
    first.owner = nobody
    first.close()
    if (problem !== undefined) refuse(problem.code, problem.detail)
    else if (writer !== undefined) end(inUse(spec, writer.name))
  }
  first.owner = { agreed: (_, of) => use(of), answered: () => {}, lost: (_, code, detail) => refuse(code, detail) }
  signal.addEventListener("abort", giveUp)
  void openFiles.closingEnded(keys).then(() => {
    if (!signal.aborted) first.open()
  })
}
