/** Where a connection came in. */
export interface ConnectionOrigin {
  readonly portalGroupTag: number
  readonly initiatorAddress: string
  readonly initiatorPort: number
  readonly targetAddress: string
  readonly targetPort: number
}
