/**
 * The web console's files, made of `src/console`: what the package has in `dist/console`, and what a checkout makes
 * when the console is first opened.
 */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(root, "src/console")

/** The style sheets that modules import, in the order in which they are imported; `context` is that of a plugin. */
const stylesInOrder = (context, styles, entry) => {
  const seen = new Set()
  const visit = (id) => {
    if (seen.has(id)) return []
    seen.add(id)
    const below = (context.getModuleInfo(id)?.importedIds ?? []).flatMap(visit)
    return styles.has(id) ? [...below, styles.get(id)] : below
  }
  return visit(entry)
}

/**
 * Name and content of each file, and the modules that they were made of. Style sheets that a module imports are one,
 * `console.css`, in the order in which they are imported.
 */
export const bundleConsole = async () => {
  const styles = new Map()
  const entry = join(source, "main.tsx")
  let css = []
  const bundle = await rolldown({
    input: { console: entry },
    platform: "browser",
    tsconfig: join(root, "tsconfig.console.json"),
    plugins: [
      {
        name: "styles",
        load: (id) => {
          if (!id.endsWith(".css")) return null
          styles.set(id, readFileSync(id, "utf8"))
          return { code: "", moduleType: "js", moduleSideEffects: true }
        },
        // A module without code is in no chunk, so the order is that of the graph.
        buildEnd() {
          css = stylesInOrder(this, styles, entry)
        }
      }
    ]
  })
  const { output } = await bundle.generate({ format: "esm", minify: true })
  await bundle.close()
  const moduleIds = output.flatMap((chunk) => chunk.moduleIds ?? [])
  const files = new Map(output.map((file) => [file.fileName, file.code ?? file.source]))
  files.set("console.css", css.join("\n"))
  files.set("index.html", readFileSync(join(source, "index.html"), "utf8"))
  if (existsSync(join(source, "icon.svg"))) files.set("icon.svg", readFileSync(join(source, "icon.svg"), "utf8"))
  return { files, moduleIds }
}
