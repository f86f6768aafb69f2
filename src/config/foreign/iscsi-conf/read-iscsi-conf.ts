/**
 * SPDK's configuration file of before v20.10 (`iscsi.conf`, INI) as a native configuration. Everything that it says is
 * in the result or in a warning; it never fails, since SPDK ignores what it does not know.
 */
import { Result } from "effect"
import { readAuthFile } from "../../auth-file.ts"
import { type IniSection, iniKeys, readIni } from "../../ini.ts"
import { type Conversion, ConversionDraft } from "../Conversion.ts"
import { readAuthGroup } from "./auth-sections.ts"
import { readAio, readBdevError, readMalloc, readNull, readPassthru, readSplit } from "./bdev-sections.ts"
import { readInitiatorGroup, readPortalGroup } from "./group-sections.ts"
import { readNvme } from "./nvme-section.ts"
import { readOptionsSection } from "./options-section.ts"
import { readQos } from "./qos-section.ts"
import { SectionReader } from "./SectionReader.ts"
import { readTargetNode } from "./target-section.ts"

/** Whether a text is INI: the first line that is no comment opens a section. */
export const isIscsiConf = (source: string): boolean => /^(?:\s|#[^\n]*\n)*\[[^\]\n]+\][ \t]*\r?(?:\n|$)/u.test(source)

type ReadSection = (reader: SectionReader) => void

const readGlobal: ReadSection = (reader) => {
  reader.without("has no effect: cores are chosen where lunlog is started, with -m", "ReactorMask")
  const why = "has no effect: lunlog has no PCI devices, shared memory and trace files of its own"
  const names = ["TpointGroupMask", "NoPci", "PciBlacklist", "PciWhitelist", "SharedMemoryID"]
  reader.without(why, ...names)
  reader.ignore("Comment")
}

const readBdev: ReadSection = (reader) => {
  reader.without("has no effect: lunlog has no pool of IOs", "BdevIoPoolSize", "BdevIoCacheSize")
  reader.ignore("Comment")
}

/** By kind, in an order in which nothing refers to what comes later. */
const known: ReadonlyArray<readonly [kind: string, read: ReadSection]> = [
  ["global", readGlobal],
  ["bdev", readBdev],
  ["iscsi", readOptionsSection],
  ["authgroup", readAuthGroup],
  ["malloc", readMalloc],
  ["null", readNull],
  ["aio", readAio],
  ["nvme", readNvme],
  ["passthru", readPassthru],
  ["split", readSplit],
  ["bdeverror", readBdevError],
  ["qos", readQos],
  ["portalgroup", readPortalGroup],
  ["initiatorgroup", readInitiatorGroup]
]

/** What the other sections of SPDK's modules are. */
const foreign: ReadonlyMap<string, string> = new Map([
  ["ceph", "lunlog has no Ceph bdevs"],
  ["iscsi_initiator", "lunlog is no initiator"],
  ["ioat", "lunlog has no DMA engines"],
  ["pmem", "lunlog has no persistent memory bdevs"],
  ["raid", "lunlog has no RAID bdevs"],
  ["nbd", "lunlog makes no nbd devices"],
  ["rpc", "the RPC socket is given by -r"]
])

const warnOfSection = (reader: SectionReader): void => {
  const { keys, kind } = reader.section
  const why = foreign.get(kind)
  if (why === undefined) reader.warn(undefined, "the section is not known and is left out")
  else if (keys.length === 0) reader.warn(undefined, `is left out: ${why}`)
  else for (const key of keys) reader.warn(key, `is left out: ${why}`)
}

const readTargets = (draft: ConversionDraft, readers: ReadonlyArray<SectionReader>): void => {
  const bdevs = draft.bdevNames()
  for (const reader of readers) {
    readTargetNode(reader, bdevs)
    reader.finish()
  }
}

const readSections = (
  draft: ConversionDraft,
  name: string,
  sections: ReadonlyArray<IniSection>,
  kinds: ReadonlySet<string>
): void => {
  for (const [kind, read] of known.filter(([kind]) => kinds.has(kind))) {
    for (const section of sections.filter((one) => one.kind === kind)) {
      const reader = new SectionReader(draft, name, section)
      read(reader)
      reader.finish()
    }
  }
}

/** The text of the file that `authFileOf` names, or why it cannot be read. */
export interface AuthFile {
  readonly name: string
  readonly text: string | { readonly unreadable: string }
}

/** Groups of an auth file. One that is not there has none, as in SPDK; one with a mistake is left out as a whole. */
const addAuthFile = (draft: ConversionDraft, { name, text }: AuthFile): void => {
  if (typeof text !== "string") {
    draft.warn(name, `the AuthFile is left out: it ${text.unreadable}`)
    return
  }
  const groups = readAuthFile(name, text)
  if (Result.isFailure(groups)) {
    for (const problem of groups.failure) draft.warn(problem, "the AuthFile is left out")
    return
  }
  for (const { line, secrets, tag } of groups.success) {
    const sections = secrets.map(({ msecret, muser, secret, user }) =>
      muser === undefined || msecret === undefined
        ? { user, secret }
        : { user, secret, mutualUser: muser, mutualSecret: msecret }
    )
    draft.authGroup({ tag, secrets: sections }, `${name}:${line}`)
  }
}

/** Reads a file, with the auth file that it names; `name` is how messages call it. */
export const readIscsiConf = (name: string, source: string, authFile?: AuthFile): Conversion => {
  const draft = new ConversionDraft()
  const { problems, sections } = readIni(source)
  for (const { line, message } of problems) draft.warn(`${name}:${line}`, message, line)
  const kinds = new Set(known.map(([kind]) => kind))
  readSections(draft, name, sections, kinds)
  if (authFile !== undefined) addAuthFile(draft, authFile)
  const readerOf = (section: IniSection) => new SectionReader(draft, name, section)
  readTargets(draft, sections.filter(({ kind }) => kind === "targetnode").map(readerOf))
  const others = sections.filter(({ kind }) => !kinds.has(kind) && kind !== "targetnode")
  for (const section of others) warnOfSection(readerOf(section))
  return draft.finish()
}

/** The auth file that a file names (`[iSCSI] AuthFile`), as it is written. */
export const authFileOf = (source: string): string | undefined =>
  readIni(source)
    .sections.filter(({ kind }) => kind === "iscsi")
    .flatMap((section) => iniKeys(section, "AuthFile"))[0]?.values[0]
