/** What `lunlog convert` does: reads a configuration of another target, and writes it in lunlog's own format. */
import { Console, Effect } from "effect"
import { type Conversion, conversionLengthMax } from "../../config/foreign/Conversion.ts"
import { convertedFile } from "../../config/foreign/converted-file.ts"
import type { NativeConfig } from "../../config/native/native-schema.ts"
import { nativeText } from "../../config/native/native-text.ts"
import { tryOut } from "../../config/native/try-out.ts"
import { type SourceFormat, sourceFormat } from "../../config/source-format.ts"
import { refusedLogins } from "../../domain/observation/refused-logins.ts"
import { CliFailure } from "../CliFailure.ts"
import { readStdin } from "../rpc/rpc-request.ts"
import { configFiles } from "./config-files.ts"
import { convertSpdk } from "./convert-spdk.ts"
import { readConversion } from "./read-conversion.ts"
import { writeOutput } from "./write-output.ts"

/** Formats that `--from` names. */
export const convertedFormats = ["iscsi.conf", "spdk", "targetcli", "tgt"] as const
type ConvertedFormat = (typeof convertedFormats)[number]

/** A command line. */
export interface ConvertInput {
  /** `-` is stdin. */
  readonly source: string
  readonly output: string | undefined
  readonly from: ConvertedFormat | undefined
  /** A warning is an error, and nothing is written. */
  readonly strict: boolean
  /** An output that is there is replaced. */
  readonly force: boolean
}

const readSource = (source: string): Effect.Effect<string, CliFailure> =>
  source === "-"
    ? readStdin
    : Effect.mapBoth(configFiles.read(source, conversionLengthMax), {
        onSuccess: ({ text }) => text,
        onFailure: (why) => new CliFailure({ message: `${source} ${why}` })
      })

const isConverted = (format: SourceFormat): format is ConvertedFormat =>
  convertedFormats.some((known) => known === format)

const formatOf = (input: ConvertInput, source: string): Effect.Effect<ConvertedFormat, CliFailure> => {
  const format = input.from ?? sourceFormat(source)
  if (isConverted(format)) return Effect.succeed(format)
  const why = `${input.source} is none of the formats that are known by their content`
  return Effect.fail(new CliFailure({ message: `${why}; say --from ${convertedFormats.join("|")}` }))
}

/** All that is to be told of a conversion: what it leaves out, what a target would refuse of it, and whom then. */
export const warningsOf = (name: string, conversion: Conversion): Effect.Effect<ReadonlyArray<string>> =>
  Effect.match(tryOut(convertedFile(name, conversion)), {
    onSuccess: (state) => [...conversion.warnings, ...refusedLogins(state).map((warning) => `${name}: ${warning}`)],
    onFailure: ({ problems }) => [
      ...conversion.warnings,
      ...problems.map((problem) => `${problem} (lunlog would refuse this)`)
    ]
  })

/** The file that a conversion writes. */
export const convertedText = (name: string, format: ConvertedFormat, config: NativeConfig): string =>
  nativeText(config, [`From ${name} (${format}), by lunlog convert.`])

/** Runs one conversion; warnings are on stderr, and the result on stdout or in the output file. */
export const convert = (input: ConvertInput): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const source = yield* readSource(input.source)
    const name = input.source === "-" ? "stdin" : input.source
    const format = yield* formatOf(input, source)
    const conversion = yield* format === "spdk" ? convertSpdk(name, source) : readConversion(format, name, source)
    const warnings = yield* warningsOf(name, conversion)
    for (const warning of warnings) yield* Console.error(warning)
    if (input.strict && warnings.length > 0) {
      return yield* new CliFailure({ message: `${warnings.length} warnings, and --strict: nothing is written` })
    }
    yield* writeOutput(input.output, convertedText(name, format, conversion.config), input.force)
  })
