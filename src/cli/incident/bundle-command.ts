/** `lunlog incident bundle`: everything about an incident in one file, for somebody who was not there. */
import { resolve } from "node:path"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { bundleNames } from "../../history/incident/BundleManifest.ts"
import { printJson } from "../../rpc/json-print.ts"
import { sourceFlags, sourceOf } from "../log/log-flags.ts"
import { unpackedLog } from "../log/log-source.ts"
import { optionalPlace, placeFlag } from "../log/place-flag.ts"
import { quotedWord } from "../quoted-word.ts"
import { boundedInt } from "../serve/server-flags.ts"
import { byteText } from "../table.ts"
import { unfinishedIfInterrupted } from "../unfinished.ts"
import { checkFold } from "./check-fold.ts"
import { type BundleWish, gatherBundle } from "./gather-bundle.ts"
import { readReport } from "./incident-report.ts"
import { reportLines } from "./report-text.ts"
import { unpack } from "./unpack-bundle.ts"
import { writeBundle } from "./write-bundle.ts"

const minutesDefault = 15
const minutesMax = 60 * 24 * 7

/** What is written is opened first, as whoever gets it will: what could not be opened is not written. */
const bundleOf = (input: Parameters<typeof sourceOf>[0], wish: BundleWish, output: string | undefined) =>
  Effect.gen(function* () {
    const source = yield* sourceOf(input)
    const { files, manifest } = yield* gatherBundle(source, wish)
    const file = output ?? `lunlog-incident-${manifest.incident.seq}.tar.gz`
    const bundle = yield* unpack(file, { manifest: { ...manifest, files: files.listed }, files: files.contents })
    const inside = yield* unpackedLog(file, bundle.directory)
    const checked = yield* checkFold(inside, file, bundle)
    const style = { file: "FILE", line: { colours: false, fields: false }, checked }
    const lines = reportLines(yield* readReport(inside, manifest), style)
    files.add(bundleNames.report, "What lunlog incident open prints, with FILE for the bundle", `${lines.join("\n")}\n`)
    const whole = { ...manifest, files: files.listed }
    yield* writeBundle(file, whole, files.contents)
    return { file, manifest: whole }
  })

/** The command. */
export const bundleCommand = Command.make(
  "bundle",
  {
    ...sourceFlags,
    around: placeFlag("around", "The record, or the time: 4711, 14:03 (default: the newest incident that is kept)"),
    minutes: boundedInt("minutes", 1, minutesMax).pipe(
      Flag.withMetavar("M"),
      Flag.withDescription(`Of the log so many minutes before and after it (default ${minutesDefault})`),
      Flag.withDefault(minutesDefault)
    ),
    from: placeFlag("from", "First record instead"),
    to: placeFlag("to", "Last record instead"),
    output: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FILE"),
      Flag.withDescription(
        "Where to write, replacing what is there (default lunlog-incident-SEQ.tar.gz; - is stdout). Mode 0600"
      ),
      Flag.optional
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("The file and its manifest as JSON"), Flag.withDefault(false))
  },
  Effect.fn(
    function* (input) {
      const wish = {
        around: yield* optionalPlace(input.around),
        minutes: input.minutes,
        from: yield* optionalPlace(input.from),
        to: yield* optionalPlace(input.to)
      }
      const { file, manifest } = yield* bundleOf(input, wish, Option.getOrUndefined(input.output))
      // What is said must not get into what is written.
      const say = file === "-" ? Console.error : Console.log
      if (input.json) return yield* say(printJson({ file: file === "-" ? file : resolve(file), ...manifest }))
      const { count, from, to } = manifest.records
      const bytes = manifest.files.reduce((sum, one) => sum + one.bytes, 0)
      const next = file === "-" ? "" : `; lunlog incident open ${quotedWord(file)}`
      yield* say(
        `${file}: incident ${manifest.incident.seq}, ${count} records (${from} to ${to}), ` +
          `${manifest.files.length} files with ${byteText(bytes)}${next}`
      )
      for (const missing of manifest.missing) yield* Console.error(`not in it: ${missing}`)
    },
    Effect.scoped,
    unfinishedIfInterrupted
  )
).pipe(
  Command.withDescription(
    "Write one file with everything about an incident: the log around it and the state before and after, the PDUs " +
      "and numbers that the target has kept of it, configuration and versions. It has no secret that can be opened."
  ),
  Command.withExamples([
    { command: "lunlog incident bundle", description: "Of the newest incident of the running target" },
    { command: "lunlog incident bundle --around 4711 --minutes 60 -o db01.tar.gz" },
    { command: "lunlog incident bundle --around 02:40 --state /var/lib/lunlog", description: "Of a stopped target" }
  ])
)
