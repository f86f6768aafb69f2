/** A configuration that is planned or applied: read with all that it refers to, and what to watch for its changes. */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import { convertedFile } from "../../config/foreign/converted-file.ts"
import type { ConfigFiles, FileText } from "../../config/native/ConfigFiles.ts"
import { type NativeFile, readNativeFile } from "../../config/native/NativeFile.ts"
import { configLengthMax } from "../../config/native/YamlText.ts"
import { sourceFormat } from "../../config/source-format.ts"
import { isSpdkConfig } from "../../rpc/SpdkConfigFile.ts"
import { CliFailure } from "../CliFailure.ts"
import { fileState } from "../serve/file-state.ts"
import { configFiles } from "./config-files.ts"
import { readConversion } from "./read-conversion.ts"

/** Of a file in any format, whose own limits are lower; in bytes. */
export const configBytesMax = 4 * configLengthMax

/** Where a configuration comes from. */
export interface ConfigSources {
  readonly paths: ReadonlyArray<string>
  /** Of included files. */
  readonly patterns: ReadonlyArray<string>
  /** What the files were when they were read. */
  readonly signature: string
}

/** A file and its sources. */
export interface TargetFile {
  readonly file: NativeFile
  readonly format: "native" | "iscsi.conf"
  readonly sources: ConfigSources
  /** SHA-256 of the file itself. */
  readonly hash: string
}

/** `files` that remembers what was asked of it. */
class Recorder {
  readonly #states = new Map<string, string>()
  readonly #lists = new Map<string, ReadonlyArray<string>>()
  readonly files: ConfigFiles

  constructor(files: ConfigFiles) {
    this.files = {
      ...files,
      read: (path, lengthMax) => this.record(path, files.read(path, lengthMax)),
      list: (pattern, countMax) =>
        Effect.tap(files.list(pattern, countMax), (found) => Effect.sync(() => this.#lists.set(pattern, found)))
    }
  }

  /** Its state is taken first: a change while it is read must show as one. */
  record<A, E>(path: string, read: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.flatMap(fileState(path), (state) => {
      this.#states.set(path, state)
      return read
    })
  }

  sources(): ConfigSources {
    return {
      paths: [...this.#states.keys()],
      patterns: [...this.#lists.keys()],
      signature: [...this.#states.values(), ...[...this.#lists.values()].flat()].join("\n")
    }
  }
}

const commandsOnly = (name: string): CliFailure =>
  new CliFailure({
    message:
      `${name} is an SPDK configuration, a list of commands that cannot be compared with a running target; ` +
      `"lunlog convert ${name}" makes a file that can`
  })

/** The text of a file, before it is known what it is. */
export interface OpenedConfig {
  readonly text: FileText
  readonly recorder: Recorder
}

/** Reads the file itself, which was named by whoever started this process; `files` are those that it may refer to. */
export const openConfig = (name: string, files = configFiles): Effect.Effect<OpenedConfig, CliFailure> =>
  Effect.gen(function* () {
    const recorder = new Recorder(files)
    const text = yield* Effect.mapError(
      recorder.record(name, configFiles.read(name, configBytesMax)),
      (why) => new CliFailure({ message: `the configuration ${name} ${why}` })
    )
    return { text, recorder }
  })

/** SHA-256 of a text in UTF-8, hexadecimal. */
export const textHash = (text: string): string => createHash("sha256").update(text).digest("hex")

/** What it says, with all that it refers to. */
export const readOpened = (name: string, { recorder, text }: OpenedConfig): Effect.Effect<TargetFile, CliFailure> =>
  Effect.gen(function* () {
    if (isSpdkConfig(text.text)) return yield* commandsOnly(name)
    const format = sourceFormat(text.text)
    if (format === "targetcli" || format === "tgt") {
      const way = `run lunlog convert ${name} -o lunlog.yaml, and use that`
      return yield* new CliFailure({ message: `${name} is a configuration of ${format}; ${way}` })
    }
    if (format === "iscsi.conf") {
      const conversion = yield* readConversion(format, name, text.text, recorder.files)
      const file = { ...convertedFile(name, conversion), warnings: conversion.warnings }
      return { file, format, sources: recorder.sources(), hash: textHash(text.text) } as const
    }
    const file = yield* Effect.mapError(
      readNativeFile(name, text, recorder.files),
      ({ problems }) => new CliFailure({ message: `the configuration ${name} cannot be used\n${problems.join("\n")}` })
    )
    return { file, format: "native", sources: recorder.sources(), hash: textHash(text.text) }
  })

/** Reads a file that describes a target: lunlog's own format, or `iscsi.conf`. */
export const readTargetFile = (name: string, files = configFiles): Effect.Effect<TargetFile, CliFailure> =>
  Effect.flatMap(openConfig(name, files), (opened) => readOpened(name, opened))
