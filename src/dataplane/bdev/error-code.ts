/** The errno name of what a system call has thrown; `EIO` for what has none. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "EIO"
