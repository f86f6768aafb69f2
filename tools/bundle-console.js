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

/**
 * Name and content of each file, and the modules that they were made of. Style sheets that a module imports are one,
 * `console.css`, in the order in which they are imported.
 */
export const bundleConsole = async () => {
  const styles = new Map()
  const bundle = await rolldown({
    input: { console: join(source, "main.tsx") },
    platform: "browser",
    tsconfig: join(root, "tsconfig.console.json"),
    plugins: [
      {
        name: "styles",
        load: (id) => {
          if (!id.endsWith(".css")) return null
          styles.set(id, readFileSync(id, "utf8"))
          return { code: "", moduleType: "js", moduleSideEffects: true }
        }
      }
    ]
  })
  const { output } = await bundle.generate({ format: "esm", minify: true })
  await bundle.close()
  const moduleIds = output.flatMap((chunk) => chunk.moduleIds ?? [])
  const css = moduleIds.filter((id) => styles.has(id)).map((id) => styles.get(id))
  const files = new Map(output.map((file) => [file.fileName, file.code ?? file.source]))
  files.set("console.css", css.join("\n"))
  files.set("index.html", readFileSync(join(source, "index.html"), "utf8"))
  if (existsSync(join(source, "icon.svg"))) files.set("icon.svg", readFileSync(join(source, "icon.svg"), "utf8"))
  return { files, moduleIds }
}
