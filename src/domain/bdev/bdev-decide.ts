/** The rules of bdevs: names, identities, geometry, and what may be stacked on what. */
import { HashMap, Result } from "effect"
import type { CommandOf } from "../Command.ts"
import {
  AlreadyExists,
  Busy,
  type DomainError,
  InvalidArgument,
  LimitExceeded,
  NotFound,
  WrongState
} from "../DomainError.ts"
import { type Decision, quote } from "../decision.ts"
import type { Event } from "../Event.ts"
import { BDEV_NAME_LENGTH_MAX, type BdevName, isBdevName, isUuid, type Uuid } from "../ids.ts"
import { indexGet } from "../multi-index.ts"
import { nvmeBdevName } from "../nvme/NvmeController.ts"
import { nvmeControllerLetGo, nvmeControllerOf, parseNvmeSpec, uuidOfNvme } from "../nvme/nvme-namespace-decide.ts"
import { findBdev, type State } from "../State.ts"
import { decideBdevRemoval } from "../target/lun-removal.ts"
import { uuidV5 } from "../uuid-v5.ts"
import { BDEVS_MAX, type Bdev } from "./Bdev.ts"
import {
  BDEV_STACK_DEPTH_MAX,
  type BdevLatencies,
  type BdevRef,
  type BdevRequest,
  type BdevSpec,
  BLOCK_SIZE_MAX,
  bdevKindOf,
  removableKey
} from "./BdevSpec.ts"
import { checkFilename, parseAioSpec } from "./bdev-aio-decide.ts"
import { writtenBase } from "./bdev-claims.ts"
import { resolveDetachedBdev } from "./bdev-detached-decide.ts"
import { detachedOn } from "./bdev-detached-evolve.ts"
import { baseOf } from "./bdev-evolve.ts"
import { parseNbdSpec } from "./bdev-nbd-decide.ts"
import { parseOverlaySpec } from "./overlay-spec.ts"
import { parseSplitSpec, partNameOf } from "./split-parts.ts"

/** In characters. */
const uuidLength = 36

/** By name or by UUID, as SPDK has the UUID for an alias; also one that is being removed. */
export const resolveBdev = (state: State, nameOrUuid: string): Bdev | undefined => {
  const bdev = findBdev(state, nameOrUuid)
  if (bdev !== undefined || nameOrUuid.length !== uuidLength) return bdev
  const [name] = indexGet(state.indexes.uuids, nameOrUuid.toLowerCase())
  return name === undefined ? undefined : findBdev(state, name)
}

/** What a bdev that is being removed waits for: its LUNs, and the bdevs above it. */
export const holdersOf = (state: State, bdev: Bdev): ReadonlyArray<string> => [
  ...indexGet(state.indexes.mappings, bdev.name).map(({ lun, targetKey }) => `LUN ${lun} of ${targetKey}`),
  ...indexGet(state.indexes.dependents, bdev.name).map((name) => `bdev ${name}`)
]

/** The bdev, if it is there to stay. */
export const requireBdev = (state: State, name: string): Result.Result<Bdev, NotFound> => {
  const bdev = resolveBdev(state, name)
  if (bdev?.phase._tag === "Active") return Result.succeed(bdev)
  const object = `bdev ${quote(name)}`
  if (resolveDetachedBdev(state, name) !== undefined) {
    const hint = "it comes back with it; to forget it, delete it"
    return Result.fail(new NotFound({ object, reason: "is detached: its device is not there", hint }))
  }
  if (bdev === undefined) {
    return Result.fail(new NotFound({ object, reason: "does not exist", hint: "create it first, or check the name" }))
  }
  const hint = `it waits for ${holdersOf(state, bdev).join(", ")}`
  return Result.fail(new NotFound({ object, reason: "is being removed", hint }))
}

const badSize = (object: string, reason: string, hint: string) =>
  Result.fail(new InvalidArgument({ object, reason, hint }))

interface Sizes {
  readonly blockCount: number
  readonly blockSize: number
  readonly physicalBlockSize: number
}

const parseSizes = (object: string, request: Sizes): Result.Result<Sizes, InvalidArgument> => {
  const { blockCount, blockSize } = request
  const sizeHint = `use a multiple of 512 up to ${BLOCK_SIZE_MAX}`
  const fits = (size: number) => Number.isInteger(size) && size > 0 && size % 512 === 0 && size <= BLOCK_SIZE_MAX
  if (!fits(blockSize)) return badSize(object, `has a block size of ${blockSize} bytes`, sizeHint)
  const physicalBlockSize = request.physicalBlockSize === 0 ? blockSize : request.physicalBlockSize
  if (!fits(physicalBlockSize)) {
    return badSize(object, `has a physical block size of ${physicalBlockSize} bytes`, sizeHint)
  }
  if (!Number.isSafeInteger(blockCount) || blockCount <= 0 || !Number.isSafeInteger(blockCount * blockSize)) {
    return badSize(object, `has ${blockCount} blocks`, "use at least one block, and less than 8 PiB in all")
  }
  return Result.succeed({ blockCount, blockSize, physicalBlockSize })
}

const depthOf = (state: State, bdev: Bdev): number => {
  let depth = 0
  for (let at: Bdev | undefined = bdev; at !== undefined && depth <= BDEV_STACK_DEPTH_MAX; depth++) {
    const base = baseOf(at)
    at = base === undefined ? undefined : findBdev(state, base.name)
  }
  return depth
}

const parseBase = (state: State, object: string, name: string): Result.Result<BdevRef, DomainError> =>
  Result.flatMap(requireBdev(state, name), (base) => {
    if (depthOf(state, base) <= BDEV_STACK_DEPTH_MAX) {
      return Result.succeed({ name: base.name, incarnation: base.incarnation })
    }
    const hint = `at most ${BDEV_STACK_DEPTH_MAX} bdevs can be stacked on one`
    const reason = `would be too high above the lowest bdev of ${base.name}`
    return Result.fail(new LimitExceeded({ object, reason, hint, limit: BDEV_STACK_DEPTH_MAX }))
  })

/** A base that nobody writes to by another way. */
const parseOwnBase = (state: State, object: string, name: string): Result.Result<BdevRef, DomainError> =>
  Result.flatMap(parseBase(state, object, name), (base) => {
    const below = findBdev(state, base.name)
    const refusal = below === undefined ? undefined : writtenBase(state, object, below)
    return refusal === undefined ? Result.succeed(base) : Result.fail(refusal)
  })

const latencyMicrosMax = 3600 * 1_000_000

/** Why they are none: out of range, or a p99 latency below its average. `object` is whose they are. */
export const checkLatencies = (object: string, request: BdevLatencies): InvalidArgument | undefined => {
  const { averageReadMicros, averageWriteMicros, p99ReadMicros, p99WriteMicros } = request
  for (const micros of [averageReadMicros, averageWriteMicros, p99ReadMicros, p99WriteMicros]) {
    if (Number.isInteger(micros) && micros >= 0 && micros <= latencyMicrosMax) continue
    const reason = `has a latency of ${micros} microseconds`
    return new InvalidArgument({ object, reason, hint: `use 0 to ${latencyMicrosMax}` })
  }
  if (p99ReadMicros >= averageReadMicros && p99WriteMicros >= averageWriteMicros) return undefined
  const reason = "has a p99 latency below the average"
  return new InvalidArgument({ object, reason, hint: "raise the p99 latency, or lower the average" })
}

const parseMalloc = (
  object: string,
  request: Extract<BdevRequest, { readonly _tag: "Malloc" }>
): Result.Result<BdevSpec, DomainError> =>
  Result.flatMap(parseSizes(object, request), (sizes) => {
    const { filename, optimalIoBoundary } = request
    const badName = filename === undefined ? undefined : checkFilename(object, filename)
    if (badName !== undefined) return Result.fail(badName)
    if (Number.isInteger(optimalIoBoundary) && optimalIoBoundary >= 0 && optimalIoBoundary < 2 ** 32) {
      const kept = filename === undefined ? {} : { filename }
      return Result.succeed({ _tag: "Malloc", ...sizes, optimalIoBoundary, ...removableKey(request), ...kept })
    }
    return badSize(object, `has an optimal IO boundary of ${optimalIoBoundary} blocks`, "use 0 for none")
  })

const parseSpec = (state: State, object: string, request: BdevRequest): Result.Result<BdevSpec, DomainError> => {
  switch (request._tag) {
    case "Malloc":
      return parseMalloc(object, request)
    case "Null":
      return Result.map(parseSizes(object, request), (sizes) => ({ _tag: "Null", ...sizes, ...removableKey(request) }))
    case "Aio":
      return parseAioSpec(object, request)
    case "Nbd":
      return parseNbdSpec(object, request)
    case "Nvme":
      return parseNvmeSpec(state, object, request)
    case "Delay": {
      const refusal = checkLatencies(object, request)
      if (refusal !== undefined) return Result.fail(refusal)
      const { averageReadMicros, averageWriteMicros, p99ReadMicros, p99WriteMicros } = request
      const latencies = { averageReadMicros, p99ReadMicros, averageWriteMicros, p99WriteMicros }
      return Result.map(parseBase(state, object, request.base), (base) => ({ _tag: "Delay", base, ...latencies }))
    }
    case "Error":
      return Result.map(parseBase(state, object, request.base), (base) => ({ _tag: "Error", base }))
    case "Passthru":
      return Result.map(parseBase(state, object, request.base), (base) => ({ _tag: "Passthru", base }))
    case "Split":
      return Result.flatMap(parseOwnBase(state, object, request.base), (base) =>
        parseSplitSpec(state, object, request, base)
      )
    case "Overlay":
      return Result.flatMap(parseOwnBase(state, object, request.base), (base) =>
        Result.mapError(parseOverlaySpec(object, request, base), (refusal): DomainError => refusal)
      )
  }
}

interface ChosenName {
  readonly name: string
  readonly autoNumber?: number
}

/** N of the next `Malloc<N>`; one that a user has taken by name is left out. */
const nextAutoNumber = (state: State): number => {
  let number = state.nextMallocNumber
  while (HashMap.has(state.bdevs, `Malloc${number}`)) number++
  return number
}

/** SPDK's rules: error bdevs and parts have no names of their own. */
const derivedName = (state: State, request: BdevRequest): string | undefined => {
  if (request._tag === "Nvme") return nvmeBdevName(request.controller, request.namespaceId)
  if (request._tag !== "Error" && request._tag !== "Split") return undefined
  const base = resolveBdev(state, request.base)?.name ?? request.base
  return request._tag === "Error" ? `EE_${base}` : partNameOf(base, request.part)
}

const chooseName = (state: State, { bdev, name }: CommandOf<"CreateBdev">): ChosenName => {
  const derived = derivedName(state, bdev)
  if (derived !== undefined) return { name: derived }
  if (name !== undefined || bdev._tag !== "Malloc") return { name: name ?? "" }
  const autoNumber = nextAutoNumber(state)
  return { name: `Malloc${autoNumber}`, autoNumber }
}

const checkName = (state: State, name: string): Result.Result<BdevName, DomainError> => {
  const holder = resolveBdev(state, name)
  if (holder === undefined && isBdevName(name)) return Result.succeed(name)
  const object = `bdev ${quote(name)}`
  if (!isBdevName(name) || holder === undefined) {
    const hint = `use 1 to ${BDEV_NAME_LENGTH_MAX} printable characters without space and ":"`
    return Result.fail(new InvalidArgument({ object, reason: "has a name that cannot be used", hint }))
  }
  if (holder.phase._tag === "Active") {
    return Result.fail(new AlreadyExists({ object, reason: "exists", hint: "use another name, or delete it first" }))
  }
  const heldBy = holdersOf(state, holder)
  const hint = `wait for ${heldBy.join(", ")}`
  return Result.fail(new Busy({ object, reason: "is still being removed", hint, heldBy }))
}

const chooseUuid = (state: State, name: BdevName, given: string | undefined): Result.Result<Uuid, DomainError> => {
  const object = `bdev ${name}`
  if (given === undefined && state.epoch === undefined) {
    const reason = "has no UUID, and no instance id is there to derive it from"
    return Result.fail(new WrongState({ object, reason, hint: "start an epoch first" }))
  }
  const uuid = given?.toLowerCase() ?? (state.epoch === undefined ? "" : uuidV5(state.epoch.instanceId, name))
  if (!isUuid(uuid)) {
    const hint = "write it like 6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11"
    return Result.fail(new InvalidArgument({ object, reason: `has the UUID ${quote(uuid)}`, hint }))
  }
  const [holder] = indexGet(state.indexes.uuids, uuid)
  if (holder === undefined) return Result.succeed(uuid)
  const reason = `has the UUID ${uuid}, which is that of bdev ${holder}`
  return Result.fail(new AlreadyExists({ object, reason, hint: "give it another one, or none" }))
}

const derivedNameHint = ({ _tag }: BdevRequest): string | undefined => {
  if (_tag === "Nvme") return "a namespace's disk is its controller's name, n and its id"
  if (_tag === "Error") return "an error bdev is EE_ and its base's name"
  return _tag === "Split" ? "a part is its base's name, p and a number" : undefined
}

const checkDerivedName = (command: CommandOf<"CreateBdev">, name: BdevName): DomainError | undefined => {
  const hint = derivedNameHint(command.bdev)
  if (hint === undefined || command.name === undefined || command.name === name) return undefined
  const reason = `cannot have the name ${quote(command.name)}`
  return new InvalidArgument({ object: `bdev ${name}`, reason, hint })
}

const checkBdevCount = (state: State, name: BdevName): DomainError | undefined => {
  if (HashMap.size(state.bdevs) + HashMap.size(state.detachedBdevs) < BDEVS_MAX) return undefined
  const reason = `would be number ${BDEVS_MAX + 1}`
  return new LimitExceeded({
    object: `bdev ${name}`,
    reason,
    hint: `at most ${BDEVS_MAX} can be there`,
    limit: BDEVS_MAX
  })
}

const controllerBefore = (state: State, request: BdevRequest, spec: BdevSpec): ReadonlyArray<Event> =>
  request._tag === "Nvme" && spec._tag === "Nvme" ? nvmeControllerOf(state, spec, request) : []

/** A name, an identity and a geometry, or why not. Without a generator: files have 10,000 of them. */
export const decideCreateBdev = (state: State, command: CommandOf<"CreateBdev">): Decision => {
  const chosen = chooseName(state, command)
  const named = checkName(state, chosen.name)
  if (Result.isFailure(named)) return Result.fail(named.failure)
  const name = named.success
  const refusal = checkDerivedName(command, name) ?? checkBdevCount(state, name)
  if (refusal !== undefined) return Result.fail(refusal)
  const spec = parseSpec(state, `bdev ${name}`, command.bdev)
  if (Result.isFailure(spec)) return Result.fail(spec.failure)
  const autoNumber = chosen.autoNumber === undefined ? {} : { autoNumber: chosen.autoNumber }
  const own = command.bdev._tag === "Nvme" ? uuidOfNvme(command.bdev) : undefined
  return Result.map(chooseUuid(state, name, command.uuid ?? own), (uuid) => [
    ...controllerBefore(state, command.bdev, spec.success),
    { _tag: "BdevCreated", name, uuid, uuidExplicit: command.uuid !== undefined, spec: spec.success, ...autoNumber }
  ])
}

const letGoWith = (state: State, spec: BdevSpec): ReadonlyArray<Event> =>
  spec._tag === "Nvme" ? nvmeControllerLetGo(state, spec.controller) : []

/** Also while it is mapped: its LUNs and its stack drain first. One whose device is gone is forgotten. */
export const decideDeleteBdev = (state: State, command: CommandOf<"DeleteBdev">): Decision => {
  // A UUID may be that of a bdev that has come since: what is there is meant.
  const isThere = resolveBdev(state, command.name)?.phase._tag === "Active"
  const detached = isThere ? undefined : resolveDetachedBdev(state, command.name)
  if (detached !== undefined && (command.kind === undefined || command.kind === bdevKindOf(detached.spec))) {
    return Result.succeed([{ _tag: "BdevForgotten", name: detached.name }, ...letGoWith(state, detached.spec)])
  }
  return Result.flatMap(requireBdev(state, command.name), (bdev) => {
    const kind = bdevKindOf(bdev.spec)
    if (command.kind === undefined || command.kind === kind) {
      const waiting = detachedOn(state, bdev.name).map((above) => ({
        _tag: "BdevForgotten" as const,
        name: above.name
      }))
      return Result.succeed([
        ...waiting,
        ...decideBdevRemoval(state, bdev, "requested"),
        ...letGoWith(state, bdev.spec)
      ])
    }
    const reason = `is not of kind ${command.kind} but ${kind}`
    return Result.fail(new NotFound({ object: `bdev ${bdev.name}`, reason, hint: "delete it as what it is" }))
  })
}

/** Recorded only: the data plane does it. */
export const decideInjectBdevError = (state: State, command: CommandOf<"InjectBdevError">): Decision =>
  Result.gen(function* () {
    const { incarnation, name, spec } = yield* requireBdev(state, command.name)
    const object = `bdev ${name}`
    const { injection } = command
    if (spec._tag !== "Error") {
      const hint = "create an error bdev on top of it, and inject there"
      return yield* Result.fail(new NotFound({ object, reason: "is not an error bdev", hint }))
    }
    const corrupts = injection.ioType !== "clear" && injection.errorType === "corrupt_data"
    if (injection.corruptValue > 255 || (corrupts && injection.corruptValue === 0)) {
      const reason = `has a corrupt value of ${injection.corruptValue}`
      return yield* Result.fail(new InvalidArgument({ object, reason, hint: "use 1 to 255" }))
    }
    if (injection.blocks?.count === 0) {
      const reason = "is given no bad block"
      return yield* Result.fail(new InvalidArgument({ object, reason, hint: "name at least one, or leave them out" }))
    }
    return [{ _tag: "BdevErrorInjected", name, incarnation, injection }]
  })
