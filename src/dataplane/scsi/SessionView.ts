/**
 * What commands need to know of the session that they came by: which target and port it is at, and which LUNs it sees.
 * The transport implements this; the answers may change from command to command.
 */
import type { Nexus } from "./Nexus.ts"

/** A LUN that a command uses beside its own. Until `end` a removal of the LUN waits for it, up to its deadline. */
export interface LunUse {
  readonly nexus: Nexus
  /** The LUN drains, or the session sees it no more: nothing new is to be done there. */
  readonly isOver: boolean
  readonly end: () => void
}

/** One session. */
export interface SessionView {
  /** iSCSI name of the target: its SCSI device name (SAM-5 4.5.3). */
  readonly targetName: string
  /** `<target name>,t,0x<portal group tag, four hex digits>`: the SCSI target port name (RFC 7143 4.4.1). */
  readonly targetPortName: string
  /** 1..65535; given in events and never changed. */
  readonly relativeTargetPort: number
  /** Relative identifiers of all ports of the target. */
  readonly targetPorts: ReadonlyArray<number>
  /** LUNs that this session may use now, ascending; draining ones are not among them. */
  reportLuns(): ReadonlyArray<number>
  /** Its path to the unit at one of them. */
  nexus(lun: number): Nexus | undefined
  /** A command begins to use one of them beside its own. */
  useLun(lun: number): LunUse | undefined
  /** The session has read the LUN inventory: REPORTED LUNS DATA HAS CHANGED is old news on all its nexuses. */
  lunInventoryReported(): void
}
