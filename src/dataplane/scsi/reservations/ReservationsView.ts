/** Who is registered with a logical unit, and who has reserved it: what the log says, as the data path sees it. */

/** An I_T nexus: an initiator port (RFC 7143 4.4.1) and a target port, by names that outlive sessions. */
export interface Registrant {
  /** iSCSI name; compared without case. */
  readonly initiator: string
  /** 12 hexadecimal digits. */
  readonly isid: string
  /** iSCSI name; compared without case. */
  readonly target: string
  /** Relative target port identifier. */
  readonly relativePort: number
}

/** An I_T nexus that is registered. */
export interface RegistrationView extends Registrant {
  /** 16 hexadecimal digits. */
  readonly key: string
}

/** Of one unit. */
export interface ReservationsView {
  /** PRGENERATION. */
  readonly generation: number
  /** APTPL: it outlives the process. */
  readonly persistent: boolean
  readonly registrations: ReadonlyArray<RegistrationView>
  /** TYPE as in SPC-4 table 46; no holder: all registrants are. */
  readonly reservation?: { readonly type: number; readonly holder?: Registrant }
}

/** Nobody has ever registered. */
export const noReservations: ReservationsView = { generation: 0, persistent: false, registrations: [] }

/** What a nexus that no session has is known as. */
export const nobody: Registrant = { initiator: "", isid: "", target: "", relativePort: 0 }

/** What nexuses are compared by. */
export const nexusKey = ({ initiator, isid, relativePort, target }: Registrant): string =>
  `${initiator.toLowerCase()},i,0x${isid} ${target.toLowerCase()},${relativePort}`
