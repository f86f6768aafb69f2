/**
 * What the recorder of PDUs costs: nanoseconds per PDU of the hook that is in the data path, and of one that keeps what
 * a flight recorder needs (time, direction and header, in a ring), beside the CPU of a 4 KiB IO, which has two PDUs.
 *
 *   npm run bench -- recorder [--rounds=9] [--io-micros=4.7]
 */
import { PduRecorder } from "../../src/dataplane/iscsi/PduRecorder.ts"
import { bhsBytes } from "../../src/dataplane/iscsi/pdu/bhs.ts"
import { type BenchContext, type Benchmark, runBenchmark } from "./support/Benchmark.ts"
import type { Table } from "./support/BenchResult.ts"
import { inTurns, rowOf } from "./support/samples.ts"

const pdusPerIo = 2
/** The most of an IO's CPU that the recorder may cost. */
const shareMax = 0.02

/** One that would do for a flight recorder: the last PDUs, each with when it came and which way. */
class RingRecorder extends PduRecorder {
  static readonly entryBytes = 64
  static readonly entries = 1024
  readonly #bytes = new Uint8Array(RingRecorder.entryBytes * RingRecorder.entries)
  readonly #times = new Float64Array(RingRecorder.entries)
  /** The reactor's clock, which is read once for a chunk. */
  readonly #clock = { last: 1 }
  #next = 0

  override received(b: Buffer, at: number): void {
    this.#keep(b, at, 0)
  }

  override sent(b: Buffer, at: number): void {
    this.#keep(b, at, 1)
  }

  /** A header is too short for `Buffer.copy` to be worth its call. */
  #keep(b: Buffer, at: number, direction: number): void {
    const times = this.#times
    const bytes = this.#bytes
    const entry = this.#next
    times[entry] = this.#clock.last
    const start = entry * RingRecorder.entryBytes
    bytes[start] = direction
    for (let byte = 0; byte < bhsBytes; byte += 4) {
      bytes[start + 4 + byte] = b[at + byte] ?? 0
      bytes[start + 5 + byte] = b[at + byte + 1] ?? 0
      bytes[start + 6 + byte] = b[at + byte + 2] ?? 0
      bytes[start + 7 + byte] = b[at + byte + 3] ?? 0
    }
    this.#next = (entry + 1) & (RingRecorder.entries - 1)
  }
}

const chunkPdus = 32
const chunk = Buffer.alloc(chunkPdus * bhsBytes)

/** Samples are short, and the best of them counts: other work on the machine only ever adds to one. */
const shortRuns = 50

const best = (recorder: PduRecorder, pdus: number): number =>
  Math.min(...Array.from({ length: shortRuns }, () => measure(recorder, Math.ceil(pdus / shortRuns))))

/** Nanoseconds per PDU, the hook's call and the loop around it. */
const measure = (recorder: PduRecorder, pdus: number): number => {
  const start = process.hrtime.bigint()
  for (let done = 0; done < pdus; done += 2) {
    const at = (done % chunkPdus) * bhsBytes
    recorder.received(chunk, at)
    recorder.sent(chunk, at)
  }
  return Number(process.hrtime.bigint() - start) / pdus
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const pdus = context.number("pdus")
  const ioNanos = context.number("io-micros") * 1000
  const contenders = [
    { label: "hook", recorder: new PduRecorder() },
    { label: "ring", recorder: new RingRecorder() }
  ]
  for (const { recorder } of contenders) best(recorder, pdus)
  const samples = await inTurns(contenders, context.number("rounds"), async ({ recorder }) => best(recorder, pdus))
  const perIo = Object.entries(samples).map(([label, taken]) => [label, taken.map((each) => each * pdusPerIo)] as const)
  const values = { ...Object.fromEntries(perIo), IO: Array(context.number("rounds")).fill(ioNanos) }
  const title = `a 4 KiB IO of ${context.text("io-micros")} microseconds, ${pdusPerIo} PDUs`
  const aim = { atMost: shareMax }
  return [
    {
      name: "share",
      title: "The recorder of PDUs",
      unit: "nanoseconds per IO",
      contenders: ["hook", "ring", "IO"],
      rows: [
        rowOf({ name: "io4k", title }, values, [
          { over: "hook", under: "IO", better: "less", aim },
          { over: "ring", under: "IO", better: "less", aim }
        ])
      ]
    }
  ]
}

/** See the head of this file. */
export const recorderBenchmark: Benchmark = {
  name: "recorder",
  about: "what the recorder of PDUs costs",
  options: {
    rounds: { about: "samples of each, in turns", default: "9", smoke: "1" },
    pdus: { about: "PDUs of a sample", default: "2000000", smoke: "1000" },
    "io-micros": { about: "CPU of a 4 KiB IO, as the benchmark `data` says", default: "4.7" }
  },
  run
}

if (import.meta.main) await runBenchmark(recorderBenchmark)
