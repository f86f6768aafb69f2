/** `lunlog bdev create TYPE`: disks of every kind. */
import { resolve } from "node:path"
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { deviceFolder } from "../../config/native/commands.ts"
import { parseSize, sizeHint } from "../../config/size.ts"
import { removableKey } from "../../domain/bdev/BdevSpec.ts"
import { CliFailure } from "../CliFailure.ts"
import type { Call } from "../rpc/rpc-session.ts"
import { byteText } from "../table.ts"
import { about, act, type Outcome, shared } from "./act.ts"
import { ask, Bdevs, bytesOf } from "./answers.ts"

/** Bytes of a size that a person has written. */
export const sizeOf = (text: string): Effect.Effect<number, CliFailure> => {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes > 0) return Effect.succeed(bytes)
  return Effect.fail(new CliFailure({ message: `${JSON.stringify(text)} is no size; ${sizeHint}` }))
}

const size = Argument.String("size").pipe(Argument.withDescription("Its size: 64MiB, 10GiB"))
const name = Argument.String("name").pipe(Argument.withDescription("Its name"))
const base = Argument.String("base").pipe(Argument.withDescription("The disk beneath"))
const uuid = Flag.String("uuid").pipe(Flag.withDescription("Its UUID (default: a new one)"), Flag.optional)
const blockSize = Flag.Int("block-size").pipe(Flag.withDescription("512 (default) or 4096"), Flag.withDefault(512))

const removable = Flag.Boolean("removable").pipe(
  Flag.withDescription("Initiators can eject the medium and load it again"),
  Flag.withDefault(false)
)

const given = <A>(param: string, value: Option.Option<A>) => (Option.isSome(value) ? { [param]: value.value } : {})

const blocksOf = (text: string, blockBytes: number) =>
  Effect.flatMap(sizeOf(text), (bytes) => {
    if (blockBytes > 0 && bytes % blockBytes === 0) return Effect.succeed(bytes / blockBytes)
    const message = `${text} is no whole number of blocks of ${blockBytes} bytes`
    return Effect.fail(new CliFailure({ message }))
  })

/** Creates the disk, and shows what has become of it. */
const made = (call: Call, method: string, params: unknown): Effect.Effect<Outcome, CliFailure> =>
  Effect.gen(function* () {
    const created = yield* call(method, params)
    const [bdev] = yield* ask(call, Bdevs, "bdev_get_bdevs", { name: created })
    if (bdev === undefined) return { json: created, text: String(created) }
    const media = bdev.removable === true ? ", removable" : ""
    const size = `${byteText(bytesOf(bdev))} in blocks of ${bdev.block_size} bytes${media}`
    return { json: bdev, text: `bdev ${bdev.name}: ${bdev.product_name}, ${size}` }
  })

const malloc = Command.make(
  "malloc",
  {
    ...shared,
    size,
    name: Flag.String("name").pipe(Flag.withDescription("Its name (default: Malloc0, Malloc1 ...)"), Flag.optional),
    blockSize,
    file: Flag.String("file").pipe(
      Flag.withDescription("A file that keeps its content over restarts; made if it is not there"),
      Flag.optional
    ),
    removable,
    uuid
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const blocks = yield* blocksOf(input.size, input.blockSize)
        const file = Option.map(input.file, (path) => resolve(path))
        const names = { ...given("name", input.name), ...given("uuid", input.uuid), ...given("file", file) }
        const params = { num_blocks: blocks, block_size: input.blockSize, ...names, ...removableKey(input) }
        return yield* made(call, "bdev_malloc_create", params)
      })
    )
).pipe(
  about(
    "A disk in memory. It is empty again after a restart, unless a file keeps it.",
    "bdev create malloc 64MiB --name Malloc0"
  )
)

const nullBdev = Command.make("null", { ...shared, name, size, blockSize, removable, uuid }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const blocks = yield* blocksOf(input.size, input.blockSize)
      const rest = {
        num_blocks: blocks,
        block_size: input.blockSize,
        ...given("uuid", input.uuid),
        ...removableKey(input)
      }
      return yield* made(call, "bdev_null_create", { name: input.name, ...rest })
    })
  )
).pipe(about("A disk that forgets what is written to it, for measurements.", "bdev create null Null0 1TiB"))

const microseconds = (flag: string, what: string) =>
  Flag.Int(flag).pipe(Flag.withMetavar("MICROSECONDS"), Flag.withDescription(what))

const delay = Command.make(
  "delay",
  {
    ...shared,
    name,
    base,
    read: microseconds("read", "Of most reads (default 0)").pipe(Flag.withDefault(0)),
    write: microseconds("write", "Of most writes (default 0)").pipe(Flag.withDefault(0)),
    readP99: microseconds("read-p99", "Of 1 in 100 reads (default: as the others)").pipe(Flag.optional),
    writeP99: microseconds("write-p99", "Of 1 in 100 writes (default: as the others)").pipe(Flag.optional),
    uuid
  },
  (input) =>
    act(input, (call) =>
      made(call, "bdev_delay_create", {
        base_bdev_name: input.base,
        name: input.name,
        avg_read_latency: input.read,
        p99_read_latency: Option.getOrElse(input.readP99, () => input.read),
        avg_write_latency: input.write,
        p99_write_latency: Option.getOrElse(input.writeP99, () => input.write),
        ...given("uuid", input.uuid)
      })
    )
).pipe(
  about("A disk that is slower than the one beneath it.", "bdev create delay Slow0 Malloc0 --read 1000 --write 2000")
)

const error = Command.make("error", { ...shared, base, uuid }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      yield* call("bdev_error_create", { base_name: input.base, ...given("uuid", input.uuid) })
      const name = `EE_${input.base}`
      const text = `bdev ${name}: answers as ${input.base} until lunlog rpc bdev_error_inject_error says otherwise`
      return { json: name, text }
    })
  )
).pipe(about("The disk EE_BASE, which answers as BASE does until errors are injected.", "bdev create error Malloc0"))

const aio = Command.make(
  "aio",
  {
    ...shared,
    name,
    file: Argument.String("file").pipe(Argument.withDescription("The file or block device, on the target's machine")),
    blockSize: Flag.Int("block-size").pipe(
      Flag.withDescription("512 or 4096 (default: 512, and of a path in /dev what the device has)"),
      Flag.optional
    ),
    readOnly: Flag.Boolean("read-only").pipe(Flag.withDescription("Open it for reading only"), Flag.withDefault(false)),
    create: Flag.String("create").pipe(
      Flag.withMetavar("SIZE"),
      Flag.withDescription("Make the file, which must not exist, with this size: 10GiB"),
      Flag.optional
    ),
    thin: Flag.Boolean("thin").pipe(
      Flag.withDescription("Give back what initiators unmap (default: of files that are made)"),
      Flag.optional
    ),
    direct: Flag.Boolean("direct").pipe(
      Flag.withDescription("Past the page cache (O_DIRECT)"),
      Flag.withDefault(false)
    ),
    dsync: Flag.Boolean("dsync").pipe(
      Flag.withDescription("Every write is on the medium before its answer (O_DSYNC)"),
      Flag.withDefault(false)
    ),
    removable,
    uuid
  },
  (input) =>
    act(input, (call) => {
      const filename = resolve(input.file)
      const blockBytes = Option.getOrElse(input.blockSize, () => (filename.startsWith(deviceFolder) ? 0 : 512))
      return made(call, "bdev_aio_create", {
        name: input.name,
        filename,
        ...(blockBytes === 0 ? {} : { block_size: blockBytes }),
        readonly: input.readOnly,
        ...(Option.isSome(input.create) ? { create: true, size: input.create.value } : {}),
        ...given("fallocate", input.thin),
        direct: input.direct,
        dsync: input.dsync,
        ...given("uuid", input.uuid),
        ...removableKey(input)
      })
    })
).pipe(about("A disk in a regular file or on a block device.", "bdev create aio Disk0 /srv/disk0.img --create 10GiB"))

const passthru = Command.make("passthru", { ...shared, name, base, uuid }, (input) =>
  act(input, (call) =>
    made(call, "bdev_passthru_create", { base_bdev_name: input.base, name: input.name, ...given("uuid", input.uuid) })
  )
).pipe(about("A disk that is as the one beneath it.", "bdev create passthru Passthru0 Malloc0"))

const nbd = Command.make(
  "nbd",
  {
    ...shared,
    name,
    uri: Argument.String("uri").pipe(
      Argument.withDescription("nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH; nbds for TLS")
    ),
    blockSize,
    readOnly: Flag.Boolean("read-only").pipe(Flag.withDescription("Refuse writes"), Flag.withDefault(false)),
    removable,
    uuid
  },
  (input) =>
    act(input, (call) =>
      made(call, "bdev_nbd_create", {
        name: input.name,
        uri: input.uri,
        block_size: input.blockSize,
        readonly: input.readOnly,
        ...given("uuid", input.uuid),
        ...removableKey(input)
      })
    )
).pipe(
  about(
    "A disk that is an export of an NBD server, such as qemu-nbd or nbdkit.",
    "bdev create nbd Remote0 'nbd+unix:///?socket=/run/qcow2.sock'"
  )
)

const overlay = Command.make(
  "overlay",
  {
    ...shared,
    name,
    base,
    file: Flag.String("file").pipe(
      Flag.withDescription("Keep the changes in this file; it is made if it is not there (default: in memory)"),
      Flag.optional
    ),
    maxSize: Flag.String("max-size").pipe(Flag.withDescription("Memory for the changes (default 1GiB)"), Flag.optional),
    uuid
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const maxSize = Option.isNone(input.maxSize) ? {} : { max_size: yield* sizeOf(input.maxSize.value) }
        const file = Option.isNone(input.file) ? {} : { filename: resolve(input.file.value) }
        const params = {
          name: input.name,
          base_bdev_name: input.base,
          ...file,
          ...maxSize,
          ...given("uuid", input.uuid)
        }
        return yield* made(call, "lunlog_overlay_create", params)
      })
    )
).pipe(
  about(
    "What the disk beneath holds, with changes kept elsewhere; lunlog bdev reset forgets them.",
    "bdev create overlay Scratch0 Golden0",
    "bdev create overlay Lab0 Golden0 --file /srv/lab0.overlay"
  )
)

/** The verb. */
export const bdevCreate = Command.make("create").pipe(
  Command.withDescription("Create a disk: malloc, null, aio, nbd, delay, error, passthru, overlay."),
  Command.withSubcommands([malloc, nullBdev, aio, nbd, delay, error, passthru, overlay])
)
