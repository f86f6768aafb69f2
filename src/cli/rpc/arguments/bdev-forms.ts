/** Command lines of `bdev_*` methods. */
import { Result } from "effect"
import {
  argument,
  flag,
  type MethodForm,
  method,
  type OptionForm,
  onOff,
  option,
  optionalArgument,
  required
} from "./MethodForm.ts"
import { choice, commaList, integer, integerList, mebibytes, type Params, text } from "./value-kinds.ts"

const name = argument("name", text("NAME"), "name of the bdev")
const uuid = option(["u", "uuid"], text("UUID"), "its UUID; one is made if left out")
const totalSize = argument("total_size", mebibytes, "size in MiB, or with a unit: 64, 1.5, 10GiB")
const blockSize = argument("block_size", integer("BYTES"), "bytes of a block: 512, 4096 ...")

/** Only whole blocks count, as with rpc.py. */
const sizeInBlocks = ({ total_size, ...params }: Params): Result.Result<Params, string> => {
  const size = params["block_size"]
  if (typeof total_size !== "number" || typeof size !== "number" || size <= 0) {
    return Result.fail("BLOCK_SIZE: a number of bytes above 0 is expected")
  }
  return Result.succeed({ num_blocks: Math.floor(total_size / size), ...params })
}

/** Metadata and protection information: the server refuses them unless they are off. */
const metadata: ReadonlyArray<OptionForm> = [
  option(["m", "md-size"], integer("BYTES"), "metadata per block; only 0"),
  option(["t", "dif-type"], integer("0-3"), "protection information; only 0"),
  flag(["d", "dif-is-head-of-md"], "refused"),
  option(["f", "dif-pi-format"], integer("0-2"), "format of protection information; only 0")
]

/** lunlog's own. */
const removable = flag(["", "removable"], "initiators can eject the medium and load it again")

const physicalBlock = option(["p", "physical-block-size"], integer("BYTES"), "what the medium is said to write at once")

const memory: ReadonlyArray<MethodForm> = [
  method(
    "bdev_malloc_create",
    "Makes a disk in memory. It is empty again after a restart, unless a file keeps it.",
    [
      totalSize,
      blockSize,
      option(["b", "name"], text("NAME"), "its name; Malloc0, Malloc1 ... if left out"),
      uuid,
      physicalBlock,
      option(["o", "optimal-io-boundary"], integer("BLOCKS"), "what initiators are told"),
      ...metadata,
      flag(["i", "md-interleave"], "refused"),
      option(["n", "numa-id"], integer("N"), "(no effect)"),
      option(["k", "file"], text("FILE"), "keeps its content over restarts; made if it is not there"),
      removable
    ],
    { answer: "bare", aliases: ["construct_malloc_bdev"], example: "-b Malloc0 64 512", finish: sizeInBlocks }
  ),
  method(
    "bdev_null_create",
    "Makes a disk that forgets what is written to it.",
    [
      name,
      totalSize,
      blockSize,
      uuid,
      physicalBlock,
      ...metadata,
      option(["a", "preferred-write-alignment"], integer("BLOCKS"), "only 0"),
      option(["g", "preferred-write-granularity"], integer("BLOCKS"), "only 0"),
      option(["s", "optimal-write-size"], integer("BLOCKS"), "only 0"),
      option(["c", "preferred-unmap-alignment"], integer("BLOCKS"), "only 0"),
      option(["r", "preferred-unmap-granularity"], integer("BLOCKS"), "only 0"),
      removable
    ],
    { answer: "bare", aliases: ["construct_null_bdev"], example: "Null0 1024 512", finish: sizeInBlocks }
  ),
  method(
    "bdev_null_resize",
    "Makes a null disk larger.",
    [name, argument("new_size", integer("MIB"), "new size in MiB")],
    { answer: "bare", example: "Null0 2048" }
  )
]

const deletions: ReadonlyArray<MethodForm> = [
  ["malloc", "delete_malloc_bdev"],
  ["null", "delete_null_bdev"],
  ["delay", undefined],
  ["error", "delete_error_bdev"],
  ["aio", "delete_aio_bdev"],
  ["uring", undefined],
  ["passthru", "delete_passthru_bdev"],
  ["nbd", undefined]
].map(([type, alias]) =>
  method(`bdev_${type}_delete`, "Deletes a disk and its LUNs, once their commands have ended.", [name], {
    aliases: alias === undefined ? [] : [alias],
    example: type === "error" ? "EE_Malloc0" : `${type?.at(0)?.toUpperCase()}${type?.slice(1)}0`
  })
)

const filename = argument("filename", text("FILE"), "path of the file or device")
const ownBlock = optionalArgument(
  "block_size",
  integer("BYTES"),
  "bytes of a block: 512, 4096 ...; a device has its own"
)

/** lunlog's own. */
const fileOptions = [
  flag(["", "create"], "make the file, which must not exist"),
  option(["", "size"], text("SIZE"), "of a file that is made: 10GiB"),
  flag(["", "direct"], "past the page cache (O_DIRECT)"),
  flag(["", "dsync"], "every write is on the medium before its answer (O_DSYNC)")
]

const files: ReadonlyArray<MethodForm> = [
  method(
    "bdev_aio_create",
    "Makes a disk from a file or a block device.",
    [
      filename,
      name,
      ownBlock,
      flag(["r", "readonly"], "open it for reading only"),
      flag(["", "fallocate"], "give back space that initiators unmap; as without it where the file is made"),
      ...fileOptions,
      removable,
      uuid,
      flag(["", "no-wait"], "block devices only; without effect", "nowait")
    ],
    { answer: "bare", aliases: ["construct_aio_bdev"], example: "/srv/disk.img Aio0 512" }
  ),
  method(
    "bdev_uring_create",
    "Makes a disk from a file or a block device, as bdev_aio_create does.",
    [filename, name, ownBlock, ...fileOptions, removable, uuid],
    { answer: "bare", example: "/dev/sdb Uring0" }
  ),
  method("bdev_aio_rescan", "Takes over the new size of a file.", [name], { answer: "bare", example: "Aio0" }),
  method("bdev_uring_rescan", "Takes over the new size of a file.", [name], { answer: "bare", example: "Uring0" })
]

const nbdDisks: ReadonlyArray<MethodForm> = [
  method(
    "bdev_nbd_create",
    "Makes a disk from an export of an NBD server: qemu-nbd, qemu-storage-daemon, nbdkit.",
    [
      name,
      optionalArgument("uri", text("URI"), "nbd://HOST:PORT/EXPORT, nbd+unix:///EXPORT?socket=PATH; nbds for TLS"),
      optionalArgument("block_size", integer("BYTES"), "bytes of a block: 512, 4096 ..."),
      option(["", "path"], text("PATH"), "in place of a URI: the server's Unix socket"),
      option(["", "host"], text("HOST"), "in place of a URI: the server's name or address"),
      option(["", "port"], integer("PORT"), "its TCP port; 10809 if left out"),
      option(["", "export"], text("NAME"), "with --path or --host; the default export if left out"),
      flag(["r", "readonly"], "refuse writes"),
      option(["", "connections"], integer("N"), "at most so many, if the server allows several; 4 if left out"),
      flag(["", "tls"], "demand TLS"),
      option(["", "tls-ca"], text("FILE"), "certificate authority of the server"),
      option(["", "tls-cert"], text("FILE"), "the target's own certificate"),
      option(["", "tls-key"], text("FILE"), "and its private key"),
      option(["", "tls-server-name"], text("NAME"), "name in the server's certificate; its host if left out"),
      option(["", "reconnect-timeout"], integer("SECONDS"), "how long IO waits for a server that is away; 30"),
      option(["", "reply-timeout"], integer("SECONDS"), "how long it may be silent; 60, 0 for ever"),
      option(["", "give-up-after"], integer("SECONDS"), "after how long the disk is removed; 0 for never"),
      removable,
      uuid
    ],
    { answer: "bare", example: "Remote0 nbd+unix:///?socket=/run/disk.sock" }
  )
]

const microseconds = integer("MICROSECONDS")

const faults: ReadonlyArray<MethodForm> = [
  method(
    "bdev_delay_create",
    "Makes a disk that is slower than the one beneath it.",
    [
      required(option(["b", "base-bdev-name"], text("BDEV"), "the disk beneath")),
      required(option(["d", "name"], text("NAME"), "its name")),
      required(option(["r", "avg-read-latency"], microseconds, "of most reads")),
      required(option(["t", "nine-nine-read-latency"], microseconds, "of 1 in 100 reads", "p99_read_latency")),
      required(option(["w", "avg-write-latency"], microseconds, "of most writes")),
      required(option(["n", "nine-nine-write-latency"], microseconds, "of 1 in 100 writes", "p99_write_latency")),
      uuid
    ],
    { answer: "bare", example: "-b Malloc0 -d Slow0 -r 1000 -t 5000 -w 1000 -n 5000" }
  ),
  method(
    "bdev_delay_update_latency",
    "Changes one latency of a delay disk.",
    [
      argument("delay_bdev_name", text("NAME"), "name of the delay disk"),
      argument("latency_type", choice("avg_read", "p99_read", "avg_write", "p99_write"), "which latency"),
      argument("latency_us", microseconds, "its new value in microseconds")
    ],
    { answer: "bare", example: "Slow0 avg_read 2000" }
  ),
  method(
    "bdev_error_create",
    "Makes the disk EE_BASE, which answers as BASE does until errors are injected.",
    [
      argument("base_name", text("BDEV"), "the disk beneath"),
      option(["", "uuid"], text("UUID"), "its UUID; one is made if left out")
    ],
    { answer: "bare", aliases: ["construct_error_bdev"], example: "Malloc0" }
  ),
  method(
    "bdev_error_inject_error",
    "Lets the next commands of an error disk go wrong.",
    [
      argument("name", text("NAME"), "name of the error disk: EE_..."),
      argument("io_type", text("IO_TYPE"), "read, write, unmap, flush, all; clear ends all injections"),
      argument("error_type", text("ERROR_TYPE"), "failure, pending, corrupt_data, nomem"),
      option(["n", "num"], integer("N"), "how many commands (1)"),
      option(["q", "queue-depth"], integer("N"), "only when as many are in flight"),
      option(["o", "corrupt-offset"], integer("BYTES"), "byte to corrupt"),
      option(["v", "corrupt-value"], integer("1-255"), "what to XOR it with"),
      option(["", "block-offset"], integer("BLOCK"), "only commands that meet blocks from here on"),
      option(["", "num-blocks"], integer("N"), "as many blocks (1)"),
      option(["", "nvme-sct"], integer("N"), "NVMe only: refused"),
      option(["", "nvme-sc"], integer("N"), "NVMe only: refused")
    ],
    { aliases: ["bdev_inject_error"], example: "EE_Malloc0 read failure -n 5" }
  ),
  method("bdev_error_resume_pending", "Lets go what an injection of pending holds.", [name], {
    example: "EE_Malloc0"
  })
]

const resetModes = choice("all", "maxmin", "error", "none")
const oneBdev = option(["b", "name"], text("NAME"), "only this bdev")

const statistics: ReadonlyArray<MethodForm> = [
  method(
    "bdev_get_iostat",
    "Shows what bdevs have read and written, and how long it took.",
    [
      oneBdev,
      option(["", "names"], commaList("NAME"), "only these bdevs"),
      flag(["c", "per-channel"], "by thread; of one bdev"),
      option(["", "reset-mode"], resetModes, "begin again after this")
    ],
    { aliases: ["get_bdevs_iostat"], example: "--names Malloc0,Malloc1" }
  ),
  method(
    "bdev_reset_iostat",
    "Lets the statistics begin again.",
    [oneBdev, option(["m", "mode"], resetModes, "what is set to 0 (all)")],
    { example: "-b Malloc0" }
  ),
  method(
    "bdev_enable_histogram",
    "Starts or ends measuring how long a bdev's commands take.",
    [
      name,
      ...onOff("histogram", "enable", "measure or not", [
        ["e", "enable"],
        ["d", "disable"]
      ]).map(required),
      option(["o", "opc"], text("IO_TYPE"), "only these: read, write ..."),
      option(["", "granularity"], integer("N"), "fineness of the buckets (7)"),
      option(["", "min-nsec"], integer("NANOSECONDS"), "shortest time of its own (1000)"),
      option(["", "max-nsec"], integer("NANOSECONDS"), "longest time of its own (120000000000)")
    ],
    { aliases: ["enable_bdev_histogram"], example: "Malloc0 --histogram" }
  ),
  method("bdev_get_histogram", "Shows how long a bdev's commands have taken.", [name], {
    aliases: ["get_bdev_histogram"],
    example: "Malloc0"
  }),
  method(
    "bdev_get_histogram_borders",
    "Counts a bdev's commands between borders.",
    [name, required(option(["", "borders"], integerList("MICROSECONDS"), "borders, ascending"))],
    { example: "Malloc0 --borders 100,1000,10000" }
  ),
  method(
    "bdev_set_qd_sampling_period",
    "Starts or ends sampling of a bdev's queue depth.",
    [name, argument("period", microseconds, "time between samples in microseconds; 0 ends it")],
    { aliases: ["set_bdev_qd_sampling_period"], example: "Malloc0 1000" }
  )
]

const general: ReadonlyArray<MethodForm> = [
  method(
    "bdev_get_bdevs",
    "Shows the bdevs.",
    [
      oneBdev,
      option(["t", "timeout-ms"], integer("MILLISECONDS"), "how long to wait until it is there", "timeout"),
      flag(["", "detached"], "those whose device is away, too")
    ],
    { aliases: ["get_bdevs"], example: "-b Malloc0" }
  ),
  method(
    "bdev_set_qos_limit",
    "Limits a bdev; 0 is no limit, and what is left out stays as it is.",
    [
      name,
      option(["", "rw-ios-per-sec"], integer("N"), "reads and writes per second, in steps of 1000"),
      option(["", "rw-mbytes-per-sec"], integer("MIB"), "MiB per second"),
      option(["", "r-mbytes-per-sec"], integer("MIB"), "MiB per second of reads"),
      option(["", "w-mbytes-per-sec"], integer("MIB"), "MiB per second of writes")
    ],
    { aliases: ["set_bdev_qos_limit"], example: "Malloc0 --rw-ios-per-sec 20000" }
  ),
  method(
    "bdev_examine",
    "Looks for other bdevs on a bdev.",
    [required(option(["b", "name"], text("NAME"), "name or alias of the bdev"))],
    { example: "-b Malloc0" }
  ),
  method("bdev_wait_for_examine", "Waits until bdevs have been looked at.")
]

const stacked: ReadonlyArray<MethodForm> = [
  method(
    "bdev_passthru_create",
    "Makes a disk that is as the one beneath it.",
    [
      required(option(["b", "base-bdev-name"], text("BDEV"), "the disk beneath")),
      required(option(["p", "name"], text("NAME"), "its name")),
      uuid
    ],
    { answer: "bare", aliases: ["construct_passthru_bdev"], example: "-b Malloc0 -p Passthru0" }
  ),
  method(
    "bdev_split_create",
    "Cuts a disk into parts: BASEp0, BASEp1 ...",
    [
      argument("base_bdev", text("BASE"), "the disk beneath"),
      argument("split_count", integer("COUNT"), "how many parts; fewer are made if not all fit"),
      option(["s", "split-size-mb"], integer("MIB"), "size of each part; equal parts of the whole disk if left out")
    ],
    { answer: "bare", aliases: ["construct_split_vbdev"], example: "Malloc0 4" }
  ),
  method(
    "bdev_split_delete",
    "Deletes all parts of a disk and their LUNs, once their commands have ended.",
    [argument("base_bdev", text("BASE"), "the disk beneath")],
    { aliases: ["destruct_split_vbdev"], example: "Malloc0" }
  )
]

const overlays: ReadonlyArray<MethodForm> = [
  method(
    "lunlog_overlay_create",
    "Makes a disk of what another one holds, with changes kept elsewhere.",
    [
      argument("name", text("NAME"), "its name"),
      argument("base_bdev_name", text("BASE"), "the disk beneath, which is never written to"),
      option(["f", "filename"], text("FILE"), "file for the changes, made if it is not there; in memory if left out"),
      option(["m", "max-size"], mebibytes, "memory for the changes (1GiB)"),
      uuid
    ],
    { answer: "bare", example: "Scratch0 Malloc0" }
  ),
  method(
    "lunlog_overlay_reset",
    "Lets an overlay forget its changes.",
    [name, flag(["", "force"], "also while initiators are logged in, who are told that the medium is another")],
    { example: "Scratch0" }
  ),
  method("lunlog_overlay_delete", "Deletes an overlay and its LUNs; a file stays.", [name], { example: "Scratch0" })
]

/** This file's forms. */
export const bdevForms: ReadonlyArray<MethodForm> = [
  ...general,
  ...memory,
  ...files,
  ...nbdDisks,
  ...faults,
  ...stacked,
  ...overlays,
  ...deletions,
  ...statistics
]
