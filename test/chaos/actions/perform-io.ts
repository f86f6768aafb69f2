/** Commands on blocks at a queue depth, each written down with its end. */
import { cdb } from "../../support/initiator/commands.ts"
import { compareAndWrite, unmap, writeSame } from "../../support/initiator/host-commands.ts"
import { makePattern } from "../../support/initiator/pattern.ts"
import { makeRandom, type Random } from "../../support/initiator/random.ts"
import { outcomeText, type ScsiRequest, type ScsiResult } from "../../support/initiator/ScsiTask.ts"
import type { Action, IoStyle } from "../Action.ts"
import type { IoDone, IoKind } from "../History.ts"
import type { Initiator } from "../initiators/Initiator.ts"
import { blockOf, type Content, contentOf, readContent, zeros } from "../model/block-content.ts"
import { blockBytes, corruptOffset, corruptValue, diskBlocks } from "../names.ts"
import type { World } from "../World.ts"

type IoAction = Extract<Action, { readonly do: "io" }>

interface Command {
  readonly kind: IoKind
  readonly block: number
  readonly blocks: number
  readonly fua: boolean
}

/** Commands of one action at most: versions are made of both numbers. */
const commandsMax = 1000

interface Style {
  readonly kinds: readonly [IoKind, ...ReadonlyArray<IoKind>]
  /** Blocks that it uses, and the most of one command. */
  readonly area: number
  readonly blocksMax: number
  readonly fua: number
}

const styles: Readonly<Record<IoStyle, Style>> = {
  hot: { kinds: ["read", "read", "write", "write", "write"], area: 32, blocksMax: 8, fua: 0.1 },
  large: { kinds: ["read", "write"], area: diskBlocks, blocksMax: 2048, fua: 0 },
  mixed: {
    kinds: ["read", "read", "write", "write", "writeSame", "unmap", "compareAndWrite", "flush", "ready"],
    area: 128,
    blocksMax: 32,
    fua: 0.2
  },
  durable: { kinds: ["write", "write", "flush", "read"], area: 64, blocksMax: 4, fua: 0.3 }
}

const lengthOf = (random: Random, kind: IoKind, most: number): number => {
  if (kind === "compareAndWrite") return 1
  if (kind === "flush" || kind === "ready") return 0
  return random.between(1, most)
}

/** The commands that an action's seed stands for. */
export const commandsOf = ({ commands, seed, style }: IoAction): ReadonlyArray<Command> => {
  const random = makeRandom(seed)
  const { area, blocksMax, fua, kinds } = styles[style]
  return Array.from({ length: Math.min(commands, commandsMax) }, () => {
    const kind = random.pick(kinds)
    const blocks = lengthOf(random, kind, blocksMax)
    const isForced = random.chance(fua) && (kind === "write" || kind === "compareAndWrite")
    return { kind, blocks, block: random.below(area - blocks), fua: isForced }
  })
}

const withFua = (request: ScsiRequest, fua: boolean): ScsiRequest => {
  if (fua) request.cdb[1] = (request.cdb[1] ?? 0) | 0x08
  return request
}

/** SYNCHRONIZE CACHE(10) of all blocks, SBC-3 5.22. */
const synchronizeCache = (): Buffer => Buffer.concat([Buffer.from([0x35]), Buffer.alloc(9)])

const requestOf = (lun: number, command: Command, version: number, expected: Content): ScsiRequest => {
  const { block, blocks, fua, kind } = command
  const data = () => makePattern(block, blocks, version, blockBytes)
  switch (kind) {
    case "read":
      return { lun, cdb: cdb.read16(block, blocks), readBytes: blocks * blockBytes }
    case "write":
      return withFua({ lun, cdb: cdb.write16(block, blocks), writeData: data() }, fua)
    case "writeSame":
      return writeSame(lun, block, blocks, makePattern(block, 1, version, blockBytes))
    case "unmap":
      return unmap(lun, [[block, blocks]])
    case "compareAndWrite":
      return withFua(compareAndWrite(lun, block, blockOf(expected, blockBytes), data()), fua)
    case "flush":
      return { lun, cdb: synchronizeCache() }
    default:
      return { lun, cdb: cdb.testUnitReady() }
  }
}

/** How a command ends that has no status: `lost` with its connection, `no answer`. */
export const failureText = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if (error.name === "WireClosed") return "lost"
  return error.name === "WireTimeout" ? "no answer" : error.message
}

/** The parts of a run that one action's commands share. */
export class IoRun {
  readonly #world: World
  readonly #initiator: Initiator
  readonly #lun: number
  readonly #id: number
  /** What this initiator has last written to a block, or found in it: what COMPARE AND WRITE compares with. */
  readonly #last = new Map<number, Content>()

  constructor(world: World, initiator: Initiator, lun: number, id: number) {
    this.#world = world
    this.#initiator = initiator
    this.#lun = lun
    this.#id = id
  }

  /** Sends one command and writes its end down. */
  async command(command: Command, index: number): Promise<IoDone> {
    const { clock, history } = this.#world
    const { block, blocks, fua, kind } = command
    const version = this.#id * commandsMax + index + 1
    const expected = this.#last.get(block) ?? zeros
    const request = requestOf(this.#lun, command, version, expected)
    const begin = clock.tick()
    let result: ScsiResult | undefined
    let outcome: string
    try {
      result = await this.#initiator.session.command(request)
      outcome = outcomeText(result)
    } catch (error) {
      outcome = failureText(error)
    }
    const end = clock.tick()
    const found = kind === "read" && outcome === "GOOD" ? this.#contents(result?.data ?? Buffer.alloc(0)) : []
    for (const [at, content] of found.entries()) this.#last.set(block + at, content)
    if (outcome === "GOOD" && (kind === "write" || kind === "compareAndWrite")) {
      for (let at = 0; at < blocks; at++) this.#last.set(block + at, contentOf(block + at, version))
    }
    const { name: session, since, target } = this.#initiator
    const information = result?.sense?.information
    const done: IoDone = {
      ...{ id: this.#id, index, session, since, target, lun: this.#lun, kind, block, blocks, version, fua },
      ...{ begin, end, outcome, found },
      ...(kind === "compareAndWrite" ? { expected } : {}),
      ...(information === undefined ? {} : { information })
    }
    history.ios.push(done)
    return done
  }

  #contents(data: Buffer): ReadonlyArray<Content> {
    return Array.from({ length: Math.floor(data.length / blockBytes) }, (_, at) =>
      // A block that was written wrong in an earlier round can be read in this one.
      readContent(data.subarray(at * blockBytes, (at + 1) * blockBytes), [[corruptOffset, corruptValue]])
    )
  }
}

/** Commands of one action at its queue depth. Ends early with the connection. */
export const performIo = async (world: World, id: number, action: IoAction): Promise<void> => {
  const initiator = world.usable(action.session)
  if (initiator === undefined) return
  const run = new IoRun(world, initiator, action.lun, id)
  const commands = commandsOf(action)
  let next = 0
  const worker = async (): Promise<void> => {
    for (let index = next++; index < commands.length; index = next++) {
      const command = commands[index]
      if (command === undefined || initiator.isOver) return
      const { outcome } = await run.command(command, index)
      if (outcome === "lost" || outcome === "no answer") return
    }
  }
  await Promise.all(Array.from({ length: action.depth }, worker))
}
