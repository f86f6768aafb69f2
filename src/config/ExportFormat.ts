/** The formats in which a configuration can be exported, and what comes of it; `export-formats.ts` makes them. */

/** As the command line and `lunlog_export` name them. */
export const exportFormatNames = ["yaml", "spdk", "iscsi.conf"] as const
/** One of them. */
export type ExportFormat = (typeof exportFormatNames)[number]

/** What is asked for. */
export interface ExportOptions {
  /** With the secrets of CHAP in clear; else as references, or not at all. */
  readonly withSecrets: boolean
  /** False for one target and what it needs. */
  readonly isWhole: boolean
}

/** What comes of it. */
export interface Exported {
  readonly text: string
  /** What the format cannot say, or what has to be done with the text. */
  readonly warnings: ReadonlyArray<string>
}
