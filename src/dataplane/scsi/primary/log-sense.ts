/**
 * LOG SENSE (SPC-4 6.8) and LOG SELECT (6.7): cumulative values only. Nothing is saved, and no parameter can be set;
 * LOG SELECT resets the counters.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { SenseCode } from "../sense-codes.ts"
import { type LogPage, logPagesOf } from "./log-pages.ts"

const allSubpages = 0xff
/** PAGE CONTROL (SPC-4 table 129). */
const cumulativeValues = 1
const headerLength = 4
const parameterHeaderLength = 4
/** DS: what the page says is not saved. */
const disableSave = 0x80
const subpageFormat = 0x40

/** Codes of all pages: 00h. */
const supportedPages = (pages: ReadonlyArray<LogPage>): Buffer =>
  Buffer.from([0x00, ...new Set(pages.map(({ code }) => code))])
/** Codes of all pages and subpages: 00h/FFh. */
const supportedSubpages = (pages: ReadonlyArray<LogPage>): Buffer =>
  Buffer.from([0x00, 0x00, 0x00, allSubpages, ...pages.flatMap(({ code, subpage }) => [code, subpage])])

const pageOf = ({ unit }: Nexus, code: number, subpage: number): LogPage | undefined =>
  logPagesOf(unit).find((page) => page.code === code && page.subpage === subpage)

/** Ends a command that names a page which is not there. */
const refusePage = (task: ScsiTask, { unit }: Nexus, code: number): void => {
  const known = code === 0 || logPagesOf(unit).some((page) => page.code === code)
  task.invalidField(known ? 3 : 2, known ? 7 : 5)
}

const send = (task: ScsiTask, code: number, subpage: number, length: number): void => {
  const data = task.parameterData
  data[0] = disableSave | (subpage === 0 ? 0 : subpageFormat) | code
  data[1] = subpage
  data.writeUInt16BE(length, 2)
  task.sendParameters(headerLength + length, task.cdb.readUInt16BE(7))
}

/** Parameters from the one that the CDB points to on. */
const sendPage = (task: ScsiTask, page: LogPage, nexus: Nexus): void => {
  const first = task.cdb.readUInt16BE(5)
  const parameters = page.parameters(nexus.unit)
  const last = parameters.at(-1)
  if (last === undefined || first > last.code) {
    task.invalidField(5, 7)
    return
  }
  const data = task.parameterData
  let end = headerLength
  for (const { code, format, value } of parameters) {
    if (code < first) continue
    data.writeUInt16BE(code, end)
    data[end + 2] = format
    data[end + 3] = value.length
    value.copy(data, end + parameterHeaderLength)
    end += parameterHeaderLength + value.length
  }
  send(task, page.code, page.subpage, end - headerLength)
}

const logSense = (task: ScsiTask, nexus: Nexus): void => {
  const { cdb } = task
  const code = cdb.readUInt8(2) & 0x3f
  const subpage = cdb.readUInt8(3)
  if ((cdb.readUInt8(1) & 0x01) !== 0) return task.invalidField(1, 0)
  if (cdb.readUInt8(2) >> 6 !== cumulativeValues) return task.invalidField(2, 7)
  const lists = code === 0x00 && (subpage === 0 || subpage === allSubpages)
  if (!lists) {
    const page = pageOf(nexus, code, subpage)
    return page === undefined ? refusePage(task, nexus, code) : sendPage(task, page, nexus)
  }
  if (cdb.readUInt16BE(5) !== 0) return task.invalidField(5, 7)
  const pages = logPagesOf(nexus.unit)
  const codes = subpage === 0 ? supportedPages(pages) : supportedSubpages(pages)
  const length = codes.copy(task.parameterData, headerLength)
  send(task, code, subpage, length)
}

/** PCR: the counters of a page, or of all, begin at 0. There are only cumulative ones, and all belong together. */
const logSelect = (task: ScsiTask, nexus: Nexus): void => {
  const { cdb } = task
  const flags = cdb.readUInt8(1)
  const code = cdb.readUInt8(2) & 0x3f
  const subpage = cdb.readUInt8(3)
  if ((flags & 0x01) !== 0) return task.invalidField(1, 0)
  // No parameter can be set: a list could only ask for that.
  if (cdb.readUInt16BE(7) !== 0) return task.invalidField(7, 7)
  const all = code === 0x00 && (subpage === 0 || subpage === allSubpages)
  if (!all && pageOf(nexus, code, subpage) === undefined) return refusePage(task, nexus, code)
  const isDefault = cdb.readUInt8(2) >> 6 === 3
  if ((flags & 0x02) !== 0 || isDefault) {
    nexus.unit.logCounters.reset()
    nexus.unit.establishUnitAttention(SenseCode.logParametersChanged, nexus)
  }
  task.good()
}

/** This file's commands. */
export const logCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "LOG SELECT",
    opcode: 0x4c,
    usage: "4c 02 ff ff 00 00 00 ff ff 00",
    clause: "SPC-4 6.7",
    prepare: logSelect,
    reservation: "write",
    usesMedium: false
  },
  {
    name: "LOG SENSE",
    opcode: 0x4d,
    usage: "4d 00 ff ff 00 ff ff ff ff 00",
    clause: "SPC-4 6.8",
    prepare: logSense,
    reservation: "allowed",
    usesMedium: false
  }
]
