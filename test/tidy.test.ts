/**
 * House rules that a machine can check, over every tracked file, so that style is never a matter of review. Functions
 * above 50 lines are Biome's part (`noExcessiveLinesPerFunction`). A rule's exceptions stand beside it, with their
 * reason.
 */
import { readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { assert, describe, it } from "vitest"
import { listed, type SourceFile, sourceFiles, styleSheets } from "./support/source-files.ts"
import { projectDirectory } from "./support/target-process.ts"

const fileLinesMax = 400
const lineColumnsMax = 120

const files = sourceFiles()
const inFolder = (...folders: ReadonlyArray<string>): ReadonlyArray<SourceFile> =>
  files.filter(({ path }) => folders.some((folder) => path.startsWith(folder)))
const product = inFolder("src/", "eventlog/")

/** `file:line: text` of every line of code that matches. */
const offences = (among: ReadonlyArray<SourceFile>, pattern: RegExp, text: "code" | "lines" = "code") =>
  among.flatMap((file) =>
    file[text].flatMap((line, index) =>
      pattern.test(line) ? [`${file.path}:${index + 1}: ${file.lines[index]?.trim()}`] : []
    )
  )

const none = (found: ReadonlyArray<string>): void => assert.deepStrictEqual(found, [])

describe("every file", () => {
  it("is found", () => {
    assert.isAbove(product.length, 20)
    assert.isTrue(files.some(({ path }) => path === "test/tidy.test.ts"))
  })

  it(`has at most ${fileLinesMax} lines`, () => {
    none(files.filter((file) => file.lines.length > fileLinesMax).map((file) => `${file.path}: ${file.lines.length}`))
  })

  it(`has lines of at most ${lineColumnsMax} columns`, () => {
    none(offences(files, new RegExp(`^.{${lineColumnsMax + 1}}`), "lines"))
  })

  it("is named after what it defines: PascalCase, or kebab-case", () => {
    const name = /^([A-Z][A-Za-z0-9]*|[a-z0-9]+([-_][a-z0-9]+)*)(\.test|\.config|\.d)?\.(ts|tsx|mts|mjs|js)$/
    none(files.map(({ path }) => path).filter((path) => !name.test(basename(path))))
  })

  it("begins with a paragraph that says what it is for", () => {
    const first = (file: SourceFile) => file.lines.find((line) => !line.startsWith("#!")) ?? ""
    none(
      inFolder("src/", "eventlog/", "test/", "bin/")
        .filter((file) => !first(file).startsWith("/**"))
        .map((f) => f.path)
    )
  })

  it("is nothing that a program has left behind: a log, a profile, a dump", () => {
    none(listed().filter((path) => /\.(log|cpuprofile|heapprofile|heapsnapshot|tgz)$|(^|\/)core\.\d+$/.test(path)))
  })

  it("has nothing put off", () => {
    none(offences(files, /\b(TO[D]O|FIX[M]E)\b/, "lines"))
  })

  it("has no enum, no namespace, and no comment that silences the compiler", () => {
    none(offences(files, /^\s*(export\s+)?(declare\s+)?(const\s+)?(enum|namespace)\s+\w/))
    none(offences(files, /\/\/\s*@ts-(ignore|expect-error|nocheck)/, "lines"))
  })
})

describe("a style sheet", () => {
  const sheets = styleSheets()

  it("says what it is for, and has no more lines and columns than other files", () => {
    assert.isAbove(sheets.length, 5)
    none(sheets.filter(({ lines }) => !lines[0]?.startsWith("/* ")).map(({ path }) => path))
    none(sheets.filter(({ lines }) => lines.length > fileLinesMax).map(({ lines, path }) => `${path}: ${lines.length}`))
    none(
      sheets.flatMap(({ lines, path }) =>
        lines.flatMap((line, index) => (line.length > lineColumnsMax ? [`${path}:${index + 1}`] : []))
      )
    )
  })
})

describe("the product", () => {
  it("prints only from the command line's code", () => {
    none(
      offences(
        product.filter(({ path }) => !path.startsWith("src/cli/")),
        /\bconsole\./
      )
    )
  })

  it("casts only in codecs, where bytes become values", () => {
    const others = product.filter(({ path }) => !/codec/i.test(basename(path)))
    none(offences(others, /^(?!\s*(?:import|export)\b).*[\w)\]}] as (?!const\b)[A-Za-z{([]/))
  })

  it("takes time and randomness from Effect's services, or from the one who calls it", () => {
    none(offences(product, /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(/))
  })

  it("has no Effect where bytes flow", () => {
    const hot = inFolder("src/dataplane/iscsi/", "src/dataplane/scsi/", "src/dataplane/bdev/", "src/dataplane/reactor/")
    none(offences(hot, /\bfrom "(effect|@effect\/)/, "lines"))
  })

  it("opens paths that others name only where it is checked whether they are allowed", () => {
    const own = new Set([
      // What `OpenFiles` opens with, which checks, and the looks of the monitor, which open nothing.
      "src/dataplane/bdev/file/FileOperations.ts",
      "src/dataplane/hotplug/Seen.ts",
      "src/dataplane/hotplug/node-watching.ts",
      // Descriptors that `OpenFiles` has opened, and names in folders that it has checked.
      "src/dataplane/bdev/file/file-shortcuts.ts",
      "src/dataplane/bdev/overlay/open-overlay.ts",
      "src/dataplane/bdev/nbd/NbdTransport.ts",
      "src/dataplane/reactor/DiskContent.ts",
      // Attributes in the sysfs that the command line names.
      "src/dataplane/bdev/nvme/find-nvme-controller.ts",
      "src/dataplane/bdev/nvme/sysfs-text.ts"
    ])
    const others = inFolder("src/dataplane/").filter(({ path }) => !own.has(path))
    none(offences(others, /^import (?!(type )?\{ constants \}).* from "node:fs/, "lines"))
  })

  it("has a docstring above everything that it exports", () => {
    none(product.flatMap(undocumented))
  })
})

describe("the tests", () => {
  it("draw random numbers from a seed, so that a failure can be repeated", () => {
    // The driver draws the seed itself, and prints it.
    none(
      offences(
        inFolder("test/").filter(({ path }) => path !== "test/run-tests.mjs"),
        /\bMath\.random\(/
      )
    )
  })

  it("bring a scripted initiator and an RPC client that share no code with the product", () => {
    const independent = inFolder(
      "test/support/initiator/",
      "test/support/rpc-client.ts",
      "test/support/json-scanner.ts"
    )
    assert.isAbove(independent.length, 1)
    none(importsInto(independent, /^(src|eventlog)\//))
  })
})

describe("packages", () => {
  it("are pinned to exact versions", () => {
    const manifest: unknown = JSON.parse(readFileSync(join(projectDirectory, "package.json"), "utf8"))
    assert(typeof manifest === "object" && manifest !== null)
    const tables = Object.entries(manifest).filter(([name]) => /^(dev|optional)?dependencies$/i.test(name))
    const entries = tables.flatMap(([, table]: [string, unknown]) => Object.entries(Object(table)))
    assert.isAbove(entries.length, 5)
    none(entries.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version))).map(([name]) => name))
  })
})

/**
 * Exported declarations without a docstring; a second export of a documented name is the type of a value, or an
 * overload.
 */
const undocumented = (file: SourceFile): ReadonlyArray<string> => {
  const documented = new Set<string>()
  const declaration =
    /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type) (\w+)/
  return file.lines.flatMap((line, index) => {
    const name = declaration.exec(line)?.[1]
    if (name === undefined || documented.has(name)) return []
    documented.add(name)
    return (file.lines[index - 1] ?? "").trimEnd().endsWith("*/") ? [] : [`${file.path}:${index + 1}: ${name}`]
  })
}

/** Imports of `among` that lead to a path, relative to the checkout, that matches. */
const importsInto = (among: ReadonlyArray<SourceFile>, forbidden: RegExp): ReadonlyArray<string> =>
  among.flatMap((file) =>
    file.imports
      .filter(({ specifier }) => forbidden.test(resolved(file.path, specifier)))
      .map(({ line, specifier }) => `${file.path}:${line}: ${specifier}`)
  )

const resolved = (from: string, specifier: string): string =>
  specifier.startsWith(".") ? join(from, "..", specifier) : specifier

describe("imports point one way", () => {
  /** Each folder with what its files may not import: paths in the checkout, Node modules or packages. */
  const rules: ReadonlyArray<readonly [folder: string, forbidden: RegExp]> = [
    ["eventlog/", /^(src|test)\//],
    ["src/", /^test\//],
    ["src/host/", /^(src\/(?!host\/)|eventlog\/|effect$|@effect\/)/],
    ["src/domain/", /^(src\/(?!domain\/)|node:|level$|classic-level|@effect\/platform-node)/],
    ["src/config/", /^src\/(history|rpc|cli|dataplane|main|host)/],
    ["src/history/", /^(src\/(rpc|cli|dataplane|main|host)|node:(fs|net|tls|dgram|http)|level$|classic-level)/],
    ["src/rpc/", /^src\/(cli|dataplane|main|console)/],
    ["src/console/", /^(src\/(?!console\/)|eventlog\/|node:|effect$|@effect\/)/],
    ["src/cli/", /^src\/dataplane\//],
    ["src/dataplane/", /^src\/(history|rpc|config|cli|main)/],
    ["src/dataplane/scsi/", /^(node:(net|tls|dgram|http)|src\/dataplane\/(iscsi|reactor)\/|eventlog\/|src\/domain\/)/],
    ["src/dataplane/bdev/", /^(src\/(domain|dataplane\/(iscsi|scsi|reactor))\/|eventlog\/|effect$|@effect\/)/],
    ["src/dataplane/iscsi/", /^(eventlog\/|level$|classic-level)/]
  ]

  it.each(rules)("from %s", (folder, forbidden) => {
    none(importsInto(inFolder(folder), forbidden))
  })

  it("and every relative import ends in the file's own extension", () => {
    const relative = files.flatMap((file) => file.imports.map((each) => ({ ...each, path: file.path })))
    none(
      relative
        .filter(({ specifier }) => specifier.startsWith(".") && !/\.(ts|tsx|mjs|js|json|css)$/.test(specifier))
        .map(({ path, line, specifier }) => `${path}:${line}: ${specifier}`)
    )
  })
})
