/**
 * What the recorder of PDUs costs: nanoseconds per PDU when it is off, and as it is by default (time, direction and
 * header, in a ring), beside the CPU of a 4 KiB IO, which has two PDUs; and with answers that go into another output
 * buffer each time, as those of many connections to disks that are not at once done.
 *
 *   npm run bench -- recorder [--rounds=9] [--io-micros=4.7]
 */

import { IoClock } from "../../src/dataplane/iscsi/IoClock.ts"
import { bhsBytes } from "../../src/dataplane/iscsi/pdu/bhs.ts"
import { PduRecorder, type RecorderSettings } from "../../src/dataplane/iscsi/recorder/PduRecorder.ts"
import { recorderDefault } from "../../src/dataplane/limits.ts"
import { MemoryBudget } from "../../src/dataplane/MemoryBudget.ts"
import { type BenchContext, type Benchmark, runBenchmark } from "./support/Benchmark.ts"
import type { Table } from "./support/BenchResult.ts"
import { inTurns, rowOf } from "./support/samples.ts"

const pdusPerIo = 2
/** The most of an IO's CPU that the recorder may cost. */
const shareMax = 0.02

const recorderOf = (settings: RecorderSettings): PduRecorder => {
  const clock = new IoClock(() => performance.now())
  return new PduRecorder(settings, clock, MemoryBudget.sized(memoryBytes).account("connections"))
}

const memoryBytes = 64 * 1024 * 1024

const chunkPdus = 32
const bufferOf = (): Buffer => Buffer.alloc(chunkPdus * bhsBytes)
const received = bufferOf()
/** Where answers are written: mostly one buffer, or another for each of many connections that are answered late. */
const few = [bufferOf()]
const many = Array.from({ length: 8 }, bufferOf)

/** Samples are short, and the best of them counts: other work on the machine only ever adds to one. */
const shortRuns = 50

interface Contender {
  readonly label: string
  readonly recorder: PduRecorder
  readonly outputs: ReadonlyArray<Buffer>
}

const best = (contender: Contender, pdus: number): number =>
  Math.min(...Array.from({ length: shortRuns }, () => measure(contender, Math.ceil(pdus / shortRuns))))

/** Nanoseconds per PDU, the hook's call and the loop around it. */
const measure = ({ outputs, recorder }: Contender, pdus: number): number => {
  const start = process.hrtime.bigint()
  for (let done = 0; done < pdus; done += 2) {
    const at = (done % chunkPdus) * bhsBytes
    recorder.received(received, at)
    recorder.sent(outputs[(done >> 1) % outputs.length] ?? received, at)
  }
  return Number(process.hrtime.bigint() - start) / pdus
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const pdus = context.number("pdus")
  const ioNanos = context.number("io-micros") * 1000
  const contenders = [
    { label: "off", recorder: recorderOf({ pdus: 0, dataBytes: 0 }), outputs: few },
    { label: "ring", recorder: recorderOf(recorderDefault), outputs: few },
    { label: "many", recorder: recorderOf(recorderDefault), outputs: many }
  ]
  for (const contender of contenders) best(contender, pdus)
  const samples = await inTurns(contenders, context.number("rounds"), async (contender) => best(contender, pdus))
  const perIo = Object.entries(samples).map(([label, taken]) => [label, taken.map((each) => each * pdusPerIo)] as const)
  const values = { ...Object.fromEntries(perIo), IO: Array(context.number("rounds")).fill(ioNanos) }
  const title = `a 4 KiB IO of ${context.text("io-micros")} microseconds, ${pdusPerIo} PDUs`
  const aim = { atMost: shareMax }
  return [
    {
      name: "share",
      title: "The recorder of PDUs",
      unit: "nanoseconds per IO",
      contenders: ["off", "ring", "many", "IO"],
      rows: [
        rowOf({ name: "io4k", title }, values, [
          { over: "off", under: "IO", better: "less", aim },
          { over: "ring", under: "IO", better: "less", aim },
          { over: "many", under: "IO", better: "less", aim }
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
