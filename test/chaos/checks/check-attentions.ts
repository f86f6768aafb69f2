/**
 * Unit attentions (SAM-5 5.14): who had to be told something was told it, and nobody was told without a cause. Looked
 * at when every initiator has asked every LUN until there was nothing more to tell.
 */
import type { History, IoDone } from "../History.ts"
import type { Span } from "../model/BlockModel.ts"
import { type BdevLife, type Lives, type LunLife, wasThere } from "../model/Lives.ts"
import { metBy } from "./outcomes.ts"

/** What can be told, as sense. */
const inventoryChanged = "6/3f/0e"
const capacityChanged = "6/2a/09"
const mediumMayHaveChanged = "6/28/00"

/** A session's path to a LUN that has been used. */
interface Path {
  readonly session: string
  readonly since: number
  readonly life: LunLife
  /** When its first command had been answered. */
  readonly usedFrom: number
}

const answered = ({ outcome }: IoDone): boolean => outcome !== "lost" && outcome !== "no answer"

const isReset = (outcome: string): boolean => outcome.startsWith("6/29/")

const pathText = ({ life, session }: Pick<Path, "session" | "life">): string =>
  `${session} at LUN ${life.lun} of ${life.target} (record ${life.incarnation})`

/** A RAM disk that is kept nowhere. */
const isMemory = ({ filename, kind }: BdevLife): boolean => kind === "Malloc" && filename === undefined

/** The paths that are in use, from round to round. */
export class Attentions {
  #paths: ReadonlyArray<Path> = []
  /** RAM disks that have been emptied by a restart, by incarnation. */
  readonly #emptied = new Set<number>()

  /** The server was started again: no path is left, and memory is empty. */
  restarted(lives: Lives): void {
    this.#paths = []
    for (const bdev of lives.bdevs.values()) if (isMemory(bdev)) this.#emptied.add(bdev.incarnation)
  }

  /** What is wrong; `ios` are all commands of the round with those that asked at its end. */
  check(history: History, lives: Lives, ios: ReadonlyArray<IoDone>): ReadonlyArray<string> {
    const fresh = this.#newPaths(history, lives, ios)
    const wrong = [
      ...this.#paths.flatMap((path) => this.#checkOwed(path, history, lives, ios)),
      ...fresh.flatMap((path) => this.#checkOwed(path, history, lives, ios)),
      ...fresh.flatMap((path) => this.#checkFirst(path, lives, ios)),
      ...ios.flatMap((io) => this.#checkCause(io, fresh, history, lives))
    ]
    const open = new Map(history.sessions.filter(({ isClosed }) => !isClosed).map(({ name, since }) => [name, since]))
    const stays = (path: Path) => open.get(path.session) === path.since && path.life.goes === undefined
    this.#paths = [...this.#paths, ...fresh].filter(stays)
    return wrong
  }

  #newPaths(history: History, lives: Lives, ios: ReadonlyArray<IoDone>): ReadonlyArray<Path> {
    const found = new Map<string, Path>()
    for (const { name, since, target } of history.sessions) {
      for (const io of ios) {
        if (io.session !== name || io.since !== since || io.target !== target || !answered(io)) continue
        const { isCertain, luns } = metBy(io, lives)
        const [life] = luns
        if (!isCertain || life === undefined || io.kind === "reportLuns") continue
        const key = `${name} ${since} ${life.incarnation}`
        if (this.#knows(name, since, life)) continue
        const usedFrom = Math.min(found.get(key)?.usedFrom ?? io.end, io.end)
        found.set(key, { session: name, since, life, usedFrom })
      }
    }
    return [...found.values()]
  }

  #knows(session: string, since: number, life: LunLife): boolean {
    return this.#paths.some(
      (path) => path.session === session && path.since === since && path.life.incarnation === life.incarnation
    )
  }

  /** A new path begins with a reset of some kind, and a medium that was lost is told to who uses it. */
  #checkFirst(path: Path, lives: Lives, ios: ReadonlyArray<IoDone>): ReadonlyArray<string> {
    const own = this.#of(path, ios)
    const wrong = own.some(({ outcome }) => isReset(outcome))
      ? []
      : [`${pathText(path)} was never told 29h of a new path`]
    const isEmptied = lives.stackOf(path.life.bdev).some(({ incarnation }) => this.#emptied.has(incarnation))
    const hasRead = own.some(({ kind, outcome }) => kind === "read" && outcome === "GOOD")
    if (!isEmptied || !hasRead || own.some(({ outcome }) => outcome === mediumMayHaveChanged)) return wrong
    return [...wrong, `${pathText(path)} was not told that the restart has emptied the medium`]
  }

  #of({ life, session, since }: Path, ios: ReadonlyArray<IoDone>): ReadonlyArray<IoDone> {
    return ios.filter(
      (io) => io.session === session && io.since === since && io.lun === life.lun && io.target === life.target
    )
  }

  #checkOwed(path: Path, history: History, lives: Lives, ios: ReadonlyArray<IoDone>): ReadonlyArray<string> {
    const session = history.sessions.find(({ name, since }) => name === path.session && since === path.since)
    if (session === undefined || session.isClosed || session.endedBy !== undefined) return []
    if (path.life.goes !== undefined) return []
    const own = this.#of(path, ios)
    const wasTold = (code: string, cause: Span) => own.some(({ end, outcome }) => outcome === code && end > cause.begin)
    const hasAsked = (cause: Span) =>
      ios.some(
        ({ begin, kind, session: by, since }) =>
          by === path.session && since === path.since && kind === "reportLuns" && begin > cause.begin
      )
    const inventory = this.#inventoryChanges(path, history, lives).filter(
      (cause) => !wasTold(inventoryChanged, cause) && !hasAsked(cause)
    )
    const stack = lives.stackOf(path.life.bdev)
    // A part is as large as it was.
    const isPart = stack.some(({ kind }) => kind === "Split")
    const resizes = (isPart ? [] : stack)
      .flatMap(({ sizes }) => sizes.slice(1))
      .filter(({ since }) => since.begin > Math.max(path.usedFrom, history.begin) && !wasTold(capacityChanged, since))
    return [
      ...inventory.map(() => `${pathText(path)} was not told of LUNs that came or went`),
      ...resizes.map(() => `${pathText(path)} was not told of another size`)
    ]
  }

  #inventoryChanges(path: Path, history: History, lives: Lives): ReadonlyArray<Span> {
    const others = lives.luns.filter(
      ({ incarnation, target }) => target === path.life.target && incarnation !== path.life.incarnation
    )
    const from = Math.max(path.usedFrom, history.begin)
    return others
      .flatMap(({ comes, goes }) => (goes === undefined ? [comes] : [comes, goes]))
      .filter(({ begin }) => begin > from)
  }

  #checkCause(io: IoDone, fresh: ReadonlyArray<Path>, history: History, lives: Lives): ReadonlyArray<string> {
    if (!io.outcome.startsWith("6/") || this.#hasCause(io, fresh, history, lives)) return []
    return [
      `${io.session} was told ${io.outcome} at LUN ${io.lun} of ${io.target} (action ${io.id}.${io.index}) for nothing`
    ]
  }

  #hasCause(io: IoDone, fresh: ReadonlyArray<Path>, history: History, lives: Lives): boolean {
    const { isCertain, stacks } = metBy(io, lives)
    const wasManaged = history.manages.some(({ begin, target }) => target === io.target && begin < io.end)
    const isFresh = fresh.some(
      (path) => path.session === io.session && path.since === io.since && path.life.lun === io.lun
    )
    if (isReset(io.outcome)) return isFresh || wasManaged || !isCertain
    if (io.outcome === mediumMayHaveChanged) {
      return stacks.flat().some(({ incarnation }) => this.#emptied.has(incarnation))
    }
    const round = { begin: history.begin, end: io.end }
    if (io.outcome === inventoryChanged) {
      return lives.luns.some(
        ({ comes, goes, target }) =>
          target === io.target && [comes, goes].some((span) => span !== undefined && overlap(span, round))
      )
    }
    if (io.outcome === capacityChanged) {
      return stacks.flat().some(({ sizes }) => sizes.slice(1).some(({ since }) => overlap(since, round)))
    }
    if (/^6\/2a\/0[345]$/.test(io.outcome)) return history.reserved.length > 0
    return io.outcome === "6/2f/00" && wasManaged
  }
}

const overlap = (span: Span, round: Span): boolean =>
  wasThere({ comes: { begin: span.begin, end: span.begin }, goes: { begin: span.end, end: span.end } }, round).sometime
