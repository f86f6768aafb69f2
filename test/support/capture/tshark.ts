/** What tshark makes of a capture: its packets with an iSCSI PDU, and what it finds wrong. */
import { assert } from "vitest"
import { runCommand } from "../child-process.ts"

const tsharkMillis = 60_000

/** A packet with a PDU. */
export interface DissectedPdu {
  /** Of tshark: connections are numbered from 0 on. */
  readonly stream: number
  readonly fromPort: number
  readonly opcode: number
  /** Of a Reject, that of the PDU that it refuses. */
  readonly initiatorTaskTag: number
  readonly dataBytes: number
  readonly comments: string
  readonly lun: string
  /** Operation code of the SCSI command. */
  readonly operation: string
  /** Sense key, and additional sense code with its qualifier. */
  readonly sense: string
}

const fields = [
  "tcp.stream",
  "tcp.srcport",
  "iscsi.opcode",
  "iscsi.initiatortasktag",
  "iscsi.datasegmentlength",
  "frame.comment",
  "scsi.lun",
  "scsi_sbc.opcode",
  "scsi.spc.opcode",
  "scsi.sns.key",
  "scsi.sns.ascascq"
] as const

/** Runs tshark on a file; other ports than 3260 have to be named. */
export const tshark = async (file: string, port: number, args: ReadonlyArray<string>): Promise<string> => {
  const all = ["-r", file, "-d", `tcp.port==${port},iscsi`, ...args]
  const { code, stderr, stdout } = await runCommand({ command: "tshark", args: all }, tsharkMillis)
  assert.strictEqual(code, 0, stderr)
  return stdout
}

/** All PDUs, in their order. */
export const dissect = async (file: string, port: number): Promise<ReadonlyArray<DissectedPdu>> => {
  const args = ["-Y", "iscsi.opcode", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=f"]
  const text = await tshark(file, port, [...args, ...fields.flatMap((field) => ["-e", field])])
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [stream, fromPort, opcode, tag, dataBytes, comments = "", lun = "", ...rest] = line.split("\t")
      const [block = "", primary = "", senseKey = "", senseCode = ""] = rest
      return {
        stream: Number(stream),
        fromPort: Number(fromPort),
        opcode: Number(opcode),
        initiatorTaskTag: Number(tag),
        dataBytes: Number(dataBytes),
        comments,
        lun,
        operation: block === "" ? primary : block,
        sense: senseKey === "" ? "" : `${senseKey} ${senseCode}`
      }
    })
}

/** Packets that tshark cannot dissect, or whose TCP does not fit together: none of a capture that is right. */
export const complaints = (file: string, port: number): Promise<string> =>
  tshark(file, port, ["-Y", "_ws.malformed || _ws.unreassembled || tcp.analysis.flags || ip.checksum.status == 0"])
