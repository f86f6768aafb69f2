/** A session of a host under replay: commands that must end as the host needs it. */
import { assert } from "vitest"
import { cdb, clearUnitAttentions } from "./commands.ts"
import type { Lunlog } from "./lunlog.ts"
import { outcomeText, type ScsiRequest, type ScsiResult } from "./ScsiTask.ts"
import { Session, TaskFunction } from "./Session.ts"

/** A host's path to a target. */
export class HostSession {
  readonly session: Session

  private constructor(session: Session) {
    this.session = session
  }

  /** Logs in by a host's name; `path` is the last byte of the ISID. Unit attentions of `luns` are fetched. */
  static async open(
    server: Lunlog,
    targetName: string,
    initiatorName: string,
    path: number,
    luns: ReadonlyArray<number>
  ): Promise<HostSession> {
    const isid = Buffer.from([0x00, 0x02, 0x3d, 0x00, 0x00, path])
    const session = await Session.open({ endpoint: server.endpoint, targetName, initiatorName, isid })
    for (const lun of luns) await clearUnitAttentions(session, lun)
    return new HostSession(session)
  }

  /** How a command ends: `GOOD`, `6/29/00`, `status 18h`. */
  async outcome(request: ScsiRequest): Promise<string> {
    return outcomeText(await this.session.command(request))
  }

  /** Ends with GOOD; its data. */
  async data(request: ScsiRequest): Promise<Buffer> {
    return (await this.good(request)).data
  }

  /** Ends with GOOD. */
  async good(request: ScsiRequest): Promise<ScsiResult> {
    return this.ends("GOOD", request)
  }

  /** Ends as it must. */
  async ends(outcome: string, request: ScsiRequest): Promise<ScsiResult> {
    const result = await this.session.command(request)
    assert.strictEqual(outcomeText(result), outcome, `CDB ${request.cdb.toString("hex")}`)
    return result
  }

  /** Standard INQUIRY data, or a VPD page. */
  inquiry(lun: number, page?: number): Promise<Buffer> {
    const length = 255
    return this.data({
      lun,
      cdb: page === undefined ? cdb.inquiry(length) : cdb.inquiryPage(page, length),
      readBytes: length
    })
  }

  /** Whole blocks. */
  read(lun: number, lba: number, blocks: number): Promise<Buffer> {
    return this.data({ lun, cdb: cdb.read16(lba, blocks), readBytes: blocks * 512 })
  }

  /** Whole blocks. */
  async write(lun: number, lba: number, data: Buffer): Promise<void> {
    await this.good({ lun, cdb: cdb.write16(lba, data.length / 512), writeData: data })
  }

  /** LOGICAL UNIT RESET; 0 is success. */
  resetUnit(lun: number): Promise<number> {
    return this.session.manageTask(TaskFunction.logicalUnitReset, lun)
  }

  /** The connection is gone, as when a cable is pulled. */
  drop(): void {
    this.session.drop()
  }

  /** Logs out; nothing was against RFC 7143. */
  async close(): Promise<void> {
    assert.deepStrictEqual(this.session.violations, [])
    await this.session.logout()
  }
}
