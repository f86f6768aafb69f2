/**
 * What real initiators have sent, as files of hexadecimal lines: one PDU a line, an empty line between two connections,
 * `#` before remarks. Inputs that have once found a mistake are added to `found.hex`.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { headerBytes, Pdu } from "../../../support/initiator/pdu.ts"

/** The PDUs of one connection, in order. */
export type Conversation = ReadonlyArray<Pdu>

const folder = join(import.meta.dirname, "corpus")

const pduOf = (line: string): Pdu => {
  const bytes = Buffer.from(line, "hex")
  const dataStart = headerBytes + (bytes[4] ?? 0) * 4
  const dataBytes = bytes.readUIntBE(5, 3)
  return new Pdu(
    bytes.subarray(0, headerBytes),
    bytes.subarray(dataStart, dataStart + dataBytes),
    bytes.subarray(headerBytes, dataStart)
  )
}

/** All conversations of all files. */
export const readCorpus = (): ReadonlyArray<Conversation> =>
  readdirSync(folder).flatMap((name) => {
    const lines = readFileSync(join(folder, name), "utf8")
      .split("\n")
      .filter((line) => !line.startsWith("#"))
    return lines
      .join("\n")
      .split(/\n{2,}/)
      .map((block) => block.split("\n").filter((line) => line.length > 0))
      .filter((block) => block.length > 0)
      .map((block) => block.map(pduOf))
  })
