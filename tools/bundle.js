/**
 * Makes `dist`, which the package runs: the product, Effect and YAML in some ninety files, and the web console's. Most
 * of a start is Node's work on modules, and from source there are more than a thousand. Checked before, by tsc.
 *
 * The other packages stay outside: those with native code belong where npm puts them. An argument is another folder
 * than `dist`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"
import { bundleConsole } from "./bundle-console.js"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const output = process.argv[2] ?? join(root, "dist")
const inlined = ["effect", "@effect/platform-node", "yaml"]
const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const outside = Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => !inlined.includes(name))

/** The folder of the package that a module is of; undefined for the product's own. */
const packageOf = (file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]

/** Who made what is in the bundle, as their licences ask for. */
const licencesOf = (folder) => {
  const { license, name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const file = readdirSync(folder).find((each) => /^licen[cs]e/iu.test(each))
  const text = file === undefined ? "" : `\n${readFileSync(join(folder, file), "utf8")}`
  return `${name} ${version} (${license})\n${text}`
}

if (existsSync(output)) rmSync(output, { recursive: true })
const bundle = await rolldown({
  input: {
    main: join(root, "src/main.ts"),
    "worker-entry": join(root, "src/dataplane/reactor/worker-entry.ts")
  },
  platform: "node",
  external: outside,
  // That an import is dynamic from one place and static from another says nothing here.
  checks: { ineffectiveDynamicImport: false }
})
const { output: chunks } = await bundle.write({ dir: join(output, "src"), format: "esm", keepNames: true })
await bundle.close()
const console = await bundleConsole()
mkdirSync(join(output, "console"))
for (const [name, content] of console.files) writeFileSync(join(output, "console", name), content)
const moduleIds = [...chunks.flatMap((chunk) => chunk.moduleIds ?? []), ...console.moduleIds]
const packages = new Set(moduleIds.map(packageOf))
packages.delete(undefined)
writeFileSync(
  join(output, "LICENSES.txt"),
  [...packages]
    .sort()
    .map(licencesOf)
    .join(`\n${"-".repeat(72)}\n`)
)
