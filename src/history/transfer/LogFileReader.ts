/** The lines of an exported log, one after the other: what each holds, or why the file cannot be imported. */
import { Result } from "effect"
import { type Imported, type ImportedRecord, ImportRefused } from "../../../eventlog/import-log.ts"
import { recordFromJson } from "../../../eventlog/record-json.ts"
import { decodeRecord } from "../../domain/event-codec.ts"
import { type LogFileEnd, type LogFileHeader, parseEnd, parseHeader } from "./log-file.ts"

/** Follows a file from its first line to its last. */
export class LogFileReader {
  #header: LogFileHeader | undefined
  #end: LogFileEnd["end"] | undefined
  #line = 0
  #unreadable: number | undefined

  /** The first control record that this version of lunlog cannot decode: such a log can be read, but not served. */
  get unreadable(): number | undefined {
    return this.#unreadable
  }

  /** The first line. */
  header(text: string): LogFileHeader | ImportRefused {
    const json = this.#json(text)
    if (json instanceof ImportRefused) return json
    const header = parseHeader(json)
    if (typeof header === "string") return this.#refuse(header)
    this.#header = header
    return header
  }

  /** Each line after it; undefined for the last one. */
  next(text: string): ImportedRecord | ImportRefused | undefined {
    if (this.#end !== undefined) return this.#refuse("comes after the line that says that the file has ended", 1)
    const json = this.#json(text)
    if (json instanceof ImportRefused) return json
    this.#end = parseEnd(json)
    if (this.#end !== undefined) return undefined
    const restored = recordFromJson(json)
    if (typeof restored === "string") return this.#refuse(`the record ${restored}`)
    const { record } = restored
    const isEvent = record.kind === "observation" || Result.isSuccess(decodeRecord(record))
    if (!isEvent) this.#unreadable ??= record.seq
    return { ...restored, line: this.#line }
  }

  /** When there are no more lines: whether what was imported is all of it. */
  finish({ head, records }: Imported): ImportRefused | undefined {
    const end = this.#end
    if (end === undefined) return this.#refuse("the file ends here, without its last line: it was cut off")
    if (end.records !== records) return this.#refuse(`the file had ${end.records} records, ${records} are left`)
    if (this.#header === undefined || end.control_hash === head.controlHash) return undefined
    return this.#refuse("the last control record is another one than the file says")
  }

  #refuse(detail: string, ahead = 0): ImportRefused {
    return new ImportRefused({ line: this.#line + ahead, detail })
  }

  #json(text: string): unknown {
    this.#line++
    try {
      return JSON.parse(text)
    } catch {
      return this.#refuse(text === "" ? "the line is empty" : "the line is no JSON")
    }
  }
}
