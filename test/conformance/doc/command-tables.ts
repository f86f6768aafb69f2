/** The SCSI part of docs/conformance.md: commands, VPD, mode and log pages, from the tables that the target runs by. */
import { readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import type { Bdev } from "../../../src/dataplane/bdev/Bdev.ts"
import type { CommandDefinition } from "../../../src/dataplane/scsi/CommandDefinition.ts"
import { commandSet } from "../../../src/dataplane/scsi/command-set.ts"
import { logPages } from "../../../src/dataplane/scsi/primary/log-pages.ts"
import { modePages } from "../../../src/dataplane/scsi/primary/mode-pages.ts"
import { ramDisk, run } from "../../dataplane/scsi/scsi-fixture.ts"
import { sourceFiles } from "../../support/source-files.ts"
import { projectDirectory } from "../../support/target-process.ts"
import type { Expected } from "../expected.ts"
import { code, hex, table } from "./markdown.ts"

/** Suites of `iscsi-test-cu` by the beginning of a command's name; the rest is told by the name itself. */
const suitesByName: ReadonlyArray<readonly [start: string, suites: RegExp]> = [
  ["PERSISTENT RESERVE IN", /^Prin/u],
  ["PERSISTENT RESERVE OUT", /^Prout/u],
  ["PREVENT ALLOW", /^(PreventAllow|NoMedia)\./u],
  ["START STOP UNIT", /^(StartStopUnit|NoMedia)\./u],
  ["WRITE AND VERIFY", /^WriteVerify/u],
  ["PRE-FETCH", /^Prefetch/u],
  ["ORWRITE", /^OrWrite\./u],
  ["REPORT SUPPORTED OPERATION CODES", /^ReportSupportedOpcodes\./u],
  ["EXTENDED COPY", /^ExtendedCopy\./u],
  ["RECEIVE COPY", /^ReceiveCopyResults\./u],
  ["SANITIZE", /^Sanitize\./u],
  ["RELEASE", /^Reserve6\./u]
]

/** Suites are told apart by CDB length (`Write10`) where the standards do, and the names here are alike. */
const isOfCommand = ({ name }: CommandDefinition, test: string): boolean => {
  const length = /\((\d+)\)/u.exec(name)?.[1]
  const suite = test.split(".")[0] ?? ""
  if (length !== undefined && /\d$/u.test(suite) && !suite.endsWith(length)) return false
  const known = suitesByName.find(([start]) => name.startsWith(start))
  if (known !== undefined) return known[1].test(test)
  return suite.toLowerCase() === name.toLowerCase().replaceAll(/[^a-z0-9]/gu, "")
}

const files = sourceFiles()

const unitTests = files.filter(({ path }) => /^test\/dataplane\/scsi\/.*\.test\.ts$/u.test(path))

/** Tests that run a CDB of this command, written as hexadecimal digits. */
const runners = ({ opcode, serviceAction }: CommandDefinition): ReadonlyArray<string> => {
  const twoDigits = (value: number): string => value.toString(16).padStart(2, "0")
  const action = serviceAction === undefined ? "" : `\\s*${twoDigits(serviceAction)}`
  const cdb = new RegExp(`\\brun\\w*\\(\\s*["\`]${twoDigits(opcode)}${action}(\\s|[0-9a-f]{2})`, "u")
  return unitTests.filter(({ lines }) => lines.some((line) => cdb.test(line))).map(({ path }) => path)
}

/** Tests in `folder` that build a CDB with this operation code. */
const builders = ({ opcode }: CommandDefinition, folder: string): ReadonlyArray<string> => {
  const built = new RegExp(`\\b(cdb(10|12|16)\\(|opcode: )0x${opcode.toString(16).padStart(2, "0")}\\b`, "u")
  return unitTests
    .filter(({ lines, path }) => dirname(path) === folder && lines.some((line) => built.test(line)))
    .map(({ path }) => path)
}

/** Folders whose commands have lists and bytes of their own: all their tests are of all their commands. */
const familyFolders = /\/(reservations|copy)$/u

const testsShown = 3

/**
 * Unit tests of the file that has the definition: named after it, or importing it; else those that run the command, or
 * are of its family.
 */
export const testsOf = (command: CommandDefinition): ReadonlyArray<string> => {
  // Names of service actions may be put together: `PERSISTENT RESERVE OUT (${...})`.
  const names = [`"${command.name}"`, `\`${command.name.replace(/ \(.*/u, "")} (`]
  const source = files.find(
    ({ path }) =>
      /^src\/dataplane\/scsi\/(primary|block|reservations|copy)\//u.test(path) &&
      names.some((name) => readFileSync(join(projectDirectory, path), "utf8").includes(name))
  )?.path
  if (source === undefined) return runners(command).slice(0, testsShown)
  const mirrored = source.replace(/^src\//u, "test/").replace(/\.ts$/u, "")
  const folder = dirname(mirrored)
  const imports = ({ path, lines }: (typeof files)[number]): boolean =>
    lines.some((line) => {
      const imported = /from "(\.[^"]+)"/u.exec(line)?.[1]
      return imported !== undefined && normalize(join(dirname(path), imported)) === source
    })
  const own = unitTests.filter((file) => file.path === `${mirrored}.test.ts` || imports(file)).map(({ path }) => path)
  if (own.length > 0) return own.slice(0, testsShown)
  const family = familyFolders.test(folder) ? unitTests.filter(({ path }) => dirname(path) === folder) : []
  const others = [...builders(command, folder), ...runners(command), ...family.map(({ path }) => path)]
  return [...new Set(others)].slice(0, testsShown)
}

const passing = (command: CommandDefinition, expected: Expected): string => {
  const of = (tests: Readonly<Record<string, unknown>>): ReadonlyArray<string> =>
    Object.keys(tests).filter((test) => isOfCommand(command, test))
  const passes = of(expected.passes)
  const all = new Set([...passes, ...of(expected.skips), ...of(expected.failures)])
  return all.size === 0 ? "" : `${passes.length} of ${all.size}`
}

const shortPath = (path: string): string =>
  code(path.replace(/^test\/dataplane\/scsi\//u, "").replace(/\.test\.ts$/u, ""))

const codeOf = ({ opcode, serviceAction }: CommandDefinition): string =>
  serviceAction === undefined ? hex(opcode) : `${hex(opcode)}/${hex(serviceAction)}`

const conflicts = { allowed: "no", read: "with those that keep readers out", write: "yes" } as const

/** Every command with its clause and its tests. */
export const commandTable = (expected: Expected): string =>
  table(
    ["code", "command", "clause", "conflict", "iscsi-test-cu", "unit tests"],
    commandSet.map((command) => [
      codeOf(command),
      command.name,
      command.clause,
      conflicts[command.reservation],
      passing(command, expected),
      testsOf(command).map(shortPath).join(" ")
    ])
  )

/** Names and clauses of pages that there are; a page that is not here fails the test of the document. */
const vpdNames: ReadonlyMap<number, readonly [name: string, clause: string]> = new Map([
  [0x00, ["Supported VPD pages", "SPC-4 7.8.14"]],
  [0x80, ["Unit serial number", "SPC-4 7.8.15"]],
  [0x83, ["Device identification", "SPC-4 7.8.6"]],
  [0x86, ["Extended INQUIRY data", "SPC-4 7.8.7"]],
  [0x87, ["Mode page policy", "SPC-4 7.8.10"]],
  [0xb0, ["Block limits", "SBC-3 6.6.4"]],
  [0xb1, ["Block device characteristics", "SBC-3 6.6.3"]],
  [0xb2, ["Logical block provisioning", "SBC-3 6.6.5"]]
])

/** The pages that the unit itself lists. */
export const vpdTable = (): string => {
  const { data } = run("12 01 00 00 ff 00")
  const pages = [...data.subarray(4)].map((page) => {
    const known = vpdNames.get(page)
    if (known === undefined) throw new Error(`VPD page ${hex(page)} has no name in vpdNames`)
    return [hex(page), ...known]
  })
  return table(["page", "name", "clause"], pages)
}

const bitsOf = (changeable: ReadonlyMap<number, number>): string =>
  [...changeable].map(([byte, bits]) => `byte ${byte}: ${hex(bits)}`).join(", ")

const pageCode = (page: number, subpage: number): string => (subpage === 0 ? hex(page) : `${hex(page)}/${hex(subpage)}`)

/** A disk that has everything: it counts what it holds, and has a write cache. */
const richDisk = (): Bdev => Object.assign(Object.create(ramDisk()), { writeCache: true })

/** Mode pages, and the bits that MODE SELECT changes. */
export const modePageTable = (): string =>
  table(
    ["page", "name", "bytes", "changeable bits"],
    modePages.map((page) => [
      pageCode(page.code, page.subpage),
      page.name,
      String(page.length),
      bitsOf(page.changeable(richDisk())) || "none"
    ])
  )

/** Log pages beside the lists of pages. */
export const logPageTable = (): string =>
  table(
    ["page", "name"],
    logPages.map((page) => [pageCode(page.code, page.subpage), page.name])
  )
