/** `lunlog bdev`: disks, whether or not a target has them. */
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { closest } from "../../config/native/closest.ts"
import { CliFailure } from "../CliFailure.ts"
import type { Call } from "../rpc/rpc-session.ts"
import { byteText } from "../table.ts"
import { about, act, listing, namesFlag, shared } from "./act.ts"
import { ask, askTargets, type Bdev, Bdevs, bytesOf } from "./answers.ts"
import { bdevCreate, sizeOf } from "./bdev-create.ts"

const mebibyte = 1024 * 1024

/** What the methods of a kind of disk are called, by its product name. */
const kinds: ReadonlyMap<string, string> = new Map([
  ["Malloc disk", "malloc"],
  ["Null disk", "null"],
  ["AIO disk", "aio"],
  ["URING bdev", "uring"],
  ["NVMe disk", "nvme"],
  ["NBD disk", "nbd"],
  ["delay", "delay"],
  ["Error Injection Disk", "error"],
  ["passthru", "passthru"],
  ["Split Disk", "split"],
  ["Overlay disk", "overlay"]
])

const name = Argument.String("name").pipe(Argument.withDescription("Name of the disk"))

const findBdev = (call: Call, wanted: string): Effect.Effect<Bdev, CliFailure> =>
  Effect.flatMap(ask(call, Bdevs, "bdev_get_bdevs", { detached: true }), (bdevs) => {
    const found = bdevs.find((one) => one.name === wanted || one.uuid === wanted.toLowerCase())
    if (found !== undefined) return Effect.succeed(found)
    const meant = closest(
      wanted,
      bdevs.map((one) => one.name)
    )
    const hint = meant === undefined ? "lunlog bdev list shows those that are there" : `did you mean ${meant}?`
    return Effect.fail(new CliFailure({ message: `there is no bdev ${wanted}; ${hint}` }))
  })

const kindOf = ({ name, product_name }: Bdev): Effect.Effect<string, CliFailure> => {
  const kind = kinds.get(product_name)
  if (kind !== undefined) return Effect.succeed(kind)
  const message = `bdev ${name} is of a kind that this lunlog does not know (${product_name}); use lunlog rpc`
  return Effect.fail(new CliFailure({ message }))
}

const list = Command.make("list", { ...shared, names: namesFlag }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      // Printed whole as JSON, so it is asked for without a form too.
      const whole = yield* call("bdev_get_bdevs", { detached: true })
      const bdevs = yield* ask(call, Bdevs, "bdev_get_bdevs", { detached: true })
      const names = bdevs.map((bdev) => bdev.name)
      if (input.names) return { json: names, text: names.join("\n") }
      const targets = yield* askTargets(call)
      const rows = bdevs.map((bdev) => {
        const luns = targets.flatMap((target) =>
          target.luns.flatMap(({ bdev_name, lun_id }) => (bdev_name === bdev.name ? [`${target.name} ${lun_id}`] : []))
        )
        const { block_size, detached, name, product_name, uuid = "" } = bdev
        const place = detached === undefined ? luns.join(", ") : `(detached: ${detached.reason})`
        return [name, product_name, byteText(bytesOf(bdev)), String(block_size), uuid, place]
      })
      return { json: whole, text: listing("no bdev", ["BDEV", "TYPE", "SIZE", "BLOCK", "UUID", "LUN OF"], rows) }
    })
  )
).pipe(about("List the disks, and where they are LUNs.", "bdev list"))

/** A namespace goes with its controller, which must have no other one: SPDK has no method that deletes one. */
const letControllerGo = (call: Call, { name }: Bdev): Effect.Effect<unknown, CliFailure> =>
  Effect.gen(function* () {
    const controllerOf = (bdev: string) => bdev.replace(/n\d+$/u, "")
    const controller = controllerOf(name)
    const others = (yield* ask(call, Bdevs, "bdev_get_bdevs", { detached: true })).flatMap((bdev) =>
      bdev.name !== name && kinds.get(bdev.product_name) === "nvme" && controllerOf(bdev.name) === controller
        ? [bdev.name]
        : []
    )
    if (others.length > 0) {
      const whole = `lunlog rpc bdev_nvme_detach_controller ${controller} lets all of it go`
      const message = `controller ${controller} of ${name} also has ${others.join(", ")}; ${whole}`
      return yield* new CliFailure({ message: `${message}, and a configuration without ${name} that one alone` })
    }
    return yield* call("bdev_nvme_detach_controller", { name: controller })
  })

const remove = Command.make("delete", { ...shared, name }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const bdev = yield* findBdev(call, input.name)
      const kind = yield* kindOf(bdev)
      if (kind === "split") {
        const message = `${bdev.name} is a part; lunlog bdev unsplit BASE takes all parts of its base away`
        return yield* new CliFailure({ message })
      }
      if (kind === "nvme") yield* letControllerGo(call, bdev)
      else yield* call(kind === "overlay" ? "lunlog_overlay_delete" : `bdev_${kind}_delete`, { name: bdev.name })
      return { json: true, text: `bdev ${bdev.name} and its LUNs are gone` }
    })
  )
).pipe(about("Delete a disk and its LUNs, once their commands have ended.", "bdev delete Malloc0"))

const resizeNull = (call: Call, { name }: Bdev, size: Option.Option<string>) =>
  Effect.gen(function* () {
    if (Option.isNone(size)) return yield* new CliFailure({ message: `how large is ${name} to be? Give a size` })
    const bytes = yield* sizeOf(size.value)
    if (bytes % mebibyte !== 0) {
      return yield* new CliFailure({ message: `${size.value} is no whole number of MiB` })
    }
    yield* call("bdev_null_resize", { name, new_size: bytes / mebibyte })
  })

const resizeFile = (call: Call, kind: "aio" | "uring", { name }: Bdev, size: Option.Option<string>) =>
  Option.isSome(size)
    ? Effect.fail(
        new CliFailure({
          message: `${name} is as large as its file: truncate -s ${size.value} FILE, then leave it out`
        })
      )
    : Effect.asVoid(call(`bdev_${kind}_rescan`, { name }))

const resize = Command.make(
  "resize",
  {
    ...shared,
    name,
    size: Argument.String("size").pipe(
      Argument.withDescription("Its new size, of a null disk; a file's disk takes its file's"),
      Argument.optional
    )
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const bdev = yield* findBdev(call, input.name)
        const kind = yield* kindOf(bdev)
        if (kind === "null") yield* resizeNull(call, bdev, input.size)
        else if (kind === "aio" || kind === "uring") yield* resizeFile(call, kind, bdev, input.size)
        else return yield* new CliFailure({ message: `${bdev.name} is a ${kind} bdev, whose size cannot be changed` })
        const now = yield* findBdev(call, bdev.name)
        return { json: now, text: `bdev ${now.name} has ${byteText(bytesOf(now))}` }
      })
    )
).pipe(
  about(
    "Change the size of a null disk, or take over the new size of a file.",
    "bdev resize Null0 2TiB",
    "bdev resize Disk0"
  )
)

const rate = (flag: string, what: string) =>
  Flag.Int(flag).pipe(Flag.withMetavar("N"), Flag.withDescription(what), Flag.optional)

const limit = Command.make(
  "limit",
  {
    ...shared,
    name,
    iops: rate("iops", "Reads and writes per second, in steps of 1000; 0 for no limit"),
    mbps: rate("mbps", "MiB per second; 0 for no limit"),
    readMbps: rate("read-mbps", "MiB per second of reads; 0 for no limit"),
    writeMbps: rate("write-mbps", "MiB per second of writes; 0 for no limit")
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const { name } = yield* findBdev(call, input.name)
        const limits = [
          ["rw_ios_per_sec", input.iops, "IO/s"],
          ["rw_mbytes_per_sec", input.mbps, "MiB/s"],
          ["r_mbytes_per_sec", input.readMbps, "MiB/s read"],
          ["w_mbytes_per_sec", input.writeMbps, "MiB/s written"]
        ] as const
        const given = limits.flatMap(([param, value]) => (Option.isSome(value) ? [[param, value.value] as const] : []))
        yield* call("bdev_set_qos_limit", { name, ...Object.fromEntries(given) })
        // What was asked for may have been rounded.
        const { assigned_rate_limits: now = {} } = yield* findBdev(call, name)
        const texts = limits.flatMap(([param, , unit]) => (now[param] ? [`${now[param]} ${unit}`] : []))
        return { json: true, text: `bdev ${name}: ${texts.length === 0 ? "no limit" : `at most ${texts.join(", ")}`}` }
      })
    )
).pipe(
  about("Limit what a disk may do; what is not named stays as it is.", "bdev limit Malloc0 --iops 20000 --mbps 100")
)

const base = Argument.String("base").pipe(Argument.withDescription("The disk beneath"))

const split = Command.make(
  "split",
  {
    ...shared,
    base,
    count: Argument.Int("count").pipe(Argument.withDescription("How many parts; fewer are made if not all fit")),
    size: Flag.String("size").pipe(
      Flag.withDescription("Of each part, whole MiB (default: equal parts)"),
      Flag.optional
    )
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const bytes = Option.isNone(input.size) ? 0 : yield* sizeOf(input.size.value)
        if (bytes % mebibyte !== 0) return yield* new CliFailure({ message: "the size is no whole number of MiB" })
        const params = { base_bdev: input.base, split_count: input.count, split_size_mb: bytes / mebibyte }
        const names = yield* call("bdev_split_create", params)
        return { json: names, text: Array.isArray(names) ? names.map(String).join("\n") : String(names) }
      })
    )
).pipe(about("Cut a disk into parts: BASEp0, BASEp1 ...", "bdev split Malloc0 4", "bdev split Malloc0 2 --size 16MiB"))

const unsplit = Command.make("unsplit", { ...shared, base }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      yield* call("bdev_split_delete", { base_bdev: input.base })
      return { json: true, text: `the parts of ${input.base} and their LUNs are gone` }
    })
  )
).pipe(about("Delete all parts of a disk and their LUNs, once their commands have ended.", "bdev unsplit Malloc0"))

const reset = Command.make(
  "reset",
  {
    ...shared,
    name,
    force: Flag.Boolean("force").pipe(
      Flag.withDescription("Also while initiators are logged in; they are told that the medium is another"),
      Flag.withDefault(false)
    )
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        yield* call("lunlog_overlay_reset", { name: input.name, ...(input.force ? { force: true } : {}) })
        return { json: true, text: `bdev ${input.name} holds what its base does` }
      })
    )
).pipe(about("Let an overlay forget its changes.", "bdev reset Scratch0"))

/** The noun. */
export const bdevNoun = Command.make("bdev").pipe(
  Command.withDescription("Disks: list, create, delete, resize, limit, split, unsplit, reset."),
  Command.withSubcommands([list, bdevCreate, remove, resize, limit, split, unsplit, reset])
)
