/**
 * Where the web console's files are: in a package in `dist/console`; in a checkout they are made of `src/console` when
 * the page is first opened (tools/bundle-console.js), which takes some 40 ms.
 */
import { existsSync } from "node:fs"
import { readdir, readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { Effect, Schema } from "effect"
import { type ConsoleFiles, ConsoleFilesMissing } from "../../../rpc/http/ConsoleFiles.ts"

const isCheckout = import.meta.url.endsWith(".ts")

const bundler = new URL("../../../../tools/bundle-console.js", import.meta.url)
/** Chunks of the product lie in `dist/src`. */
const built = new URL("../console/", import.meta.url)

const Bundler = Schema.Struct({
  bundleConsole: Schema.declare((value): value is () => unknown => typeof value === "function")
})
const Bundle = Schema.Struct({ files: Schema.ReadonlyMap(Schema.String, Schema.String) })

const bundle = async (): Promise<ConsoleFiles> => {
  const { bundleConsole } = Schema.decodeUnknownSync(Bundler)(await import(bundler.href))
  return Schema.decodeUnknownSync(Schema.toType(Bundle))(await bundleConsole()).files
}

const read = async (): Promise<ConsoleFiles> => {
  const names = await readdir(built)
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, built), "utf8")] as const))
  )
}

const detailOf = (error: unknown): string => {
  const why = (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? ""
  if (!isCheckout) return `${fileURLToPath(built)} cannot be read (${why}); install the package again`
  return existsSync(bundler)
    ? `it cannot be made of src/console (${why}); npm install brings what it is made with`
    : "tools/bundle-console.js is not there; npm run build makes a package that has the console"
}

/** The files, or why there are none. */
export const consoleFiles: Effect.Effect<ConsoleFiles, ConsoleFilesMissing> = Effect.tryPromise({
  try: isCheckout ? bundle : read,
  catch: (error) => new ConsoleFilesMissing({ detail: detailOf(error) })
})
