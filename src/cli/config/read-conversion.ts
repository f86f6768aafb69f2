/** Reads a configuration of another target with the files that it names. */
import { globSync, readFileSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { Effect, Result } from "effect"
import { type Conversion, conversionLengthMax } from "../../config/foreign/Conversion.ts"
import { authFileOf, readIscsiConf } from "../../config/foreign/iscsi-conf/read-iscsi-conf.ts"
import { readTargetcli } from "../../config/foreign/targetcli/read-targetcli.ts"
import { readTgtConf } from "../../config/foreign/tgt/read-tgt-conf.ts"
import type { Include } from "../../config/foreign/tgt/TgtText.ts"
import type { ConfigFiles } from "../../config/native/ConfigFiles.ts"
import { CliFailure } from "../CliFailure.ts"
import { configFiles } from "./config-files.ts"

/** Formats that are read here; SPDK's JSON is not read, but run. */
export type ReadFormat = "iscsi.conf" | "targetcli" | "tgt"

/** Bytes of an auth file. */
const authFileBytesMax = 1024 * 1024

/** `name` is the file's path: what it names is looked for beside it. */
const iscsiConf = (name: string, source: string, files: ConfigFiles): Effect.Effect<Conversion> => {
  const written = authFileOf(source)
  if (written === undefined) return Effect.succeed(readIscsiConf(name, source))
  const path = files.resolve(name, written)
  return Effect.match(files.read(path, authFileBytesMax), {
    onSuccess: ({ text }) => readIscsiConf(name, source, { name: path, text }),
    onFailure: (unreadable) => readIscsiConf(name, source, { name: path, text: { unreadable } })
  })
}

/** Files that an `include` names, in the order of their names. */
const includeFrom = (name: string): Include => {
  let total = 0
  return (pattern) => {
    try {
      const paths = globSync(resolve(dirname(name), pattern)).filter((path) => statSync(path).isFile())
      if (paths.length === 0 && !/[*?[]/u.test(pattern)) return "there is no such file"
      for (const path of paths) total += statSync(path).size
      if (total > conversionLengthMax) return `the files have more than ${conversionLengthMax} bytes together`
      return paths.sort().map((path) => ({ name: path, source: readFileSync(path, "utf8") }))
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}

/** The conversion of a text; fails if it has not the form that the format has at least. An auth file is in `files`. */
export const readConversion = (
  format: ReadFormat,
  name: string,
  source: string,
  files: ConfigFiles = configFiles
): Effect.Effect<Conversion, CliFailure> => {
  if (format === "iscsi.conf") return iscsiConf(name, source, files)
  if (format === "tgt") return Effect.sync(() => readTgtConf(name, source, includeFrom(name)))
  const conversion = readTargetcli(name, source)
  return Result.isSuccess(conversion)
    ? Effect.succeed(conversion.success)
    : Effect.fail(new CliFailure({ message: conversion.failure }))
}
